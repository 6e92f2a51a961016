namespace Tracepipe.Stripe;

/// <summary>A correction of a finalized invoice. Amounts in minor units (cents).</summary>
public sealed record CreditNote : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string Number { get; init; }

    /// <summary><c>issued</c> or <c>void</c>.</summary>
    public required string Status { get; init; }

    public required string Type { get; init; }

    public required Ref<Customer> Customer { get; init; }

    public required Ref<Invoice> Invoice { get; init; }

    public required string Currency { get; init; }

    /// <summary>What is credited in all.</summary>
    public required long Amount { get; init; }

    public required long Subtotal { get; init; }

    public required long Total { get; init; }

    /// <summary>Taken off what is due.</summary>
    public required long PrePaymentAmount { get; init; }

    /// <summary>Given back after payment.</summary>
    public required long PostPaymentAmount { get; init; }

    public required long? OutOfBandAmount { get; init; }

    public required StripeList<CreditNoteLine> Lines { get; init; }

    public required IReadOnlyList<CreditNoteRefund> Refunds { get; init; }

    public required IReadOnlyList<TaxAmount>? TotalTaxes { get; init; }

    public required string? Reason { get; init; }

    public required string? Memo { get; init; }

    public required string Pdf { get; init; }

    public required DateTimeOffset? VoidedAt { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A line of a credit note. Amounts in minor units (cents).</summary>
public sealed record CreditNoteLine : StripeObject
{
    public required string Type { get; init; }

    public required string? Description { get; init; }

    public required long Amount { get; init; }

    public required long? Quantity { get; init; }

    public required long? UnitAmount { get; init; }

    public string? InvoiceLineItem { get; init; }
}

/// <summary>A refund that belongs to a credit note.</summary>
public sealed record CreditNoteRefund
{
    public required long AmountRefunded { get; init; }

    public required Ref<Refund> Refund { get; init; }
}

/// <summary>Calls on credit notes.</summary>
public sealed class CreditNoteService
{
    private const string Path = "/v1/credit_notes";
    private readonly StripeTransport stripe;

    internal CreditNoteService(StripeTransport stripe) => this.stripe = stripe;

    public Task<CreditNote> CreateAsync(CreditNoteCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<CreditNote>(Path, parameters, options, cancel);

    public Task<CreditNote> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<CreditNote>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    /// <summary>What a credit note would be. Nothing is made.</summary>
    public Task<CreditNote> PreviewAsync(CreditNotePreviewParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<CreditNote>($"{Path}/preview", parameters, options, cancel);

    public Task<CreditNote> VoidAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<CreditNote>($"{Path}/{StripePath.Segment(id)}/void", body: null, options, cancel);

    public Task<StripeList<CreditNote>> ListAsync(CreditNoteListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<CreditNote>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<CreditNote> ListAutoPagingAsync(CreditNoteListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<CreditNote>(Path, parameters, options, cancel);
}

public sealed record CreditNoteCreateParams : StripeParams
{
    public required string Invoice { get; init; }

    /// <summary>The whole; this or <see cref="Lines"/>.</summary>
    public long? Amount { get; init; }

    public IReadOnlyList<CreditNoteLineParams>? Lines { get; init; }

    /// <summary>Back to where it came from. On a paid invoice this, the next and the one after must make up the whole.</summary>
    public long? RefundAmount { get; init; }

    /// <summary>Onto the customer's balance.</summary>
    public long? CreditAmount { get; init; }

    /// <summary>Given back outside Stripe.</summary>
    public long? OutOfBandAmount { get; init; }

    public string? Reason { get; init; }

    public string? Memo { get; init; }

    public DateTimeOffset? EffectiveAt { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CreditNoteLineParams
{
    /// <summary><c>invoice_line_item</c> or <c>custom_line_item</c>.</summary>
    public required string Type { get; init; }

    public string? InvoiceLineItem { get; init; }

    public long? Amount { get; init; }

    public long? Quantity { get; init; }

    public long? UnitAmount { get; init; }

    public string? Description { get; init; }
}

public sealed record CreditNotePreviewParams : StripeParams
{
    public required string Invoice { get; init; }

    public long? Amount { get; init; }

    public IReadOnlyList<CreditNoteLineParams>? Lines { get; init; }

    public long? RefundAmount { get; init; }

    public long? CreditAmount { get; init; }

    public long? OutOfBandAmount { get; init; }

    public string? Reason { get; init; }

    public string? Memo { get; init; }
}

public sealed record CreditNoteListParams : ListParams
{
    public string? Customer { get; init; }

    public string? Invoice { get; init; }

    public TimeRange? Created { get; init; }
}
