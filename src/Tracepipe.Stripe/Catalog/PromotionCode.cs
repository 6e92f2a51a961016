namespace Tracepipe.Stripe;

/// <summary>A coupon under a word that people type.</summary>
public sealed record PromotionCode : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required bool Active { get; init; }

    /// <summary>What people type; upper and lower case are the same.</summary>
    public required string Code { get; init; }

    public required Promotion Promotion { get; init; }

    /// <summary>The only customer who may use it.</summary>
    public required Ref<Customer>? Customer { get; init; }

    public required PromotionCodeRestrictions Restrictions { get; init; }

    public required int? MaxRedemptions { get; init; }

    public required int TimesRedeemed { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What a promotion code gives.</summary>
public sealed record Promotion
{
    public required string Type { get; init; }

    public required Ref<Coupon>? Coupon { get; init; }
}

/// <summary>When a promotion code can be used.</summary>
public sealed record PromotionCodeRestrictions
{
    public required bool FirstTimeTransaction { get; init; }

    /// <summary>Minor units (cents).</summary>
    public required long? MinimumAmount { get; init; }

    public required string? MinimumAmountCurrency { get; init; }
}

/// <summary>Calls on promotion codes.</summary>
public sealed class PromotionCodeService
{
    private const string Path = "/v1/promotion_codes";
    private readonly StripeTransport stripe;

    internal PromotionCodeService(StripeTransport stripe) => this.stripe = stripe;

    public Task<PromotionCode> CreateAsync(PromotionCodeCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PromotionCode>(Path, parameters, options, cancel);

    public Task<PromotionCode> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<PromotionCode>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<PromotionCode> UpdateAsync(string id, PromotionCodeUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PromotionCode>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<StripeList<PromotionCode>> ListAsync(PromotionCodeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<PromotionCode>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<PromotionCode> ListAutoPagingAsync(PromotionCodeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<PromotionCode>(Path, parameters, options, cancel);
}

public sealed record PromotionCodeCreateParams : StripeParams
{
    public required PromotionParams Promotion { get; init; }

    public string? Code { get; init; }

    public string? Customer { get; init; }

    public bool? Active { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public int? MaxRedemptions { get; init; }

    public PromotionCodeRestrictionsParams? Restrictions { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PromotionParams
{
    /// <summary><c>coupon</c>.</summary>
    public required string Type { get; init; }

    public string? Coupon { get; init; }
}

public sealed record PromotionCodeRestrictionsParams
{
    public bool? FirstTimeTransaction { get; init; }

    /// <summary>Minor units (cents).</summary>
    public long? MinimumAmount { get; init; }

    public string? MinimumAmountCurrency { get; init; }
}

public sealed record PromotionCodeUpdateParams : StripeParams
{
    public bool? Active { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PromotionCodeListParams : ListParams
{
    public string? Code { get; init; }

    public string? Coupon { get; init; }

    public string? Customer { get; init; }

    public bool? Active { get; init; }

    public TimeRange? Created { get; init; }
}
