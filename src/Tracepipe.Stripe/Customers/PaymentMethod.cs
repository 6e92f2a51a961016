namespace Tracepipe.Stripe;

/// <summary>Something a customer pays with.</summary>
public sealed record PaymentMethod : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary><c>card</c>, <c>link</c>, … and the member of that name holds its details.</summary>
    public required string Type { get; init; }

    /// <summary>Null before it is attached and after it is detached, which is for ever.</summary>
    public required Ref<Customer>? Customer { get; init; }

    public required BillingDetails BillingDetails { get; init; }

    public PaymentMethodCard? Card { get; init; }

    public PaymentMethodLink? Link { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What may be shown of a card.</summary>
public sealed record PaymentMethodCard
{
    /// <summary><c>visa</c>, <c>mastercard</c>, <c>amex</c>, … or <c>unknown</c>.</summary>
    public required string Brand { get; init; }

    public required string Last4 { get; init; }

    /// <summary>1 to 12.</summary>
    public required int ExpMonth { get; init; }

    /// <summary>Four digits.</summary>
    public required int ExpYear { get; init; }

    /// <summary><c>credit</c>, <c>debit</c>, <c>prepaid</c> or <c>unknown</c>.</summary>
    public required string Funding { get; init; }

    /// <summary>Issuing country, two letters.</summary>
    public required string? Country { get; init; }

    /// <summary>Equal for the same number, so it finds a card saved twice.</summary>
    public string? Fingerprint { get; init; }

    public required CardWallet? Wallet { get; init; }
}

/// <summary>The wallet a card came from.</summary>
public sealed record CardWallet
{
    /// <summary><c>apple_pay</c>, <c>google_pay</c>, <c>link</c>, …</summary>
    public required string Type { get; init; }
}

/// <summary>A Link account.</summary>
public sealed record PaymentMethodLink : Confidential
{
    public required string? Email { get; init; }
}

/// <summary>The payer as the payment form took it.</summary>
public sealed record BillingDetails : Confidential
{
    public required string? Name { get; init; }

    public required string? Email { get; init; }

    public required string? Phone { get; init; }

    public required Address? Address { get; init; }
}
