namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>When a trace's events happen: its first and last instant, and how many begin in each second. Events may come in any order.</summary>
/// <param name="most">Seconds that are kept.</param>
internal sealed class Timeline(int most)
{
    private const int MostSteps = 3600;
    private readonly Dictionary<long, long> seconds = [];
    private long first = long.MaxValue;
    private long last = long.MinValue;
    private long lastSecond = long.MinValue;
    private long inLastSecond;

    /// <summary>Microseconds.</summary>
    public void Add(long at, long duration)
    {
        if (at < first) first = at;
        var end = duration > 0 && at <= long.MaxValue - duration ? at + duration : at;
        if (end > last) last = end;
        var second = at / 1_000_000;
        if (second == lastSecond) { inLastSecond++; return; } // nearly always: one comparison instead of a lookup
        Flush();
        (lastSecond, inLastSecond) = (second, 1);
    }

    /// <summary>Adds all of another one.</summary>
    public void Add(Timeline other)
    {
        Flush();
        other.Flush();
        (first, last) = (Math.Min(first, other.first), Math.Max(last, other.last));
        foreach (var (second, number) in other.seconds) Put(second, number);
    }

    public void Clear()
    {
        seconds.Clear();
        (first, last, lastSecond, inLastSecond) = (long.MaxValue, long.MinValue, long.MinValue, 0);
    }

    /// <summary>Milliseconds from the first instant to the last.</summary>
    public double DurationMs => first > last ? 0 : ((double)last - first) / 1000;

    /// <summary>The strip; null steps do not exist: a quiet second is 0.</summary>
    public TraceActivity Activity()
    {
        Flush();
        if (seconds.Count == 0) return new TraceActivity(1, []);
        var (from, to) = (seconds.Keys.Min(), seconds.Keys.Max());
        var span = (Int128)to - from + 1;
        var step = (int)Int128.Min(int.MaxValue, Int128.Max(1, (span + MostSteps - 1) / MostSteps));
        var counts = new long[(int)Int128.Min(MostSteps, (span + step - 1) / step)];
        foreach (var (second, number) in seconds) counts[(int)Int128.Min(counts.Length - 1, ((Int128)second - from) / step)] += number;
        return new TraceActivity(step, counts);
    }

    private void Flush()
    {
        if (inLastSecond == 0) return;
        Put(lastSecond, inLastSecond);
        inLastSecond = 0;
    }

    private void Put(long second, long number)
    {
        if (seconds.TryGetValue(second, out var before)) seconds[second] = before + number;
        else if (seconds.Count < most) seconds[second] = number;
    }
}
