namespace Tracepipe.Storefront.Keys;

/// <summary>Which of a key's limits a route draws on. Put on a route with <see cref="RequestKindExtensions.CountsAs"/>; without it a route is <see cref="Other"/>.</summary>
internal enum RequestKind { Other, Upload, KeyChange }

/// <summary>Requests per minute that a key may make, three times that for all keys of its organization; −1 is no limit.</summary>
internal sealed record KeyLimits(int RequestsPerMinute = 100, int UploadsPerMinute = 10, int KeyChangesPerMinute = 10)
{
    /// <summary>What everybody has whose plan says nothing else.</summary>
    public static KeyLimits Default { get; } = new();

    public static KeyLimits None { get; } = new(-1, -1, -1);

    public int Of(RequestKind kind) => kind switch
    {
        RequestKind.Upload => UploadsPerMinute,
        RequestKind.KeyChange => KeyChangesPerMinute,
        _ => RequestsPerMinute,
    };
}

/// <summary>
/// The limits of an organization's keys. The default answers <see cref="KeyLimits.Default"/> for all; the module that knows plans replaces it, and calls
/// <see cref="KeyRing.ReadAnewAsync"/> when a plan changes.
/// </summary>
internal delegate ValueTask<KeyLimits> LimitsOf(Guid organizationId, CancellationToken cancel);

internal sealed record RequestKindMetadata(RequestKind Kind);

internal static class RequestKindExtensions
{
    /// <summary>Says which limit the route draws on.</summary>
    public static TBuilder CountsAs<TBuilder>(this TBuilder builder, RequestKind kind) where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new RequestKindMetadata(kind));
}
