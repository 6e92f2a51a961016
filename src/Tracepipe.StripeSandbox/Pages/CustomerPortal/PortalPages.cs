using Microsoft.AspNetCore.Components;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.CustomerPortal;

/// <summary>The customer portal at <c>/p/session/{secret}</c>: sections by configuration, or one flow that ends as its session says.</summary>
internal static class PortalPages
{
    private static readonly Dictionary<string, string> Notices = new(StringComparer.Ordinal)
    {
        ["card"] = "The payment method was added.", ["default"] = "The default payment method was changed.", ["removed"] = "The payment method was removed.",
        ["plan"] = "The plan was changed.", ["canceled"] = "The cancellation is noted.", ["kept"] = "The plan goes on.", ["details"] = "The information was saved.",
    };

    public static void MapPortal(this IEndpointRouteBuilder routes)
    {
        var portal = routes.MapGroup("/p/session/{secret}");
        portal.MapGet("", Home);
        portal.MapGet("/plan/{id}", (HttpContext http, Accounts accounts, string secret, string id, string? price) => ShowPlan(http, accounts, secret, id, price, null));
        portal.MapPost("/plan/{id}", ChangePlanAsync);
        portal.MapGet("/cancel/{id}", (HttpContext http, Accounts accounts, string secret, string id) => ShowCancel(http, accounts, secret, id));
        portal.MapPost("/cancel/{id}", CancelAsync);
        portal.MapPost("/keep/{id}", (HttpContext http, Accounts accounts, string secret, string id) => Act(http, accounts, secret, "kept", (work, visit) => Portal.TakeBack(work, visit, id)));
        portal.MapGet("/card", (HttpContext http, Accounts accounts, string secret) => ShowCard(http, accounts, secret, null));
        portal.MapPost("/card", AddCardAsync);
        portal.MapGet("/card/asked", CardAsked);
        portal.MapPost("/methods/{id}/default", (HttpContext http, Accounts accounts, string secret, string id) => Act(http, accounts, secret, "default", (work, visit) => Portal.MakeDefault(work, visit, id)));
        portal.MapPost("/methods/{id}/remove", (HttpContext http, Accounts accounts, string secret, string id) => Act(http, accounts, secret, "removed", (work, visit) => Portal.RemoveCard(work, visit, id)));
        portal.MapGet("/details", (HttpContext http, Accounts accounts, string secret) => ShowDetails(http, accounts, secret, null));
        portal.MapPost("/details", SaveDetailsAsync);
    }

    private static IResult Home(HttpContext http, Accounts accounts, string secret, string? done) => Visit(http, accounts, secret, visit =>
        done is null && FlowPath(visit, secret) is { } flow ? Results.Redirect(flow) : ShowHome(http, visit, secret, done is null ? null : Notices.GetValueOrDefault(done), null));

    private static IResult ShowHome(HttpContext http, PortalVisit visit, string secret, string? notice, string? error) =>
        Show<HomePage>(http, visit, new() { ["View"] = visit.Account.Read(work => PortalView.Of(work, visit, PathOf(secret))), ["Notice"] = notice, ["Error"] = error }, error is not null);

    private static IResult ShowPlan(HttpContext http, Accounts accounts, string secret, string id, string? price, string? error) => Visit(http, accounts, secret, visit => visit.Account.Read(work =>
    {
        if (!PortalView.Is(visit, "subscription_update") || Running(work, visit, id) is not { } subscription) return Page.NotFound(http);
        var plan = PortalPlan.Of(work, subscription);
        var offers = Portal.Offers(visit).Select(o => work.Find(Prices.Kind, o)).OfType<Doc>().Select(p => new PlanOffer(p.Id, Prices.Name(work, p), PortalPlan.Describe(p), p.Id == plan.PriceId)).ToList();
        var chosen = offers.FirstOrDefault(o => o.PriceId == price && !o.IsCurrent);
        return Show<PlanPage>(http, visit, new()
        {
            ["Path"] = PathOf(secret), ["Plan"] = plan, ["Offers"] = offers, ["Change"] = chosen is null ? null : Preview(work, visit, subscription, chosen), ["Back"] = BackOf(visit, secret), ["Error"] = error,
        }, error is not null);
    }));

