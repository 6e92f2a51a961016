namespace Tracepipe.Stripe;

/// <summary>Calls on invoices.</summary>
public sealed class InvoiceService
{
    private const string Path = "/v1/invoices";
    private readonly StripeTransport stripe;

    internal InvoiceService(StripeTransport stripe) => this.stripe = stripe;

    /// <summary>A draft.</summary>
    public Task<Invoice> CreateAsync(InvoiceCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>(Path, parameters, options, cancel);

    public Task<Invoice> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Invoice>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Invoice> UpdateAsync(string id, InvoiceUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>A draft. What is finalized is voided instead.</summary>
    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    /// <summary>Gives it its number and freezes its amounts. Paid at once when nothing is due.</summary>
    public Task<Invoice> FinalizeAsync(string id, InvoiceFinalizeParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/{StripePath.Segment(id)}/finalize", parameters, options, cancel);

    /// <summary>Charges it now. A card error when the bank refuses; then a new attempt needs a new idempotency key, for the old one replays the refusal.</summary>
    public Task<Invoice> PayAsync(string id, InvoicePayParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/{StripePath.Segment(id)}/pay", parameters, options, cancel);

    public Task<Invoice> VoidAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/{StripePath.Segment(id)}/void", body: null, options, cancel);

    public Task<Invoice> MarkUncollectibleAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/{StripePath.Segment(id)}/mark_uncollectible", body: null, options, cancel);

    public Task<StripeList<Invoice>> ListAsync(InvoiceListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Invoice>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Invoice> ListAutoPagingAsync(InvoiceListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Invoice>(Path, parameters, options, cancel);

    /// <summary>What an invoice would be. Nothing is made or kept, so the key is a fresh one unless given.</summary>
    public Task<Invoice> CreatePreviewAsync(InvoiceCreatePreviewParams parameters, RequestOptions? options = null, CancellationToken cancel = default) =>
        stripe.PostAsync<Invoice>($"{Path}/create_preview", parameters, options ?? new() { IdempotencyKey = $"preview:{Guid.CreateVersion7()}" }, cancel);

    public Task<StripeList<InvoiceLine>> ListLinesAsync(string id, InvoiceLineListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<InvoiceLine>>($"{Path}/{StripePath.Segment(id)}/lines", parameters, options, cancel);

    public IAsyncEnumerable<InvoiceLine> ListLinesAutoPagingAsync(string id, InvoiceLineListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<InvoiceLine>($"{Path}/{StripePath.Segment(id)}/lines", parameters, options, cancel);
}
