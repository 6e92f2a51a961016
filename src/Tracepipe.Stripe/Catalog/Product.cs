namespace Tracepipe.Stripe;

/// <summary>Something that is sold. What it costs is in its prices.</summary>
public sealed record Product : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required bool Active { get; init; }

    public required string Name { get; init; }

    public required string? Description { get; init; }

    public Ref<Price>? DefaultPrice { get; init; }

    /// <summary>What one of it is called on invoices.</summary>
    public string? UnitLabel { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>Calls on products.</summary>
public sealed class ProductService
{
    private const string Path = "/v1/products";
    private readonly StripeTransport stripe;

    internal ProductService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Product> CreateAsync(ProductCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Product>(Path, parameters, options, cancel);

    public Task<Product> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Product>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Product> UpdateAsync(string id, ProductUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Product>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<StripeList<Product>> ListAsync(ProductListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Product>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Product> ListAutoPagingAsync(ProductListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Product>(Path, parameters, options, cancel);
}

public sealed record ProductCreateParams : StripeParams
{
    /// <summary>Our own id; Stripe makes one when null.</summary>
    public string? Id { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public bool? Active { get; init; }

    public string? UnitLabel { get; init; }

    public string? TaxCode { get; init; }

    public string? Url { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record ProductUpdateParams : StripeParams
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public bool? Active { get; init; }

    public string? DefaultPrice { get; init; }

    public string? UnitLabel { get; init; }

    public string? TaxCode { get; init; }

    public string? Url { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record ProductListParams : ListParams
{
    public bool? Active { get; init; }

    public IReadOnlyList<string>? Ids { get; init; }

    public TimeRange? Created { get; init; }
}
