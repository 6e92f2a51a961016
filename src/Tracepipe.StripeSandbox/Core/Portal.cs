using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>A visit of the customer portal: whose it is and what the account's owner allows there.</summary>
internal sealed record PortalVisit(Account Account, string Session, string Customer, JsonObject Features, string? ReturnUrl, JsonObject? Flow);

/// <summary>What a customer may do on the portal, within its configuration. All of it arrives elsewhere as ordinary events.</summary>
internal static class Portal
{
    public const string Kind = "billing_portal.session";
    public const string Configuration = "billing_portal.configuration";
    private static readonly TimeSpan Unvisited = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Idle = TimeSpan.FromHours(1);

    /// <summary>The visit behind a secret; null when there is none or it has run out. Opening it counts as use.</summary>
    public static PortalVisit? Open(Accounts accounts, string secret) => HostedLinks.Find(accounts, secret) is not { } found ? null : found.Account.Write(null, work =>
    {
        if (work.Find(Kind, found.Target) is not { } session || work.Find("customer", session["customer"])?.Flag("deleted") != false) return null;
        var now = work.NowUnix;
        var until = session.Hidden.LongOrNull("used") is { } used ? used + (long)Idle.TotalSeconds : session.Long("created") + (long)Unvisited.TotalSeconds;
        if (now > until) return null;
        session.Hidden.Set("used", now);
        var configuration = work.Get(Configuration, session["configuration"]!);
        return new PortalVisit(found.Account, session.Id, session["customer"]!, (JsonObject)configuration.Node("features")!.DeepClone(),
            session["return_url"] ?? configuration["default_return_url"], session.Node("flow")?.DeepClone() as JsonObject);
    });

    public static void Cancel(UnitOfWork work, PortalVisit visit, string subscription, string? feedback, string? comment)
    {
        Allowed(visit, "subscription_cancel");
        var found = Own(work, visit, subscription);
        if (visit.Features["subscription_cancel"]!["mode"]!.GetValue<string>() == "immediately")
        {
            Why(found, feedback, comment);
            Subscriptions.End(work, found, "cancellation_requested", visit.Features["subscription_cancel"]!["proration_behavior"]!.GetValue<string>() != "none");
            return;
        }
        Cancellations.AtPeriodEnd(work, found, work.Account.Options.Billing.PortalCancelsByDate);
        Why(found, feedback, comment);
        work.EmitUpdated("customer.subscription.updated", found);
    }

    public static void TakeBack(UnitOfWork work, PortalVisit visit, string subscription)
    {
        var found = Own(work, visit, subscription);
        if (found.Node("cancel_at") is null) throw StripeError.Invalid("The subscription is not set to end.", "subscription");
        Cancellations.TakeBack(work, found);
        work.EmitUpdated("customer.subscription.updated", found);
    }

    /// <summary>Prices that the customer may switch to, by product, as the configuration lists them.</summary>
    public static IReadOnlyList<string> Offers(PortalVisit visit) =>
        [.. (visit.Features["subscription_update"]?["products"] as JsonArray ?? []).SelectMany(p => p!["prices"]!.AsArray()).Select(p => p!.GetValue<string>())];

    /// <summary>The invoice that a change of plan would bring at once; nothing of it is kept.</summary>
    public static JsonObject PreviewChange(UnitOfWork work, PortalVisit visit, string subscription, string price) => work.Rehearse(rehearsal =>
        Previews.Show(rehearsal, SubscriptionChanges.Preview(rehearsal, Own(rehearsal, visit, subscription), Change(rehearsal, visit, subscription, price))));

    /// <summary>Whether a change of plan waits for the end of the paid period, and costs nothing now.</summary>
    public static bool Waits(UnitOfWork work, PortalVisit visit, string subscription, string price) =>
        WaitsForPeriodEnd(work, visit, Own(work, visit, subscription), Change(work, visit, subscription, price));

