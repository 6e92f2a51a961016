using System.Globalization;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>The stretch of whole days (UTC) that a page of usage is about.</summary>
/// <param name="Key">Its name in the address.</param>
/// <param name="Period">A bill month, or the last so many days with the running one.</param>
/// <param name="Last">The last day of it that there is something to show of.</param>
public sealed record UsageSpan(string Key, string Name, Period Period, DateOnly Last)
{
    public const string Current = "this";

    /// <summary>The choices, in their order.</summary>
    public static IReadOnlyList<(string Key, string Name)> Choices { get; } = [(Current, "This period"), ("last", "Last period"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days")];

    public bool IsCurrent => Key is Current;

    public DateOnly First => UsageDays.DayOf(Period.Start);

    /// <summary>The first day that no longer belongs to it.</summary>
    public DateOnly After => UsageDays.DayOf(Period.End);

    /// <summary>Every day of it, until today.</summary>
    public IReadOnlyList<DateOnly> Days => [.. Enumerable.Range(0, Last.DayNumber - First.DayNumber + 1).Select(First.AddDays)];

    /// <summary>What stands below the columns of a chart.</summary>
    public IReadOnlyList<string> Labels => [.. Days.Select(d => d.ToString("MMM d", CultureInfo.InvariantCulture))];

    /// <summary><c>Nov 1 to Nov 21, 2026</c>.</summary>
    public string Text => $"{First.ToString(First.Year == Last.Year ? "MMM d" : "MMM d, yyyy", CultureInfo.InvariantCulture)} to {Last.ToString("MMM d, yyyy", CultureInfo.InvariantCulture)}";

    /// <summary>The span that an address names; this period when it names none.</summary>
    public static UsageSpan Of(string? key, DateTimeOffset now)
    {
        var today = UsageDays.DayOf(now);
        var month = Period.CalendarMonth(now);
        return key switch
        {
            "last" when Period.CalendarMonth(month.Start.AddTicks(-1)) is var last => new(key, "Last period", last, UsageDays.DayOf(last.End.AddTicks(-1))),
            "7d" or "30d" or "90d" => Back(int.Parse(key[..^1], CultureInfo.InvariantCulture)),
            _ => new(Current, "This period", month, today),
        };
        UsageSpan Back(int days) => new($"{days}d", $"{days} days", new Period(Midnight(today.AddDays(1 - days)), Midnight(today.AddDays(1))), today);
    }

    /// <summary>The address of a page about it.</summary>
    public string Href(string path) => IsCurrent ? path : $"{path}?period={Key}";

    private static DateTimeOffset Midnight(DateOnly day) => new(day.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
}
