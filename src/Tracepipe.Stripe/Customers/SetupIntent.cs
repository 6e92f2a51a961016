namespace Tracepipe.Stripe;

/// <summary>An attempt, over as many tries as it takes, to keep a payment method for later.</summary>
public sealed record SetupIntent : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="SetupIntentStatus"/>.</summary>
    public required string Status { get; init; }

    /// <summary>For the browser of this customer alone; never stored or logged.</summary>
    public required string? ClientSecret { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    /// <summary>Attached to the customer once the status is <c>succeeded</c>.</summary>
    public required Ref<PaymentMethod>? PaymentMethod { get; init; }

    /// <summary>Whether it will be charged with (<c>on_session</c>) or without (<c>off_session</c>) the customer present.</summary>
    public required string Usage { get; init; }

    public required string? Description { get; init; }

    public required string? CancellationReason { get; init; }

    /// <summary>Why the last try failed.</summary>
    public required StripeError? LastSetupError { get; init; }

    public required Ref<SetupAttempt>? LatestAttempt { get; init; }

    public required NextAction? NextAction { get; init; }

    public required IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>What the customer has to do before an intent can go on.</summary>
public sealed record NextAction : Confidential
{
    /// <summary><c>use_stripe_sdk</c> (Stripe.js shows it) or <c>redirect_to_url</c>, among others.</summary>
    public required string Type { get; init; }

    public RedirectToUrl? RedirectToUrl { get; init; }
}

/// <summary>The bank's page to go to, and where it comes back.</summary>
public sealed record RedirectToUrl : Confidential
{
    public required string? Url { get; init; }

    public required string? ReturnUrl { get; init; }
}

/// <summary>One try of a setup intent.</summary>
public sealed record SetupAttempt : StripeObject
{
    public required bool Livemode { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>One of <see cref="SetupAttemptStatus"/>.</summary>
    public required string Status { get; init; }

    public required string Usage { get; init; }

    public required Ref<Customer>? Customer { get; init; }

    public required Ref<PaymentMethod> PaymentMethod { get; init; }

    public required Ref<SetupIntent> SetupIntent { get; init; }

    public required StripeError? SetupError { get; init; }
}

/// <summary>Values of <see cref="SetupIntent.Status"/>.</summary>
public static class SetupIntentStatus
{
    public const string RequiresPaymentMethod = "requires_payment_method";
    public const string RequiresConfirmation = "requires_confirmation";
    public const string RequiresAction = "requires_action";
    public const string Processing = "processing";
    public const string Succeeded = "succeeded";
    public const string Canceled = "canceled";
}

/// <summary>Values of <see cref="SetupAttempt.Status"/>.</summary>
public static class SetupAttemptStatus
{
    public const string RequiresConfirmation = "requires_confirmation";
    public const string RequiresAction = "requires_action";
    public const string Processing = "processing";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
    public const string Abandoned = "abandoned";
}

/// <summary>Values of <c>usage</c> and <c>setup_future_usage</c>.</summary>
public static class FutureUsage
{
    public const string OnSession = "on_session";
    public const string OffSession = "off_session";
}