    private static PlanChange Preview(UnitOfWork work, PortalVisit visit, Doc subscription, PlanOffer offer)
    {
        var end = Words.Date(DateTimeOffset.FromUnixTimeSeconds(Subscriptions.PeriodEnd(work, subscription)));
        if (Portal.Waits(work, visit, subscription.Id, offer.PriceId)) return new(offer.PriceId, offer.Name, offer.Price, [], null, $"{offer.Name} begins on {end} at {offer.Price}. Nothing is charged now.");
        var proration = visit.Features["subscription_update"]!["proration_behavior"]!.GetValue<string>();
        if (proration != "always_invoice")
            return new(offer.PriceId, offer.Name, offer.Price, [], null, $"{offer.Name} begins at once at {offer.Price}. {(proration == "none" ? "Nothing is charged before the next invoice" : "The difference stands on the next invoice")}, on {end}.");
        var invoice = Portal.PreviewChange(work, visit, subscription.Id, offer.PriceId);
        var currency = invoice["currency"]!.GetValue<string>();
        if (invoice["lines"]!["data"]!.AsArray().Count == 0) return new(offer.PriceId, offer.Name, offer.Price, [], null, $"{offer.Name} begins at once at {offer.Price}. Nothing is charged now.");
        return new(offer.PriceId, offer.Name, offer.Price,
            [.. invoice["lines"]!["data"]!.AsArray().Select(l => (l!["description"]!.GetValue<string>(), Words.Money(l["amount"]!.GetValue<long>(), currency)))],
            Words.Money(invoice["amount_due"]!.GetValue<long>(), currency), $"{offer.Name} begins at once at {offer.Price}.");
    }

    private static async Task<IResult> ChangePlanAsync(HttpContext http, Accounts accounts, string secret, string id)
    {
        var price = (await http.Request.ReadFormAsync(http.RequestAborted))["price"].ToString();
        return Visit(http, accounts, secret, visit => Attempt(() => visit.Account.Write(null, work => Portal.ChangePlan(work, visit, id, price))) is { } refusal
            ? ShowPlan(http, accounts, secret, id, price, refusal.Message) : Finish(http, visit, secret, "plan"));
    }

    private static IResult ShowCancel(HttpContext http, Accounts accounts, string secret, string id, string? error = null) => Visit(http, accounts, secret, visit => visit.Account.Read(work =>
    {
        if (!PortalView.Is(visit, "subscription_cancel") || Running(work, visit, id) is not { } subscription) return Page.NotFound(http);
        var rules = visit.Features["subscription_cancel"]!;
        return Show<CancelPage>(http, visit, new()
        {
            ["Path"] = PathOf(secret), ["Plan"] = PortalPlan.Of(work, subscription), ["Back"] = BackOf(visit, secret), ["Error"] = error,
            ["Reasons"] = rules["cancellation_reason"]!["enabled"]!.GetValue<bool>() ? PortalView.Texts(rules["cancellation_reason"]!["options"]) : [],
            ["Immediately"] = rules["mode"]!.GetValue<string>() == "immediately", ["Until"] = Words.Date(DateTimeOffset.FromUnixTimeSeconds(Subscriptions.PeriodEnd(work, subscription))),
        }, error is not null);
    }));

