using System.Collections.Frozen;
using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// A key as this node knows it: everything a request with it needs, read once and shared by all of them. What changes (another name, another plan,
/// revocation) makes the node forget it and read it again.
/// </summary>
internal sealed class VerifiedKey
{
    public required Guid Id { get; init; }

    /// <summary>What limits and statistics follow.</summary>
    public required Guid LogicalId { get; init; }

    public required Guid OrganizationId { get; init; }

    /// <summary>The person who made it, also when he has left.</summary>
    public required Guid? MakerId { get; init; }

    public required FrozenSet<string> Permissions { get; init; }

    /// <summary>The suites it may touch; null is all of them.</summary>
    public required IReadOnlyList<string>? Suites { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>A key of the sold API's backend: it belongs to no organization (<see cref="Guid.Empty"/>) and has no request limit.</summary>
    public required bool IsService { get; init; }

    /// <summary>For code that asks the framework who calls.</summary>
    public required ClaimsPrincipal Principal { get; init; }

    /// <summary>The body of <c>GET /v1/users/me</c>.</summary>
    public required ReadOnlyMemory<byte> Me { get; init; }

    /// <summary>What is left of its request limits.</summary>
    public required KeyBuckets Buckets { get; init; }

    /// <summary>Where its requests are counted; those of service keys are not.</summary>
    public required KeyUse? Use { get; init; }

    /// <summary>When this node last saw it, in ticks of the monotonic clock.</summary>
    public long SeenAt;

    /// <summary>When it was read from the database, in ticks of the monotonic clock.</summary>
    public required long ReadAt { get; init; }

    internal static ClaimsPrincipal PrincipalOf(Guid organization, Guid key, Guid? maker, IEnumerable<string> permissions)
    {
        var claims = new List<Claim> { new(KeyClaims.Organization, organization.ToString()), new(KeyClaims.Key, key.ToString()) };
        if (maker is { } person) claims.Add(new Claim(KeyClaims.Maker, person.ToString()));
        claims.AddRange(permissions.Select(p => new Claim(KeyClaims.Permission, p)));
        return new ClaimsPrincipal(new ClaimsIdentity(claims, KeyClaims.Scheme));
    }

    internal static ClaimsPrincipal ServicePrincipalOf(Guid key) => new(new ClaimsIdentity([new(KeyClaims.Key, key.ToString()), new(KeyClaims.Service, "true")], KeyClaims.Scheme));

    internal static byte[] MeOf(Guid? maker, string? name, Guid organization, string slug, string organizationName) =>
        JsonSerializer.SerializeToUtf8Bytes(new Me(maker, name ?? "Former member", new MeOrganization(organization, slug, organizationName)), KeysJson.Default.Me);
}

/// <summary>Whose key this is.</summary>
/// <param name="Id">The person who made the key.</param>
/// <param name="DisplayName">His name; <c>Former member</c> when he has left the organization.</param>
/// <param name="Organization">The organization that the key belongs to.</param>
internal sealed record Me(Guid? Id, string DisplayName, MeOrganization Organization);

internal sealed record MeOrganization(Guid Id, string Slug, string Name);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Me))]
internal sealed partial class KeysJson : JsonSerializerContext;
