namespace Tracepipe.Stripe;

/// <summary>Money given back. Amounts in minor units (cents).</summary>
public sealed record Refund : StripeObject
{
    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="RefundStatus"/>. One that succeeded can still fail, weeks later.</summary>
    public required string? Status { get; init; }

    public required long Amount { get; init; }

    public required string Currency { get; init; }

    public required Ref<Charge>? Charge { get; init; }

    public required Ref<PaymentIntent>? PaymentIntent { get; init; }

    /// <summary>One of <see cref="RefundReasons"/>.</summary>
    public required string? Reason { get; init; }

    public string? FailureReason { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>Values of <see cref="Refund.Status"/>.</summary>
public static class RefundStatus
{
    public const string Pending = "pending";
    public const string RequiresAction = "requires_action";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Canceled = "canceled";
}

/// <summary>Values of <see cref="Refund.Reason"/>. "Fraudulent" blocks the card and the address.</summary>
public static class RefundReasons
{
    public const string Duplicate = "duplicate";
    public const string ExpiredUncapturedCharge = "expired_uncaptured_charge";
    public const string Fraudulent = "fraudulent";
    public const string RequestedByCustomer = "requested_by_customer";
}

/// <summary>Calls on refunds.</summary>
public sealed class RefundService
{
    private const string Path = "/v1/refunds";
    private readonly StripeTransport stripe;

    internal RefundService(StripeTransport stripe) => this.stripe = stripe;

    /// <summary>Refunds of a charge never exceed it.</summary>
    public Task<Refund> CreateAsync(RefundCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<Refund>(Path, parameters, options, cancel);

    public Task<Refund> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Refund>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<StripeList<Refund>> ListAsync(RefundListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Refund>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Refund> ListAutoPagingAsync(RefundListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Refund>(Path, parameters, options, cancel);
}

public sealed record RefundCreateParams : StripeParams
{
    public string? PaymentIntent { get; init; }

    public string? Charge { get; init; }

    /// <summary>Minor units (cents); all that is left when null.</summary>
    public long? Amount { get; init; }

    /// <summary>One of <see cref="RefundReasons"/>.</summary>
    public string? Reason { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record RefundListParams : ListParams
{
    public string? PaymentIntent { get; init; }

    public string? Charge { get; init; }

    public TimeRange? Created { get; init; }
}
