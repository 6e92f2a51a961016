using System.Globalization;

namespace Tracepipe.Storefront.Platform;

/// <summary>From when until when, as an address says it: instants in ISO 8601, the end excluded, or days (UTC), which count whole.</summary>
/// <param name="From">Null: from the beginning.</param>
/// <param name="Before">Null: without end.</param>
internal readonly record struct DateRange(DateTimeOffset? From, DateTimeOffset? Before)
{
    /// <summary>How it is told to callers.</summary>
    public const string Sentence = "Write a day (2026-11-21) or an instant (2026-11-21T12:00:00Z).";

    /// <summary>Reads <c>from</c> and <c>to</c>.</summary>
    /// <returns>The range, and a sentence for each of the two that cannot be read; empty texts ask for nothing.</returns>
    public static (DateRange Range, IReadOnlyDictionary<string, object?> Wrong) Read(string? from, string? to)
    {
        var wrong = new Dictionary<string, object?>(StringComparer.Ordinal);
        var (start, end) = (One(from, 0, "from", wrong), One(to, 1, "to", wrong));
        if (start >= end) wrong["to"] = "It ends before it begins.";
        return (new DateRange(start, end), wrong);
    }

    private static DateTimeOffset? One(string? text, int days, string name, Dictionary<string, object?> wrong)
    {
        if (string.IsNullOrEmpty(text)) return null;
        // A plus sign in an address reads as a space.
        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day < DateOnly.MaxValue) return new DateTimeOffset(day.AddDays(days).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero);
        if (text.Length >= 17 && DateTimeOffset.TryParse(text.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) && char.IsAsciiDigit(text[0]) && text[10] == 'T') return at;
        wrong[name] = Sentence;
        return null;
    }
}
