using System.Threading.Channels;

namespace Tracepipe.Tests.Stripe;

/// <summary>A clock that stands still until the test moves it, and tells which waits were asked of it.</summary>
internal sealed class ManualClock : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private readonly Channel<TimeSpan> asked = Channel.CreateUnbounded<TimeSpan>();
    private DateTimeOffset now = new(2026, 8, 1, 12, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate) return now;
    }

    public override long GetTimestamp() => GetUtcNow().UtcTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Waits until somebody sets a timer that is shorter than <paramref name="below"/>, and returns its length.</summary>
    public async Task<TimeSpan> NextWaitAsync(TimeSpan below, CancellationToken cancel)
    {
        while (true)
        {
            var wait = await asked.Reader.ReadAsync(cancel);
            if (wait < below) return wait;
        }
    }

    /// <summary>Runs a call, letting every wait between its attempts pass at once, and returns the waits in milliseconds.</summary>
    public async Task<(T Result, List<double> Waits)> RunAsync<T>(Func<Task<T>> call)
    {
        var waits = new List<double>();
        var running = call();
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!running.IsCompleted)
        {
            var waiting = NextWaitAsync(below: TimeSpan.FromSeconds(75), ended.Token); // an attempt's own limit is longer
            if (await Task.WhenAny(running, waiting) == running) break;
            var wait = await waiting;
            waits.Add(wait.TotalMilliseconds);
            Advance(wait);
        }
        await ended.CancelAsync();
        return (await running, waits);
    }

    public void Advance(TimeSpan by)
    {
        List<ManualTimer> due;
        lock (gate)
        {
            now += by;
            due = timers.FindAll(timer => timer.At <= now);
            timers.RemoveAll(timer => timer.At <= now);
        }
        foreach (var timer in due) timer.Fire();
    }

    private sealed class ManualTimer(ManualClock clock, Action fire) : ITimer
    {
        public DateTimeOffset At { get; private set; }

        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.gate)
            {
                clock.timers.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                At = clock.now + dueTime;
                clock.timers.Add(this);
            }
            clock.asked.Writer.TryWrite(dueTime);
            return true;
        }

        public void Dispose()
        {
            lock (clock.gate) clock.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
