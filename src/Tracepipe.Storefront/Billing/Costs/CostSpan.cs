using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The whole days (UTC) that a page or a timeline of costs is about.</summary>
/// <param name="Period">From the first midnight to the one after the last day.</param>
/// <param name="Recent">7 or 30 when it is the last so many days; 0: chosen by hand.</param>
internal sealed record CostSpan(Period Period, int Recent)
{
    public const int MostDays = 366;

    public DateOnly First => DateOnly.FromDateTime(Period.Start.UtcDateTime);

    public DateOnly Last => DateOnly.FromDateTime(Period.End.AddTicks(-1).UtcDateTime);

    public IReadOnlyList<DateOnly> Days => DaysOf(Period);

    /// <summary>The last so many days, today with them.</summary>
    public static CostSpan LastDays(int days, DateTimeOffset now)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        return new CostSpan(new Period(Midnight(today.AddDays(1 - days)), Midnight(today.AddDays(1))), days);
    }

    /// <summary>From a day to a day, both with it; null when that is none, or too long.</summary>
    public static CostSpan? Of(string? first, string? last) =>
        Day(first) is { } from && Day(last) is { } to && from <= to && to.DayNumber - from.DayNumber < MostDays ? new CostSpan(new Period(Midnight(from), Midnight(to.AddDays(1))), 0) : null;

    /// <summary>Every day that a stretch touches.</summary>
    public static IReadOnlyList<DateOnly> DaysOf(Period period)
    {
        var (first, last) = (DateOnly.FromDateTime(period.Start.UtcDateTime), DateOnly.FromDateTime(period.End.AddTicks(-1).UtcDateTime));
        return [.. Enumerable.Range(0, last.DayNumber - first.DayNumber + 1).Select(first.AddDays)];
    }

    private static DateOnly? Day(string? text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is >= 2000 and < 9000 ? day : null;

    private static DateTimeOffset Midnight(DateOnly day) => new(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
}