    /// <summary>Changes the plan now, or at the period's end where the configuration says so. A refusal is recorded and returned.</summary>
    public static StripeError? ChangePlan(UnitOfWork work, PortalVisit visit, string subscription, string price)
    {
        Allowed(visit, "subscription_update");
        if (!Offers(visit).Contains(price)) throw StripeError.Invalid("This plan is not offered here.", "price");
        var found = Own(work, visit, subscription);
        if (found["schedule"] is { } schedule) SubscriptionSchedules.Release(work, work.Get(SubscriptionSchedules.Kind, schedule));
        var change = Change(work, visit, subscription, price);
        if (!WaitsForPeriodEnd(work, visit, found, change)) return SubscriptionChanges.Make(work, found, change);
        var planned = SubscriptionSchedules.Around(work, found);
        var current = SubscriptionSchedules.Phases(work, planned)[0];
        var next = Pricing.Interval(change.Items[0].Price!).After(DateTimeOffset.FromUnixTimeSeconds(current.End), 1).ToUnixTimeSeconds();
        SubscriptionSchedules.Plan(work, planned, [current, new Phase(current.End, next, [new PhaseItem(change.Items[0].Price!, change.Items[0].Quantity)], "none", null)]);
        work.Emit("subscription_schedule.created", planned);
        work.EmitUpdated("customer.subscription.updated", found);
        return null;
    }

    /// <summary>Adds a card without asking the bank; the first one becomes the default.</summary>
    public static void AddCard(UnitOfWork work, PortalVisit visit, Doc method)
    {
        Allowed(visit, "payment_method_update");
        if (Cards.Behaviour(method).Setup.Decline is { } decline) throw StripeError.Declined(decline);
        PaymentMethods.Own(work, method, visit.Customer);
        method.Hidden.Set("set_up", true);
        if (work.Get("customer", visit.Customer)["invoice_settings.default_payment_method"] is null) MakeDefault(work, visit, method.Id);
    }

    /// <summary>Saves a card that was typed on the page. The answer's redirect is the bank's question; it leads back to <paramref name="returnUrl"/>.</summary>
    public static CheckoutResult SaveCard(UnitOfWork work, PortalVisit visit, Doc method, string returnUrl)
    {
        Allowed(visit, "payment_method_update");
        var intent = SetupIntents.Make(work, visit.Customer, "off_session");
        work.Emit("setup_intent.created", intent);
        SetupIntents.UseMethod(work, intent, method);
        var refusal = SetupIntents.Confirm(work, intent, new Confirmation(returnUrl, InPage: false));
        if (refusal is null && intent["next_action.redirect_to_url.url"] is { } bank) return new(null, bank, null);
        if (refusal is null) CardSaved(work, visit, intent.Id);
        return new(null, null, refusal);
    }

    /// <summary>After the bank's question, or without one: a saved card becomes the default when it is the first, or when the visit is for that. False when it was refused.</summary>
    public static bool CardSaved(UnitOfWork work, PortalVisit visit, string intent)
    {
        if (work.Find(SetupIntents.Kind, intent) is not { Status: "succeeded" } done || done.Customer != visit.Customer || work.Find(PaymentMethods.Kind, done["payment_method"]) is not { } method) return false;
        var replaces = visit.Flow?["type"]?.GetValue<string>() == "payment_method_update";
        if (method.Customer == visit.Customer && (replaces || work.Get("customer", visit.Customer)["invoice_settings.default_payment_method"] is null)) MakeDefault(work, visit, method.Id);
        return true;
    }

    public static void MakeDefault(UnitOfWork work, PortalVisit visit, string method)
    {
        Allowed(visit, "payment_method_update");
        var found = work.Get(PaymentMethods.Kind, method);
        if (found.Customer != visit.Customer) throw StripeError.Missing("payment method", method);
        var customer = work.Get("customer", visit.Customer);
        customer["invoice_settings.default_payment_method"] = method;
        work.EmitUpdated("customer.updated", customer);
        foreach (var subscription in work.OfCustomer(visit.Customer, Subscriptions.Kind).Where(s => !Subscriptions.IsOver(s) && s["default_payment_method"] is not null))
        {
            subscription["default_payment_method"] = method;
            work.EmitUpdated("customer.subscription.updated", subscription);
        }
    }

