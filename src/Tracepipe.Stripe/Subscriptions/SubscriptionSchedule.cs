namespace Tracepipe.Stripe;

/// <summary>Changes of a subscription that are planned.</summary>
public sealed record SubscriptionSchedule : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="SubscriptionScheduleStatus"/>.</summary>
    public required string Status { get; init; }

    public required Ref<Customer> Customer { get; init; }

    public required Ref<Subscription>? Subscription { get; init; }

    public required string? ReleasedSubscription { get; init; }

    public required ScheduleCurrentPhase? CurrentPhase { get; init; }

    public required IReadOnlyList<SchedulePhase> Phases { get; init; }

    /// <summary><c>release</c> leaves the subscription as the last phase has it; <c>cancel</c> ends it.</summary>
    public required string EndBehavior { get; init; }

    public required DateTimeOffset? CanceledAt { get; init; }

    public required DateTimeOffset? CompletedAt { get; init; }

    public required DateTimeOffset? ReleasedAt { get; init; }

    public required Ref<TestClock>? TestClock { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A stretch of time and what is subscribed to in it.</summary>
public sealed record SchedulePhase
{
    public required DateTimeOffset StartDate { get; init; }

    public required DateTimeOffset EndDate { get; init; }

    public required IReadOnlyList<SchedulePhaseItem> Items { get; init; }

    public required string Currency { get; init; }

    public required string ProrationBehavior { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>One price of a phase.</summary>
public sealed record SchedulePhaseItem
{
    public required Ref<Price> Price { get; init; }

    public long? Quantity { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>The phase that runs.</summary>
public sealed record ScheduleCurrentPhase
{
    public required DateTimeOffset StartDate { get; init; }

    public required DateTimeOffset EndDate { get; init; }
}

/// <summary>Values of <see cref="SubscriptionSchedule.Status"/>.</summary>
public static class SubscriptionScheduleStatus
{
    public const string Active = "active";
    public const string Canceled = "canceled";
    public const string Completed = "completed";
    public const string NotStarted = "not_started";
    public const string Released = "released";
}

/// <summary>Calls on subscription schedules.</summary>
public sealed class SubscriptionScheduleService
{
    private const string Path = "/v1/subscription_schedules";
    private readonly StripeTransport stripe;

    internal SubscriptionScheduleService(StripeTransport stripe) => this.stripe = stripe;

    public Task<SubscriptionSchedule> CreateAsync(SubscriptionScheduleCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SubscriptionSchedule>(Path, parameters, options, cancel);

    public Task<SubscriptionSchedule> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<SubscriptionSchedule>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<SubscriptionSchedule> UpdateAsync(string id, SubscriptionScheduleUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SubscriptionSchedule>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>Ends the schedule and leaves the subscription as it is.</summary>
    public Task<SubscriptionSchedule> ReleaseAsync(string id, SubscriptionScheduleReleaseParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SubscriptionSchedule>($"{Path}/{StripePath.Segment(id)}/release", parameters, options, cancel);

    /// <summary>Ends the schedule and its subscription.</summary>
    public Task<SubscriptionSchedule> CancelAsync(string id, SubscriptionScheduleCancelParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SubscriptionSchedule>($"{Path}/{StripePath.Segment(id)}/cancel", parameters, options, cancel);

    public Task<StripeList<SubscriptionSchedule>> ListAsync(SubscriptionScheduleListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<SubscriptionSchedule>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<SubscriptionSchedule> ListAutoPagingAsync(SubscriptionScheduleListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<SubscriptionSchedule>(Path, parameters, options, cancel);
}

public sealed record SubscriptionScheduleCreateParams : StripeParams
{
    /// <summary>Takes an existing subscription under a schedule, with its running period as the first phase.</summary>
    public string? FromSubscription { get; init; }
}

public sealed record SubscriptionScheduleUpdateParams : StripeParams
{
    /// <summary>All that are not past, the running one first with its own start.</summary>
    public IReadOnlyList<SchedulePhaseParams>? Phases { get; init; }

    public string? EndBehavior { get; init; }

    public string? ProrationBehavior { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record SchedulePhaseParams
{
    public required IReadOnlyList<SchedulePhaseItemParams> Items { get; init; }

    /// <summary>Only for the running phase: its own start.</summary>
    public DateTimeOffset? StartDate { get; init; }

    /// <summary>This or <see cref="Duration"/>.</summary>
    public DateTimeOffset? EndDate { get; init; }

    public SchedulePhaseDurationParams? Duration { get; init; }

    public string? ProrationBehavior { get; init; }

    public string? DefaultPaymentMethod { get; init; }

    public IReadOnlyList<DiscountParams>? Discounts { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record SchedulePhaseItemParams
{
    public string? Price { get; init; }

    public long? Quantity { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record SchedulePhaseDurationParams
{
    public required string Interval { get; init; }

    public int? IntervalCount { get; init; }
}

public sealed record SubscriptionScheduleReleaseParams : StripeParams
{
    public bool? PreserveCancelDate { get; init; }
}

public sealed record SubscriptionScheduleCancelParams : StripeParams
{
    public bool? InvoiceNow { get; init; }

    public bool? Prorate { get; init; }
}

public sealed record SubscriptionScheduleListParams : ListParams
{
    public string? Customer { get; init; }

    public bool? Scheduled { get; init; }

    public TimeRange? Created { get; init; }
}
