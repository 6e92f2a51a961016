using System.Collections.Frozen;
using System.Threading.Channels;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Lets time act: on wall time as it passes (or is shifted), on test clocks as they are advanced.</summary>
internal sealed class AgendaWorker : BackgroundService
{
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMinutes(1);
    private readonly Accounts _accounts;
    private readonly ILogger<AgendaWorker> _log;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public AgendaWorker(Accounts accounts, ILogger<AgendaWorker> log)
    {
        _accounts = accounts;
        _log = log;
        accounts.Committed += _ => _wake.Writer.TryWrite(true);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var sleep = LongestSleep;
            foreach (var account in _accounts.All.Where(a => a.HasAgenda))
                if (Run(account, stoppingToken) is { } next && next < sleep) sleep = next;
            if (sleep > TimeSpan.Zero) await SleepAsync(sleep, stoppingToken);
        }
    }

    /// <summary>Does all that is due and says how long to sleep.</summary>
    private TimeSpan? Run(Account account, CancellationToken stopping)
    {
        var waiting = new HashSet<string>();
        while (!stopping.IsCancellationRequested && account.NextDue(Clocks.Wall, waiting) is { } due && due.At <= account.Now.ToUnixTimeSeconds())
            if (!Step(account, Clocks.Wall, (due.At, due.Id))) waiting.Add(due.Owner); // what follows for the same customer waits, too
        TimeSpan? next = account.NextDue(Clocks.Wall, waiting) is { } later ? DateTimeOffset.FromUnixTimeSeconds(later.At) - account.Now : null;
        foreach (var clock in account.Read(work => work.All(Clocks.Kind).Where(c => c.Status == "advancing").Select(c => c.Id).ToList()))
            if (Advance(account, clock, stopping) is { } wait && (next is null || wait < next)) next = wait;
        return next;
    }

    /// <summary>Takes a test clock through what falls due on its way. Null while it waits for webhooks to be heard.</summary>
    private TimeSpan? Advance(Account account, string clock, CancellationToken stopping)
    {
        var target = account.Read(work => Clocks.Target(work.Get(Clocks.Kind, clock)));
        while (!stopping.IsCancellationRequested && account.NextDue(clock, FrozenSet<string>.Empty) is { } due && due.At <= target)
            if (!Step(account, clock, (due.At, due.Id))) return null;
        var wait = account.Read(work => DateTimeOffset.FromUnixTimeMilliseconds(work.Get(Clocks.Kind, clock).Hidden.Long("ready_from"))) - account.RealNow;
        if (wait > TimeSpan.Zero) return wait;
        account.Write(null, work => Clocks.Arrive(work, work.Get(Clocks.Kind, clock)));
        return null;
    }

    private bool Step(Account account, string clock, (long At, string Id) due)
    {
        try
        {
            return account.Write(null, work =>
            {
                work.Pretend(clock, DateTimeOffset.FromUnixTimeSeconds(due.At));
                if (work.Find(Clocks.Kind, clock) is { } moving) moving.Hidden.Set("progress", Math.Max(due.At, moving.Hidden.Long("progress")));
                return work.Find(due.Id) is not { } doc || Agenda.Handle(work, doc);
            });
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // What cannot be done is set aside, so that it does not stand in the way of everything else.
            _log.StepFailed(fault, due.Id);
            account.Write(null, work =>
            {
                if (work.Find(due.Id) is { } doc) Agenda.Set(work, doc, null);
            });
            return true;
        }
    }

    private async Task SleepAsync(TimeSpan time, CancellationToken stopping)
    {
        using var alarm = new CancellationTokenSource(time, _accounts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(alarm.Token, stopping);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            // The alarm rang: something is due.
        }
    }
}

internal static partial class AgendaLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "Billing sandbox: what was due for {Id} failed and is set aside")]
    public static partial void StepFailed(this ILogger log, Exception fault, string id);
}
