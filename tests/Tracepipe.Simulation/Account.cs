using System.Globalization;
using System.Text;

namespace Tracepipe.Simulation;

/// <summary>
/// An organization's money by the rules: book, quotas, spending, holds, use, invoices. Everything in memory and one thing after another, so that it is plain what the
/// rules say; the parts of it stand in files by their subject.
/// </summary>
internal sealed partial class Account(Defect defect)
{
    private Dictionary<string, long> book = new(StringComparer.Ordinal);
    private Dictionary<QuotaKey, Quota> quotas = [];
    private Dictionary<DateOnly, Spent> spending = [];
    private Dictionary<AccrualKey, Accrual> accruals = [];
    private HashSet<DateOnly> closed = [];
    private List<Hold> holds = [];
    private List<Purchase> purchases = [];
    private List<EventSeen> seen = [];
    private List<Item> items = [];
    private List<Bill> bills = [];
    private List<Record> records = [];
    private List<Correction> corrections = [];
    private List<IReadOnlyList<EventSeen>> reports = [];
    private int itemNumber;
    private Plan? plan;
    private bool isSuspended;
    private bool cardPays = true;
    private long? cap = Terms.DefaultCapCents;

    /// <summary>Postings that do not sum to zero, charges beyond the cap: what a model without a planted defect never has.</summary>
    public List<string> Broken { get; private set; } = [];

    public IReadOnlyList<Purchase> Purchases => purchases;

    public IReadOnlyList<Hold> Holds => holds;

    public IReadOnlyList<Bill> Bills => bills;

    public IReadOnlyList<IReadOnlyList<EventSeen>> Reports => reports;

    public void SetPlan(string? tier, DateTimeOffset now) => plan = tier is null ? null : new Plan(tier, now);

    public void SwitchCard(bool isOn) => cardPays = isOn;

    /// <summary>A copy that lives on by itself.</summary>
    private Account Copy() => new(defect)
    {
        book = new(book, StringComparer.Ordinal), quotas = new(quotas), spending = new(spending), accruals = new(accruals), closed = [.. closed], holds = [.. holds], purchases = [.. purchases], seen = [.. seen],
        items = [.. items], bills = [.. bills], records = [.. records], corrections = [.. corrections], reports = [.. reports], itemNumber = itemNumber, plan = plan, isSuspended = isSuspended, cardPays = cardPays, cap = cap,
        Broken = [.. Broken],
    };

    private void Become(Account other)
    {
        (book, quotas, spending, accruals, closed, holds, purchases) = (other.book, other.quotas, other.spending, other.accruals, other.closed, other.holds, other.purchases);
        (seen, items, bills, records, corrections, reports, itemNumber) = (other.seen, other.items, other.bills, other.records, other.corrections, other.reports, other.itemNumber);
        (isSuspended, Broken) = (other.isSuspended, other.Broken);
    }

    private long Available => Balance("available");

    private long Balance(string account) => book.GetValueOrDefault(account);

    private void Post(params (string Account, long Cents)[] legs)
    {
        if (legs.Sum(l => l.Cents) != 0) Broken.Add($"a posting sums to {legs.Sum(l => l.Cents)}");
        foreach (var (account, cents) in legs) book[account] = Balance(account) + cents;
    }

    private Allowance AllowanceAt(DateTimeOffset at) => plan is { } p && p.Anchor <= at
        ? new Allowance("included", Terms.Tiers[p.Tier], Month.Anchored(p.Anchor, at))
        : new Allowance("free", Terms.Tiers["free"], Month.Start(Month.Of(at)));

    private Spent SpentIn(DateOnly month) => spending.GetValueOrDefault(month) ?? new Spent(0, 0);

    private void Spend(DateOnly month, long metered, long held)
    {
        var before = SpentIn(month);
        spending[month] = new Spent(before.Metered + metered, before.Held + held);
        if (metered + held > 0 && cap is { } most && before.Metered + before.Held + metered + held > most) Broken.Add($"{month:yyyy-MM} is charged above its cap");
    }

    private long HeldBack => accruals.Values.Sum(a => a.HeldBack);

    /// <summary>Everything that can be compared, in words that a person can compare, too.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        string[] names = ["available", "held", "cash", "receivable", "revenue", "refunds", "write_offs"];
        Say($"book {string.Join(' ', names.Select(n => $"{n}={Balance(n)}"))}");
        foreach (var (month, spent) in spending.Where(s => s.Value is not { Metered: 0, Held: 0 }).OrderBy(s => s.Key)) Say($"spent {month:yyyy-MM} metered={spent.Metered} held={spent.Held}");
        foreach (var (key, quota) in quotas.Where(q => q.Value is not { Used: 0, Held: 0 }).OrderBy(q => q.Key.PeriodStart).ThenBy(q => q.Key.Pocket, StringComparer.Ordinal).ThenBy(q => q.Key.Meter, StringComparer.Ordinal))
            Say($"quota {key.Pocket} {key.Meter} {key.PeriodStart:yyyy-MM-dd HH:mm} used={quota.Used:0} held={quota.Held:0}");
        foreach (var (key, a) in accruals.OrderBy(a => a.Key.Month).ThenBy(a => a.Key.Origin).ThenBy(a => a.Key.Meter, StringComparer.Ordinal).ThenBy(a => a.Key.Series))
            Say($"use {key.Month:yyyy-MM} of {key.Origin:yyyy-MM} {key.Meter}/{key.Series} quantity={a.Quantity:0} credits={a.Credits} metered={a.Metered} held_back={a.HeldBack}");
        foreach (var item in items.OrderBy(i => i.Month).ThenBy(i => i.Origin).ThenBy(i => i.Meter, StringComparer.Ordinal).ThenBy(i => i.Kind, StringComparer.Ordinal).ThenBy(i => i.Cents).ThenBy(i => i.Credits))
            Say($"item {item.Month:yyyy-MM} of {item.Origin:yyyy-MM} {item.Meter} {item.Kind} cents={item.Cents} credits={item.Credits}");
        foreach (var bill in bills)
            Say($"invoice {bill.Month:yyyy-MM} {bill.Status} lines={bill.Lines.Count} total={bill.Total} credits={bill.Credits} paid={bill.Paid} credited={bill.Credited} refunded={bill.Refunded}");
        Say($"holds {string.Join(' ', holds.Where(h => h.State is not "refused").GroupBy(h => h.State, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key}={g.Count()}"))}");
        Say($"events {seen.Count}");
        Say($"suspended {(isSuspended ? "yes" : "no")}");
        return text.ToString();

        void Say(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}
