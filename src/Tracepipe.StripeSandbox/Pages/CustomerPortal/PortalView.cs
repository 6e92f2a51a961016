using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.CustomerPortal;

/// <summary>A running subscription as its owner sees it.</summary>
/// <param name="When">"Renews on Dec 21, 2026", "Ends on Dec 21, 2026".</param>
public sealed record PortalPlan(string Id, string Name, string Price, string PriceId, string Status, string When, bool IsEnding, string? Planned)
{
    internal static PortalPlan Of(UnitOfWork work, Doc subscription)
    {
        var items = Subscriptions.Items(work, subscription);
        var price = Subscriptions.PriceOf(work, items[0]);
        var end = DateTimeOffset.FromUnixTimeSeconds(subscription.LongOrNull("cancel_at") ?? Subscriptions.PeriodEnd(work, subscription));
        var ending = subscription.LongOrNull("cancel_at") is not null;
        return new(subscription.Id, Prices.Name(work, price), Describe(price, items[0].LongOrNull("quantity")), price.Id, subscription.Status,
            (ending ? "Ends on " : subscription.Status == "trialing" ? "Free until " : "Renews on ") + Words.Date(end), ending, PlannedChange(work, subscription));
    }

    internal static string Describe(Doc price, long? quantity = null) => Pricing.IsMetered(price) ? $"by use, billed {Words.Every(Pricing.Interval(price))}"
        : $"{Words.Money(Pricing.Amount(price, quantity ?? 1), price["currency"]!)} {Words.Every(Pricing.Interval(price))}";

    private static string? PlannedChange(UnitOfWork work, Doc subscription)
    {
        if (work.Find(SubscriptionSchedules.Kind, subscription["schedule"]) is not { } schedule) return null;
        var now = Clocks.NowUnix(work, subscription.Customer);
        return SubscriptionSchedules.Phases(work, schedule).FirstOrDefault(p => p.Start > now) is { Items: [var first, ..] } next
            ? $"Changes to {Prices.Name(work, first.Price)} on {Words.Date(DateTimeOffset.FromUnixTimeSeconds(next.Start))}" : null;
    }
}

public sealed record PortalInvoice(string Number, string Amount, string Status, DateTimeOffset Created, string Url);

/// <summary>The portal's first page: the sections that the configuration allows.</summary>
public sealed record PortalView(string Path, string? ReturnUrl, string Name, string? Email, string? Phone, IReadOnlyList<PortalPlan> Plans, IReadOnlyList<SavedMethod> Methods, IReadOnlyList<PortalInvoice> Invoices,
    bool ManagesCards, bool ChangesPlans, bool CancelsPlans, bool ShowsInvoices, bool EditsDetails)
{
    internal static PortalView Of(UnitOfWork work, PortalVisit visit, string path)
    {
        var customer = work.Get("customer", visit.Customer);
        return new(path, visit.ReturnUrl, customer["name"] ?? "", customer["email"], customer["phone"],
            [.. work.OfCustomer(visit.Customer, Subscriptions.Kind).Where(s => !Subscriptions.IsOver(s)).Reverse().Select(s => PortalPlan.Of(work, s))],
            SavedMethod.OfCustomer(work, visit.Customer), Is(visit, "invoice_history") ? InvoicesOf(work, visit) : [],
            Is(visit, "payment_method_update"), Is(visit, "subscription_update"), Is(visit, "subscription_cancel"), Is(visit, "invoice_history"), Is(visit, "customer_update"));
    }

    internal static bool Is(PortalVisit visit, string feature) => visit.Features[feature]?["enabled"]?.GetValue<bool>() ?? false;

    internal static IReadOnlyList<string> Texts(JsonNode? list) => [.. (list as JsonArray ?? []).Select(t => t!.GetValue<string>())];

    private static List<PortalInvoice> InvoicesOf(UnitOfWork work, PortalVisit visit) =>
        [.. work.OfCustomer(visit.Customer, Core.Invoices.Kind).Where(i => i.Status is not "draft").Reverse().Take(24).Select(i => new PortalInvoice(
            i["number"] ?? i.Id, Words.Money(i.Long("total"), i["currency"]!), i.Status, DateTimeOffset.FromUnixTimeSeconds(i.Long("created")), Rendering.Render(work, i)["hosted_invoice_url"]!.GetValue<string>()))];
}

/// <summary>A plan that one can switch to, and what that costs.</summary>
public sealed record PlanOffer(string PriceId, string Name, string Price, bool IsCurrent);

/// <param name="DueNow">Null when nothing is charged at once.</param>
public sealed record PlanChange(string PriceId, string Name, string Price, IReadOnlyList<(string Text, string Amount)> Lines, string? DueNow, string Explanation);
