namespace Tracepipe.Stripe;

/// <summary>Calls on Checkout sessions.</summary>
public sealed class CheckoutSessionService
{
    private const string Path = "/v1/checkout/sessions";
    private readonly StripeTransport stripe;

    internal CheckoutSessionService(StripeTransport stripe) => this.stripe = stripe;

    public Task<CheckoutSession> CreateAsync(CheckoutSessionCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<CheckoutSession>(Path, parameters, options, cancel);

    public Task<CheckoutSession> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<CheckoutSession>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    /// <summary>Closes an open session. An invalid request when it is complete or expired already.</summary>
    public Task<CheckoutSession> ExpireAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<CheckoutSession>($"{Path}/{StripePath.Segment(id)}/expire", body: null, options, cancel);

    public Task<StripeList<CheckoutSession>> ListAsync(CheckoutSessionListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<CheckoutSession>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<CheckoutSession> ListAutoPagingAsync(CheckoutSessionListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<CheckoutSession>(Path, parameters, options, cancel);

    public Task<StripeList<CheckoutLineItem>> ListLineItemsAsync(string id, CheckoutLineItemListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<CheckoutLineItem>>($"{Path}/{StripePath.Segment(id)}/line_items", parameters, options, cancel);

    public IAsyncEnumerable<CheckoutLineItem> ListLineItemsAutoPagingAsync(string id, CheckoutLineItemListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<CheckoutLineItem>($"{Path}/{StripePath.Segment(id)}/line_items", parameters, options, cancel);
}

/// <summary><c>payment_method_types</c> is missing on purpose: the next release refuses it.</summary>
public sealed record CheckoutSessionCreateParams : StripeParams
{
    /// <summary>One of <see cref="CheckoutModes"/>.</summary>
    public string? Mode { get; init; }

    /// <summary><c>hosted_page</c> (the default), <c>embedded_page</c> or <c>elements</c>.</summary>
    public string? UiMode { get; init; }

    public string? Customer { get; init; }

    public string? CustomerEmail { get; init; }

    public string? ClientReferenceId { get; init; }

    public IReadOnlyList<CheckoutLineItemParams>? LineItems { get; init; }

    /// <summary><c>{CHECKOUT_SESSION_ID}</c> in it is replaced.</summary>
    public string? SuccessUrl { get; init; }

    public string? CancelUrl { get; init; }

    /// <summary>30 minutes to 24 hours ahead; 24 hours when null.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Lets the customer type a code; not together with <see cref="Discounts"/>.</summary>
    public bool? AllowPromotionCodes { get; init; }

    /// <summary>One at most.</summary>
    public IReadOnlyList<CheckoutDiscountParams>? Discounts { get; init; }

    public string? BillingAddressCollection { get; init; }

    /// <summary><c>if_required</c> asks for no card when nothing is due.</summary>
    public string? PaymentMethodCollection { get; init; }

    public CheckoutCustomerUpdateParams? CustomerUpdate { get; init; }

    public AutomaticTaxParams? AutomaticTax { get; init; }

    /// <summary>Without it a one-off payment has no invoice.</summary>
    public CheckoutInvoiceCreationParams? InvoiceCreation { get; init; }

    public CheckoutPaymentIntentDataParams? PaymentIntentData { get; init; }

    public CheckoutSetupIntentDataParams? SetupIntentData { get; init; }

    public CheckoutSubscriptionDataParams? SubscriptionData { get; init; }

    public string? Locale { get; init; }

    public string? SubmitType { get; init; }

    public string? Currency { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CheckoutLineItemParams
{
    public string? Price { get; init; }

    /// <summary>A price for this session alone.</summary>
    public CheckoutPriceDataParams? PriceData { get; init; }

    /// <summary>Leave out for metered prices.</summary>
    public long? Quantity { get; init; }
}

public sealed record CheckoutPriceDataParams
{
    public required string Currency { get; init; }

    /// <summary>Minor units (cents).</summary>
    public long? UnitAmount { get; init; }

    public string? Product { get; init; }

    public CheckoutProductDataParams? ProductData { get; init; }

    public CheckoutRecurringParams? Recurring { get; init; }

    public string? TaxBehavior { get; init; }
}

public sealed record CheckoutProductDataParams
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CheckoutRecurringParams
{
    public required string Interval { get; init; }

    public int? IntervalCount { get; init; }
}

public sealed record CheckoutDiscountParams
{
    public string? Coupon { get; init; }

    public string? PromotionCode { get; init; }
}

public sealed record CheckoutCustomerUpdateParams
{
    /// <summary><c>auto</c> saves what the customer types; <c>never</c> is the default.</summary>
    public string? Address { get; init; }

    public string? Name { get; init; }
}

public sealed record AutomaticTaxParams
{
    public required bool Enabled { get; init; }
}

public sealed record CheckoutInvoiceCreationParams
{
    public required bool Enabled { get; init; }

    public CheckoutInvoiceDataParams? InvoiceData { get; init; }
}

public sealed record CheckoutInvoiceDataParams
{
    public string? Description { get; init; }

    public string? Footer { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CheckoutPaymentIntentDataParams
{
    public string? Description { get; init; }

    /// <summary>One of <see cref="FutureUsage"/>; null keeps no card.</summary>
    public string? SetupFutureUsage { get; init; }

    public string? ReceiptEmail { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CheckoutSetupIntentDataParams
{
    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CheckoutSubscriptionDataParams
{
    public string? Description { get; init; }

    public int? TrialPeriodDays { get; init; }

    public BillingModeParams? BillingMode { get; init; }

    public string? ProrationBehavior { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record BillingModeParams
{
    /// <summary>One of <see cref="BillingModes"/>. It can never go back to <c>classic</c>.</summary>
    public required string Type { get; init; }
}

public sealed record CheckoutSessionListParams : ListParams
{
    public string? Customer { get; init; }

    public string? Status { get; init; }

    public string? Subscription { get; init; }

    public string? PaymentIntent { get; init; }

    public TimeRange? Created { get; init; }
}

public sealed record CheckoutLineItemListParams : ListParams;
