using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>How a plan is told: its badge, its sentence, its price.</summary>
internal static class PlanWords
{
    /// <summary>The step of the breadcrumb before a page below Billing.</summary>
    public static IReadOnlyList<Crumb> Parents(string org) => [new Crumb("Billing", $"/o/{org}/settings/billing")];

    /// <summary>Status and words of the badge.</summary>
    public static (string Status, string Words) Badge(PlanView plan) => plan switch
    {
        { IsUnpaid: true } => ("unpaid", "Unpaid"),
        { Status: PlanStatus.Trialing } => ("trialing", "Trialing"),
        { Status: PlanStatus.Active } => ("active", "Active"),
        { Status: PlanStatus.Canceling } => ("canceling", plan.EndsAt is { } end ? $"Ends {Short(end)}" : "Ending"),
        { Status: PlanStatus.PastDue } => ("past-due", "Past due"),
        { Status: PlanStatus.Incomplete } => ("incomplete", "Incomplete"),
        { Status: PlanStatus.Paused } => ("paused", "Paused"),
        { Status: PlanStatus.Canceled } => ("canceled", "Canceled"),
        _ => ("active", "Active"),
    };

    /// <summary>What happens next, and when.</summary>
    public static string Next(PlanView plan) => plan switch
    {
        { Status: PlanStatus.Free } => "No subscription. Nothing is charged for it.",
        { Status: PlanStatus.Trialing, TrialEnd: { } end } => $"Trial until {Words.Day(end)}, then {plan.Price} per month",
        { Next: { } next } => $"Changes to {next.Tier.Name} on {Words.Day(next.At)}",
        { Status: PlanStatus.Active, PeriodEnd: { } end } => $"Renews {Words.Day(end)}",
        { Status: PlanStatus.Canceling, EndsAt: { } end } => $"Canceled, paid until {Words.Day(end)}",
        { IsUnpaid: true } => "The bank has refused the renewal for good",
        { Status: PlanStatus.PastDue, GraceUntil: { } until } => $"Renewal not paid. Works until {Words.Day(until)}",
        { Status: PlanStatus.Incomplete } => "The first payment has not succeeded. It gives nothing yet.",
        { Status: PlanStatus.Paused } => "Paused: it gives nothing until it goes on.",
        { Status: PlanStatus.Canceled, EndedAt: { } at } => $"Ended {Words.Day(at)}. Free applies.",
        { Status: PlanStatus.Canceled } => "It has ended. Free applies.",
        { Status: PlanStatus.Lifetime, LifetimePurchaseDate: { } bought } => $"Bought {Words.Day(bought)}, for good",
        { Status: PlanStatus.Contract, EndsAt: { } end } => $"By contract until {Words.Day(end)}",
        { Status: PlanStatus.Contract } => "By contract",
        { Status: PlanStatus.Granted, EndsAt: { } end } => $"Given until {Words.Day(end)}",
        _ => "",
    };

    /// <summary>The price and what it is for.</summary>
    public static (string Amount, string Per) Price(Tier tier, string currency) => tier.Sold switch
    {
        Sold.Contract => ("By contract", ""),
        Sold.Once => (tier.Price(currency).ToString(), "once"),
        _ => (tier.Price(currency).ToString(), "per month"),
    };

    /// <summary>Limits as lines of a card or table.</summary>
    public static IReadOnlyList<(string Name, string Value)> Limits(TierLimits limits) =>
    [
        ("Workflows", Words.Limit(limits.Workflows)),
        ("Agents at once", Words.Limit(limits.Agents)),
        ("Storage", limits.StorageGb < 0 ? "Unlimited" : $"{Words.Count(limits.StorageGb)} GB"),
        ("Tokens", Words.Limit(limits.Tokens)),
    ];

    /// <summary>For whom a tier is.</summary>
    public static string About(Tier tier) => tier switch
    {
        { Sold: Sold.Free } => "To try it. No card needed.",
        { Sold: Sold.Contract } => "Own limits, invoices by transfer, and a person to call.",
        { Sold: Sold.Once } => "Pay once, keep the allowance of every month for good.",
        { BringsOwnKeys: true } => "Bring your own provider keys: you pay your provider for tokens.",
        { Key: "starter" } => "One person, a few runs a week.",
        { Key: "pro" } => "A team that labels every day.",
        { Key: "team" } => "Several suites running all the time.",
        _ => $"{Words.Count(tier.Requests.RequestsPerMinute)} requests a minute.",
    };

    /// <summary><c>Dec 1</c>.</summary>
    public static string Short(DateTimeOffset at) => at.UtcDateTime.ToString("MMM d", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The status of an invoice as its badge says it.</summary>
    public static (string Status, string Words) Badge(InvoiceRow invoice, bool isOverdue) => invoice.Status switch
    {
        "open" when isOverdue => ("past-due", "Past due"),
        "open" => ("open", "Open"),
        "paid" => ("paid", "Paid"),
        "void" => ("void", "Void"),
        "uncollectible" => ("uncollectible", "Uncollectible"),
        var other => ("draft", other),
    };
}
