namespace Tracepipe.Stripe;

/// <summary>Calls on payment methods. None takes a card number: numbers go from the browser to Stripe.</summary>
public sealed class PaymentMethodService
{
    private const string Path = "/v1/payment_methods";
    private readonly StripeTransport stripe;

    internal PaymentMethodService(StripeTransport stripe) => this.stripe = stripe;

    public Task<PaymentMethod> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<PaymentMethod> UpdateAsync(string id, PaymentMethodUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <exception cref="StripeException">A card error when the bank refuses; an invalid request when it is attached or was detached.</exception>
    public Task<PaymentMethod> AttachAsync(string id, PaymentMethodAttachParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}/attach", parameters, options, cancel);

    /// <summary>For ever: it can be neither charged nor attached again.</summary>
    public Task<PaymentMethod> DetachAsync(string id, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<PaymentMethod>($"{Path}/{StripePath.Segment(id)}/detach", body: null, options, cancel);

    public Task<StripeList<PaymentMethod>> ListAsync(PaymentMethodListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<PaymentMethod>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<PaymentMethod> ListAutoPagingAsync(PaymentMethodListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<PaymentMethod>(Path, parameters, options, cancel);
}

public sealed record PaymentMethodUpdateParams : StripeParams
{
    public PaymentMethodCardUpdateParams? Card { get; init; }

    public BillingDetailsParams? BillingDetails { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record PaymentMethodCardUpdateParams
{
    /// <summary>1 to 12.</summary>
    public int? ExpMonth { get; init; }

    /// <summary>Four digits.</summary>
    public int? ExpYear { get; init; }
}

public sealed record BillingDetailsParams : Confidential
{
    public string? Name { get; init; }

    public string? Email { get; init; }

    public string? Phone { get; init; }

    public Clearable<AddressParams>? Address { get; init; }
}

public sealed record PaymentMethodAttachParams : StripeParams
{
    public required string Customer { get; init; }
}

public sealed record PaymentMethodListParams : ListParams
{
    public string? Customer { get; init; }

    /// <summary>Of one type, such as <c>card</c>; all when null.</summary>
    public string? Type { get; init; }
}
