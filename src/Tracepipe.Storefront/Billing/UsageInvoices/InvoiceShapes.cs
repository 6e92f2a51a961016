using System.Text.Json.Serialization;

namespace Tracepipe.Storefront.Billing;

/// <summary>An invoice as the billing guide shows it. Amounts in dollars.</summary>
/// <param name="Status">draft, open, paid, past_due or void.</param>
internal sealed record InvoiceResponse(string Id, string? InvoiceNumber, string BillingAccountId, string? TicketId, string? StripeInvoiceId, string Status, DateTimeOffset? PeriodStart, DateTimeOffset? PeriodEnd, decimal Subtotal,
    decimal TaxAmount, decimal DiscountAmount, decimal Total, decimal CreditsApplied, decimal AmountDue, decimal AmountPaid, string Currency, IReadOnlyList<LineItemResponse> LineItems, string? Description,
    DateTimeOffset? DueDate, DateTimeOffset? FinalizedAt, DateTimeOffset? PaidAt, DateTimeOffset? CreatedAt)
{
    /// <summary>Made and collected by Stripe.</summary>
    [JsonIgnore]
    public bool IsOfPlan { get; init; }
}

/// <summary>A line of an invoice.</summary>
/// <param name="UnitPrice">Exact price of one unit, dollars.</param>
internal sealed record LineItemResponse(string Description, string? Meter, decimal Quantity, decimal UnitPrice, decimal Amount, DateTimeOffset? PeriodStart, DateTimeOffset? PeriodEnd, bool Proration);

/// <summary>Which payment method pays; the default unless said otherwise.</summary>
public sealed record PayRequest(string? PaymentMethodId = null);

/// <summary>What became of a payment.</summary>
/// <param name="Status">succeeded, pending or failed.</param>
/// <param name="ClientSecret">With pending: for Stripe.js.</param>
internal sealed record PaymentResponse(string Id, string InvoiceId, decimal Amount, string Currency, string Status, string? ClientSecret, string? FailureCode, string? FailureMessage);
