using System.Collections.Concurrent;

namespace Tracepipe.Tests.Traces;

/// <summary>A clock whose rounds of ten seconds, those of the sweeper, come when a test says so; everything else stays as it was.</summary>
public sealed class Rounds(TimeProvider clock) : TimeProvider
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);
    private readonly ConcurrentQueue<Action> comes = new();

    public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period != Every) return clock.CreateTimer(callback, state, dueTime, period);
        comes.Enqueue(() => callback(state));
        return clock.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ten seconds have passed.</summary>
    public void Come()
    {
        foreach (var round in comes) round();
    }
}
