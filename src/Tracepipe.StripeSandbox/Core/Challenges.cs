using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>
/// 3-D Secure: the question that a bank asks the cardholder. Its page lives at <c>/3ds/{attempt}</c>; the attempt's id
/// is unguessable and is all that the page is told.
/// </summary>
/// <param name="Description">What is asked for: saving a card or paying an amount.</param>
/// <param name="IsOpen">False once it was answered, or another attempt took its place.</param>
/// <param name="ReturnUrl">Where the browser goes afterwards, when it was sent here rather than shown a frame.</param>
internal sealed record ChallengeView(string Attempt, string Description, string Brand, string Last4, bool IsOpen, string? ReturnUrl);

internal static class Challenges
{
    /// <summary>The bank's question about a payment or a checkout; that about a saved card is its setup attempt.</summary>
    private const string Kind = "_challenge";

    /// <summary>What the page shows, or null when nobody waits under this id.</summary>
    public static ChallengeView? Find(Accounts accounts, string attempt) => accounts.Owning(attempt)?.Read(work => work.Find(attempt) is { } found ? View(work, found) : null);

    /// <summary>Answers the bank's question. The address to go to next is null inside a frame.</summary>
    public static string? Complete(Accounts accounts, string attempt, bool ok) => accounts.Owning(attempt)?.Write(null, work => Complete(work, attempt, ok));

    private static string? Complete(UnitOfWork work, string attempt, bool ok)
    {
        if (work.Find("setup_attempt", attempt) is { } setup)
        {
            SetupIntents.CompleteChallenge(work, setup, ok);
            return ReturnUrl(work.Get(SetupIntents.Kind, setup["setup_intent"]!), setup.Hidden["return_url"]);
        }
        var challenge = work.Get(Kind, attempt);
        var asker = work.Find(challenge.Parent) ?? throw StripeError.Missing("payment", challenge.Parent!);
        if (!IsOpen(challenge, asker)) throw StripeError.Invalid("This question was answered already, or another took its place.");
        challenge.Hidden["status"] = ok ? "passed" : "failed";
        var method = work.Get(PaymentMethods.Kind, challenge.Hidden["payment_method"]!);
        if (asker.Kind == CheckoutSessions.Kind)
        {
            var next = CheckoutSessions.Answered(work, asker, method, ok);
            // A refused purchase leaves nothing behind, not even this; but an answer counts once.
            work.Get(Kind, attempt).Hidden["status"] = ok ? "passed" : "failed";
            return next;
        }
        PaymentIntents.CompleteChallenge(work, asker, method, ok);
        return ReturnUrl(asker, challenge.Hidden["return_url"]);
    }

    /// <summary>Opens the question of a payment intent or checkout session; an older one of the same is void.</summary>
    public static Doc Ask(UnitOfWork work, Doc asker, Doc method, string? returnUrl)
    {
        Supersede(work, asker);
        var challenge = work.New(Kind, work.NewId("payatt_"), asker.Id);
        challenge.Hidden["payment_method"] = method.Id;
        challenge.Hidden["return_url"] = returnUrl;
        challenge.Hidden["status"] = "open";
        return challenge;
    }

    public static void Supersede(UnitOfWork work, Doc asker)
    {
        foreach (var older in work.Children(asker.Id, Kind))
            if (older.Hidden["status"] == "open") older.Hidden["status"] = "abandoned";
    }

    /// <summary>What a client must do next: show the bank's page in a frame, or go there.</summary>
    public static JsonObject NextAction(UnitOfWork work, string attempt, Confirmation how)
    {
        var url = Url(work, attempt);
        return how.InPage || how.ReturnUrl is null
            ? new JsonObject { ["type"] = "use_stripe_sdk", ["use_stripe_sdk"] = new JsonObject { ["type"] = "three_d_secure_redirect", ["stripe_js"] = url, ["source"] = attempt } }
            : new JsonObject { ["type"] = "redirect_to_url", ["redirect_to_url"] = new JsonObject { ["return_url"] = how.ReturnUrl, ["url"] = url } };
    }

    public static string Url(UnitOfWork work, string attempt) => $"{work.Account.Origin}/3ds/{attempt}";

    /// <summary>The page a browser comes back to, told which intent and how it went.</summary>
    public static string? ReturnUrl(Doc intent, string? returnUrl)
    {
        if (returnUrl is null) return null;
        var outcome = intent.Status is "succeeded" or "processing" ? "succeeded" : "failed";
        var separator = returnUrl.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        return $"{returnUrl}{separator}{intent.Kind}={intent.Id}&{intent.Kind}_client_secret={intent["client_secret"]}&redirect_status={outcome}";
    }

    private static bool IsOpen(Doc challenge, Doc asker) =>
        challenge.Hidden["status"] == "open" && asker.Status == (asker.Kind == CheckoutSessions.Kind ? "open" : "requires_action");

    private static ChallengeView? View(UnitOfWork work, Doc found)
    {
        if (found.Kind == "setup_attempt")
        {
            var intent = work.Get(SetupIntents.Kind, found["setup_intent"]!);
            return new(found.Id, "save this card", found["payment_method_details.card.brand"] ?? "", found["payment_method_details.card.last4"] ?? "",
                found.Status == "requires_action" && intent["latest_attempt"] == found.Id, found.Hidden["return_url"]);
        }
        if (found.Kind != Kind || work.Find(found.Parent) is not { } asker) return null;
        var method = work.Get(PaymentMethods.Kind, found.Hidden["payment_method"]!);
        var (amount, currency) = asker.Kind == CheckoutSessions.Kind ? (asker.Long("amount_total"), asker["currency"]) : (asker.Long("amount"), asker["currency"]);
        return new(found.Id, amount == 0 ? "save this card" : $"pay {amount / 100}.{amount % 100:00} {currency?.ToUpperInvariant()}", method["card.brand"] ?? "", method["card.last4"] ?? "",
            IsOpen(found, asker), asker.Kind == CheckoutSessions.Kind ? CheckoutSessions.SuccessUrl(asker) : found.Hidden["return_url"]);
    }
}
