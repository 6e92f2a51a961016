using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>Someone who pays. A deleted one is still readable, as nothing but its id and <see cref="Deleted"/>.</summary>
public sealed record Customer : StripeObject
{
    public bool Deleted { get; init; }

    public bool Livemode { get; init; }

    public DateTimeOffset Created { get; init; }

    public string? Email { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Phone { get; init; }

    public Address? Address { get; init; }

    /// <summary>Minor units, applied to the next invoices. Negative is credit, positive is owed.</summary>
    public long Balance { get; init; }

    /// <summary>Fixed by the first use; null before.</summary>
    public string? Currency { get; init; }

    /// <summary>Whether the latest invoice's latest charge failed.</summary>
    public bool? Delinquent { get; init; }

    /// <summary>One of <see cref="TaxExemptions"/>.</summary>
    public string? TaxExempt { get; init; }

    public CustomerInvoiceSettings? InvoiceSettings { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    public Ref<TestClock>? TestClock { get; init; }

    /// <summary>The payment method that pays for what names none.</summary>
    [JsonIgnore]
    public Ref<PaymentMethod>? DefaultPaymentMethod => InvoiceSettings?.DefaultPaymentMethod;
}

/// <summary>How a customer's invoices are paid and look.</summary>
public sealed record CustomerInvoiceSettings
{
    public required Ref<PaymentMethod>? DefaultPaymentMethod { get; init; }

    public required string? Footer { get; init; }
}

/// <summary>Values of <see cref="Customer.TaxExempt"/>.</summary>
public static class TaxExemptions
{
    public const string None = "none";
    public const string Exempt = "exempt";
    public const string Reverse = "reverse";
}
