namespace Tracepipe.Stripe;

/// <summary>Calls on subscriptions.</summary>
public sealed class SubscriptionService
{
    private const string Path = "/v1/subscriptions";
    private readonly StripeTransport stripe;

    internal SubscriptionService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Subscription> CreateAsync(SubscriptionCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Subscription>(Path, parameters, options, cancel);

    public Task<Subscription> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Subscription>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Subscription> UpdateAsync(string id, SubscriptionUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Subscription>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>Ends it now. To end it with its period, update <see cref="SubscriptionUpdateParams.CancelAtPeriodEnd"/>.</summary>
    public Task<Subscription> CancelAsync(string id, SubscriptionCancelParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<Subscription>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>Cancelled ones only when <see cref="SubscriptionListParams.Status"/> asks for them.</summary>
    public Task<StripeList<Subscription>> ListAsync(SubscriptionListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Subscription>>(Path, parameters, options, cancel);

    /// <summary>Cancelled ones only when <see cref="SubscriptionListParams.Status"/> asks for them.</summary>
    public IAsyncEnumerable<Subscription> ListAutoPagingAsync(SubscriptionListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Subscription>(Path, parameters, options, cancel);
}

public sealed record SubscriptionCreateParams : StripeParams
{
    public string? Customer { get; init; }

    public IReadOnlyList<SubscriptionItemParams>? Items { get; init; }

    public string? DefaultPaymentMethod { get; init; }

    /// <summary>One of <see cref="PaymentBehaviors"/>.</summary>
    public string? PaymentBehavior { get; init; }

    /// <summary>One of <see cref="ProrationBehaviors"/>.</summary>
    public string? ProrationBehavior { get; init; }

    /// <summary>Always send <c>flexible</c>.</summary>
    public BillingModeParams? BillingMode { get; init; }

    public string? CollectionMethod { get; init; }

    public IReadOnlyList<DiscountParams>? Discounts { get; init; }

    public AutomaticTaxParams? AutomaticTax { get; init; }

    public SubscriptionPaymentSettingsParams? PaymentSettings { get; init; }

    public Clearable<DateTimeOffset>? CancelAt { get; init; }

    public bool? CancelAtPeriodEnd { get; init; }

    public int? TrialPeriodDays { get; init; }

    public bool? OffSession { get; init; }

    public string? Currency { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A price to subscribe to.</summary>
public sealed record SubscriptionItemParams
{
    public string? Price { get; init; }

    /// <summary>1 when left out; leave out for metered prices.</summary>
    public long? Quantity { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A change of what is subscribed to.</summary>
public sealed record SubscriptionItemChangeParams
{
    /// <summary>The item that is changed. Without it a second price is added, and both bill.</summary>
    public string? Id { get; init; }

    /// <summary>Takes the item out.</summary>
    public bool? Deleted { get; init; }

    public string? Price { get; init; }

    /// <summary>Falls back to 1 when left out; leave out for metered prices.</summary>
    public long? Quantity { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record DiscountParams
{
    public string? Coupon { get; init; }

    public string? PromotionCode { get; init; }

    public string? Discount { get; init; }
}

public sealed record SubscriptionPaymentSettingsParams
{
    /// <summary><c>on_subscription</c> keeps what paid the first invoice.</summary>
    public string? SaveDefaultPaymentMethod { get; init; }
}

/// <summary><c>billing_cycle_anchor</c> is missing on purpose: its values change in the next release.</summary>
public sealed record SubscriptionUpdateParams : StripeParams
{
    public IReadOnlyList<SubscriptionItemChangeParams>? Items { get; init; }

    /// <summary>One of <see cref="ProrationBehaviors"/>.</summary>
    public string? ProrationBehavior { get; init; }

    /// <summary>The time of the preview, so that the charge equals it.</summary>
    public DateTimeOffset? ProrationDate { get; init; }

    /// <summary>One of <see cref="PaymentBehaviors"/>.</summary>
    public string? PaymentBehavior { get; init; }

    public Clearable<DateTimeOffset>? CancelAt { get; init; }

    /// <summary>To take a cancellation back set this to false and clear <see cref="CancelAt"/>.</summary>
    public bool? CancelAtPeriodEnd { get; init; }

    public CancellationDetailsParams? CancellationDetails { get; init; }

    public string? DefaultPaymentMethod { get; init; }

    public IReadOnlyList<DiscountParams>? Discounts { get; init; }

    public SubscriptionPaymentSettingsParams? PaymentSettings { get; init; }

    public bool? OffSession { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CancellationDetailsParams : Confidential
{
    /// <summary>One of <see cref="CancellationFeedback"/>.</summary>
    public string? Feedback { get; init; }

    public string? Comment { get; init; }
}

public sealed record SubscriptionCancelParams : StripeParams
{
    /// <summary>Credits the unused time.</summary>
    public bool? Prorate { get; init; }

    /// <summary>Bills usage and proration that were not billed yet; otherwise they are dropped.</summary>
    public bool? InvoiceNow { get; init; }

    public CancellationDetailsParams? CancellationDetails { get; init; }
}

public sealed record SubscriptionListParams : ListParams
{
    public string? Customer { get; init; }

    /// <summary>One of <see cref="SubscriptionStatus"/>, <c>ended</c> or <c>all</c>.</summary>
    public string? Status { get; init; }

    public string? Price { get; init; }

    public string? CollectionMethod { get; init; }

    public string? TestClock { get; init; }

    public TimeRange? Created { get; init; }
}
