namespace Tracepipe.Stripe;

/// <summary>A charge that the customer contests at the bank. Amounts in minor units (cents).</summary>
public sealed record Dispute : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="DisputeStatus"/>.</summary>
    public required string Status { get; init; }

    public required string Reason { get; init; }

    public required long Amount { get; init; }

    public required string Currency { get; init; }

    public required Ref<Charge> Charge { get; init; }

    public required Ref<PaymentIntent>? PaymentIntent { get; init; }

    public required bool IsChargeRefundable { get; init; }

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }
}

/// <summary>Values of <see cref="Dispute.Status"/>.</summary>
public static class DisputeStatus
{
    public const string Lost = "lost";
    public const string NeedsResponse = "needs_response";
    public const string Prevented = "prevented";
    public const string UnderReview = "under_review";
    public const string WarningClosed = "warning_closed";
    public const string WarningNeedsResponse = "warning_needs_response";
    public const string WarningUnderReview = "warning_under_review";
    public const string Won = "won";
}

/// <summary>Calls on disputes.</summary>
public sealed class DisputeService
{
    private const string Path = "/v1/disputes";
    private readonly StripeTransport stripe;

    internal DisputeService(StripeTransport stripe) => this.stripe = stripe;

    public Task<Dispute> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<Dispute>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<StripeList<Dispute>> ListAsync(DisputeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<Dispute>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<Dispute> ListAutoPagingAsync(DisputeListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<Dispute>(Path, parameters, options, cancel);
}

public sealed record DisputeListParams : ListParams
{
    public string? Charge { get; init; }

    public string? PaymentIntent { get; init; }

    public TimeRange? Created { get; init; }
}
