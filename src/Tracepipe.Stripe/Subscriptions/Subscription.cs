using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>A customer who pays for prices, period after period.</summary>
public sealed record Subscription : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="SubscriptionStatus"/>; treat an unknown one as no access.</summary>
    public required string Status { get; init; }

    public required Ref<Customer> Customer { get; init; }

    public required StripeList<SubscriptionItem> Items { get; init; }

    public required string Currency { get; init; }

    public required DateTimeOffset StartDate { get; init; }

    public required DateTimeOffset BillingCycleAnchor { get; init; }

    public required BillingMode BillingMode { get; init; }

    /// <summary><c>charge_automatically</c> or <c>send_invoice</c>.</summary>
    public required string CollectionMethod { get; init; }

    /// <summary>See <see cref="CancelsAt"/>.</summary>
    public required DateTimeOffset? CancelAt { get; init; }

    /// <summary>See <see cref="CancelsAt"/>.</summary>
    public required bool CancelAtPeriodEnd { get; init; }

    /// <summary>When the cancellation was asked for.</summary>
    public required DateTimeOffset? CanceledAt { get; init; }

    public required DateTimeOffset? EndedAt { get; init; }

    public required CancellationDetails? CancellationDetails { get; init; }

    public required DateTimeOffset? TrialStart { get; init; }

    public required DateTimeOffset? TrialEnd { get; init; }

    /// <summary>Pays before the customer's default.</summary>
    public required Ref<PaymentMethod>? DefaultPaymentMethod { get; init; }

    public required IReadOnlyList<Ref<Discount>> Discounts { get; init; }

    public required Ref<Invoice>? LatestInvoice { get; init; }

    public required Ref<SetupIntent>? PendingSetupIntent { get; init; }

    /// <summary>A change that waits for its payment.</summary>
    public required SubscriptionPendingUpdate? PendingUpdate { get; init; }

    /// <summary>Change what is under a schedule through it, or release it first.</summary>
    public required Ref<SubscriptionSchedule>? Schedule { get; init; }

    public required Ref<TestClock>? TestClock { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Start of the running period: the earliest of the items'. The subscription itself has none.</summary>
    [JsonIgnore]
    public DateTimeOffset? CurrentPeriodStart => Items.Data.Count == 0 ? null : Items.Data.Min(item => item.CurrentPeriodStart);

    /// <summary>End of the running period: the latest of the items'.</summary>
    [JsonIgnore]
    public DateTimeOffset? CurrentPeriodEnd => Items.Data.Count == 0 ? null : Items.Data.Max(item => item.CurrentPeriodEnd);

    /// <summary>When it will end, if it has been cancelled. The portal sets a time and leaves the flag false, so the flag alone says nothing.</summary>
    [JsonIgnore]
    public DateTimeOffset? CancelsAt => CancelAt ?? (CancelAtPeriodEnd ? CurrentPeriodEnd : null);
}

/// <summary>One price of a subscription.</summary>
public sealed record SubscriptionItem : StripeObject
{
    public required DateTimeOffset Created { get; init; }

    public required string Subscription { get; init; }

    public required Price Price { get; init; }

    /// <summary>Missing for metered prices.</summary>
    public long? Quantity { get; init; }

    public required DateTimeOffset CurrentPeriodStart { get; init; }

    public required DateTimeOffset CurrentPeriodEnd { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>A change that is made when its invoice is paid, and forgotten when it is not.</summary>
public sealed record SubscriptionPendingUpdate
{
    public required DateTimeOffset ExpiresAt { get; init; }

    public required IReadOnlyList<SubscriptionItem>? SubscriptionItems { get; init; }
}

/// <summary>Why a subscription ended.</summary>
public sealed record CancellationDetails : Confidential
{
    /// <summary>Why Stripe ended it.</summary>
    public required string? Reason { get; init; }

    /// <summary>One of <see cref="CancellationFeedback"/>.</summary>
    public required string? Feedback { get; init; }

    /// <summary>The customer's words.</summary>
    public required string? Comment { get; init; }
}

/// <summary>How proration is computed.</summary>
public sealed record BillingMode
{
    /// <summary>One of <see cref="BillingModes"/>.</summary>
    public required string Type { get; init; }
}

/// <summary>Values of <see cref="Subscription.Status"/>.</summary>
public static class SubscriptionStatus
{
    public const string Active = "active";
    public const string Canceled = "canceled";
    public const string Incomplete = "incomplete";
    public const string IncompleteExpired = "incomplete_expired";
    public const string PastDue = "past_due";
    public const string Paused = "paused";
    public const string Trialing = "trialing";
    public const string Unpaid = "unpaid";
}

/// <summary>Values of <see cref="BillingMode.Type"/>.</summary>
public static class BillingModes
{
    public const string Classic = "classic";
    public const string Flexible = "flexible";
}

/// <summary>Values of <c>proration_behavior</c>.</summary>
public static class ProrationBehaviors
{
    public const string AlwaysInvoice = "always_invoice";
    public const string CreateProrations = "create_prorations";
    public const string None = "none";
}

/// <summary>Values of <c>payment_behavior</c>.</summary>
public static class PaymentBehaviors
{
    public const string AllowIncomplete = "allow_incomplete";
    public const string DefaultIncomplete = "default_incomplete";
    public const string ErrorIfIncomplete = "error_if_incomplete";
    public const string PendingIfIncomplete = "pending_if_incomplete";
}

/// <summary>Values of <see cref="CancellationDetails.Feedback"/>.</summary>
public static class CancellationFeedback
{
    public const string CustomerService = "customer_service";
    public const string LowQuality = "low_quality";
    public const string MissingFeatures = "missing_features";
    public const string Other = "other";
    public const string SwitchedService = "switched_service";
    public const string TooComplex = "too_complex";
    public const string TooExpensive = "too_expensive";
    public const string Unused = "unused";
}
