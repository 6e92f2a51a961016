using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the page about costs shows.</summary>
/// <param name="Models">The dearest first.</param>
/// <param name="Calls">A page of them, and one more when there are more.</param>
internal sealed record CostsView(IReadOnlyList<ModelCost> Models, IReadOnlyList<DayCost> Days, IReadOnlyList<CostRecord> Calls)
{
    /// <summary>Exact dollars: of the rows as they are, so that rounding is the last thing that happens.</summary>
    public decimal Total => Models.Sum(m => m.Cost);

    /// <summary>A line of days for each name, as a chart takes them.</summary>
    public IReadOnlyList<ChartSeries> Series(CostSpan span, Func<DayCost, string> name) => SeriesOf(Days, span, name);

    /// <inheritdoc cref="Series"/>
    public static IReadOnlyList<ChartSeries> SeriesOf(IReadOnlyList<DayCost> costs, CostSpan span, Func<DayCost, string> name)
    {
        var days = span.Days;
        return ChartSeries.Largest(costs.GroupBy(name, StringComparer.Ordinal).Select(group =>
        {
            var byDay = group.ToLookup(c => c.Day, c => c.Cost);
            return new ChartSeries(group.Key, [.. days.Select(day => byDay[day].Sum())]);
        }));
    }
}

/// <summary>Reads it in one round trip.</summary>
internal sealed class CostsReader(Database database)
{
    public const int PerPage = 25;

    public async Task<CostsView> ReadAsync(Guid organization, Guid? person, CostSpan span, string? after, CancellationToken cancel)
    {
        Answer<IReadOnlyList<ModelCost>>? models = null;
        Answer<IReadOnlyList<DayCost>>? days = null;
        Answer<IReadOnlyList<CostRecord>>? calls = null;
        var filter = new CostFilter(span.Period.Start, span.Period.End);
        await database.ReadAsync(organization, person, q =>
        {
            models = Costs.AskSummary(q, organization, filter);
            days = Costs.AskDays(q, organization, filter);
            calls = Costs.AskRecords(q, organization, filter, after, PerPage + 1);
        }, cancel);
        return new CostsView(models!.Value, days!.Value, calls!.Value);
    }
}
