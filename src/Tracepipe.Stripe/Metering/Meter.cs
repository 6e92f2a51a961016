namespace Tracepipe.Stripe;

/// <summary>Counts the usage that is reported under one name.</summary>
public sealed record Meter : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary><c>active</c> or <c>inactive</c>.</summary>
    public required string Status { get; init; }

    public required string DisplayName { get; init; }

    /// <summary>Belongs to one active meter.</summary>
    public required string EventName { get; init; }

    public required string? EventTimeWindow { get; init; }

    public required MeterAggregation DefaultAggregation { get; init; }

    public required MeterCustomerMapping CustomerMapping { get; init; }

    public required MeterValueSettings ValueSettings { get; init; }
}

/// <summary>How events become a number.</summary>
public sealed record MeterAggregation
{
    /// <summary><c>sum</c>, <c>count</c> or <c>last</c>.</summary>
    public required string Formula { get; init; }
}

/// <summary>Where an event names its customer.</summary>
public sealed record MeterCustomerMapping
{
    public required string Type { get; init; }

    public required string EventPayloadKey { get; init; }
}

/// <summary>Where an event says how much.</summary>
public sealed record MeterValueSettings
{
    public required string EventPayloadKey { get; init; }
}

/// <summary>Calls on meters.</summary>
public sealed class MeterService
{
    private const string Path = "/v1/billing/meters";
    private readonly StripeTransport stripe;

    internal MeterService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Meter> CreateAsync(MeterCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Meter>(Path, parameters, options, cancel);

    public Task<Meter> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Meter>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<Meter> UpdateAsync(string id, MeterUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Meter>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    public Task<Meter> DeactivateAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Meter>($"{Path}/{StripePath.Segment(id)}/deactivate", body: null, options, cancel);

    public Task<Meter> ReactivateAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Meter>($"{Path}/{StripePath.Segment(id)}/reactivate", body: null, options, cancel);

    public Task<StripeList<Meter>> ListAsync(MeterListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Meter>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Meter> ListAutoPagingAsync(MeterListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Meter>(Path, parameters, options, cancel);
}

public sealed record MeterCreateParams : StripeParams
{
    public required string DisplayName { get; init; }

    public required string EventName { get; init; }

    public string? EventTimeWindow { get; init; }

    public required MeterAggregationParams DefaultAggregation { get; init; }

    public MeterCustomerMappingParams? CustomerMapping { get; init; }

    public MeterValueSettingsParams? ValueSettings { get; init; }
}

public sealed record MeterAggregationParams
{
    /// <summary><c>sum</c>, <c>count</c> or <c>last</c>.</summary>
    public required string Formula { get; init; }
}

public sealed record MeterCustomerMappingParams
{
    /// <summary><c>by_id</c>.</summary>
    public required string Type { get; init; }

    public required string EventPayloadKey { get; init; }
}

public sealed record MeterValueSettingsParams
{
    public required string EventPayloadKey { get; init; }
}

public sealed record MeterUpdateParams : StripeParams
{
    public string? DisplayName { get; init; }
}

public sealed record MeterListParams : ListParams
{
    public string? Status { get; init; }
}
