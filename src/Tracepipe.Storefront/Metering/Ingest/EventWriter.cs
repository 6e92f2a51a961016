using System.Threading.Channels;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Collects what requests bring and writes it in few large transactions (group commit): while one batch is on its way to the disk, the next one gathers.
/// A request is answered when its own events are on disk. What does not fit into the queue is refused before it waits.
/// </summary>
internal sealed partial class EventWriter(Database database, TimeProvider clock, ILogger<EventWriter> log) : BackgroundService
{
    private const int Writers = 3, BatchSize = 10_000, MostWaiting = 200_000;

    private readonly Channel<Delivery> queue = Channel.CreateUnbounded<Delivery>(); // bounded by the count of its events
    private int waiting;

    private sealed record Delivery(IReadOnlyList<UsageEvent> Events, TaskCompletionSource<ArraySegment<Ingested>> Done);

    /// <summary>Events in the queue and in the batches under way.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Stores the events, together with those of other requests.</summary>
    /// <returns>What became of each, in their order; null when the queue is full: nothing was stored.</returns>
    /// <exception cref="NpgsqlException">The database does not answer: some, all or none may be stored, and sending the same again is safe.</exception>
    public async Task<IReadOnlyList<Ingested>?> WriteAsync(IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        if (events.Count == 0) return [];
        if (Interlocked.Add(ref waiting, events.Count) > MostWaiting)
        {
            Interlocked.Add(ref waiting, -events.Count);
            return null;
        }
        var delivery = new Delivery(events, new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!queue.Writer.TryWrite(delivery))
        {
            Interlocked.Add(ref waiting, -events.Count);
            throw new TimeoutException("The program is going down.");
        }
        return await delivery.Done.Task.WaitAsync(cancel);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(RunAsync, CancellationToken.None)));

    /// <summary>The server has stopped before: what is still queued is written, then the writers end.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
        if (ExecuteTask is { } running) await running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync()
    {
        await using var store = new EventStore(database, clock);
        var batch = new List<Delivery>();
        var events = new List<UsageEvent>(BatchSize);
        while (await queue.Reader.WaitToReadAsync())
        {
            while (events.Count < BatchSize && queue.Reader.TryRead(out var delivery))
            {
                batch.Add(delivery);
                events.AddRange(delivery.Events);
            }
            if (batch.Count == 0) continue; // another writer was faster
            await WriteAsync(store, batch, events);
            Interlocked.Add(ref waiting, -events.Count);
            batch.Clear();
            events.Clear();
        }
    }

    private async Task WriteAsync(EventStore store, List<Delivery> batch, List<UsageEvent> events)
    {
        try
        {
            var answers = await store.StoreAsync(events, CancellationToken.None);
            var at = 0;
            foreach (var delivery in batch)
            {
                delivery.Done.SetResult(new ArraySegment<Ingested>(answers, at, delivery.Events.Count));
                at += delivery.Events.Count;
            }
        }
        catch (Exception failure)
        {
            NotStored(log, events.Count, failure.GetType().Name, (failure as PostgresException)?.SqlState);
            foreach (var delivery in batch) delivery.Done.TrySetException(failure);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Events} events were not acknowledged ({Failure} {SqlState}); whoever sent them sends them again")]
    private static partial void NotStored(ILogger log, int events, string failure, string? sqlState);
}

/// <summary>Makes the partitions of the coming months before they begin, and those of the months that may still be reported.</summary>
internal sealed partial class EventMonths(Database database, TimeProvider clock, ILogger<EventMonths> log) : BackgroundService
{
    private const int MonthsAhead = 3;

    // Before the first request.
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await EnsureAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Does it once.</summary>
    public async Task EnsureAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        for (var month = Period.CalendarMonth(now - EventRules.LatestBy).Start; month <= now.AddMonths(MonthsAhead); month = month.AddMonths(1)) await EventStore.EnsureMonthAsync(database, month, cancel);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromHours(1), clock, EnsureAsync, reason => NotMade(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The coming months of events were not prepared; they are when the first event needs them: {Reason}")]
    private static partial void NotMade(ILogger log, string reason);
}
