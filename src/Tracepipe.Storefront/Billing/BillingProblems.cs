using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>The expected refusals of billing, each with one stable code.</summary>
internal static class BillingProblems
{
    public static Problem NotConfigured { get; } = new(503, "billing_not_configured", "Payments are switched off on this installation. Ask its operator.");

    /// <summary>Nothing was done at Stripe.</summary>
    public static Problem StripeAway { get; } = new(502, "stripe_unavailable", "Stripe cannot be reached right now. Nothing was changed. Try again in a minute.", RetryAfter: 30);

    /// <summary>It may have been done; a worker finds out and the list follows.</summary>
    public static Problem StripeSilent { get; } = new(502, "stripe_unavailable", "Stripe did not answer in time. We find out what became of it: reload the page in a minute.", RetryAfter: 60);

    public static Problem PaymentMethodNotFound => Problem.NotFound("Payment method");

    public static Problem PaymentMethodSpent { get; } = new(409, "conflict", "This payment method was removed before and cannot be used again. Add it anew.");

    /// <summary>How a write that did not succeed is told to the person who waits. Only a card error carries Stripe's own sentence: it is written for people.</summary>
    public static Problem Of(Outcome outcome) => outcome switch
    {
        { Ending: Ending.Unknown } => StripeSilent,
        { Failure.IsCardError: true } => CardDeclined(outcome.Failure),
        _ => StripeAway,
    };

    public static Problem Of(StripeException failure) => failure.IsCardError ? CardDeclined(failure) : StripeAway;

    private static Problem CardDeclined(StripeException failure) => new(402, "card_declined", failure.Message, new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["reason"] = failure.Code ?? "card_declined",
        ["decline_code"] = failure.DeclineCode,
    });
}
