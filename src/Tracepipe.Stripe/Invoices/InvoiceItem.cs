namespace Tracepipe.Stripe;

/// <summary>Something to be billed. Amounts in minor units (cents).</summary>
public sealed record InvoiceItem : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Date { get; init; }

    public required Ref<Customer> Customer { get; init; }

    /// <summary>Null while it waits for one.</summary>
    public required Ref<Invoice>? Invoice { get; init; }

    public required string? Description { get; init; }

    public required long Amount { get; init; }

    public required string Currency { get; init; }

    public required long Quantity { get; init; }

    public required Period Period { get; init; }

    public required InvoicePricing? Pricing { get; init; }

    public required InvoiceItemParent? Parent { get; init; }

    public required bool Proration { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What made an invoice item.</summary>
public sealed record InvoiceItemParent
{
    public required string Type { get; init; }

    public required InvoiceItemSubscription? SubscriptionDetails { get; init; }
}

/// <summary>The subscription that made an invoice item.</summary>
public sealed record InvoiceItemSubscription
{
    public required string Subscription { get; init; }

    public string? SubscriptionItem { get; init; }
}

/// <summary>Calls on invoice items.</summary>
public sealed class InvoiceItemService
{
    private const string Path = "/v1/invoiceitems";
    private readonly StripeTransport stripe;

    internal InvoiceItemService(StripeTransport stripe) => this.stripe = stripe;

    public Task<InvoiceItem> CreateAsync(InvoiceItemCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<InvoiceItem>(Path, parameters, options, cancel);

    public Task<InvoiceItem> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<InvoiceItem>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    /// <summary>Before its invoice is finalized.</summary>
    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<InvoiceItem>> ListAsync(InvoiceItemListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<InvoiceItem>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<InvoiceItem> ListAutoPagingAsync(InvoiceItemListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<InvoiceItem>(Path, parameters, options, cancel);
}

public sealed record InvoiceItemCreateParams : StripeParams
{
    public string? Customer { get; init; }

    /// <summary>The draft it goes on; otherwise it waits for the next one.</summary>
    public string? Invoice { get; init; }

    public string? Subscription { get; init; }

    /// <summary>Minor units (cents), negative for a credit. This, or a price.</summary>
    public long? Amount { get; init; }

    public string? Currency { get; init; }

    public string? Description { get; init; }

    public PeriodParams? Period { get; init; }

    public InvoiceItemPricingParams? Pricing { get; init; }

    /// <summary>Minor units (cents) with up to twelve decimals, times <see cref="Quantity"/>.</summary>
    public decimal? UnitAmountDecimal { get; init; }

    public long? Quantity { get; init; }

    public bool? Discountable { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PeriodParams
{
    public required DateTimeOffset Start { get; init; }

    public required DateTimeOffset End { get; init; }
}

public sealed record InvoiceItemPricingParams
{
    public string? Price { get; init; }
}

public sealed record InvoiceItemListParams : ListParams
{
    public string? Customer { get; init; }

    public string? Invoice { get; init; }

    /// <summary>Only those that wait for an invoice.</summary>
    public bool? Pending { get; init; }

    public TimeRange? Created { get; init; }
}
