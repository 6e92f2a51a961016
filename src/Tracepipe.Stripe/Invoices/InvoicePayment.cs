namespace Tracepipe.Stripe;

/// <summary>What ties an invoice to a payment. Amounts in minor units (cents).</summary>
public sealed record InvoicePayment : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required Ref<Invoice> Invoice { get; init; }

    public required InvoicePaymentSource Payment { get; init; }

    /// <summary><c>open</c>, <c>paid</c> or <c>canceled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Whether this is the one the invoice is paid by.</summary>
    public required bool IsDefault { get; init; }

    public required long AmountRequested { get; init; }

    public required long? AmountPaid { get; init; }

    public required string Currency { get; init; }

    public required InvoicePaymentStatusTransitions StatusTransitions { get; init; }
}

/// <summary>The payment of an invoice.</summary>
public sealed record InvoicePaymentSource
{
    public required string Type { get; init; }

    public Ref<PaymentIntent>? PaymentIntent { get; init; }

    public Ref<Charge>? Charge { get; init; }
}

/// <summary>When an invoice payment changed its status.</summary>
public sealed record InvoicePaymentStatusTransitions
{
    public required DateTimeOffset? PaidAt { get; init; }

    public required DateTimeOffset? CanceledAt { get; init; }
}

/// <summary>Calls on invoice payments.</summary>
public sealed class InvoicePaymentService
{
    private const string Path = "/v1/invoice_payments";
    private readonly StripeTransport stripe;

    internal InvoicePaymentService(StripeTransport stripe) => this.stripe = stripe;

    public Task<InvoicePayment> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<InvoicePayment>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    /// <summary>Finds the invoice of a payment, too: neither payment intent nor charge names it.</summary>
    public Task<StripeList<InvoicePayment>> ListAsync(InvoicePaymentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<InvoicePayment>>(Path, parameters, options, cancel);

    /// <summary>Finds the invoice of a payment, too: neither payment intent nor charge names it.</summary>
    public IAsyncEnumerable<InvoicePayment> ListAutoPagingAsync(InvoicePaymentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<InvoicePayment>(Path, parameters, options, cancel);
}

public sealed record InvoicePaymentListParams : ListParams
{
    public string? Invoice { get; init; }

    public InvoicePaymentFilterParams? Payment { get; init; }

    public string? Status { get; init; }

    public TimeRange? Created { get; init; }
}

public sealed record InvoicePaymentFilterParams
{
    /// <summary><c>payment_intent</c>.</summary>
    public required string Type { get; init; }

    public string? PaymentIntent { get; init; }
}
