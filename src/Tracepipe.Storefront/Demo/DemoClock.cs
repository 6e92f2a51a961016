namespace Tracepipe.Storefront.Demo;

/// <summary>A time that stands still until it is moved on. Timers and timestamps stay those of the machine, so that waiting is real.</summary>
internal sealed class DemoClock(DateTimeOffset begin) : TimeProvider
{
    private long ticks = begin.UtcTicks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref ticks), TimeSpan.Zero);

    /// <summary>Moves on to a moment; one that has passed changes nothing.</summary>
    public void MoveTo(DateTimeOffset at)
    {
        if (at.UtcTicks > Interlocked.Read(ref ticks)) Interlocked.Exchange(ref ticks, at.UtcTicks);
    }

    public void Pass(TimeSpan by) => Interlocked.Add(ref ticks, by.Ticks);
}
