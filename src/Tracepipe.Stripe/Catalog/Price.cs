using System.Text.Json.Serialization;

namespace Tracepipe.Stripe;

/// <summary>What a product costs. An amount never changes; a new amount is a new price.</summary>
public sealed record Price : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required bool Active { get; init; }

    public required Ref<Product> Product { get; init; }

    /// <summary>Three letters, lower case.</summary>
    public required string Currency { get; init; }

    /// <summary>Minor units (cents); null when it is no whole number of them.</summary>
    public required long? UnitAmount { get; init; }

    /// <summary>Minor units (cents) with up to twelve decimals.</summary>
    [JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)]
    public required decimal? UnitAmountDecimal { get; init; }

    public required string BillingScheme { get; init; }

    /// <summary>One of <see cref="PriceTypes"/>.</summary>
    public required string Type { get; init; }

    /// <summary>Null for a price that is paid once.</summary>
    public required PriceRecurring? Recurring { get; init; }

    /// <summary>Our name for it, which can move to a newer price.</summary>
    public required string? LookupKey { get; init; }

    public required string? Nickname { get; init; }

    public required string? TaxBehavior { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>How often a price is paid.</summary>
public sealed record PriceRecurring
{
    /// <summary><c>day</c>, <c>week</c>, <c>month</c> or <c>year</c>.</summary>
    public required string Interval { get; init; }

    public required int IntervalCount { get; init; }

    /// <summary><c>licensed</c> or <c>metered</c>.</summary>
    public required string UsageType { get; init; }

    public required string? Meter { get; init; }
}

/// <summary>Values of <see cref="Price.Type"/>.</summary>
public static class PriceTypes
{
    public const string OneTime = "one_time";
    public const string Recurring = "recurring";
}

/// <summary>Calls on prices.</summary>
public sealed class PriceService
{
    private const string Path = "/v1/prices";
    private readonly StripeTransport stripe;

    internal PriceService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Price> CreateAsync(PriceCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Price>(Path, parameters, options, cancel);

    public Task<Price> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Price>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Price> UpdateAsync(string id, PriceUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Price>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<StripeList<Price>> ListAsync(PriceListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Price>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Price> ListAutoPagingAsync(PriceListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Price>(Path, parameters, options, cancel);
}

public sealed record PriceCreateParams : StripeParams
{
    /// <summary>Three letters, lower case.</summary>
    public required string Currency { get; init; }

    public string? Product { get; init; }

    /// <summary>Minor units (cents).</summary>
    public long? UnitAmount { get; init; }

    /// <summary>Minor units (cents) with up to twelve decimals, instead of <see cref="UnitAmount"/>.</summary>
    public decimal? UnitAmountDecimal { get; init; }

    public PriceRecurringParams? Recurring { get; init; }

    public string? LookupKey { get; init; }

    /// <summary>Takes the lookup key away from the price that has it.</summary>
    public bool? TransferLookupKey { get; init; }

    public string? Nickname { get; init; }

    public bool? Active { get; init; }

    public string? TaxBehavior { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PriceRecurringParams
{
    /// <summary><c>day</c>, <c>week</c>, <c>month</c> or <c>year</c>.</summary>
    public required string Interval { get; init; }

    public int? IntervalCount { get; init; }

    public string? UsageType { get; init; }

    public string? Meter { get; init; }
}

public sealed record PriceUpdateParams : StripeParams
{
    public bool? Active { get; init; }

    public string? LookupKey { get; init; }

    public bool? TransferLookupKey { get; init; }

    public string? Nickname { get; init; }

    public string? TaxBehavior { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PriceListParams : ListParams
{
    public string? Product { get; init; }

    /// <summary>Up to ten.</summary>
    public IReadOnlyList<string>? LookupKeys { get; init; }

    public bool? Active { get; init; }

    public string? Type { get; init; }

    public string? Currency { get; init; }

    public TimeRange? Created { get; init; }
}
