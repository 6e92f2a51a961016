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
    /// <summary>What the page shows, or null when nobody waits under this id.</summary>
    public static ChallengeView? Find(Accounts accounts, string attempt) =>
        accounts.Owning(attempt)?.Read(work => work.Find("setup_attempt", attempt) is { } setup ? View(work, setup) : null);

    /// <summary>Answers the bank's question. The address to go to next is null inside a frame.</summary>
    public static string? Complete(Accounts accounts, string attempt, bool ok) =>
        accounts.Owning(attempt)?.Write(null, work =>
        {
            var setup = work.Get("setup_attempt", attempt);
            SetupIntents.CompleteChallenge(work, setup, ok);
            return ReturnUrl(work.Get(SetupIntents.Kind, setup["setup_intent"]!), setup.Hidden["return_url"]);
        });

    /// <summary>What a client must do next: show the bank's page in a frame, or go there.</summary>
    public static JsonObject NextAction(UnitOfWork work, string attempt, Confirmation how)
    {
        var url = $"{work.Account.Origin}/3ds/{attempt}";
        return how.InPage || how.ReturnUrl is null
            ? new JsonObject { ["type"] = "use_stripe_sdk", ["use_stripe_sdk"] = new JsonObject { ["type"] = "three_d_secure_redirect", ["stripe_js"] = url, ["source"] = attempt } }
            : new JsonObject { ["type"] = "redirect_to_url", ["redirect_to_url"] = new JsonObject { ["return_url"] = how.ReturnUrl, ["url"] = url } };
    }

    /// <summary>The page a browser comes back to, told which intent and how it went.</summary>
    public static string? ReturnUrl(Doc intent, string? returnUrl)
    {
        if (returnUrl is null) return null;
        var outcome = intent.Status is "succeeded" or "processing" ? "succeeded" : "failed";
        var separator = returnUrl.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        return $"{returnUrl}{separator}{intent.Kind}={intent.Id}&{intent.Kind}_client_secret={intent["client_secret"]}&redirect_status={outcome}";
    }

    private static ChallengeView View(UnitOfWork work, Doc setup)
    {
        var intent = work.Get(SetupIntents.Kind, setup["setup_intent"]!);
        return new(setup.Id, "save this card", setup["payment_method_details.card.brand"] ?? "", setup["payment_method_details.card.last4"] ?? "",
            setup.Status == "requires_action" && intent["latest_attempt"] == setup.Id, setup.Hidden["return_url"]);
    }
}
