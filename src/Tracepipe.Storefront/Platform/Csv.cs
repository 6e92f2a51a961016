using System.Globalization;
using System.Text;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// A table as text with commas (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in front, which spreadsheets hide; numbers stay
/// numbers, also negative ones.
/// </summary>
internal sealed class Csv
{
    private readonly StringBuilder text = new();

    public Csv(params ReadOnlySpan<string> head) => Row([.. head]);

    /// <summary>Adds a line: texts, numbers, instants, days; null is an empty cell.</summary>
    public void Row(params ReadOnlySpan<object?> cells)
    {
        for (var i = 0; i < cells.Length; i++) text.Append(i == 0 ? "" : ",").Append(Cell(cells[i]));
        text.Append("\r\n");
    }

    /// <summary>As a download, which caches do not keep.</summary>
    public IResult ToFile(HttpContext http, string name)
    {
        http.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.File(Encoding.UTF8.GetBytes(text.ToString()), "text/csv; charset=utf-8", name);
    }

    /// <summary>What has been added since the last time: for a table that is too long to be kept as a whole.</summary>
    public string Take()
    {
        var taken = text.ToString();
        text.Clear();
        return taken;
    }

    public override string ToString() => text.ToString();

    private static string Cell(object? value) => value switch
    {
        null => "",
        string words => Quoted(words.Length > 0 && words[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '＝' or '＋' or '－' or '＠' ? "'" + words : words),
        DateTimeOffset at => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
        DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        bool yes => yes ? "true" : "false",
        decimal number => (number / 1.000000000000000000m).ToString(CultureInfo.InvariantCulture),
        IFormattable other => Quoted(other.ToString(null, CultureInfo.InvariantCulture)),
        _ => Quoted(value.ToString() ?? ""),
    };

    private static string Quoted(string words) => words.AsSpan().IndexOfAny(",\"\r\n") < 0 ? words : $"\"{words.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
