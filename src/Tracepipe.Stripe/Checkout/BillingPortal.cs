namespace Tracepipe.Stripe;

/// <summary>What customers may do in the portal.</summary>
public sealed record BillingPortalConfiguration : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    public required bool Active { get; init; }

    public required bool IsDefault { get; init; }

    public required string? Name { get; init; }

    public required string? DefaultReturnUrl { get; init; }

    public required PortalBusinessProfile BusinessProfile { get; init; }

    public required PortalFeatures Features { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What the portal says about us.</summary>
public sealed record PortalBusinessProfile
{
    public required string? Headline { get; init; }

    public required string? PrivacyPolicyUrl { get; init; }

    public required string? TermsOfServiceUrl { get; init; }
}

/// <summary>The parts of the portal.</summary>
public sealed record PortalFeatures
{
    public required PortalCustomerUpdate CustomerUpdate { get; init; }

    public required PortalFeature InvoiceHistory { get; init; }

    public required PortalFeature PaymentMethodUpdate { get; init; }

    public required PortalSubscriptionCancel SubscriptionCancel { get; init; }

    public required PortalFeature SubscriptionUpdate { get; init; }
}

/// <summary>A part of the portal that is on or off.</summary>
public sealed record PortalFeature
{
    public required bool Enabled { get; init; }
}

/// <summary>The customer's own data.</summary>
public sealed record PortalCustomerUpdate
{
    public required bool Enabled { get; init; }

    public required IReadOnlyList<string> AllowedUpdates { get; init; }
}

/// <summary>Cancelling.</summary>
public sealed record PortalSubscriptionCancel
{
    public required bool Enabled { get; init; }

    public required string Mode { get; init; }

    public required string ProrationBehavior { get; init; }
}

/// <summary>One visit of one customer to the portal.</summary>
public sealed record BillingPortalSession : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Customer { get; init; }

    public required Ref<BillingPortalConfiguration> Configuration { get; init; }

    public required string? ReturnUrl { get; init; }

    /// <summary>Go there at once: it soon ends.</summary>
    public required string Url { get; init; }
}

/// <summary>Calls on portal configurations.</summary>
public sealed class BillingPortalConfigurationService
{
    private const string Path = "/v1/billing_portal/configurations";
    private readonly StripeTransport stripe;

    internal BillingPortalConfigurationService(StripeTransport stripe) => this.stripe = stripe;

    public Task<BillingPortalConfiguration> CreateAsync(BillingPortalConfigurationCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<BillingPortalConfiguration>(Path, parameters, options, cancel);

    public Task<BillingPortalConfiguration> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<BillingPortalConfiguration>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<BillingPortalConfiguration> UpdateAsync(string id, BillingPortalConfigurationUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<BillingPortalConfiguration>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<StripeList<BillingPortalConfiguration>> ListAsync(BillingPortalConfigurationListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<BillingPortalConfiguration>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<BillingPortalConfiguration> ListAutoPagingAsync(BillingPortalConfigurationListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<BillingPortalConfiguration>(Path, parameters, options, cancel);
}

/// <summary>Calls on portal sessions.</summary>
public sealed class BillingPortalSessionService
{
    private const string Path = "/v1/billing_portal/sessions";
    private readonly StripeTransport stripe;

    internal BillingPortalSessionService(StripeTransport stripe) => this.stripe = stripe;

    /// <summary>Per click, never stored.</summary>
    public Task<BillingPortalSession> CreateAsync(BillingPortalSessionCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<BillingPortalSession>(Path, parameters, options, cancel);
}
