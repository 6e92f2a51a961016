using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>The requests of one key on this node that have not been written yet.</summary>
internal sealed class KeyUse(KeyUseLog owner, Guid organization, Guid id, Guid logicalId)
{
    private long requests;
    private long refused;
    private long lastTicks;
    private long refusedTicks;

    public Guid OrganizationId { get; } = organization;

    public Guid Id { get; } = id;

    public Guid LogicalId { get; } = logicalId;

    /// <summary>Counts one request at this instant.</summary>
    public void Count(DateTimeOffset now)
    {
        Volatile.Write(ref lastTicks, now.UtcTicks);
        if (Interlocked.Increment(ref requests) == 1) owner.Enqueue(this);
    }

    /// <summary>Counts one request that was too many.</summary>
    public void CountRefused(DateTimeOffset now)
    {
        Volatile.Write(ref refusedTicks, now.UtcTicks);
        if (Interlocked.Increment(ref refused) == 1) owner.EnqueueRefused(this);
    }

    internal (long Refused, DateTimeOffset Last) TakeRefused() => (Interlocked.Exchange(ref refused, 0), new DateTimeOffset(Volatile.Read(ref refusedTicks), TimeSpan.Zero));

    internal void PutBackRefused(long count)
    {
        if (Interlocked.Add(ref refused, count) == count) owner.EnqueueRefused(this);
    }

    internal (long Requests, DateTimeOffset Last) Take() => (Interlocked.Exchange(ref requests, 0), new DateTimeOffset(Volatile.Read(ref lastTicks), TimeSpan.Zero));

    /// <summary>What could not be written waits for the next time.</summary>
    internal void PutBack(long count)
    {
        if (Interlocked.Add(ref requests, count) == count) owner.Enqueue(this);
    }
}

/// <summary>Writes what keys were used for, behind the requests: every two seconds and at the end, one statement for all of them.</summary>
internal sealed partial class KeyUseLog(Database database, TimeProvider clock, ILogger<KeyUseLog> log) : BackgroundService
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastWrite = TimeSpan.FromSeconds(1);
    private readonly ConcurrentQueue<KeyUse> used = new();
    private readonly ConcurrentQueue<KeyUse> refused = new();
    private readonly SemaphoreSlim writing = new(1);

    public KeyUse Of(Guid organization, Guid id, Guid logicalId) => new(this, organization, id, logicalId);

    internal void Enqueue(KeyUse use) => used.Enqueue(use);

    internal void EnqueueRefused(KeyUse use) => refused.Enqueue(use);

    /// <summary>Writes what has been counted so far.</summary>
    public async Task WriteAsync(CancellationToken cancel)
    {
        await writing.WaitAsync(cancel);
        try
        {
            var batch = new List<(KeyUse Use, long Requests, DateTimeOffset Last)>();
            while (used.TryDequeue(out var use))
            {
                var (requests, last) = use.Take();
                if (requests > 0) batch.Add((use, requests, last));
            }
            if (batch.Count > 0) await TakeDownAsync(batch, cancel);
            await WriteRefusedAsync(cancel);
        }
        finally
        {
            writing.Release();
        }
    }

    private async Task TakeDownAsync(List<(KeyUse Use, long Requests, DateTimeOffset Last)> batch, CancellationToken cancel)
    {
        try
        {
            await WriteAsync(batch, cancel);
        }
        catch
        {
            foreach (var (use, requests, _) in batch) use.PutBack(requests);
            throw;
        }
    }

    private async Task WriteRefusedAsync(CancellationToken cancel)
    {
        var batch = new List<(KeyUse Use, long Refused, DateTimeOffset Last)>();
        while (refused.TryDequeue(out var use))
        {
            var (count, last) = use.TakeRefused();
            if (count > 0) batch.Add((use, count, last));
        }
        if (batch.Count == 0) return;
        try
        {
            await database.WorkReadAsync(q => q.Execute($"""
                insert into key_hours (organization_id, logical_id, hour, requests, refused)
                select organization_id, logical_id, date_trunc('hour', at, 'UTC'), 0, sum(refused)::bigint
                from unnest({batch.ConvertAll(b => b.Use.OrganizationId).ToArray()}, {batch.ConvertAll(b => b.Use.LogicalId).ToArray()}, {batch.ConvertAll(b => b.Refused).ToArray()},
                  {new NpgsqlParameter { Value = batch.ConvertAll(b => b.Last).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz }}) as u(organization_id, logical_id, refused, at)
                group by 1, 2, 3 order by 1, 2, 3
                on conflict (organization_id, logical_id, hour) do update set refused = key_hours.refused + excluded.refused
                """), cancel);
        }
        catch
        {
            foreach (var (use, count, _) in batch) use.PutBackRefused(count);
            throw;
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var atMost = new CancellationTokenSource(LastWrite); // of its own: others may have used up the time of the stop
        try
        {
            await TryAsync(WriteAsync, atMost.Token); // the server has stopped before: nothing is added any more
        }
        catch (OperationCanceledException)
        {
            NotWritten(log, $"The database did not take it within {LastWrite.TotalSeconds:0} s.");
        }
    }

    public override void Dispose()
    {
        writing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WriteEvery, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await TryAsync(WriteAsync, stoppingToken);
    }

    private async Task TryAsync(Func<CancellationToken, Task> write, CancellationToken cancel)
    {
        try
        {
            await write(cancel);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            NotWritten(log, failure.Message);
        }
    }

    private Task WriteAsync(List<(KeyUse Use, long Requests, DateTimeOffset Last)> batch, CancellationToken cancel)
    {
        var organizations = batch.ConvertAll(b => b.Use.OrganizationId).ToArray();
        var ids = batch.ConvertAll(b => b.Use.Id).ToArray();
        var logical = batch.ConvertAll(b => b.Use.LogicalId).ToArray();
        var requests = batch.ConvertAll(b => b.Requests).ToArray();
        var last = new NpgsqlParameter { Value = batch.ConvertAll(b => b.Last).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz };
        return database.WorkReadAsync(q =>
        {
            // Rows are locked in one order by every node, so that two of them never wait for each other.
            q.Execute($"""
                with used as (
                  select organization_id, id, sum(requests)::bigint as requests, max(at) as at
                  from unnest({organizations}, {ids}, {requests}, {last}) as u(organization_id, id, requests, at) group by 1, 2),
                locked as (
                  select k.organization_id, k.id from api_keys k join used u on u.organization_id = k.organization_id and u.id = k.id
                  order by k.organization_id, k.id for no key update of k)
                update api_keys k set last_used_at = greatest(k.last_used_at, u.at), requests = k.requests + u.requests
                from used u join locked l on l.organization_id = u.organization_id and l.id = u.id
                where k.organization_id = u.organization_id and k.id = u.id
                """);
            q.Execute($"""
                insert into key_hours (organization_id, logical_id, hour, requests)
                select organization_id, logical_id, date_trunc('hour', at, 'UTC'), sum(requests)::bigint
                from unnest({organizations}, {logical}, {requests}, {new NpgsqlParameter { Value = last.Value, NpgsqlDbType = last.NpgsqlDbType }}) as u(organization_id, logical_id, requests, at)
                group by 1, 2, 3 order by 1, 2, 3
                on conflict (organization_id, logical_id, hour) do update set requests = key_hours.requests + excluded.requests
                """);
        }, cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Use of keys was not written and waits: {Reason}")]
    private static partial void NotWritten(ILogger log, string reason);
}
