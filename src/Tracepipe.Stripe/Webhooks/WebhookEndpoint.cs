namespace Tracepipe.Stripe;

/// <summary>An address that Stripe sends events to.</summary>
public sealed record WebhookEndpoint : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Url { get; init; }

    /// <summary><c>enabled</c> or <c>disabled</c>.</summary>
    public required string Status { get; init; }

    public required IReadOnlyList<string> EnabledEvents { get; init; }

    /// <summary>The release events are rendered in; the account's default when null.</summary>
    public required string? ApiVersion { get; init; }

    public required string? Description { get; init; }

    /// <summary><c>whsec_…</c>, in the answer to the creation and never again. Never logged.</summary>
    public string? Secret { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>Calls on webhook endpoints.</summary>
public sealed class WebhookEndpointService
{
    private const string Path = "/v1/webhook_endpoints";
    private readonly StripeTransport stripe;

    internal WebhookEndpointService(StripeTransport stripe) => this.stripe = stripe;

    public Task<WebhookEndpoint> CreateAsync(WebhookEndpointCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<WebhookEndpoint>(Path, parameters, options, cancel);

    public Task<WebhookEndpoint> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<WebhookEndpoint>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<WebhookEndpoint> UpdateAsync(string id, WebhookEndpointUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<WebhookEndpoint>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<WebhookEndpoint>> ListAsync(WebhookEndpointListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<WebhookEndpoint>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<WebhookEndpoint> ListAutoPagingAsync(WebhookEndpointListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<WebhookEndpoint>(Path, parameters, options, cancel);
}

public sealed record WebhookEndpointCreateParams : StripeParams
{
    public required string Url { get; init; }

    /// <summary>Names out of <see cref="EventTypes"/>.</summary>
    public required IReadOnlyList<string> EnabledEvents { get; init; }

    /// <summary>Give ours: without it events come in the account's default release.</summary>
    public string? ApiVersion { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record WebhookEndpointUpdateParams : StripeParams
{
    public string? Url { get; init; }

    public IReadOnlyList<string>? EnabledEvents { get; init; }

    public bool? Disabled { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record WebhookEndpointListParams : ListParams;
