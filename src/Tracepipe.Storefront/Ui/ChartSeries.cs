using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ui;

/// <summary>How a <see cref="Chart"/> draws its series.</summary>
public enum ChartKind
{
    /// <summary>For what happened in each day: parts are stacked, the largest lowest.</summary>
    Columns,

    /// <summary>For a level: a line with its area. The first series only.</summary>
    Line,
}

/// <summary>What the numbers of a <see cref="Chart"/> are.</summary>
public enum ChartUnit
{
    /// <summary>Things one can count: <c>7,624,200</c>.</summary>
    Count,

    /// <summary>10⁹ bytes: <c>31.4</c>.</summary>
    Gigabytes,

    /// <summary>Exact dollars, which are shown in cents.</summary>
    Dollars,
}

/// <summary>A line of numbers with a name.</summary>
/// <param name="Values">One for each label of the chart; where nothing was used it is 0.</param>
/// <param name="Color">1 to 6, its colour among the theme's series; 0: by its place.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<decimal> Values, int Color = 0)
{
    public const string Other = "other";
    private const int MostNamed = 5;

    public decimal Total => Values.Sum();

    /// <summary>The largest five by their totals, the rest added up as <c>other</c>, so that no chart has more colours than can be told apart.</summary>
    public static IReadOnlyList<ChartSeries> Largest(IEnumerable<ChartSeries> all)
    {
        var ordered = all.OrderByDescending(s => s.Total).ThenBy(s => s.Name, StringComparer.Ordinal).ToList();
        if (ordered.Count <= MostNamed) return ordered;
        var rest = ordered[MostNamed..];
        return [.. ordered[..MostNamed], new ChartSeries(Other, [.. Enumerable.Range(0, rest[0].Values.Count).Select(i => rest.Sum(s => s.Values[i]))], 6)];
    }
}

/// <summary>How a chart writes its numbers.</summary>
internal static class ChartWords
{
    /// <summary>In the table, and where the pointer is.</summary>
    public static string Exact(decimal value, ChartUnit unit) => unit switch
    {
        ChartUnit.Dollars => Money.Round(value).ToString(),
        ChartUnit.Gigabytes => value.ToString(value is > 0 and < 1 ? "0.######" : "#,##0.0##", CultureInfo.InvariantCulture),
        _ => Words.Count(value),
    };

    /// <summary>In the legend: <c>4.21 M</c>, <c>360 k</c>.</summary>
    public static string Short(decimal value, ChartUnit unit) => unit switch
    {
        ChartUnit.Count when value >= 1_000_000_000 => (value / 1_000_000_000).ToString("0.## 'B'", CultureInfo.InvariantCulture),
        ChartUnit.Count when value >= 1_000_000 => (value / 1_000_000).ToString("0.## 'M'", CultureInfo.InvariantCulture),
        ChartUnit.Count when value >= 10_000 => (value / 1000).ToString("0 'k'", CultureInfo.InvariantCulture),
        ChartUnit.Gigabytes => Exact(value, unit) + " GB",
        _ => Exact(value, unit),
    };
}
