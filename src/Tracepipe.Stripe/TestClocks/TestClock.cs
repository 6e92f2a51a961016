namespace Tracepipe.Stripe;

/// <summary>A clock to move, for the customers that were made on it. Test mode only.</summary>
public sealed record TestClock : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset DeletesAfter { get; init; }

    public required string? Name { get; init; }

    /// <summary>The time its customers live in.</summary>
    public required DateTimeOffset FrozenTime { get; init; }

    /// <summary>One of <see cref="TestClockStatus"/>.</summary>
    public required string Status { get; init; }

    public required TestClockStatusDetails StatusDetails { get; init; }
}

/// <summary>More about a test clock's status.</summary>
public sealed record TestClockStatusDetails
{
    public TestClockAdvancing? Advancing { get; init; }
}

/// <summary>Where a clock is going.</summary>
public sealed record TestClockAdvancing
{
    public required DateTimeOffset TargetFrozenTime { get; init; }
}

/// <summary>Values of <see cref="TestClock.Status"/>.</summary>
public static class TestClockStatus
{
    public const string Advancing = "advancing";
    public const string InternalFailure = "internal_failure";
    public const string Ready = "ready";
}

/// <summary>Calls on test clocks.</summary>
public sealed class TestClockService
{
    private const string Path = "/v1/test_helpers/test_clocks";
    private readonly StripeTransport stripe;

    internal TestClockService(StripeTransport stripe) => this.stripe = stripe;

    public Task<TestClock> CreateAsync(TestClockCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<TestClock>(Path, parameters, options, cancel);

    public Task<TestClock> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<TestClock>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    /// <summary>Answers at once; the clock is there when its status is <c>ready</c> again.</summary>
    public Task<TestClock> AdvanceAsync(string id, TestClockAdvanceParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<TestClock>($"{Path}/{StripePath.Segment(id)}/advance", parameters, options, cancel);

    /// <summary>Deletes its customers too.</summary>
    public Task<DeletedObject> DeleteAsync(string id, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.DeleteAsync<DeletedObject>($"{Path}/{StripePath.Segment(id)}", query: null, options, cancel);

    public Task<StripeList<TestClock>> ListAsync(TestClockListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<TestClock>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<TestClock> ListAutoPagingAsync(TestClockListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<TestClock>(Path, parameters, options, cancel);
}

public sealed record TestClockCreateParams : StripeParams
{
    public required DateTimeOffset FrozenTime { get; init; }

    public string? Name { get; init; }
}

public sealed record TestClockAdvanceParams : StripeParams
{
    /// <summary>Later than now, by at most two intervals of the shortest subscription on the clock.</summary>
    public required DateTimeOffset FrozenTime { get; init; }
}

public sealed record TestClockListParams : ListParams;
