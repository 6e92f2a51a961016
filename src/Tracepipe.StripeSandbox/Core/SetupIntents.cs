using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>How an intent is confirmed: by the cardholder in a browser or by the server.</summary>
/// <param name="InPage">Stripe.js shows the challenge itself; otherwise the browser is sent to it.</param>
/// <param name="Authenticated">The bank has asked already.</param>
internal sealed record Confirmation(string? ReturnUrl, bool InPage, bool OffSession = false, bool Authenticated = false);

/// <summary>The state machine of saving a card without charging it.</summary>
internal static class SetupIntents
{
    public const string Kind = "setup_intent";

    public static Doc Make(UnitOfWork work, string? customer, string usage)
    {
        var intent = work.New(Kind, work.NewId("seti_"));
        intent["client_secret"] = work.NewId($"{intent.Id}_secret_", 25);
        intent["customer"] = customer;
        intent["usage"] = usage;
        intent.Set("payment_method_types", new JsonArray("card", "link"));
        intent.Set("payment_method_options", new JsonObject
        {
            ["card"] = new JsonObject { ["mandate_options"] = null, ["network"] = null, ["request_three_d_secure"] = "automatic" },
        });
        intent.Status = "requires_payment_method";
        return intent;
    }

    public static void UseMethod(UnitOfWork work, Doc intent, Doc method)
    {
        PaymentMethods.EnsureUsable(method, intent.Customer);
        Supersede(work, intent);
        intent.Set("next_action", null);
        intent["payment_method"] = method.Id;
        intent.Status = "requires_confirmation";
    }

    /// <summary>Tries the card. A refusal is recorded and returned.</summary>
    public static StripeError? Confirm(UnitOfWork work, Doc intent, Confirmation how)
    {
        if (intent.Status is not ("requires_confirmation" or "requires_payment_method" or "requires_action")) throw Unexpected(intent, "confirmed");
        if (work.Find(PaymentMethods.Kind, intent["payment_method"]) is not { } method)
            throw StripeError.Invalid("The setup intent has no payment method to confirm with.", "payment_method", "setup_intent_unexpected_state");
        PaymentMethods.EnsureUsable(method, intent.Customer);
        Supersede(work, intent);
        var attempt = NewAttempt(work, intent, method);
        var use = Cards.Behaviour(method).Setup;
        if (use.Challenge == Challenge.Required && !how.Authenticated)
        {
            attempt.Status = "requires_action";
            attempt.Hidden["return_url"] = how.InPage ? null : how.ReturnUrl;
            intent.Status = "requires_action";
            intent.Set("next_action", Challenges.NextAction(work, attempt.Id, how));
            work.Emit("setup_intent.requires_action", intent);
            return null;
        }
        if (how.Authenticated) Authenticated(attempt, "challenge", "authenticated");
        else if (use.Challenge == Challenge.Frictionless) Authenticated(attempt, "frictionless", "authenticated");
        return Finish(work, intent, attempt, method, use.Decline);
    }

    /// <summary>The cardholder answered the bank's question. How it went stands in the intent.</summary>
    public static void CompleteChallenge(UnitOfWork work, Doc attempt, bool ok)
    {
        var intent = work.Get(Kind, attempt["setup_intent"]!);
        if (attempt.Status != "requires_action" || intent["latest_attempt"] != attempt.Id || intent.Status != "requires_action") throw Unexpected(intent, "authenticated");
        var method = work.Get(PaymentMethods.Kind, attempt["payment_method"]!);
        intent.Set("next_action", null);
        Authenticated(attempt, "challenge", ok ? "authenticated" : "failed");
        if (ok) Finish(work, intent, attempt, method, Cards.Behaviour(method).Setup.Decline);
        else Fail(work, intent, attempt, method, new JsonObject
        {
            ["code"] = "setup_intent_authentication_failure",
            ["message"] = "The card could not be authenticated. Choose another payment method and try again.",
            ["type"] = "invalid_request_error",
        });
    }

