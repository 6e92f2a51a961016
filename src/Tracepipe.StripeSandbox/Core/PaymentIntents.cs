using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>The state machine of one payment: its attempts, the bank's question, its charge.</summary>
internal static class PaymentIntents
{
    public const string Kind = "payment_intent";

    public static Doc Make(UnitOfWork work, long amount, string currency, string? customer)
    {
        if (amount < Pricing.LeastCharge) throw StripeError.Invalid($"The least that can be charged is {Pricing.LeastCharge} {currency} in minor units.", "amount", "amount_too_small");
        if (amount > 99_999_999) throw StripeError.Invalid("The amount has at most eight digits.", "amount", "amount_too_large");
        var intent = work.New(Kind, work.NewId("pi_"));
        intent.Set("created", Clocks.NowUnix(work, customer));
        intent.Set("amount", amount);
        intent.Set("amount_capturable", 0L);
        intent.Set("amount_details", new JsonObject { ["tip"] = new JsonObject() });
        intent.Set("amount_received", 0L);
        intent["capture_method"] = "automatic_async";
        intent["confirmation_method"] = "automatic";
        intent["client_secret"] = work.NewId($"{intent.Id}_secret_", 25);
        intent["currency"] = currency;
        intent["customer"] = customer;
        intent.Set("payment_method_types", new JsonArray("card", "link"));
        intent.Set("payment_method_options", new JsonObject
        {
            ["card"] = new JsonObject { ["installments"] = null, ["mandate_options"] = null, ["network"] = null, ["request_three_d_secure"] = "automatic" },
        });
        intent.Status = "requires_payment_method";
        return intent;
    }

    public static void UseMethod(UnitOfWork work, Doc intent, Doc method)
    {
        PaymentMethods.EnsureUsable(method, intent.Customer);
        Challenges.Supersede(work, intent);
        intent.Set("next_action", null);
        intent["payment_method"] = method.Id;
        intent.Status = "requires_confirmation";
    }

    /// <summary>Tries the card. A refusal is recorded and returned.</summary>
    public static StripeError? Confirm(UnitOfWork work, Doc intent, Confirmation how)
    {
        if (intent.Status is not ("requires_confirmation" or "requires_payment_method" or "requires_action")) throw Unexpected(intent, "confirmed");
        if (work.Find(PaymentMethods.Kind, intent["payment_method"]) is not { } method)
            throw StripeError.Invalid("The payment intent has no payment method to confirm with.", "payment_method", "payment_intent_unexpected_state");
        PaymentMethods.EnsureUsable(method, intent.Customer);
        Challenges.Supersede(work, intent);
        intent.Set("next_action", null);
        intent.Set("last_payment_error", null);
        var behaviour = Cards.Behaviour(method);
        if (how.OffSession) return Finish(work, intent, method, OffSession(behaviour, method), null);
        if (how.Authenticated || behaviour.OnSession.Challenge != Challenge.Required)
            return Finish(work, intent, method, behaviour.OnSession.Decline, how.Authenticated ? "challenge" : behaviour.OnSession.Challenge == Challenge.Frictionless ? "frictionless" : null);
        var attempt = Challenges.Ask(work, intent, method, how.InPage ? null : how.ReturnUrl);
        intent.Status = "requires_action";
        intent.Set("next_action", Challenges.NextAction(work, attempt.Id, how));
        work.Emit("payment_intent.requires_action", intent);
        InvoicePayments.ActionRequired(work, intent);
        return null;
    }

    /// <summary>The cardholder answered the bank's question. How it went stands in the intent.</summary>
    public static void CompleteChallenge(UnitOfWork work, Doc intent, Doc method, bool ok)
    {
        intent.Set("next_action", null);
        if (ok)
        {
            Finish(work, intent, method, Cards.Behaviour(method).OnSession.Decline, "challenge");
            return;
        }
        Fail(work, intent, method, new JsonObject
        {
            ["code"] = "payment_intent_authentication_failure",
            ["message"] = "The card could not be authenticated. Choose another payment method and try again.",
            ["type"] = "invalid_request_error",
        });
        InvoicePayments.Failed(work, intent, null);
    }

    public static void Cancel(UnitOfWork work, Doc intent, string? reason)
    {
        if (intent.Status is not ("requires_payment_method" or "requires_confirmation" or "requires_action")) throw Unexpected(intent, "canceled");
        Challenges.Supersede(work, intent);
        intent.Status = "canceled";
        intent.Set("canceled_at", Clocks.NowUnix(work, intent.Customer));
        intent["cancellation_reason"] = reason;
        intent.Set("next_action", null);
        work.Emit("payment_intent.canceled", intent);
    }

    public static StripeError Unexpected(Doc intent, string verb) =>
        new(400, "invalid_request_error", $"A payment intent that is {intent.Status} cannot be {verb}.", "payment_intent_unexpected_state", "intent") { PaymentIntent = intent };

    private static CardDecline? OffSession(CardBehaviour behaviour, Doc method) =>
        behaviour.MustBeSetUp && !method.Hidden.Flag("set_up") ? CardDecline.Unauthenticated : behaviour.OffSession.Decline;

    private static StripeError? Finish(UnitOfWork work, Doc intent, Doc method, CardDecline? decline, string? flow)
    {
        var charge = Charges.Make(work, intent, method, decline, flow);
        intent["latest_charge"] = charge.Id;
        if (decline is not null)
        {
            work.Emit("charge.failed", charge);
            Fail(work, intent, method, new JsonObject
            {
                ["charge"] = charge.Id,
                ["code"] = decline.Code,
                ["decline_code"] = decline.DeclineCode,
                ["message"] = decline.Message,
                ["type"] = "card_error",
            });
            InvoicePayments.Failed(work, intent, decline);
            return StripeError.Declined(decline, intent, method, charge.Id);
        }
        if (intent.Customer is { } customer && intent["setup_future_usage"] is { } usage)
        {
            PaymentMethods.Own(work, method, customer);
            if (usage == "off_session") method.Hidden.Set("set_up", true);
        }
        work.Emit("charge.succeeded", charge);
        intent.Status = "succeeded";
        intent.Set("amount_received", intent.Long("amount"));
        work.Emit("payment_intent.succeeded", intent);
        if (Cards.Behaviour(method).Disputed) Disputes.Open(work, charge);
        InvoicePayments.Settled(work, intent);
        return null;
    }

    private static void Fail(UnitOfWork work, Doc intent, Doc method, JsonObject error)
    {
        error["payment_method"] = Rendering.Render(work, method);
        intent.Status = "requires_payment_method";
        intent.Set("payment_method", null);
        intent.Set("last_payment_error", error);
        work.Emit("payment_intent.payment_failed", intent);
    }
}
