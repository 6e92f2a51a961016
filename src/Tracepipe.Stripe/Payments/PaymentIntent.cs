namespace Tracepipe.Stripe;

/// <summary>An attempt, over as many tries as it takes, to be paid. Amounts in minor units (cents).</summary>
public sealed record PaymentIntent : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="PaymentIntentStatus"/>.</summary>
    public required string Status { get; init; }

    public required long Amount { get; init; }

    public required long AmountReceived { get; init; }

    public required string Currency { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required Ref<PaymentMethod>? PaymentMethod { get; init; }

    /// <summary>For the browser of this customer alone; never stored or logged.</summary>
    public required string? ClientSecret { get; init; }

    public required Ref<Charge>? LatestCharge { get; init; }

    /// <summary>Why the last try failed.</summary>
    public required StripeError? LastPaymentError { get; init; }

    public required NextAction? NextAction { get; init; }

    public required string? SetupFutureUsage { get; init; }

    public required DateTimeOffset? CanceledAt { get; init; }

    public required string? CancellationReason { get; init; }

    public required string? Description { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>Values of <see cref="PaymentIntent.Status"/>.</summary>
public static class PaymentIntentStatus
{
    public const string Canceled = "canceled";
    public const string Processing = "processing";
    public const string RequiresAction = "requires_action";
    public const string RequiresCapture = "requires_capture";
    public const string RequiresConfirmation = "requires_confirmation";
    public const string RequiresPaymentMethod = "requires_payment_method";
    public const string Succeeded = "succeeded";
}

/// <summary>Calls on payment intents.</summary>
public sealed class PaymentIntentService
{
    private const string Path = "/v1/payment_intents";
    private readonly StripeTransport stripe;

    internal PaymentIntentService(StripeTransport stripe) => this.stripe = stripe;

    public Task<PaymentIntent> CreateAsync(PaymentIntentCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentIntent>(Path, parameters, options, cancel);

    public Task<PaymentIntent> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<PaymentIntent>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<PaymentIntent> UpdateAsync(string id, PaymentIntentUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentIntent>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>Tries the payment method. A card error when the bank refuses.</summary>
    public Task<PaymentIntent> ConfirmAsync(string id, PaymentIntentConfirmParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentIntent>($"{Path}/{StripePath.Segment(id)}/confirm", parameters, options, cancel);

    public Task<PaymentIntent> CancelAsync(string id, PaymentIntentCancelParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentIntent>($"{Path}/{StripePath.Segment(id)}/cancel", parameters, options, cancel);

    public Task<StripeList<PaymentIntent>> ListAsync(PaymentIntentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<PaymentIntent>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<PaymentIntent> ListAutoPagingAsync(PaymentIntentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<PaymentIntent>(Path, parameters, options, cancel);
}

/// <summary><c>payment_method_types</c> is missing on purpose: the next release refuses it.</summary>
public sealed record PaymentIntentCreateParams : StripeParams
{
    /// <summary>Minor units (cents).</summary>
    public required long Amount { get; init; }

    public required string Currency { get; init; }

    public string? Customer { get; init; }

    public string? PaymentMethod { get; init; }

    /// <summary>Confirm in the same call.</summary>
    public bool? Confirm { get; init; }

    /// <summary>The customer is not there to authenticate.</summary>
    public bool? OffSession { get; init; }

    public AutomaticPaymentMethodsParams? AutomaticPaymentMethods { get; init; }

    /// <summary>One of <see cref="FutureUsage"/>.</summary>
    public string? SetupFutureUsage { get; init; }

    public string? ReturnUrl { get; init; }

    public string? ReceiptEmail { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PaymentIntentUpdateParams : StripeParams
{
    public long? Amount { get; init; }

    public string? Customer { get; init; }

    public string? PaymentMethod { get; init; }

    public string? ReceiptEmail { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PaymentIntentConfirmParams : StripeParams
{
    public string? PaymentMethod { get; init; }

    public bool? OffSession { get; init; }

    public string? ReturnUrl { get; init; }
}

public sealed record PaymentIntentCancelParams : StripeParams
{
    /// <summary><c>abandoned</c>, <c>duplicate</c>, <c>fraudulent</c> or <c>requested_by_customer</c>.</summary>
    public string? CancellationReason { get; init; }
}

public sealed record PaymentIntentListParams : ListParams
{
    public string? Customer { get; init; }

    public TimeRange? Created { get; init; }
}
