using System.Globalization;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>A billing interval: so many days, weeks, months or years.</summary>
internal sealed record Interval(string Unit, int Count)
{
    /// <summary>The n-th moment after an anchor. A 31st becomes the last day of a shorter month, and is a 31st again after it.</summary>
    public DateTimeOffset After(DateTimeOffset anchor, int n) => Unit switch
    {
        "day" => anchor.AddDays(Count * n),
        "week" => anchor.AddDays(7 * Count * n),
        "month" => anchor.AddMonths(Count * n),
        "year" => anchor.AddMonths(12 * Count * n),
        _ => throw new InvalidOperationException($"{Unit} is no interval."),
    };

    /// <summary>The first boundary after a moment, counted from the anchor.</summary>
    public DateTimeOffset NextAfter(DateTimeOffset anchor, DateTimeOffset moment)
    {
        var n = 0;
        if (moment >= anchor) while (After(anchor, n) <= moment) n++;
        else while (After(anchor, n - 1) > moment) n--;
        return After(anchor, n);
    }

    /// <summary>The boundary before another one.</summary>
    public DateTimeOffset Before(DateTimeOffset anchor, DateTimeOffset boundary)
    {
        var n = 0;
        while (After(anchor, n) > boundary) n--;
        while (After(anchor, n) < boundary) n++;
        return After(anchor, n - 1);
    }
}

/// <summary>What a price asks for a quantity, in whole minor units; halves are rounded away from zero.</summary>
internal static class Pricing
{
    /// <summary>The least that can be charged, in minor units.</summary>
    public const long LeastCharge = 50;

    public static long Round(decimal amount) => (long)Math.Round(amount, MidpointRounding.AwayFromZero);

    public static bool IsMetered(Doc price) => price["recurring.usage_type"] == "metered";

    public static bool IsRecurring(Doc price) => price["type"] == "recurring";

    public static Interval Interval(Doc price) => new(price["recurring.interval"]!, (int)price.Long("recurring.interval_count"));

    public static long Amount(Doc price, decimal quantity) => Round(Exact(price, quantity));

    public static decimal Exact(Doc price, decimal quantity)
    {
        var units = Transformed(price, quantity);
        if (price["billing_scheme"] == "per_unit") return units * UnitAmount(price);
        var tiers = price.Hidden.Array("tiers").Select(t => t!.AsObject()).ToList();
        return price["tiers_mode"] == "volume" ? Volume(tiers, units) : Graduated(tiers, units);
    }

    public static decimal UnitAmount(Doc price) => Decimal(price["unit_amount_decimal"]) ?? 0;

    public static decimal? Decimal(string? text) => text is null ? null : decimal.Parse(text, CultureInfo.InvariantCulture);

    public static string Text(decimal amount) => amount.ToString("0.############", CultureInfo.InvariantCulture);

    /// <summary>Part of an amount for part of a period.</summary>
    public static long Prorate(decimal amount, long from, long start, long end) => end <= start ? 0 : Round(amount * (end - from) / (end - start));

    private static decimal Transformed(Doc price, decimal quantity)
    {
        if (price.LongOrNull("transform_quantity.divide_by") is not { } divisor) return quantity;
        var packages = quantity / divisor;
        return price["transform_quantity.round"] == "up" ? Math.Ceiling(packages) : Math.Floor(packages);
    }

    private static decimal Volume(List<JsonObject> tiers, decimal units)
    {
        var tier = tiers.First(t => UpTo(t) is not { } limit || units <= limit);
        return (units * PerUnit(tier)) + Flat(tier);
    }

    private static decimal Graduated(List<JsonObject> tiers, decimal units)
    {
        var (total, below) = (0m, 0m);
        foreach (var tier in tiers)
        {
            var within = Math.Min(units, UpTo(tier) ?? units) - below;
            if (within <= 0 && below > 0) break;
            total += (Math.Max(0, within) * PerUnit(tier)) + Flat(tier);
            below = UpTo(tier) ?? units;
            if (below >= units) break;
        }
        return total;
    }

    private static long? UpTo(JsonObject tier) => tier["up_to"]?.GetValue<long>();

    private static decimal PerUnit(JsonObject tier) => Decimal(tier["unit_amount_decimal"]?.GetValue<string>()) ?? 0;

    private static decimal Flat(JsonObject tier) => Decimal(tier["flat_amount_decimal"]?.GetValue<string>()) ?? 0;
}
