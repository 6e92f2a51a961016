using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Pages;
using Allowance = Tracepipe.Storefront.Ledger.Allowance;

namespace Tracepipe.Storefront.Home;

/// <summary>What the dashboard says.</summary>
/// <param name="HasCard">A payment method is on file.</param>
/// <param name="FirstKey">The oldest key that was ever made; null: none.</param>
/// <param name="LastCallAt">When a key was used last; null: never.</param>
/// <param name="WorkflowsOfPlan">Used of what the plan includes, in its own period.</param>
/// <param name="Month">The running bill month.</param>
/// <param name="Metered">What cards pay for in it so far: what counts against the cap.</param>
/// <param name="HasUploaded">Ever.</param>
/// <param name="Recent">The newest sessions; null when the person may not see them.</param>
internal sealed record DashboardView(Allowance Allowance, bool HasCard, (string Name, DateTimeOffset CreatedAt)? FirstKey, DateTimeOffset? LastCallAt, decimal WorkflowsOfPlan, decimal TokensOfPlan, Money? SpendCap, bool AutoBilling,
    MonthUse Month, Money Metered, bool HasUploaded, SessionList? Recent)
{
    public bool HasKey => FirstKey is not null;

    public bool HasCalled => LastCallAt is not null;

    /// <summary>What the plan costs in a month.</summary>
    public Money PlanPrice => Allowance.Tier.Sold is Sold.Monthly ? Money.Usd(Allowance.Tier.PriceCents) : Money.Zero;

    /// <summary>How many of the four first steps are done.</summary>
    public int Done => (HasCard ? 1 : 0) + (HasKey ? 1 : 0) + (HasCalled ? 1 : 0) + (HasUploaded ? 1 : 0);

    /// <summary>Good morning, afternoon or evening by UTC, with the first name.</summary>
    public static string Greeting(string name, DateTimeOffset now)
    {
        var part = now.UtcDateTime.Hour switch { < 5 => "Good evening", < 12 => "Good morning", < 18 => "Good afternoon", _ => "Good evening" };
        var first = name.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return $"{part}{(first is null ? "" : $", {first}")}. Here is {now.UtcDateTime:MMMM} so far.";
    }
}

/// <summary>Reads the dashboard in one round trip.</summary>
internal sealed class DashboardReader(Database database, Standings standings, Catalogs catalogs, TimeProvider clock)
{
    /// <param name="recent">Which page of recent sessions; null when the person may not see any.</param>
    public async Task<DashboardView> ReadAsync(Guid organization, Guid person, (int Number, int Size)? recent, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Standing?>? standing = null;
        Answer<BillingAccount?>? account = null;
        Answer<KeyStart?>? keys = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<Spend?>? spend = null;
        Answer<bool>? uploaded = null;
        Func<MonthUse>? month = null;
        Func<SessionList>? sessions = null;
        await database.ReadAsync(organization, person, q =>
        {
            standing = Standings.Ask(q, organization);
            account = q.First(BillingAccount.Select(organization), BillingAccount.Read);
            keys = KeyStart.Ask(q, organization);
            quotas = Quotas.AskRecent(q, organization, now);
            spend = Spending.Ask(q, organization, now);
            month = MonthUse.Ask(q, organization, catalogs.Current.Prices, now);
            if (recent is { } page) sessions = SessionReader.AskList(q, organization, suite: null, "newest", page, now);
            uploaded = SessionReader.AskUploaded(q, organization);
        }, cancel);
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        decimal Used(string meter) => quotas!.Value.FirstOrDefault(u => u.Meter == meter && u.Pocket == allowance.Pocket && u.PeriodStart == allowance.Period.Start)?.Used ?? 0;
        var start = keys!.Value;
        return new DashboardView(allowance, account!.Value!.FirstCardAt is not null && account.Value.Status is BillingStatus.Active, start is null ? null : (start.Name, start.CreatedAt), start?.LastCallAt,
            Used("workflow"), Used("tokens"), account.Value.SpendCap, account.Value.AutoBilling, month!(), spend!.Value?.Metered ?? Money.Zero, uploaded!.Value, sessions?.Invoke());
    }
}
