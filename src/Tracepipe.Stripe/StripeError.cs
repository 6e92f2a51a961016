namespace Tracepipe.Stripe;

/// <summary>Stripe's account of an error, in an answer or kept on an intent.</summary>
public sealed record StripeError
{
    /// <summary>One of <see cref="StripeErrorTypes"/>.</summary>
    public required string Type { get; init; }

    /// <summary>Stable name of the error; the ones we act on are in <see cref="StripeErrorCodes"/>.</summary>
    public string? Code { get; init; }

    /// <summary>The bank's reason, for card errors.</summary>
    public string? DeclineCode { get; init; }

    /// <summary>A sentence. Written for the person who pays only when the type is <c>card_error</c>.</summary>
    public string? Message { get; init; }

    /// <summary>The parameter it is about.</summary>
    public string? Param { get; init; }

    public string? Charge { get; init; }

    public string? DocUrl { get; init; }

    public PaymentIntent? PaymentIntent { get; init; }

    public SetupIntent? SetupIntent { get; init; }

    public PaymentMethod? PaymentMethod { get; init; }

    public override string ToString() => $"{Type} {Code} {DeclineCode}".TrimEnd();
}

/// <summary>The <c>{"error": …}</c> around it.</summary>
internal sealed record StripeErrorBody
{
    public StripeError? Error { get; init; }
}

/// <summary>Values of <see cref="StripeError.Type"/>.</summary>
public static class StripeErrorTypes
{
    public const string ApiError = "api_error";
    public const string CardError = "card_error";
    public const string IdempotencyError = "idempotency_error";
    public const string InvalidRequestError = "invalid_request_error";
}

/// <summary>The values of <see cref="StripeError.Code"/> that callers act on.</summary>
public static class StripeErrorCodes
{
    public const string CardDeclined = "card_declined";
    public const string ExpiredCard = "expired_card";
    public const string IncorrectCvc = "incorrect_cvc";
    public const string ProcessingError = "processing_error";
    public const string AuthenticationRequired = "authentication_required";
    public const string SetupIntentAuthenticationFailure = "setup_intent_authentication_failure";
    public const string SetupIntentUnexpectedState = "setup_intent_unexpected_state";
    public const string PaymentIntentUnexpectedState = "payment_intent_unexpected_state";
    public const string ResourceMissing = "resource_missing";
    public const string ParameterMissing = "parameter_missing";
    public const string ParameterUnknown = "parameter_unknown";
    public const string LockTimeout = "lock_timeout";
    public const string IdempotencyKeyInUse = "idempotency_key_in_use";
    public const string InvoiceNotEditable = "invoice_not_editable";
    public const string InvoicePaymentIntentRequiresAction = "invoice_payment_intent_requires_action";
    public const string ChargeAlreadyRefunded = "charge_already_refunded";
    public const string RateLimit = "rate_limit";
}
