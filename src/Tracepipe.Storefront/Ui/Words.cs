using System.Globalization;

namespace Tracepipe.Storefront.Ui;

/// <summary>How a moment is written.</summary>
public enum TimeStyle
{
    /// <summary><c>12 min ago</c> within a day, <c>Nov 20, 16:08</c> within this year, else <c>Nov 20, 2025</c>.</summary>
    Recent,

    /// <summary><c>Nov 21, 2026</c>.</summary>
    Day,

    /// <summary><c>Nov 2, 2026, 01:04 UTC</c>: billing moments.</summary>
    Stamp,

    /// <summary><c>in 4 days</c>, <c>in 3 h</c>.</summary>
    Ahead,
}

/// <summary>Numbers, sizes and times as sentences use them; always UTC.</summary>
public static class Words
{
    public static string Recent(DateTimeOffset at, DateTimeOffset now)
    {
        var ago = now - at;
        return ago switch
        {
            { Ticks: < 0 } => Stamp(at),
            { TotalMinutes: < 1 } => "just now",
            { TotalHours: < 1 } => $"{(int)ago.TotalMinutes} min ago",
            { TotalDays: < 1 } => $"{(int)ago.TotalHours} h ago",
            _ => at.UtcDateTime.Year == now.UtcDateTime.Year ? Format(at, "MMM d, HH:mm") : Day(at),
        };
    }

    public static string Ahead(DateTimeOffset at, DateTimeOffset now)
    {
        var left = at - now;
        return left switch
        {
            { Ticks: <= 0 } => Day(at),
            { TotalHours: < 1 } => $"in {Math.Max(1, (int)left.TotalMinutes)} min",
            { TotalDays: < 1 } => $"in {(int)left.TotalHours} h",
            { TotalDays: < 2 } => "in 1 day",
            _ => $"in {(int)left.TotalDays} days",
        };
    }

    public static string Day(DateTimeOffset at) => Format(at, "MMM d, yyyy");

    public static string Stamp(DateTimeOffset at) => Format(at, "MMM d, yyyy, HH:mm 'UTC'");

    /// <summary>With separators: <c>48,210</c>.</summary>
    public static string Count(decimal number) => number.ToString("#,##0.##", CultureInfo.InvariantCulture);

    /// <summary>A catalogue's limit: −1 is <c>Unlimited</c>.</summary>
    public static string Limit(long number) => number < 0 ? "Unlimited" : Count(number);

    /// <summary>Bytes in units of 10⁹ and below: <c>31.4 GB</c>, <c>860 kB</c>.</summary>
    public static string Size(long bytes) => bytes switch
    {
        >= 1_000_000_000 => $"{Short(bytes / 1e9)} GB",
        >= 1_000_000 => $"{Short(bytes / 1e6)} MB",
        >= 1_000 => $"{Short(bytes / 1e3)} kB",
        _ => $"{bytes} B",
    };

    /// <summary><c>1 key</c>, <c>2 keys</c>.</summary>
    public static string Several(long count, string one, string many) => count == 1 ? $"1 {one}" : $"{Count(count)} {many}";

    private static string Short(double number) => number.ToString(number < 100 ? "0.#" : "0", CultureInfo.InvariantCulture);

    private static string Format(DateTimeOffset at, string format) => at.UtcDateTime.ToString(format, CultureInfo.InvariantCulture);
}
