namespace Tracepipe.Storefront.Traces.Pages;

/// <summary>For how long sessions may be kept, as forms offer it.</summary>
internal static class Retention
{
    private static readonly int[] Days = [7, 30, 90, 365];

    /// <summary>Values and labels of a list.</summary>
    public static IReadOnlyList<(string Value, string Label)> Choices { get; } = [("never", "Never, only by hand"), .. Days.Select(d => (d.ToString(), $"After {d} days"))];

    public static string Value(int? days) => days?.ToString() ?? "never";

    /// <summary>Reads what a form sent.</summary>
    public static bool TryRead(string? value, out int? days)
    {
        days = int.TryParse(value, out var number) ? number : null;
        return value is "never" || days is { } d && Days.Contains(d);
    }
}
