using System.Collections.Concurrent;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What became of an event.</summary>
internal enum Ingested : byte { Accepted, Duplicate, Conflict }

/// <summary>
/// One writer's way into the tables of events: its own connection with a temporary table, because COPY does not go into tables under row-level security.
/// A batch is one transaction: staged, its digests claimed for ever, what was new added to the events, to the sums of its day and hour, and to
/// what waits for a price. A few events travel as one statement.
/// </summary>
internal sealed class EventStore(Database database, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>Up to so many are no COPY's worth.</summary>
    private const int Few = 200;

    private const string Columns = "organization_id, time, meter, quantity, model, key_id, suite_id, ticket_id, source, event_id, digest, details";

    /// <summary>With its place in the batch and what it is known by.</summary>
    private const string Staged = "ordinal, organization_id, time, meter, quantity, model, key_id, suite_id, ticket_id, source, event_id, digest, body, details";

    private static readonly ConcurrentDictionary<(string Database, int Month), bool> Months = new();
    private NpgsqlConnection? connection;
    private bool isCommitting;

    /// <summary>Stores what is new and says of each event what became of it. When this returns, it is on disk.</summary>
    public async Task<Ingested[]> StoreAsync(IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        await EnsureMonthsAsync(events, cancel);
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await TryAsync(events, cancel);
            }
            catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure && tries < 5)
            {
                // another writer was chosen to go first
            }
            catch (Exception failure) when (failure is NpgsqlException and not PostgresException { SqlState: not ("57P01" or "57P02" or "57P03") } or TimeoutException)
            {
                await CloseAsync();
                // Lost while idle or at work: nothing was stored. Lost while committing: only the repetition by the sender finds out.
                if (isCommitting || tries >= 3) throw;
            }
        }
    }

    public async ValueTask DisposeAsync() => await CloseAsync();

    /// <summary>What is known of events that are too old to be counted: a duplicate is one at any age.</summary>
    public static async Task<IReadOnlyDictionary<(Guid, Guid), Guid>> KnownAsync(Database database, IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        var (organizations, digests) = (events.Select(e => e.OrganizationId).ToArray(), events.Select(e => e.Digest).ToArray());
        Answer<IReadOnlyList<(Guid Organization, Guid Digest, Guid Body)>>? found = null;
        await database.WorkReadAsync(q => found = q.List($"""
            select i.organization_id, i.digest, i.body from unnest({organizations}, {digests}) s(organization_id, digest)
            join event_ids i on i.organization_id = s.organization_id and i.digest = s.digest
            """, r => (r.GetGuid(0), r.GetGuid(1), r.GetGuid(2))), cancel);
        return found!.Value.DistinctBy(f => (f.Organization, f.Digest)).ToDictionary(f => (f.Organization, f.Digest), f => f.Body);
    }

    private async Task<Ingested[]> TryAsync(IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        // An event that stands twice in the batch is staged once; its repetitions are compared with the first afterwards.
        var first = new Dictionary<(Guid, Guid), int>(events.Count);
        List<int>? repeated = null;
        for (var i = 0; i < events.Count; i++)
            if (!first.TryAdd((events[i].OrganizationId, events[i].Digest), i)) (repeated ??= []).Add(i);

        isCommitting = false;
        var open = connection ??= await OpenAsync(cancel);
        await using var transaction = await open.BeginTransactionAsync(cancel);
        var answers = new Ingested[events.Count];
        Dictionary<int, Guid> known;
        if (first.Count <= Few) known = await KnownAsync(open, await AddFewAsync(open, [.. first.Values], events, cancel), cancel);
        else
        {
            await StageAsync(open, events, repeated, cancel);
            known = await KnownAsync(open, await ClaimAsync(open, cancel), cancel);
            if (known.Count < first.Count) await AddAsync(open, cancel);
        }
        foreach (var (ordinal, body) in known) answers[ordinal] = body == events[ordinal].Body ? Ingested.Duplicate : Ingested.Conflict;
        foreach (var again in repeated ?? [])
        {
            var earlier = first[(events[again].OrganizationId, events[again].Digest)];
            var body = known.TryGetValue(earlier, out var stored) ? stored : events[earlier].Body;
            answers[again] = body == events[again].Body ? Ingested.Duplicate : Ingested.Conflict;
        }
        isCommitting = true;
        await transaction.CommitAsync(cancel);
        return answers;
    }

    private async Task StageAsync(NpgsqlConnection open, IReadOnlyList<UsageEvent> events, List<int>? repeated, CancellationToken cancel)
    {
        var left = repeated is null ? null : new HashSet<int>(repeated);
        await using var copy = await open.BeginBinaryImportAsync($"copy staging ({Staged}) from stdin (format binary)", cancel);
        for (var i = 0; i < events.Count; i++)
        {
            if (left?.Contains(i) is true) continue;
            var e = events[i];
            await copy.StartRowAsync(cancel);
            await copy.WriteAsync(i, NpgsqlDbType.Integer, cancel);
            await copy.WriteAsync(e.OrganizationId, NpgsqlDbType.Uuid, cancel);
            await copy.WriteAsync(e.Time.UtcDateTime, NpgsqlDbType.TimestampTz, cancel);
            await copy.WriteAsync(e.Meter, NpgsqlDbType.Text, cancel);
            await copy.WriteAsync(e.Quantity, NpgsqlDbType.Numeric, cancel);
            await WriteAsync(copy, e.Model, cancel);
            if (e.KeyId is { } key) await copy.WriteAsync(key, NpgsqlDbType.Uuid, cancel);
            else await copy.WriteNullAsync(cancel);
            await WriteAsync(copy, e.SuiteId, cancel);
            await WriteAsync(copy, e.TicketId, cancel);
            await copy.WriteAsync(e.Source, NpgsqlDbType.Text, cancel);
            await copy.WriteAsync(e.Id, NpgsqlDbType.Text, cancel);
            await copy.WriteAsync(e.Digest, NpgsqlDbType.Uuid, cancel);
            await copy.WriteAsync(e.Body, NpgsqlDbType.Uuid, cancel);
            if (e.Details is { } details) await copy.WriteAsync(details, NpgsqlDbType.Json, cancel);
            else await copy.WriteNullAsync(cancel);
        }
        await copy.CompleteAsync(cancel);

        static Task WriteAsync(NpgsqlBinaryImporter copy, string? text, CancellationToken cancel) => text is null ? copy.WriteNullAsync(cancel) : copy.WriteAsync(text, NpgsqlDbType.Text, cancel);
    }

    // In one order by every writer: two that have the same events wait for each other instead of dying.
    private static async Task<List<(int Ordinal, Guid Organization, Guid Digest)>> ClaimAsync(NpgsqlConnection open, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            with fresh as (
              insert into event_ids (organization_id, digest, body) select organization_id, digest, body from staging order by organization_id, digest
              on conflict do nothing returning organization_id, digest),
            gone as (
              delete from staging s where not exists (select from fresh f where f.organization_id = s.organization_id and f.digest = s.digest)
              returning s.ordinal, s.organization_id, s.digest)
            select ordinal, organization_id, digest from gone
            """, open);
        return await GoneAsync(command, cancel);
    }

    private static async Task<List<(int Ordinal, Guid Organization, Guid Digest)>> GoneAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var gone = new List<(int, Guid, Guid)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) gone.Add((reader.GetInt32(0), reader.GetGuid(1), reader.GetGuid(2)));
        return gone;
    }

    /// <summary>What was stored under the digests that were not free.</summary>
    private static async Task<Dictionary<int, Guid>> KnownAsync(NpgsqlConnection open, List<(int Ordinal, Guid Organization, Guid Digest)> gone, CancellationToken cancel)
    {
        var known = new Dictionary<int, Guid>(gone.Count);
        if (gone.Count == 0) return known;
        // A statement of its own: it sees what another writer has committed meanwhile. Not a join: that would go through all events there ever were.
        await using var ask = new NpgsqlCommand("select s.ordinal, (select i.body from event_ids i where i.organization_id = s.organization_id and i.digest = s.digest) from unnest($1, $2, $3) s(ordinal, organization_id, digest)", open);
        ask.Parameters.AddWithValue(gone.ConvertAll(g => g.Ordinal).ToArray());
        ask.Parameters.AddWithValue(gone.ConvertAll(g => g.Organization).ToArray());
        ask.Parameters.AddWithValue(gone.ConvertAll(g => g.Digest).ToArray());
        await using var bodies = await ask.ExecuteReaderAsync(cancel);
        while (await bodies.ReadAsync(cancel)) known[bodies.GetInt32(0)] = !bodies.IsDBNull(1) ? bodies.GetGuid(1) : throw new InvalidOperationException("An event was refused as known and is not known.");
        return known;
    }

    /// <summary>Claims and adds in one statement, in the order that large batches have, too: digests, days, hours.</summary>
    /// <returns>Those whose digests were not free.</returns>
    private async Task<List<(int Ordinal, Guid Organization, Guid Digest)>> AddFewAsync(NpgsqlConnection open, IReadOnlyList<int> ordinals, IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(AddFew, open);
        var few = ordinals.Select(i => events[i]).ToList();
        Add(NpgsqlDbType.Integer, ordinals.ToArray());
        Add(NpgsqlDbType.Uuid, few.ConvertAll(e => e.OrganizationId));
        Add(NpgsqlDbType.TimestampTz, few.ConvertAll(e => e.Time.UtcDateTime));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.Meter));
        Add(NpgsqlDbType.Numeric, few.ConvertAll(e => e.Quantity));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.Model));
        Add(NpgsqlDbType.Uuid, few.ConvertAll(e => e.KeyId));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.SuiteId));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.TicketId));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.Source));
        Add(NpgsqlDbType.Text, few.ConvertAll(e => e.Id));
        Add(NpgsqlDbType.Uuid, few.ConvertAll(e => e.Digest));
        Add(NpgsqlDbType.Uuid, few.ConvertAll(e => e.Body));
        Add(NpgsqlDbType.Json, few.ConvertAll(e => e.Details));
        command.Parameters.AddWithValue(NpgsqlDbType.TimestampTz, clock.GetUtcNow().UtcDateTime);
        command.Parameters.AddWithValue(Guid.CreateVersion7()); // by which what is priced finds its events again
        return await GoneAsync(command, cancel);

        void Add(NpgsqlDbType type, object values) => command.Parameters.AddWithValue(NpgsqlDbType.Array | type, values);
    }

    private static readonly string AddFew = $"""
        with sent as materialized (
          select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            s ({Staged})),
        claimed as (
          insert into event_ids (organization_id, digest, body) select organization_id, digest, body from sent order by organization_id, digest
          on conflict do nothing returning organization_id, digest),
        fresh as materialized (select s.* from sent s join claimed c on c.organization_id = s.organization_id and c.digest = s.digest),
        added as ({Events("fresh", "$15", "$16")}),
        days as ({UsageSums.Days("fresh")} returning 1),
        hours as ({UsageSums.Hours("fresh, (select count(*) from days) first")}),
        pending as ({Pending("fresh", "$16")})
        select s.ordinal, s.organization_id, s.digest from sent s where not exists (select from fresh f where f.ordinal = s.ordinal)
        """;

    private static string Events(string from, string at, string batch) => $"insert into usage_events ({Columns}, received_at, batch) select {Columns}, {at}, {batch} from {from}";

    /// <summary>What waits for a price: the use of each minute together.</summary>
    private static string Pending(string from, string batch) => $"""
        insert into usage_pending (organization_id, meter, model, used_at, quantity, batch)
        select organization_id, meter, coalesce(model, ''), min(time), sum(quantity), {batch} from {from} group by 1, 2, 3, date_trunc('minute', time, 'UTC') order by 4
        """;

    private async Task AddAsync(NpgsqlConnection open, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(open);
        var add = new NpgsqlBatchCommand(Events("staging", "$1", "$2"));
        add.Parameters.AddWithValue(NpgsqlDbType.TimestampTz, clock.GetUtcNow().UtcDateTime);
        var name = Guid.CreateVersion7(); // by which what is priced finds its events again
        add.Parameters.AddWithValue(name);
        batch.BatchCommands.Add(add);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(UsageSums.Days("staging")));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(UsageSums.Hours("staging")));
        var pending = new NpgsqlBatchCommand(Pending("staging", "$1"));
        pending.Parameters.AddWithValue(name);
        batch.BatchCommands.Add(pending);
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancel)
    {
        var opened = await database.OpenAloneAsync(cancel);
        try
        {
            await using var prepare = new NpgsqlBatch(opened);
            // Nobody counts the rows of a temporary table for the planner; with few guessed it would compare each with each.
            prepare.BatchCommands.Add(new NpgsqlBatchCommand("set enable_nestloop = off"));
            // The statements never look for anything but keys: a new plan for each number of events is not worth its making.
            prepare.BatchCommands.Add(new NpgsqlBatchCommand("set plan_cache_mode = force_generic_plan"));
            prepare.BatchCommands.Add(new NpgsqlBatchCommand("""
                create temporary table if not exists staging (
                  ordinal int, organization_id uuid, time timestamptz, meter text, quantity numeric(24, 12), model text, key_id uuid, suite_id text,
                  ticket_id text, source text, event_id text, digest uuid, body uuid, details json) on commit delete rows
                """));
            await prepare.ExecuteNonQueryAsync(cancel);
            return opened;
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    private async Task CloseAsync()
    {
        if (connection is { } open) await open.DisposeAsync();
        connection = null;
    }

    /// <summary>Makes sure that the month of each event has its partition: usually it has been made ahead.</summary>
    private async Task EnsureMonthsAsync(IReadOnlyList<UsageEvent> events, CancellationToken cancel)
    {
        var last = 0;
        foreach (var e in events)
        {
            var month = (e.Time.Year * 100) + e.Time.Month;
            if (month == last) continue;
            last = month;
            if (!Months.ContainsKey((database.ConnectionString, month))) await EnsureMonthAsync(database, e.Time, cancel);
        }
    }

    /// <summary>Makes the partition of the month when it is not there.</summary>
    public static async Task EnsureMonthAsync(Database database, DateTimeOffset at, CancellationToken cancel)
    {
        var month = new DateOnly(at.Year, at.Month, 1);
        await database.WorkReadAsync(q => q.Execute($"select ensure_event_month({month})"), cancel);
        Months[(database.ConnectionString, (at.Year * 100) + at.Month)] = true;
    }
}