    /// <summary>The last card stays while a subscription runs on it.</summary>
    public static void RemoveCard(UnitOfWork work, PortalVisit visit, string method)
    {
        Allowed(visit, "payment_method_update");
        var found = work.Get(PaymentMethods.Kind, method);
        if (found.Customer != visit.Customer) throw StripeError.Missing("payment method", method);
        var last = work.OfCustomer(visit.Customer, PaymentMethods.Kind).Count() == 1;
        if (last && work.OfCustomer(visit.Customer, Subscriptions.Kind).Any(s => !Subscriptions.IsOver(s))) throw StripeError.Invalid("An active subscription needs a payment method.", "payment_method");
        PaymentMethods.Detach(work, found);
    }

    /// <summary>Changes those of the customer's details that the configuration lets them change.</summary>
    public static void UpdateCustomer(UnitOfWork work, PortalVisit visit, string? name, string? email, string? phone)
    {
        Allowed(visit, "customer_update");
        var allowed = visit.Features["customer_update"]!["allowed_updates"]!.AsArray().Select(a => a!.GetValue<string>()).ToHashSet();
        var customer = work.Get("customer", visit.Customer);
        if (allowed.Contains("name")) customer["name"] = name;
        if (allowed.Contains("email")) customer["email"] = email;
        if (allowed.Contains("phone")) customer["phone"] = phone;
        work.EmitUpdated("customer.updated", customer);
    }

    private static SubscriptionChange Change(UnitOfWork work, PortalVisit visit, string subscription, string price)
    {
        var item = Subscriptions.Items(work, Own(work, visit, subscription))[0];
        return new SubscriptionChange([new ItemChange(item.Id, work.Get(Prices.Kind, price), item.LongOrNull("quantity") ?? 1)])
        {
            ProrationBehavior = visit.Features["subscription_update"]!["proration_behavior"]!.GetValue<string>(),
            PaymentBehavior = "pending_if_incomplete",
        };
    }

    private static bool WaitsForPeriodEnd(UnitOfWork work, PortalVisit visit, Doc subscription, SubscriptionChange change)
    {
        var conditions = visit.Features["subscription_update"]!["schedule_at_period_end"]!["conditions"]!.AsArray().Select(c => c!["type"]!.GetValue<string>()).ToHashSet();
        var item = Subscriptions.Items(work, subscription)[0];
        var (before, after) = (Subscriptions.PriceOf(work, item), change.Items[0].Price!);
        var (from, to) = (Pricing.Interval(before), Pricing.Interval(after));
        var now = Clocks.Now(work, subscription.Customer);
        return (conditions.Contains("shortening_interval") && to.After(now, 1) < from.After(now, 1))
            || (conditions.Contains("decreasing_item_amount") && from == to && Pricing.Amount(after, change.Items[0].Quantity ?? 1) < Pricing.Amount(before, item.LongOrNull("quantity") ?? 1));
    }

    private static Doc Own(UnitOfWork work, PortalVisit visit, string subscription) =>
        work.Find(Subscriptions.Kind, subscription) is { } found && found.Customer == visit.Customer ? found : throw StripeError.Missing("subscription", subscription);

    private static void Allowed(PortalVisit visit, string feature)
    {
        if (!visit.Features[feature]!["enabled"]!.GetValue<bool>()) throw new StripeError(403, "invalid_request_error", "This is not offered here.");
    }

    private static void Why(Doc subscription, string? feedback, string? comment)
    {
        subscription["cancellation_details.feedback"] = feedback;
        subscription["cancellation_details.comment"] = comment;
    }
}
