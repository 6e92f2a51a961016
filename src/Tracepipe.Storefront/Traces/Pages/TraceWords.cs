using System.Globalization;
using Tracepipe.Storefront.Traces.Formats;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Traces.Pages;

/// <summary>What stands in traces, in the words of pages.</summary>
internal static class TraceWords
{
    /// <summary><c>860 ms</c>, <c>47.2 s</c>, <c>3 min 12 s</c>, <c>2 h 5 min</c>.</summary>
    public static string Duration(double milliseconds) => milliseconds switch
    {
        < 1_000 => $"{milliseconds.ToString("0.#", CultureInfo.InvariantCulture)} ms",
        < 60_000 => $"{(milliseconds / 1_000).ToString("0.0", CultureInfo.InvariantCulture)} s",
        < 3_600_000 => $"{(long)milliseconds / 60_000} min {(long)milliseconds % 60_000 / 1_000} s",
        _ => $"{Words.Count((long)milliseconds / 3_600_000)} h {(long)milliseconds % 3_600_000 / 60_000} min",
    };

    /// <summary>Exact dollars as far as they can be read: at least cents, at most six decimals.</summary>
    public static string Dollars(decimal dollars) => $"${decimal.Round(dollars, 6).ToString("#,##0.00####", CultureInfo.InvariantCulture)}";

    public static string Format(TraceFormat format) => format switch
    {
        TraceFormat.ChromeObject => "Chrome trace (object)",
        TraceFormat.ChromeArray => "Chrome trace (array)",
        _ => "Input events (JSON lines)",
    };

    /// <summary>The phase letters of the trace event format, in words.</summary>
    public static string Phase(string letter) => letter switch
    {
        "X" => "Complete",
        "B" => "Begin",
        "E" => "End",
        "I" or "i" or "R" => "Instant",
        "C" => "Counter",
        "b" or "S" => "Async begin",
        "e" or "F" => "Async end",
        "n" or "T" or "p" => "Async step",
        "s" => "Flow begin",
        "t" => "Flow step",
        "f" => "Flow end",
        "M" => "Metadata",
        "N" => "Object created",
        "D" => "Object deleted",
        "O" => "Object snapshot",
        "P" => "Sample",
        "v" or "V" => "Memory dump",
        "c" => "Clock sync",
        _ => "Other",
    };
}
