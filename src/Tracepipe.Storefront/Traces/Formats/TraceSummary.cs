using System.Text.Json.Serialization;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The ways a trace is written.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TraceFormat>))]
internal enum TraceFormat
{
    /// <summary>Chrome's Trace Event Format, an object with <c>traceEvents</c>.</summary>
    [JsonStringEnumMemberName("chrome_object")] ChromeObject,

    /// <summary>Chrome's Trace Event Format, an array of events.</summary>
    [JsonStringEnumMemberName("chrome_array")] ChromeArray,

    /// <summary>Input events, one JSON object a line.</summary>
    [JsonStringEnumMemberName("input_lines")] InputLines,
}

/// <summary>What a trace holds, made while it is stored.</summary>
/// <param name="Truncated">The file breaks off between two events; all that came before is there.</param>
/// <param name="Events">All, those about processes and threads (<c>M</c>) included.</param>
/// <param name="DurationMs">From the first event's beginning to the last one's end, milliseconds.</param>
/// <param name="Categories">Events per category; an event of two categories counts in both.</param>
/// <param name="Phases">Events per phase letter of the format: <c>X</c> complete, <c>B</c> begin, <c>E</c> end, …</param>
/// <param name="InputEvents">What the person did, by kind: <c>keydown</c>, <c>mousemove</c>, …</param>
/// <param name="TopNames">The most frequent names of events.</param>
/// <param name="Activity">Events over time.</param>
/// <param name="UnpackedBytes">Bytes of JSON.</param>
/// <param name="Warnings">Sentences about what the reader should know.</param>
internal sealed record TraceSummary(
    TraceFormat Format,
    bool Truncated,
    long Events,
    double DurationMs,
    IReadOnlyList<NameCount> Categories,
    IReadOnlyList<NameCount> Phases,
    IReadOnlyList<TraceProcess> Processes,
    IReadOnlyList<NameCount> InputEvents,
    IReadOnlyList<NameCount> TopNames,
    TraceActivity Activity,
    long UnpackedBytes,
    IReadOnlyList<string> Warnings);

/// <param name="Name">As the browser names it; empty when the trace does not say.</param>
internal sealed record TraceProcess(long Pid, string Name, long Events, IReadOnlyList<TraceThread> Threads);

internal sealed record TraceThread(long Tid, string Name, long Events);

/// <summary>Events that begin in each step of time, from the first event on.</summary>
/// <param name="StepSeconds">1 for traces of up to an hour.</param>
internal sealed record TraceActivity(int StepSeconds, IReadOnlyList<long> Counts)
{
    /// <summary>The same in so many equal parts of time at most.</summary>
    public IReadOnlyList<long> Bars(int most)
    {
        var bars = new long[Math.Min(most, Counts.Count)];
        for (var i = 0; i < Counts.Count; i++) bars[(long)i * bars.Length / Counts.Count] += Counts[i];
        return bars;
    }
}
