namespace Tracepipe.Stripe;

/// <summary>A movement of money from a customer. Amounts in minor units (cents).</summary>
public sealed record Charge : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="ChargeStatus"/>.</summary>
    public required string Status { get; init; }

    public required long Amount { get; init; }

    public required long AmountCaptured { get; init; }

    /// <summary>Of all refunds together.</summary>
    public required long AmountRefunded { get; init; }

    public required string Currency { get; init; }

    public required bool Paid { get; init; }

    /// <summary>Whether all of it was refunded.</summary>
    public required bool Refunded { get; init; }

    public required bool Disputed { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required Ref<PaymentIntent>? PaymentIntent { get; init; }

    public required string? PaymentMethod { get; init; }

    public required ChargePaymentMethodDetails? PaymentMethodDetails { get; init; }

    public required string? FailureCode { get; init; }

    public required string? FailureMessage { get; init; }

    public required ChargeOutcome? Outcome { get; init; }

    public required string? ReceiptUrl { get; init; }

    public required string? Description { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>Why a charge was accepted or refused.</summary>
public sealed record ChargeOutcome
{
    public required string Type { get; init; }

    public required string? Reason { get; init; }

    public required string? NetworkStatus { get; init; }

    /// <summary>For us, not for the customer.</summary>
    public required string? SellerMessage { get; init; }

    /// <summary>Whether trying again makes sense: <c>try_again_later</c>, <c>do_not_try_again</c>, <c>confirm_card_data</c>.</summary>
    public required string? AdviceCode { get; init; }
}

/// <summary>What was charged, as it was then.</summary>
public sealed record ChargePaymentMethodDetails
{
    public required string Type { get; init; }

    public ChargeCard? Card { get; init; }
}

/// <summary>What may be shown of a charged card.</summary>
public sealed record ChargeCard
{
    public required string? Brand { get; init; }

    public required string? Last4 { get; init; }

    public required int ExpMonth { get; init; }

    public required int ExpYear { get; init; }

    public required string? Funding { get; init; }

    public required string? Country { get; init; }
}

/// <summary>Values of <see cref="Charge.Status"/>.</summary>
public static class ChargeStatus
{
    public const string Failed = "failed";
    public const string Pending = "pending";
    public const string Succeeded = "succeeded";
}

/// <summary>Calls on charges.</summary>
public sealed class ChargeService
{
    private const string Path = "/v1/charges";
    private readonly StripeTransport stripe;

    internal ChargeService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Charge> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Charge>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<StripeList<Charge>> ListAsync(ChargeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Charge>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Charge> ListAutoPagingAsync(ChargeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Charge>(Path, parameters, options, cancel);
}

public sealed record ChargeListParams : ListParams
{
    public string? Customer { get; init; }

    public string? PaymentIntent { get; init; }

    public TimeRange? Created { get; init; }
}
