using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Metering;

/// <summary>Reads the pages of usage, each in one round trip, and only from sums: of days and months.</summary>
internal sealed class UsageReader(Database database, Standings standings, Catalogs catalogs, RequestLimiter limiter, LimitsOf limits, TimeProvider clock)
{
    private const string Tokens = "tokens", Workflow = "workflow";

    /// <summary>The cards.</summary>
    public async Task<UsageView> SummaryAsync(Guid organization, string? span, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var of = UsageSpan.Of(span, now);
        Answer<Standing?>? standing = null;
        Answer<Spend?>? spend = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<IReadOnlyList<(string Meter, decimal Quantity)>>? sums = null;
        Answer<IReadOnlyList<BeyondDay>>? beyond = null;
        Answer<IReadOnlyList<StoredDay>>? days = null;
        Answer<StoredNow?>? stored = null;
        Answer<bool>? hasKey = null, hasUsed = null;
        Func<MonthUse>? month = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            standing = Standings.Ask(q, organization);
            spend = Spending.Ask(q, organization, now);
            quotas = Quotas.AskRecent(q, organization, now);
            sums = q.List($"select meter, sum(quantity) from usage_days where organization_id = {organization} and day >= {of.First} and day < {of.After} group by meter", r => (r.GetString(0), r.GetDecimal(1) / 1.000000000000m));
            beyond = UsageDays.AskBeyond(q, organization, of.First, of.Last.AddDays(1));
            days = UsageDays.AskStored(q, organization, of.First, of.Last.AddDays(1));
            stored = StorageLevels.AskNow(q, organization);
            hasKey = q.First($"select true from api_keys where organization_id = {organization} limit 1", r => r.GetBoolean(0));
            hasUsed = q.First($"select true from usage_days where organization_id = {organization} limit 1", r => r.GetBoolean(0));
            month = MonthUse.Ask(q, organization, catalogs.Current.Prices, now);
        }, cancel);
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        var running = month!();
        decimal OfPlan(string meter) => (quotas!.Value.FirstOrDefault(u => u.Meter == meter && u.Pocket == allowance.Pocket && u.PeriodStart == allowance.Period.Start)?.Used ?? 0) / 1.000000000000m;
        decimal Sum(string meter) => sums!.Value.FirstOrDefault(s => s.Meter == meter).Quantity;
        var live = Live(stored!.Value, of, now);
        return new UsageView
        {
            Span = of, Month = running, Allowance = allowance, Spend = spend!.Value ?? throw new InvalidOperationException($"Organization {organization} has no billing account."),
            Tokens = Sum(Tokens), Workflows = Sum(Workflow), Sessions = Sum(UsageRecords.SessionsUploaded),
            GbHours = of.IsCurrent ? running.GbHours : StorageLevel.GbHours(days!.Value.Where(d => d.Day >= of.First).Sum(d => d.ByteMicroseconds) + live.Sum(p => p.Bytes)),
            Cost = of.IsCurrent ? running.Costs.Values.Sum() : beyond!.Value.Sum(b => b.Cost) + (StorageLevel.GbHours(live.Sum(p => p.Above)) * StoragePrice),
            TokensOfPlan = OfPlan(Tokens), WorkflowsOfPlan = OfPlan(Workflow), HasKey = hasKey!.Value, IsNew = !hasUsed!.Value && stored.Value is not { Level.Bytes: > 0 },
        };
    }

    /// <summary>The charts.</summary>
    public async Task<UsageCurves> CurvesAsync(Guid organization, string? span, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var of = UsageSpan.Of(span, now);
        Answer<Standing?>? standing = null;
        Answer<IReadOnlyList<(DateOnly Day, string Meter, string Model, decimal Quantity)>>? counted = null;
        Answer<IReadOnlyList<StoredDay>>? days = null;
        Answer<IReadOnlyList<BeyondDay>>? beyond = null;
        Answer<StoredNow?>? stored = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            standing = Standings.Ask(q, organization);
            counted = q.List($"""
                select day, meter, model, sum(quantity) from usage_days
                where organization_id = {organization} and day >= {of.First} and day < {of.After} and meter in ({Tokens}, {Workflow}) group by 1, 2, 3
                """, r => (r.GetFieldValue<DateOnly>(0), r.GetString(1), r.GetString(2), r.GetDecimal(3) / 1.000000000000m));
            days = UsageDays.AskStored(q, organization, of.First, of.Last.AddDays(1));
            beyond = UsageDays.AskBeyond(q, organization, of.First, of.Last.AddDays(1));
            stored = StorageLevels.AskNow(q, organization);
        }, cancel);
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        var shown = of.Days;
        IReadOnlyList<decimal> Line(IEnumerable<(DateOnly Day, decimal Value)> values)
        {
            var line = new decimal[shown.Count];
            foreach (var (day, value) in values) if (day.DayNumber - of.First.DayNumber is >= 0 and var at && at < line.Length) line[at] += value;
            return line;
        }
        var models = counted!.Value.Where(c => c.Meter == Tokens).GroupBy(c => c.Model, StringComparer.Ordinal).Select(g => new ChartSeries(g.Key.Length == 0 ? MonthUse.NoModel : g.Key, Line(g.Select(c => (c.Day, c.Quantity)))));
        var live = Live(stored!.Value, of, now).Select(p => (p.Day, StorageLevel.GbHours(p.Above) * StoragePrice));
        return new UsageCurves(of, ChartSeries.Largest(models), Line(counted.Value.Where(c => c.Meter == Workflow).Select(c => (c.Day, c.Quantity))), Levels(shown, days!.Value), Line(beyond!.Value.Select(b => (b.Day, b.Cost)).Concat(live)),
            allowance.Tier.Limits.StorageGb);
    }

    /// <summary>By key, requests, cost and forecast.</summary>
    public async Task<UsageBreakdown> BreakdownAsync(Guid organization, string? span, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var (of, today) = (UsageSpan.Of(span, now), UsageDays.DayOf(now));
        Answer<Standing?>? standing = null;
        Answer<Spend?>? spend = null;
        Answer<CreditBalance?>? credits = null;
        Answer<IReadOnlyList<(Guid Key, string Meter, string Model, decimal Quantity)>>? counted = null;
        Answer<IReadOnlyList<KeyRow>>? keys = null;
        Answer<IReadOnlyList<BeyondDay>>? beyond = null;
        Answer<StoredNow?>? stored = null;
        Answer<DateTimeOffset>? since = null;
        Func<MonthUse>? month = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            standing = Standings.Ask(q, organization);
            spend = Spending.Ask(q, organization, now);
            credits = Book.AskBalance(q, organization, now);
            counted = q.List($"""
                select key_id, meter, model, sum(quantity) from usage_days
                where organization_id = {organization} and day >= {of.First} and day < {of.After} and meter in ({Tokens}, {Workflow}) group by 1, 2, 3
                """, r => (r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetDecimal(3) / 1.000000000000m));
            keys = q.List($"""
                select k.id, k.logical_id, k.name, k.revoked_at is null and (k.expires_at is null or k.expires_at > {now}),
                  coalesce((select sum(h.refused) from key_hours h where h.organization_id = k.organization_id and h.logical_id = k.logical_id and h.hour > {now.AddDays(-1)}), 0)::bigint
                from api_keys k where k.organization_id = {organization} order by k.created_at, k.id
                """, r => new KeyRow(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.GetBoolean(3), r.GetInt64(4)));
            beyond = UsageDays.AskBeyond(q, organization, Earlier(of.First, today.AddDays(-7)), today.AddDays(1));
            stored = StorageLevels.AskNow(q, organization);
            since = q.First($"select created_at from organizations where id = {organization}", r => r.GetFieldValue<DateTimeOffset>(0));
            month = MonthUse.Ask(q, organization, catalogs.Current.Prices, now);
        }, cancel);
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        var running = month!();
        var costs = beyond!.Value.Concat(stored!.Value is { } there ? UsageDays.Parts(there.Level, now).Where(p => p.Above > 0).Select(p => new BeyondDay(p.Day, StorageLevels.Meter, StoragePrice, StorageLevel.GbHours(p.Above))) : []).ToList();
        var prices = catalogs.Current.Prices;
        var split = prices.Meters.Where(m => m.Kind is not MeterKind.Free).Select(m => (m.Key, m.Name,
            of.IsCurrent ? running.CostOf(m.Key) : Money.Round(costs.Where(c => c.Meter == m.Key && c.Day >= of.First && c.Day <= of.Last).Sum(c => c.Cost)))).ToList();
        var byDay = costs.GroupBy(c => c.Day).ToDictionary(g => g.Key, g => g.Sum(c => c.Cost));
        var limit = (await limits(organization, cancel)).RequestsPerMinute;
        return new UsageBreakdown(of, ByKey(counted!.Value, keys!.Value, split, prices),
            [.. keys.Value.Where(k => k.IsGood).Select(k => new KeyRate(k.Name, limiter.Taken(k.LogicalId, limit), limit, k.Refused))],
            split, Forecast.Of(running.Costs.Values.Sum(), byDay, since!.Value, now), running, spend!.Value!, credits!.Value?.Available ?? Money.Zero, allowance);
    }

    // What lies beyond the plan is nobody's in particular: it is shared out by what each has used, and the cents add up to the whole.
    private static IReadOnlyList<KeyUsage> ByKey(IReadOnlyList<(Guid Key, string Meter, string Model, decimal Quantity)> counted, IReadOnlyList<KeyRow> keys, IReadOnlyList<(string Meter, string Name, Money Cost)> split, PriceList prices)
    {
        var logical = keys.ToDictionary(k => k.Id, k => k.LogicalId);
        var names = keys.GroupBy(k => k.LogicalId).ToDictionary(g => g.Key, g => g.Last().Name);
        var groups = counted.GroupBy(c => logical.TryGetValue(c.Key, out var id) ? id : Guid.Empty).ToList();
        var shares = new Dictionary<Guid, long>();
        foreach (var (meter, _, cost) in split)
        {
            decimal Weight(IEnumerable<(Guid Key, string Meter, string Model, decimal Quantity)> of) => of.Where(c => c.Meter == meter).Sum(c => c.Quantity * Rating.UnitPrice(prices, meter, c.Model));
            var all = Weight(counted);
            if (all <= 0 || cost.Minor == 0) continue;
            var exact = groups.Select(g => (g.Key, Cents: cost.Minor * Weight(g) / all)).ToList();
            var left = cost.Minor - exact.Sum(e => (long)decimal.Floor(e.Cents));
            foreach (var (key, cents) in exact.OrderByDescending(e => e.Cents - decimal.Floor(e.Cents))) shares[key] = shares.GetValueOrDefault(key) + (long)decimal.Floor(cents) + (left-- > 0 ? 1 : 0);
        }
        return [.. groups.Select(g => new KeyUsage(names.GetValueOrDefault(g.Key), g.Where(c => c.Meter == Tokens).Sum(c => c.Quantity), g.Where(c => c.Meter == Workflow).Sum(c => c.Quantity), Money.Usd(shares.GetValueOrDefault(g.Key))))
            .OrderByDescending(k => k.Tokens).ThenByDescending(k => k.Workflows).ThenBy(k => k.Name, StringComparer.Ordinal)];
    }

    // A level goes on until the next day that has one.
    private static IReadOnlyList<decimal> Levels(IReadOnlyList<DateOnly> shown, IReadOnlyList<StoredDay> days)
    {
        var levels = new List<decimal>(shown.Count);
        var (at, bytes) = (0, 0L);
        foreach (var day in shown)
        {
            while (at < days.Count && days[at].Day <= day) bytes = days[at++].Bytes;
            levels.Add(bytes / 1_000_000_000m);
        }
        return levels;
    }

    /// <summary>What has come about in storage since it was settled last.</summary>
    private static List<(DateOnly Day, decimal Bytes, decimal Above)> Live(StoredNow? stored, UsageSpan of, DateTimeOffset now) =>
        stored is null ? [] : [.. UsageDays.Parts(stored.Level, now).Where(p => p.Day >= of.First && p.Day <= of.Last)];

    private decimal StoragePrice => Rating.UnitPrice(catalogs.Current.Prices, StorageLevels.Meter);

    private static DateOnly Earlier(DateOnly one, DateOnly other) => one < other ? one : other;

    private sealed record KeyRow(Guid Id, Guid LogicalId, string Name, bool IsGood, long Refused);
}
