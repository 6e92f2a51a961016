namespace Tracepipe.Stripe;

public sealed record BillingPortalConfigurationCreateParams : StripeParams
{
    public string? Name { get; init; }

    public PortalBusinessProfileParams? BusinessProfile { get; init; }

    public string? DefaultReturnUrl { get; init; }

    public required PortalFeaturesParams Features { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record BillingPortalConfigurationUpdateParams : StripeParams
{
    public bool? Active { get; init; }

    public string? Name { get; init; }

    public PortalBusinessProfileParams? BusinessProfile { get; init; }

    public string? DefaultReturnUrl { get; init; }

    public PortalFeaturesParams? Features { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PortalBusinessProfileParams
{
    public string? Headline { get; init; }

    public string? PrivacyPolicyUrl { get; init; }

    public string? TermsOfServiceUrl { get; init; }
}

public sealed record PortalFeaturesParams
{
    public PortalCustomerUpdateParams? CustomerUpdate { get; init; }

    public PortalFeatureParams? InvoiceHistory { get; init; }

    public PortalFeatureParams? PaymentMethodUpdate { get; init; }

    public PortalSubscriptionCancelParams? SubscriptionCancel { get; init; }

    public PortalSubscriptionUpdateParams? SubscriptionUpdate { get; init; }
}

public sealed record PortalFeatureParams
{
    public required bool Enabled { get; init; }
}

public sealed record PortalCustomerUpdateParams
{
    public required bool Enabled { get; init; }

    /// <summary>Out of <c>name</c>, <c>email</c>, <c>address</c>, <c>phone</c>, <c>shipping</c>, <c>tax_id</c>.</summary>
    public IReadOnlyList<string>? AllowedUpdates { get; init; }
}

public sealed record PortalSubscriptionCancelParams
{
    public required bool Enabled { get; init; }

    /// <summary><c>at_period_end</c> or <c>immediately</c>.</summary>
    public string? Mode { get; init; }

    public string? ProrationBehavior { get; init; }

    public PortalCancellationReasonParams? CancellationReason { get; init; }
}

public sealed record PortalCancellationReasonParams
{
    public required bool Enabled { get; init; }

    /// <summary>Out of <see cref="CancellationFeedback"/>.</summary>
    public required IReadOnlyList<string> Options { get; init; }
}

public sealed record PortalSubscriptionUpdateParams
{
    public required bool Enabled { get; init; }

    public IReadOnlyList<string>? DefaultAllowedUpdates { get; init; }

    public string? ProrationBehavior { get; init; }
}

public sealed record BillingPortalConfigurationListParams : ListParams
{
    public bool? Active { get; init; }

    public bool? IsDefault { get; init; }
}

public sealed record BillingPortalSessionCreateParams : StripeParams
{
    public string? Customer { get; init; }

    public string? Configuration { get; init; }

    public string? ReturnUrl { get; init; }

    public string? Locale { get; init; }

    /// <summary>Opens one task instead of the overview.</summary>
    public PortalFlowParams? FlowData { get; init; }
}

public sealed record PortalFlowParams
{
    /// <summary><c>payment_method_update</c>, <c>subscription_cancel</c>, …</summary>
    public required string Type { get; init; }

    public PortalAfterCompletionParams? AfterCompletion { get; init; }

    public PortalFlowCancelParams? SubscriptionCancel { get; init; }
}

public sealed record PortalAfterCompletionParams
{
    /// <summary><c>redirect</c>, <c>hosted_confirmation</c> or <c>portal_homepage</c>.</summary>
    public required string Type { get; init; }

    public PortalRedirectParams? Redirect { get; init; }
}

public sealed record PortalRedirectParams
{
    public required string ReturnUrl { get; init; }
}

public sealed record PortalFlowCancelParams
{
    public required string Subscription { get; init; }
}
