using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What a bill month has come to so far, live: the days' sums, the stored bytes until this moment, and what all of it costs beyond the plan.</summary>
/// <param name="TokensByModel">The largest first; use without a model is <c>unknown</c>.</param>
/// <param name="StoredBytes">Now.</param>
/// <param name="GbHours">Of the month, exactly.</param>
/// <param name="Costs">Exact dollars by meter beyond what is included, as the month's invoice would have it.</param>
/// <param name="Credits">Paid by credits so far.</param>
internal sealed record MonthUse(Period Month, IReadOnlyList<(string Model, decimal Quantity)> TokensByModel, decimal Workflows, decimal Sessions, decimal Examples, long StoredBytes, decimal GbHours,
    IReadOnlyDictionary<string, decimal> Costs, Money Credits)
{
    /// <summary>Use that named no model.</summary>
    public const string NoModel = "unknown";

    public decimal Tokens => TokensByModel.Sum(t => t.Quantity);

    /// <summary>What a meter costs, rounded once.</summary>
    public Money CostOf(string meter) => Money.Round(Costs.GetValueOrDefault(meter));

    /// <summary>Everything beyond the plan: the sum of what the meters cost.</summary>
    public Money Cost => Costs.Keys.Aggregate(Money.Zero, (sum, meter) => sum + CostOf(meter));

    /// <summary>Asks among other questions of a page. What it returns is called when they have been answered.</summary>
    /// <param name="suites">Only what was used for these; null: everything. What is stored is the organization's as a whole and not divided.</param>
    public static Func<MonthUse> Ask(Questions q, Guid organization, PriceList prices, DateTimeOffset now, string[]? suites = null)
    {
        var month = Period.CalendarMonth(now);
        var hours = q.List($"""
            select meter, model, sum(quantity) filter (where {suites}::text[] is null or suite_id = any({suites}::text[])), sum(quantity) from usage_days
            where organization_id = {organization} and day >= {UsageDays.DayOf(month.Start)} and day < {UsageDays.DayOf(month.End)} group by meter, model
            """, r => (Meter: r.GetString(0), Model: r.GetString(1), Quantity: r.IsDBNull(2) ? 0 : r.GetDecimal(2) / 1.000000000000m, OfAll: r.GetDecimal(3)));
        var accruals = Accruals.AskMonth(q, organization, BillMonth.Of(month));
        var stored = StorageLevels.AskNow(q, organization);
        var lasted = q.First($"select byte_microseconds from storage_months where organization_id = {organization} and bill_month = {BillMonth.Of(month)}", r => r.GetDecimal(0));
        return () =>
        {
            var counted = hours.Value;
            decimal Of(string meter) => counted.Where(h => h.Meter == meter).Sum(h => h.Quantity);
            var level = stored.Value?.Level ?? new StorageLevel(0, 0, now);
            var (_, shares) = level.Until(now);
            var share = shares.FirstOrDefault(s => s.Month == month);
            var costs = accruals.Value.GroupBy(a => a.Meter, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(a => a.Quantity * a.UnitPrice), StringComparer.Ordinal);
            if (share.Above > 0) costs[StorageLevels.Meter] = costs.GetValueOrDefault(StorageLevels.Meter) + (StorageLevel.GbHours(share.Above) * Rating.UnitPrice(prices, StorageLevels.Meter));
            if (suites is not null)
                foreach (var meter in costs.Keys.Where(k => k != StorageLevels.Meter).ToList())
                    costs[meter] *= counted.Where(h => h.Meter == meter).Sum(h => h.OfAll) is > 0 and var all ? Of(meter) / all : 0;
            return new MonthUse(month,
                [.. counted.Where(h => h.Meter == "tokens" && h.Quantity > 0).OrderByDescending(h => h.Quantity).ThenBy(h => h.Model, StringComparer.Ordinal).Select(h => (h.Model.Length == 0 ? NoModel : h.Model, h.Quantity))],
                Of("workflow"), Of(UsageRecords.SessionsUploaded), Of("examples"), level.Bytes, StorageLevel.GbHours((lasted.Value) + share.Total), costs, Money.Usd(accruals.Value.Sum(a => a.CreditsMinor)));
        };
    }
}
