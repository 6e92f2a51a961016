namespace Tracepipe.Stripe;

/// <summary>Usage that was reported.</summary>
public sealed record MeterEvent
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required string EventName { get; init; }

    public required string Identifier { get; init; }

    public required DateTimeOffset Timestamp { get; init; }

    public required IReadOnlyDictionary<string, string> Payload { get; init; }
}

/// <summary>Usage that was taken back.</summary>
public sealed record MeterEventAdjustment
{
    public required bool Livemode { get; init; }

    public required string EventName { get; init; }

    public required string Type { get; init; }

    /// <summary><c>pending</c> or <c>complete</c>.</summary>
    public required string Status { get; init; }
}

/// <summary>What a meter counted for a customer in a stretch of time.</summary>
public sealed record MeterEventSummary : StripeObject
{
    public required bool Livemode { get; init; }

    public required string Meter { get; init; }

    public required DateTimeOffset StartTime { get; init; }

    /// <summary>Not included.</summary>
    public required DateTimeOffset EndTime { get; init; }

    public required decimal AggregatedValue { get; init; }
}

/// <summary>Calls on usage.</summary>
public sealed class MeterEventService
{
    private readonly StripeTransport stripe;

    internal MeterEventService(StripeTransport stripe) => this.stripe = stripe;

    /// <summary>Accepted now, counted later; errors that show only then arrive nowhere near this call, so compare with the summaries.</summary>
    public Task<MeterEvent> CreateAsync(MeterEventCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<MeterEvent>("/v1/billing/meter_events", parameters, options, cancel);
}

/// <summary>Calls that take usage back.</summary>
public sealed class MeterEventAdjustmentService
{
    private readonly StripeTransport stripe;

    internal MeterEventAdjustmentService(StripeTransport stripe) => this.stripe = stripe;

    /// <summary>Only for events of the last 24 hours.</summary>
    public Task<MeterEventAdjustment> CreateAsync(MeterEventAdjustmentCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<MeterEventAdjustment>("/v1/billing/meter_event_adjustments", parameters, options, cancel);
}

/// <summary>Calls on what meters counted.</summary>
public sealed class MeterEventSummaryService
{
    private readonly StripeTransport stripe;

    internal MeterEventSummaryService(StripeTransport stripe) => this.stripe = stripe;

    public Task<StripeList<MeterEventSummary>> ListAsync(string meter, MeterEventSummaryListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<MeterEventSummary>>(Path(meter), parameters, options, cancel);

    public IAsyncEnumerable<MeterEventSummary> ListAutoPagingAsync(string meter, MeterEventSummaryListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<MeterEventSummary>(Path(meter), parameters, options, cancel);

    private static string Path(string meter) => $"/v1/billing/meters/{StripePath.Segment(meter)}/event_summaries";
}

public sealed record MeterEventCreateParams : StripeParams
{
    public required string EventName { get; init; }

    /// <summary>The customer's id and a whole number of at most 15 digits, under the meter's keys.</summary>
    public required IReadOnlyDictionary<string, string> Payload { get; init; }

    /// <summary>Counted once within 24 hours; not for ever.</summary>
    public string? Identifier { get; init; }

    /// <summary>At most 35 days ago and 5 minutes ahead.</summary>
    public DateTimeOffset? Timestamp { get; init; }
}

public sealed record MeterEventAdjustmentCreateParams : StripeParams
{
    public required string EventName { get; init; }

    /// <summary><c>cancel</c>.</summary>
    public required string Type { get; init; }

    public MeterEventCancelParams? Cancel { get; init; }
}

public sealed record MeterEventCancelParams
{
    public string? Identifier { get; init; }
}

public sealed record MeterEventSummaryListParams : ListParams
{
    public required string Customer { get; init; }

    /// <summary>On a whole minute, or on the hour or day of <see cref="ValueGroupingWindow"/>.</summary>
    public required DateTimeOffset StartTime { get; init; }

    /// <summary>As <see cref="StartTime"/>; not included.</summary>
    public required DateTimeOffset EndTime { get; init; }

    /// <summary><c>hour</c> or <c>day</c>; one sum when null.</summary>
    public string? ValueGroupingWindow { get; init; }
}
