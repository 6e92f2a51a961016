namespace Tracepipe.Stripe;

/// <summary>A page of Stripe's where a customer pays, subscribes or saves a card.</summary>
public sealed record CheckoutSession : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>One of <see cref="CheckoutModes"/>.</summary>
    public required string Mode { get; init; }

    /// <summary>One of <see cref="CheckoutSessionStatus"/>.</summary>
    public required string? Status { get; init; }

    /// <summary>One of <see cref="CheckoutPaymentStatus"/>. Fulfil only what is <c>paid</c> or needs no payment.</summary>
    public required string PaymentStatus { get; init; }

    /// <summary>Where the customer pays; null once it is not open.</summary>
    public required string? Url { get; init; }

    /// <summary>What we called it: the organization.</summary>
    public required string? ClientReferenceId { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required CheckoutCustomerDetails? CustomerDetails { get; init; }

    /// <summary>Minor units (cents), before discounts and taxes.</summary>
    public required long? AmountSubtotal { get; init; }

    /// <summary>Minor units (cents), after them.</summary>
    public required long? AmountTotal { get; init; }

    public required CheckoutTotalDetails? TotalDetails { get; init; }

    public required string? Currency { get; init; }

    public required IReadOnlyList<CheckoutDiscount>? Discounts { get; init; }

    /// <summary>Only when expanded.</summary>
    public StripeList<CheckoutLineItem>? LineItems { get; init; }

    public required Ref<PaymentIntent>? PaymentIntent { get; init; }

    public required Ref<SetupIntent>? SetupIntent { get; init; }

    /// <summary>Made when the customer has paid, not before.</summary>
    public required Ref<Subscription>? Subscription { get; init; }

    public required Ref<Invoice>? Invoice { get; init; }

    public required string? SuccessUrl { get; init; }

    public required string? CancelUrl { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>How a session's total comes about, in minor units (cents).</summary>
public sealed record CheckoutTotalDetails
{
    public required long AmountDiscount { get; init; }

    public required long AmountTax { get; init; }
}

/// <summary>What the customer typed.</summary>
public sealed record CheckoutCustomerDetails : Confidential
{
    public required string? Email { get; init; }

    public required string? Name { get; init; }

    public required string? Phone { get; init; }

    public required Address? Address { get; init; }

    public required string? TaxExempt { get; init; }
}

/// <summary>A reduction of a session.</summary>
public sealed record CheckoutDiscount
{
    public required Ref<Coupon>? Coupon { get; init; }

    public required Ref<PromotionCode>? PromotionCode { get; init; }
}

/// <summary>A line of a session. Amounts in minor units (cents).</summary>
public sealed record CheckoutLineItem : StripeObject
{
    public required string? Description { get; init; }

    public required Price? Price { get; init; }

    public required long? Quantity { get; init; }

    public required string Currency { get; init; }

    public required long AmountSubtotal { get; init; }

    public required long AmountDiscount { get; init; }

    public required long AmountTax { get; init; }

    public required long AmountTotal { get; init; }
}

/// <summary>Values of <see cref="CheckoutSession.Mode"/>.</summary>
public static class CheckoutModes
{
    public const string Payment = "payment";
    public const string Setup = "setup";
    public const string Subscription = "subscription";
}

/// <summary>Values of <see cref="CheckoutSession.Status"/>.</summary>
public static class CheckoutSessionStatus
{
    public const string Complete = "complete";
    public const string Expired = "expired";
    public const string Open = "open";
}

/// <summary>Values of <see cref="CheckoutSession.PaymentStatus"/>.</summary>
public static class CheckoutPaymentStatus
{
    public const string NoPaymentRequired = "no_payment_required";
    public const string Paid = "paid";
    public const string Unpaid = "unpaid";
}
