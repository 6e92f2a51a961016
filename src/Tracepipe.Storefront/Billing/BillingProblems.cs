using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>The expected refusals of billing, each with one stable code.</summary>
internal static class BillingProblems
{
    public static Problem NotConfigured { get; } = new(503, "billing_not_configured", "Payments are switched off on this installation. Ask its operator.");

    /// <summary>The catalogue has not been made at Stripe: the operator runs <c>catalog apply</c>.</summary>
    public static Problem NotOnSale { get; } = new(503, "billing_not_configured", "This plan cannot be bought yet on this installation. Ask its operator.");

    /// <summary>Nothing was done at Stripe.</summary>
    public static Problem StripeAway { get; } = new(502, "stripe_unavailable", "Stripe cannot be reached right now. Nothing was changed. Try again in a minute.", RetryAfter: 30);

    /// <summary>It may have been done; a worker finds out and the list follows.</summary>
    public static Problem StripeSilent { get; } = new(502, "stripe_unavailable", "Stripe did not answer in time. We find out what became of it: reload the page in a minute.", RetryAfter: 60);

    /// <summary>One subscription per organization: the running one is changed instead.</summary>
    public static Problem SubscriptionExists { get; } = new(409, "subscription_exists", "Your organization has a subscription already. Change its plan instead of buying another one.",
        new Dictionary<string, object?>(StringComparer.Ordinal) { ["instead"] = "POST …/subscription/change/preview" });

    public static Problem SoldOut { get; } = new(409, "sold_out", "All lifetime seats are sold.");

    /// <summary>What was shown no longer holds, or was shown too long ago.</summary>
    public static Problem StalePreview { get; } = new(409, "preview_stale", "This preview no longer holds: prices depend on the moment. Look at the change again and confirm what you see.");

    /// <summary>The bank wants to ask the person before it pays. The address is Stripe's page for that.</summary>
    public static Problem AuthenticationRequired(string? page) => new(402, "authentication_required", "Your bank wants you to confirm this payment. The plan changes as soon as you have.",
        new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = "authentication_required", ["payment_url"] = page });

    /// <summary>The card on file was refused; nothing has changed.</summary>
    public static Problem PaymentRefused(StripeError? error) => new(402, "card_declined", error is { Type: StripeErrorTypes.CardError, Message: { } sentence } ? sentence : "The payment did not go through. Nothing was changed.",
        new Dictionary<string, object?>(StringComparer.Ordinal) { ["reason"] = error?.Code ?? "card_declined", ["decline_code"] = error?.DeclineCode });

    public static Problem UnknownPromotion { get; } = Problem.Invalid("promo_code", "This code is not known, or no longer valid.");

    public static Problem NoSubscription => Problem.NotFound("Subscription");

    public static Problem ForeignAddress(string field) => Problem.Invalid(field, "Name a path of this site, such as /billing/success.");

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
