using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>What a customer owes, or will. Amounts in minor units (cents). A finalized one never changes its amounts.</summary>
public sealed record Invoice : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="InvoiceStatus"/>.</summary>
    public required string? Status { get; init; }

    /// <summary>Given by finalizing.</summary>
    public required string? Number { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required InvoiceParent? Parent { get; init; }

    /// <summary>One of <see cref="BillingReasons"/>.</summary>
    public required string? BillingReason { get; init; }

    public required string CollectionMethod { get; init; }

    /// <summary>Whether Stripe moves it on by itself.</summary>
    public bool? AutoAdvance { get; init; }

    public required string Currency { get; init; }

    /// <summary>The first ten; the others are listed.</summary>
    public required StripeList<InvoiceLine> Lines { get; init; }

    /// <summary>Before discounts and taxes.</summary>
    public required long Subtotal { get; init; }

    /// <summary>After them, before credits.</summary>
    public required long Total { get; init; }

    /// <summary>What is to be paid: the total, less credits.</summary>
    public required long AmountDue { get; init; }

    public required long AmountPaid { get; init; }

    public required long AmountRemaining { get; init; }

    /// <summary>The customer's balance before; negative is credit.</summary>
    public required long StartingBalance { get; init; }

    /// <summary>The customer's balance after; null until finalized.</summary>
    public required long? EndingBalance { get; init; }

    public required IReadOnlyList<DiscountAmount>? TotalDiscountAmounts { get; init; }

    public required IReadOnlyList<PretaxCreditAmount>? TotalPretaxCreditAmounts { get; init; }

    public required IReadOnlyList<TaxAmount>? TotalTaxes { get; init; }

    public required long PrePaymentCreditNotesAmount { get; init; }

    public required long PostPaymentCreditNotesAmount { get; init; }

    public required IReadOnlyList<Ref<Discount>> Discounts { get; init; }

    public required DateTimeOffset PeriodStart { get; init; }

    public required DateTimeOffset PeriodEnd { get; init; }

    public required DateTimeOffset? DueDate { get; init; }

    public required DateTimeOffset? EffectiveAt { get; init; }

    public required InvoiceStatusTransitions StatusTransitions { get; init; }

    public required bool Attempted { get; init; }

    public required int AttemptCount { get; init; }

    /// <summary>When Stripe tries next; null when it does not.</summary>
    public required DateTimeOffset? NextPaymentAttempt { get; init; }

    public required Ref<PaymentMethod>? DefaultPaymentMethod { get; init; }

    /// <summary>Only when expanded.</summary>
    public StripeList<InvoicePayment>? Payments { get; init; }

    /// <summary>Only when expanded.</summary>
    public ConfirmationSecret? ConfirmationSecret { get; init; }

    /// <summary>Ends after some weeks: fetch it when somebody clicks, never store it.</summary>
    public string? HostedInvoiceUrl { get; init; }

    /// <summary>As <see cref="HostedInvoiceUrl"/>.</summary>
    public string? InvoicePdf { get; init; }

    public required StripeError? LastFinalizationError { get; init; }

    public required string? Description { get; init; }

    public required string? Footer { get; init; }

    public required string? ReceiptNumber { get; init; }

    public required Ref<TestClock>? TestClock { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The subscription it bills; null for one of its own.</summary>
    [JsonIgnore]
    public Ref<Subscription>? Subscription => Parent?.SubscriptionDetails?.Subscription;
}

/// <summary>What made an invoice.</summary>
public sealed record InvoiceParent
{
    public required string Type { get; init; }

    public required InvoiceSubscriptionDetails? SubscriptionDetails { get; init; }
}

/// <summary>The subscription that made an invoice.</summary>
public sealed record InvoiceSubscriptionDetails
{
    public required Ref<Subscription> Subscription { get; init; }

    /// <summary>The subscription's, as it was when the invoice was finalized.</summary>
    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>When an invoice changed its status.</summary>
public sealed record InvoiceStatusTransitions
{
    public required DateTimeOffset? FinalizedAt { get; init; }

    public required DateTimeOffset? PaidAt { get; init; }

    public required DateTimeOffset? VoidedAt { get; init; }

    public required DateTimeOffset? MarkedUncollectibleAt { get; init; }
}

/// <summary>What the browser needs to pay an invoice.</summary>
public sealed record ConfirmationSecret : Confidential
{
    public required string Type { get; init; }

    /// <summary>For the browser of this customer alone; never stored or logged.</summary>
    public required string ClientSecret { get; init; }
}

/// <summary>What a discount takes off, in minor units (cents).</summary>
public sealed record DiscountAmount
{
    public required long Amount { get; init; }

    public required Ref<Discount> Discount { get; init; }
}

/// <summary>What a credit takes off before taxes, in minor units (cents).</summary>
public sealed record PretaxCreditAmount
{
    /// <summary><c>discount</c> or <c>credit_balance_transaction</c>.</summary>
    public required string Type { get; init; }

    public required long Amount { get; init; }
}

/// <summary>A tax, in minor units (cents).</summary>
public sealed record TaxAmount
{
    public required long Amount { get; init; }

    /// <summary><c>inclusive</c> or <c>exclusive</c>.</summary>
    public required string TaxBehavior { get; init; }

    public required long? TaxableAmount { get; init; }
}

/// <summary>Values of <see cref="Invoice.Status"/>. "Past due" is no status: it is an open invoice after its date.</summary>
public static class InvoiceStatus
{
    public const string Draft = "draft";
    public const string Open = "open";
    public const string Paid = "paid";
    public const string Uncollectible = "uncollectible";
    public const string Void = "void";
}

/// <summary>Values of <see cref="Invoice.BillingReason"/>.</summary>
public static class BillingReasons
{
    public const string AutomaticPendingInvoiceItemInvoice = "automatic_pending_invoice_item_invoice";
    public const string Manual = "manual";
    public const string QuoteAccept = "quote_accept";
    public const string Subscription = "subscription";
    public const string SubscriptionCreate = "subscription_create";
    public const string SubscriptionCycle = "subscription_cycle";
    public const string SubscriptionThreshold = "subscription_threshold";
    public const string SubscriptionUpdate = "subscription_update";
    public const string Upcoming = "upcoming";
}