    public static void Cancel(UnitOfWork work, Doc intent, string? reason)
    {
        if (intent.Status is not ("requires_payment_method" or "requires_confirmation" or "requires_action")) throw Unexpected(intent, "canceled");
        Supersede(work, intent);
        intent.Status = "canceled";
        intent["cancellation_reason"] = reason;
        intent.Set("next_action", null);
        work.Emit("setup_intent.canceled", intent);
    }

    public static StripeError Unexpected(Doc intent, string verb) =>
        new(400, "invalid_request_error", $"A setup intent that is {intent.Status} cannot be {verb}.", "setup_intent_unexpected_state", "intent") { SetupIntent = intent };

    private static Doc NewAttempt(UnitOfWork work, Doc intent, Doc method)
    {
        var attempt = work.New("setup_attempt", work.NewId("setatt_"), intent.Id);
        attempt["setup_intent"] = intent.Id;
        attempt["customer"] = intent.Customer;
        attempt["payment_method"] = method.Id;
        attempt["usage"] = intent["usage"];
        attempt.Status = "processing";
        attempt.Set("payment_method_details", method["type"] == "link"
            ? new JsonObject { ["link"] = new JsonObject(), ["type"] = "link" }
            : new JsonObject { ["card"] = CardDetails(method), ["type"] = "card" });
        intent["latest_attempt"] = attempt.Id;
        intent.Set("last_setup_error", null);
        intent.Set("next_action", null);
        return attempt;
    }

    private static JsonObject CardDetails(Doc method)
    {
        var card = new JsonObject();
        foreach (var name in (string[])["brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4"]) card[name] = method.Node($"card.{name}")?.DeepClone();
        card["network"] = method["card.brand"];
        card["three_d_secure"] = null;
        card["wallet"] = null;
        return card;
    }

    private static void Authenticated(Doc attempt, string flow, string result) => attempt.Set("payment_method_details.card.three_d_secure", new JsonObject
    {
        ["authentication_flow"] = flow,
        ["electronic_commerce_indicator"] = result == "authenticated" ? "05" : null,
        ["result"] = result,
        ["result_reason"] = result == "authenticated" ? null : "rejected",
        ["transaction_id"] = Ids.Digest(attempt.Id, 20),
        ["version"] = "2.2.0",
    });

    private static StripeError? Finish(UnitOfWork work, Doc intent, Doc attempt, Doc method, CardDecline? decline)
    {
        if (decline is not null)
        {
            Fail(work, intent, attempt, method, new JsonObject
            {
                ["code"] = decline.Code,
                ["decline_code"] = decline.DeclineCode,
                ["message"] = decline.Message,
                ["type"] = "card_error",
            });
            return StripeError.Declined(decline, intent, method);
        }
        if (intent.Customer is { } customer) PaymentMethods.Own(work, method, customer);
        method.Hidden.Set("set_up", true);
        attempt.Status = "succeeded";
        intent.Status = "succeeded";
        work.Emit("setup_intent.succeeded", intent);
        if (work.Find(Subscriptions.Kind, intent.Hidden["subscription"]) is { } subscription) Subscriptions.CardGiven(work, subscription, method);
        return null;
    }

    private static void Fail(UnitOfWork work, Doc intent, Doc attempt, Doc method, JsonObject error)
    {
        error["payment_method"] = Rendering.Render(work, method);
        attempt.Status = "failed";
        attempt.Set("setup_error", error.DeepClone());
        intent.Status = "requires_payment_method";
        intent.Set("payment_method", null);
        intent.Set("last_setup_error", error);
        work.Emit("setup_intent.setup_failed", intent);
    }

    /// <summary>An attempt that still waits for its cardholder is over once another begins or the intent ends.</summary>
    private static void Supersede(UnitOfWork work, Doc intent)
    {
        if (work.Find("setup_attempt", intent["latest_attempt"]) is { Status: "requires_action" } waiting) waiting.Status = "abandoned";
    }
}
