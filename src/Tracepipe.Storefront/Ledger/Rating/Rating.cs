using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>Use beyond what is included, with the price that it was given when it was used.</summary>
/// <param name="UnitPrice">Exact, in major units.</param>
/// <param name="At">When it was used; decides the bill month.</param>
internal sealed record PricedUse(string Meter, decimal UnitPrice, decimal Quantity, DateTimeOffset At);

/// <summary>A line of a usage invoice.</summary>
/// <param name="Period">The month it is about: for a carried line an earlier one than the invoice's.</param>
internal sealed record RatedLine(string Meter, string Description, decimal Quantity, decimal UnitPrice, Money Amount, Period Period);

/// <summary>What a month comes to.</summary>
/// <param name="IsCharged">False: the total is below the minimum charge, and the lines are carried to the next month.</param>
internal sealed record Bill(IReadOnlyList<RatedLine> Lines, Money Total, bool IsCharged);

/// <summary>
/// Prices use. Pure functions of use, catalogue version and period, the same for preview, dashboard, invoice and proof; quantities are exact and a line is
/// rounded once, half to even (billing rules, sections 0 and 1).
/// </summary>
internal static class Rating
{
    /// <summary>Exact price of one unit; 0 for what costs nothing.</summary>
    public static decimal UnitPrice(PriceList prices, string meter, string? model = null) => prices.RateOf(meter)?.Unit(model) ?? 0m;

    /// <summary>Splits new use of a quota period into what is still included and what lies beyond. What lies beyond stays beyond when a later plan includes more.</summary>
    /// <param name="limit">What the plan includes in the period; −1 is unlimited.</param>
    /// <param name="usedBefore">All use in the period so far, included or not.</param>
    public static (decimal Included, decimal Beyond) Split(long limit, decimal usedBefore, decimal quantity)
    {
        if (limit < 0) return (quantity, 0m);
        var included = Math.Clamp(limit - usedBefore, 0m, quantity);
        return (included, quantity - included);
    }

    /// <summary>The lines of a bill month: one per meter and price, in the catalogue's order.</summary>
    public static IReadOnlyList<RatedLine> Lines(IEnumerable<PricedUse> uses, PriceList prices, Period month)
    {
        var order = prices.Meters.Select((m, i) => (m.Key, i)).ToDictionary(m => m.Key, m => m.i, StringComparer.Ordinal);
        return
        [
            .. from use in uses
               where month.Contains(use.At) && use.UnitPrice > 0
               group use by (use.Meter, use.UnitPrice) into line
               orderby order.GetValueOrDefault(line.Key.Meter, int.MaxValue), line.Key.Meter, line.Key.UnitPrice
               let quantity = line.Sum(u => u.Quantity)
               where quantity > 0
               select new RatedLine(line.Key.Meter, Describe(prices, line.Key.Meter, month), quantity, line.Key.UnitPrice, Money.Round(quantity * line.Key.UnitPrice), month),
        ];
    }

    /// <summary>What the month comes to with what was carried into it. A carried line keeps the amount it was rounded to.</summary>
    public static Bill Close(IReadOnlyList<RatedLine> lines, IReadOnlyList<RatedLine> carried, PriceList prices)
    {
        IReadOnlyList<RatedLine> all = [.. carried.Select(c => c with { Description = $"{Describe(prices, c.Meter, c.Period)} (carried from {c.Period.Start:MMMM yyyy})" }), .. lines];
        var total = all.Aggregate(new Money(0, prices.Currency), (sum, line) => sum + line.Amount);
        return new Bill(all, total, total.Minor >= prices.MinimumChargeCents);
    }

    /// <summary>Whole cents of an exact amount, never more than it: what may be posted while the month runs.</summary>
    public static long WholeCents(decimal quantity, decimal unitPrice) => checked((long)decimal.Floor(quantity * unitPrice * 100m));

    /// <summary>What a line is called on an invoice: <c>Tokens, March 2026</c>.</summary>
    public static string Describe(PriceList prices, string meter, Period month) =>
        $"{prices.Meters.FirstOrDefault(m => string.Equals(m.Key, meter, StringComparison.Ordinal))?.Name ?? meter}, {month.Start:MMMM yyyy}";
}