    private static async Task<IResult> CancelAsync(HttpContext http, Accounts accounts, string secret, string id)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        return Visit(http, accounts, secret, visit => Attempt(() => visit.Account.Write<StripeError?>(null, work =>
        {
            Portal.Cancel(work, visit, id, PaymentChoice.Text(form["feedback"]), PaymentChoice.Text(form["comment"]));
            return null;
        })) is { } refusal ? ShowCancel(http, accounts, secret, id, refusal.Message) : Finish(http, visit, secret, "canceled"));
    }

    private static IResult ShowCard(HttpContext http, Accounts accounts, string secret, Func<PaymentChoice, PaymentChoice>? refused) => Visit(http, accounts, secret, visit =>
    {
        if (!PortalView.Is(visit, "payment_method_update")) return Page.NotFound(http);
        var choice = new PaymentChoice([], false, null, "card", "", null, new Dictionary<string, string>(StringComparer.Ordinal));
        return Show<CardPage>(http, visit, new() { ["Path"] = PathOf(secret), ["Choice"] = refused is null ? choice : refused(choice), ["Back"] = BackOf(visit, secret) }, refused is not null);
    });

    private static async Task<IResult> AddCardAsync(HttpContext http, Accounts accounts, string secret)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        return Visit(http, accounts, secret, visit =>
        {
            CheckoutResult? result = null;
            var refusal = Attempt(() => visit.Account.Write(null, work =>
            {
                result = Portal.SaveCard(work, visit, PaymentChoice.Read(work, form, null), $"{visit.Account.Origin}{PathOf(secret)}/card/asked");
                return result.Refusal;
            }));
            if (refusal is not null) return ShowCard(http, accounts, secret, choice => choice.With(form, refusal));
            return result!.ChallengeUrl is { } bank ? Page.SeeOther(http, bank) : Finish(http, visit, secret, "card");
        });
    }

    /// <summary>Back from the bank's question.</summary>
    private static IResult CardAsked(HttpContext http, Accounts accounts, string secret, string? setup_intent) => Visit(http, accounts, secret, visit =>
        setup_intent is not null && visit.Account.Write(null, work => Portal.CardSaved(work, visit, setup_intent)) ? Finish(http, visit, secret, "card")
            : ShowCard(http, accounts, secret, choice => choice with { Error = "The card could not be authenticated. Choose another card and try again." }));

    private static IResult ShowDetails(HttpContext http, Accounts accounts, string secret, string? error) => Visit(http, accounts, secret, visit => !PortalView.Is(visit, "customer_update") ? Page.NotFound(http)
        : Show<DetailsPage>(http, visit, new()
        {
            ["Path"] = PathOf(secret), ["View"] = visit.Account.Read(work => PortalView.Of(work, visit, PathOf(secret))), ["Allowed"] = PortalView.Texts(visit.Features["customer_update"]!["allowed_updates"]), ["Error"] = error,
        }, error is not null));

    private static async Task<IResult> SaveDetailsAsync(HttpContext http, Accounts accounts, string secret)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (form.ContainsKey("email") && PaymentChoice.ReadEmail(form["email"]) is null) return ShowDetails(http, accounts, secret, "Enter an e-mail address.");
        return Visit(http, accounts, secret, visit => Attempt(() => visit.Account.Write<StripeError?>(null, work =>
        {
            Portal.UpdateCustomer(work, visit, PaymentChoice.Text(form["name"]), PaymentChoice.Text(form["email"]), PaymentChoice.Text(form["phone"]));
            return null;
        })) is { } refusal ? ShowDetails(http, accounts, secret, refusal.Message) : Finish(http, visit, secret, "details"));
    }

    private static IResult Act(HttpContext http, Accounts accounts, string secret, string done, Action<UnitOfWork, PortalVisit> change) => Visit(http, accounts, secret, visit =>
        Attempt(() => visit.Account.Write<StripeError?>(null, work =>
        {
            change(work, visit);
            return null;
        })) is { } refusal ? ShowHome(http, visit, secret, null, refusal.Message) : Finish(http, visit, secret, done));

    /// <summary>A flow ends as its session says; everything else ends on the first page.</summary>
    private static IResult Finish(HttpContext http, PortalVisit visit, string secret, string done)
    {
        var after = visit.Flow?["after_completion"];
        return after?["type"]?.GetValue<string>() switch
        {
            "redirect" => Results.Redirect(after["redirect"]!["return_url"]!.GetValue<string>()),
            "hosted_confirmation" => Page.Of<MessagePage>(http, new Dictionary<string, object?>
            {
                ["Title"] = "Done", ["Text"] = after["hosted_confirmation"]?["custom_message"]?.GetValue<string>() ?? Notices[done], ["Link"] = visit.ReturnUrl, ["LinkText"] = "Return to the shop",
            }),
            _ => Page.SeeOther(http, $"{PathOf(secret)}?done={done}"),
        };
    }

    private static string? FlowPath(PortalVisit visit, string secret) => visit.Flow is not { } flow ? null : flow["type"]!.GetValue<string>() switch
    {
        "payment_method_update" => $"{PathOf(secret)}/card",
        "subscription_cancel" => $"{PathOf(secret)}/cancel/{flow["subscription_cancel"]!["subscription"]}",
        "subscription_update" => $"{PathOf(secret)}/plan/{flow["subscription_update"]!["subscription"]}",
        "subscription_update_confirm" => $"{PathOf(secret)}/plan/{flow["subscription_update_confirm"]!["subscription"]}?price={flow["subscription_update_confirm"]!["items"]![0]!["price"]}",
        _ => null,
    };

    private static string PathOf(string secret) => $"/p/session/{secret}";

    /// <summary>A flow leads back to the shop, a page of the portal to its first one.</summary>
    private static string? BackOf(PortalVisit visit, string secret) => visit.Flow is null ? PathOf(secret) : visit.ReturnUrl;

    private static Doc? Running(UnitOfWork work, PortalVisit visit, string id) =>
        work.Find(Subscriptions.Kind, id) is { } found && found.Customer == visit.Customer && !Subscriptions.IsOver(found) ? found : null;

    private static IResult Visit(HttpContext http, Accounts accounts, string secret, Func<PortalVisit, IResult> show) => Portal.Open(accounts, secret) is { } visit ? show(visit)
        : Page.NotFound(http, "This link has run out", "A portal link opens within five minutes and lasts an hour. Open the portal from the shop again.");

    /// <summary>The refusal that came of it, returned or thrown.</summary>
    private static StripeError? Attempt(Func<StripeError?> act)
    {
        try
        {
            return act();
        }
        catch (StripeError refusal)
        {
            return refusal;
        }
    }

    private static IResult Show<TPage>(HttpContext http, PortalVisit visit, Dictionary<string, object?> parameters, bool refused) where TPage : IComponent =>
        Page.Of<TPage>(http, parameters, refused ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK, visit.Flow?["after_completion"]?["redirect"]?["return_url"]?.GetValue<string>());
}
