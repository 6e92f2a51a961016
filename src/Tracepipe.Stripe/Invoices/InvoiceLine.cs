using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>A line of an invoice. Amounts in minor units (cents).</summary>
public sealed record InvoiceLine : StripeObject
{
    public required string? Invoice { get; init; }

    public required string? Description { get; init; }

    public required long Amount { get; init; }

    public required long Subtotal { get; init; }

    public required string Currency { get; init; }

    public required long? Quantity { get; init; }

    public required Period Period { get; init; }

    public required InvoiceLineParent? Parent { get; init; }

    public required InvoicePricing? Pricing { get; init; }

    public required IReadOnlyList<DiscountAmount>? DiscountAmounts { get; init; }

    public required IReadOnlyList<PretaxCreditAmount>? PretaxCreditAmounts { get; init; }

    public required IReadOnlyList<TaxAmount>? Taxes { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Whether it corrects a period that was changed while it ran.</summary>
    [JsonIgnore]
    public bool IsProration => Parent?.SubscriptionItemDetails?.Proration ?? Parent?.InvoiceItemDetails?.Proration ?? false;
}

/// <summary>What made a line.</summary>
public sealed record InvoiceLineParent
{
    public required string Type { get; init; }

    public required InvoiceLineSubscriptionItem? SubscriptionItemDetails { get; init; }

    public required InvoiceLineInvoiceItem? InvoiceItemDetails { get; init; }
}

/// <summary>The part of a subscription that made a line.</summary>
public sealed record InvoiceLineSubscriptionItem
{
    public required string? Subscription { get; init; }

    public required string SubscriptionItem { get; init; }

    public required string? InvoiceItem { get; init; }

    public required bool Proration { get; init; }
}

/// <summary>The invoice item that made a line.</summary>
public sealed record InvoiceLineInvoiceItem
{
    public required string InvoiceItem { get; init; }

    public required string? Subscription { get; init; }

    public required bool Proration { get; init; }
}

/// <summary>What one of a line costs.</summary>
public sealed record InvoicePricing
{
    public required string Type { get; init; }

    /// <summary>Minor units (cents) with up to twelve decimals.</summary>
    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public required decimal? UnitAmountDecimal { get; init; }

    public InvoicePriceDetails? PriceDetails { get; init; }
}

/// <summary>The price behind a line.</summary>
public sealed record InvoicePriceDetails
{
    public required Ref<Price> Price { get; init; }

    public required string Product { get; init; }
}

/// <summary>A stretch of time.</summary>
public sealed record Period
{
    public required DateTimeOffset Start { get; init; }

    /// <summary>Not included.</summary>
    public required DateTimeOffset End { get; init; }
}
