namespace Tracepipe.Stripe;

/// <summary>A reduction that can be given.</summary>
public sealed record Coupon : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string? Name { get; init; }

    public required bool Valid { get; init; }

    /// <summary>0 to 100; null when an amount is taken off.</summary>
    public required decimal? PercentOff { get; init; }

    /// <summary>Minor units (cents); null when a percentage is taken off.</summary>
    public required long? AmountOff { get; init; }

    public required string? Currency { get; init; }

    /// <summary><c>once</c>, <c>repeating</c> or <c>forever</c>.</summary>
    public required string Duration { get; init; }

    public required int? DurationInMonths { get; init; }

    public required int? MaxRedemptions { get; init; }

    public required int TimesRedeemed { get; init; }

    public required DateTimeOffset? RedeemBy { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A coupon in use.</summary>
public sealed record Discount : StripeObject
{
    public required DateTimeOffset Start { get; init; }

    public required DateTimeOffset? End { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required string? Subscription { get; init; }

    public required string? Invoice { get; init; }

    public required Ref<PromotionCode>? PromotionCode { get; init; }

    public required DiscountSource Source { get; init; }
}

/// <summary>Where a discount comes from.</summary>
public sealed record DiscountSource
{
    public required string Type { get; init; }

    public required Ref<Coupon>? Coupon { get; init; }
}

/// <summary>Calls on coupons.</summary>
public sealed class CouponService
{
    private const string Path = "/v1/coupons";
    private readonly StripeTransport stripe;

    internal CouponService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Coupon> CreateAsync(CouponCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Coupon>(Path, parameters, options, cancel);

    public Task<Coupon> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Coupon>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Coupon> UpdateAsync(string id, CouponUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Coupon>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<Coupon>> ListAsync(CouponListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Coupon>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Coupon> ListAutoPagingAsync(CouponListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Coupon>(Path, parameters, options, cancel);
}

public sealed record CouponCreateParams : StripeParams
{
    /// <summary>Our own id; Stripe makes one when null.</summary>
    public string? Id { get; init; }

    public string? Name { get; init; }

    /// <summary>0 to 100.</summary>
    public decimal? PercentOff { get; init; }

    /// <summary>Minor units (cents); needs <see cref="Currency"/>.</summary>
    public long? AmountOff { get; init; }

    public string? Currency { get; init; }

    /// <summary><c>once</c> (the default), <c>repeating</c> or <c>forever</c>.</summary>
    public string? Duration { get; init; }

    public int? DurationInMonths { get; init; }

    public int? MaxRedemptions { get; init; }

    public DateTimeOffset? RedeemBy { get; init; }

    public CouponAppliesToParams? AppliesTo { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CouponAppliesToParams
{
    public IReadOnlyList<string>? Products { get; init; }
}

public sealed record CouponUpdateParams : StripeParams
{
    public string? Name { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record CouponListParams : ListParams
{
    public TimeRange? Created { get; init; }
}
