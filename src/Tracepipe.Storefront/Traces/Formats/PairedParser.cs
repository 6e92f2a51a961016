namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>
/// Reads a trace with two parsers, each a part of a piece at the same time. Programs write an event a line, so the second one begins behind the first event that ends a line in
/// the latter part, as far as it looks. It counts only when the first one, which knows, has arrived at that place between two events and the second one has left off between
/// two as well; else the first one reads on, and the second one is not asked again. So nothing depends on the guess but how long it takes. How much of a piece the second one
/// gets follows from who waited for whom: hashing shares the threads.
/// </summary>
internal sealed class PairedParser(TraceLimits limits, QuietThreads threads)
{
    private const double Step = 0.01, LeastShare = 0.3, MostShare = 0.9;
    private readonly TraceParser first = new(limits, TraceCounts.OfWhole());
    private readonly TraceParser second = new(limits, TraceCounts.OfPart());
    private double share = 0.5; // of a piece, for the first one
    private bool isPaired = threads.MaximumConcurrencyLevel > 1;

    /// <summary>Events read so far.</summary>
    public long Events => first.Events;

    /// <inheritdoc cref="TraceParser.Read"/>
    public async Task<int> ReadAsync(ReadOnlyMemory<byte> data)
    {
        var (from, to) = isPaired ? LatterPart(data.Span) : (0, 0);
        if (from == to) return first.Read(data.Span, isEnd: false);
        second.BeginBehindEvent(first, from);
        var latter = threads.RunAsync(() => second.TryReadEvents(data.Span[from..to]));
        int used;
        try
        {
            used = first.Read(data.Span[..from], isEnd: false);
        }
        finally
        {
            share = Math.Clamp(share + (latter.IsCompleted ? -Step : Step), LeastShare, MostShare);
            await latter; // reads memory that is the caller's again when this has returned
        }
        if (used == from && first.IsBetweenEvents && await latter)
        {
            first.Take(second);
            return to;
        }
        isPaired = false;
        return used + first.Read(data.Span[used..], isEnd: false);
    }

    /// <inheritdoc cref="TraceParser.Complete"/>
    public TraceSummary Complete(ReadOnlySpan<byte> rest) => first.Complete(rest);

    /// <summary>From behind an event near the border of both shares to behind the last one; nothing when there are none, or it is not known yet how events stand in this file.</summary>
    private (int From, int To) LatterPart(ReadOnlySpan<byte> data)
    {
        var border = first.EventBorder;
        if (border.IsEmpty) return default;
        var near = (int)(data.Length * share);
        var from = data[near..].IndexOf(border);
        return from < 0 ? default : (near + from + 1, data.LastIndexOf(border) + 1);
    }
}
