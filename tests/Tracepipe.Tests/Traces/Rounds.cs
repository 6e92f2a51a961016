namespace Tracepipe.Tests.Traces;

/// <summary>A clock whose rounds of ten seconds, those of the sweeper, come when a test says so; everything else stays as it was.</summary>
public sealed class Rounds(TimeProvider clock) : TimeProvider
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);
    private readonly Lock change = new();
    private readonly List<Action> comes = [];
    private bool hasCome;

    public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (period != Every) return clock.CreateTimer(callback, state, dueTime, period);
        bool missed;
        lock (change)
        {
            comes.Add(() => callback(state));
            missed = hasCome;
        }
        if (missed) callback(state); // a host has started before what runs behind it has made its timers: the round that came in between is not lost
        return clock.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Ten seconds have passed.</summary>
    public void Come()
    {
        Action[] all;
        lock (change)
        {
            hasCome = true;
            all = [.. comes];
        }
        foreach (var round in all) round();
    }
}
