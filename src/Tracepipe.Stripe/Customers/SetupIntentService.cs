namespace Tracepipe.Stripe;

/// <summary>Calls on setup intents.</summary>
public sealed class SetupIntentService
{
    private const string Path = "/v1/setup_intents";
    private readonly StripeTransport stripe;

    internal SetupIntentService(StripeTransport stripe) => this.stripe = stripe;

    public Task<SetupIntent> CreateAsync(SetupIntentCreateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SetupIntent>(Path, parameters, options, cancel);

    public Task<SetupIntent> GetAsync(string id, IReadOnlyList<string>? expand = null, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<SetupIntent>($"{Path}/{StripePath.Segment(id)}", new ExpandParams { Expand = expand }, options, cancel);

    public Task<SetupIntent> UpdateAsync(string id, SetupIntentUpdateParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SetupIntent>($"{Path}/{StripePath.Segment(id)}", parameters, options, cancel);

    /// <summary>Tries the payment method. Normally the browser does this.</summary>
    /// <exception cref="StripeException">A card error when the bank refuses.</exception>
    public Task<SetupIntent> ConfirmAsync(string id, SetupIntentConfirmParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SetupIntent>($"{Path}/{StripePath.Segment(id)}/confirm", parameters, options, cancel);

    public Task<SetupIntent> CancelAsync(string id, SetupIntentCancelParams parameters, RequestOptions options, CancellationToken cancel = default) =>
        stripe.PostAsync<SetupIntent>($"{Path}/{StripePath.Segment(id)}/cancel", parameters, options, cancel);

    public Task<StripeList<SetupIntent>> ListAsync(SetupIntentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<SetupIntent>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<SetupIntent> ListAutoPagingAsync(SetupIntentListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<SetupIntent>(Path, parameters, options, cancel);
}

/// <summary>Calls on the tries of a setup intent.</summary>
public sealed class SetupAttemptService
{
    private const string Path = "/v1/setup_attempts";
    private readonly StripeTransport stripe;

    internal SetupAttemptService(StripeTransport stripe) => this.stripe = stripe;

    public Task<StripeList<SetupAttempt>> ListAsync(SetupAttemptListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.GetAsync<StripeList<SetupAttempt>>(Path, parameters, options, cancel);

    public IAsyncEnumerable<SetupAttempt> ListAutoPagingAsync(SetupAttemptListParams parameters, ReadOptions? options = null, CancellationToken cancel = default) =>
        stripe.ListAllAsync<SetupAttempt>(Path, parameters, options, cancel);
}

/// <summary><c>payment_method_types</c> is missing on purpose: the next release refuses it.</summary>
public sealed record SetupIntentCreateParams : StripeParams
{
    public string? Customer { get; init; }

    /// <summary>One of <see cref="FutureUsage"/>; Stripe's default is <c>off_session</c>.</summary>
    public string? Usage { get; init; }

    public AutomaticPaymentMethodsParams? AutomaticPaymentMethods { get; init; }

    public string? PaymentMethod { get; init; }

    /// <summary>Confirm in the same call; needs <see cref="PaymentMethod"/>.</summary>
    public bool? Confirm { get; init; }

    /// <summary>Where the bank's page comes back to; only together with <see cref="Confirm"/>.</summary>
    public string? ReturnUrl { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>Lets the account's settings decide which payment methods are offered.</summary>
public sealed record AutomaticPaymentMethodsParams
{
    public required bool Enabled { get; init; }

    /// <summary><c>never</c> leaves out methods that send the customer to another page; <c>always</c> is the default.</summary>
    public string? AllowRedirects { get; init; }
}

public sealed record SetupIntentUpdateParams : StripeParams
{
    public string? Customer { get; init; }

    public string? PaymentMethod { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

public sealed record SetupIntentConfirmParams : StripeParams
{
    public string? PaymentMethod { get; init; }

    public string? ReturnUrl { get; init; }
}

public sealed record SetupIntentCancelParams : StripeParams
{
    /// <summary><c>abandoned</c>, <c>requested_by_customer</c> or <c>duplicate</c>.</summary>
    public string? CancellationReason { get; init; }
}

public sealed record SetupIntentListParams : ListParams
{
    public string? Customer { get; init; }

    public string? PaymentMethod { get; init; }

    public TimeRange? Created { get; init; }
}

public sealed record SetupAttemptListParams : ListParams
{
    public required string SetupIntent { get; init; }

    public TimeRange? Created { get; init; }
}
