namespace Tracepipe.Tests.App;

/// <summary>The machine's clock, moved: timers and timestamps stay real, so that waiting loops go on; only the date is shifted.</summary>
public sealed class TestClock : TimeProvider
{
    private long offset;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref offset));

    public void Advance(TimeSpan by) => Interlocked.Add(ref offset, by.Ticks);

    public void MoveTo(DateTimeOffset at) => Interlocked.Add(ref offset, (at - GetUtcNow()).Ticks);
}
