namespace Tracepipe.Tests.App;

/// <summary>A clock whose timers of ten minutes and more come due when the tests' clock has been moved there; shorter ones stay real, so that waiting loops go on.</summary>
public sealed class LongTimers(TestClock clock) : TimeProvider
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10), Look = TimeSpan.FromMilliseconds(50);

    public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        dueTime < Long || period != Timeout.InfiniteTimeSpan ? base.CreateTimer(callback, state, dueTime, period) : new LongTimer(this, callback, state, dueTime);

    private sealed class LongTimer : ITimer
    {
        private readonly LongTimers owner;
        private readonly ITimer looks;
        private readonly Lock guard = new();
        private DateTimeOffset? due;

        public LongTimer(LongTimers owner, TimerCallback callback, object? state, TimeSpan dueTime)
        {
            this.owner = owner;
            due = owner.GetUtcNow() + dueTime;
            looks = TimeProvider.System.CreateTimer(_ => { if (IsDue()) callback(state); }, null, Look, Look);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (guard) due = dueTime == Timeout.InfiniteTimeSpan ? null : owner.GetUtcNow() + dueTime;
            return true;
        }

        public void Dispose() => looks.Dispose();

        public ValueTask DisposeAsync() => looks.DisposeAsync();

        private bool IsDue()
        {
            lock (guard)
            {
                if (due is not { } at || owner.GetUtcNow() < at) return false;
                due = null;
                return true;
            }
        }
    }
}
