using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Formats;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Storefront.Traces;

/// <summary>The sessions of organizations: add, list, find, delete. Pages and API call the same verbs.</summary>
internal sealed class TraceSessions(Database database, Standings standings, StorageUse storage, TraceFiles files, TraceObjects objects, Suites suites, TimeProvider clock)
{
    /// <summary>Under which name uploads are counted.</summary>
    public const string Uploaded = UsageRecords.SessionsUploaded;

    /// <summary>What open pages follow.</summary>
    public const string Topic = "sessions";

    private const int Sends = 3; // of an object that deletions of the same content come between

    /// <summary>Whether this may be uploaded: asked before the first byte is taken, and again before the session is made.</summary>
    /// <param name="allowed">The suites of the caller's key; null: all of them.</param>
    /// <param name="bytes">As announced.</param>
    public async Task<Problem?> RefusalOfAsync(Guid organization, TraceWish wish, IReadOnlyList<string>? allowed, long bytes, CancellationToken cancel)
    {
        if (WrongOf(wish, allowed) is { } wrong) return wrong;
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        Answer<Standing?>? standing = null;
        await transaction.ReadAsync(q => standing = Standings.Ask(q, organization), cancel);
        return await storage.RefusalAsync(standing!.Value!, bytes, transaction, cancel);
    }

    /// <summary>
    /// Makes a session of a trace that has arrived. The file has its name before the session exists; without commit it is an orphan, which the sweep erases. What has arrived stays where it
    /// is until the commit, so that who comes back after a crash finds it.
    /// </summary>
    /// <param name="upload">The upload in pieces that it was; it learns its session in the same transaction.</param>
    /// <exception cref="StorageAwayException">The bucket does not take it.</exception>
    public async Task<(TraceSession? Session, Problem? Refused)> AddAsync(Caller caller, TraceWish wish, Received trace, Guid? upload, CancellationToken cancel)
    {
        for (var left = Sends; ; left--)
        {
            var sent = await objects.SendAsync(caller.OrganizationId, trace, cancel);
            var (session, refused) = await AddAsync(caller, wish, trace, upload, sent, cancel);
            if (session is null && sent is { } unused) await objects.DropAsync(caller.OrganizationId, unused, CancellationToken.None);
            if (session is not null || refused is not null) return (session, refused);
            if (left == 1) return (null, Problem.Conflict("Uploads and deletions of the same file have come between each other. Upload it again."));
        }
    }

    /// <param name="sent">The object that it is, when it has been sent to the bucket.</param>
    /// <returns>Neither: the content is not there any more, or what was sent is not; it has to be sent again.</returns>
    private async Task<(TraceSession? Session, Problem? Refused)> AddAsync(Caller caller, TraceWish wish, Received trace, Guid? upload, Guid? sent, CancellationToken cancel)
    {
        var (organization, now) = (caller.OrganizationId, clock.GetUtcNow());
        await using var transaction = await database.BeginAsync(organization, caller.PersonId, cancel);
        await TraceErasures.LockAsync(transaction, organization, trace.Sha256, cancel);
        var (first, isInFolder) = await transaction.FirstAsync($"""
            select s.id, f.object_id is null from trace_sessions s join trace_files f using (organization_id, sha256)
            where s.organization_id = {organization} and s.sha256 = {trace.Sha256} order by s.duplicate_of is not null, s.created_at limit 1
            """, r => ((Guid?)r.GetGuid(0), r.GetBoolean(1)), cancel);
        if (first is null)
        {
            isInFolder = !objects.IsUsed;
            if (!isInFolder && (sent is null || !await TraceObjects.KeepAsync(organization, sent.Value, transaction, cancel))) return (null, null);
        }
        var standing = await standings.LockAsync(organization, transaction, cancel);
        if (await storage.RefusalAsync(standing, first is null ? trace.Bytes : 0, transaction, cancel) is { } refusal) return (null, refusal);
        if (first is null)
        {
            var charged = await storage.ChangeAsync(organization, trace.Bytes, now, transaction, cancel);
            await transaction.ReadAsync(q =>
            {
                q.Execute($"insert into trace_files (organization_id, sha256, bytes, stored_at, charged_before, object_id) values ({organization}, {trace.Sha256}, {trace.Bytes}, {now}, {charged}, {sent}::uuid)");
                if (isInFolder) q.Execute($"delete from trace_erasures where organization_id = {organization} and sha256 = {trace.Sha256}");
            }, cancel);
        }
        var days = await transaction.FirstAsync($"select keep_days from trace_retention where organization_id = {organization}", r => (int?)r.GetInt32(0), cancel);
        var keepUntil = days is { } d ? now.AddDays(d) : (DateTimeOffset?)null;
        var id = Guid.CreateVersion7(now);
        var (name, description) = (wish.CleanFileName(), wish.Description?.Trim() ?? "");
        var summary = new NpgsqlParameter { Value = JsonSerializer.Serialize(trace.Summary, TracesJson.Default.TraceSummary), NpgsqlDbType = NpgsqlDbType.Jsonb };
        await transaction.ExecuteAsync($"""
            insert into trace_sessions (organization_id, id, suite_id, description, file_name, sha256, bytes, duplicate_of, summary, key_id, created_by, created_at, keep_until)
            values ({organization}, {id}, {wish.SuiteId}, {description}, {name}, {trace.Sha256}, {trace.Bytes}, {first}::uuid, {summary}, {caller.KeyId}::uuid, {caller.PersonId}::uuid, {now}, {keepUntil}::timestamptz)
            """, cancel);
        // Ended, or finished by another request, while this one read it: then nothing of this is committed.
        if (upload is { } pieces && await transaction.ExecuteAsync($"update trace_uploads set session_id = {id} where organization_id = {organization} and id = {pieces} and session_id is null", cancel) == 0)
            return (null, Problem.Conflict("This upload has ended meanwhile. Ask for its offset."));
        await UsageRecords.CountAsync(organization, Uploaded, caller.KeyId, wish.SuiteId, now, transaction, cancel);
        await Live.ChangedAsync(transaction, organization, Topic, cancel);
        if (isInFolder) await files.KeepAsync(trace.Id, organization, trace.Sha256); // last: what is refused has not been there
        await transaction.CommitAsync(cancel);
        files.DropIncoming(trace.Id);
        return (new TraceSession(id, wish.SuiteId, description, name, trace.Sha256, trace.Bytes, first, now, keepUntil, HeadOf(trace.Summary)), null);
    }

    /// <summary>An organization's sessions, newest first.</summary>
    /// <param name="suite">Only of this suite.</param>
    /// <param name="allowed">Only of these suites (a key's); null: all.</param>
    public async Task<(IReadOnlyList<TraceSession> Sessions, int Total)> ListAsync(Guid organization, string? suite, IReadOnlyList<string>? allowed, (int Number, int Size) page, CancellationToken cancel)
    {
        Answer<IReadOnlyList<TraceSession>>? sessions = null;
        Answer<int>? total = null;
        var (only, skip) = (allowed?.ToArray(), (page.Number - 1L) * page.Size);
        var now = clock.GetUtcNow();
        await database.ReadAsync(organization, person: null, q =>
        {
            sessions = q.List($"""
                select s.id, s.suite_id, s.description, s.file_name, s.sha256, s.bytes, s.duplicate_of, s.created_at, s.keep_until,
                  (s.summary->'format')::text, (s.summary->>'truncated')::bool, (s.summary->>'events')::bigint, (s.summary->>'duration_ms')::float8
                from trace_sessions s
                where s.organization_id = {organization} and (s.keep_until is null or s.keep_until > {now})
                  and ({suite}::text is null or s.suite_id = {suite}) and ({only}::text[] is null or s.suite_id = any ({only}::text[]))
                order by s.created_at desc, s.id desc limit {page.Size} offset {skip}
                """, TraceSession.Read);
            total = q.First($"""
                select count(*)::int from trace_sessions s where s.organization_id = {organization} and (s.keep_until is null or s.keep_until > {now})
                  and ({suite}::text is null or s.suite_id = {suite}) and ({only}::text[] is null or s.suite_id = any ({only}::text[]))
                """, r => r.GetInt32(0));
        }, cancel);
        return (sessions!.Value, total!.Value);
    }

    /// <summary>One session; null when it is not there, not this organization's, or of a suite that the key may not touch.</summary>
    public async Task<TraceSession?> FindAsync(Guid organization, Guid id, IReadOnlyList<string>? allowed, CancellationToken cancel)
    {
        Answer<TraceSession?>? found = null;
        await database.ReadAsync(organization, person: null, q => found = q.First($"""
            select s.id, s.suite_id, s.description, s.file_name, s.sha256, s.bytes, s.duplicate_of, s.created_at, s.keep_until,
              (s.summary->'format')::text, (s.summary->>'truncated')::bool, (s.summary->>'events')::bigint, (s.summary->>'duration_ms')::float8
            from trace_sessions s where s.organization_id = {organization} and s.id = {id} and (s.keep_until is null or s.keep_until > {clock.GetUtcNow()})
            """, TraceSession.Read), cancel);
        return found!.Value is { } session && IsAllowed(session.SuiteId, allowed) ? session : null;
    }

    /// <summary>What the trace of a session holds.</summary>
    public async Task<TraceSummary?> SummaryAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<string?>? found = null;
        await database.ReadAsync(organization, person: null, q => found = q.First($"select summary::text from trace_sessions where organization_id = {organization} and id = {id}", r => r.GetString(0)), cancel);
        return found!.Value is { } json ? JsonSerializer.Deserialize(json, TracesJson.Default.TraceSummary) : null;
    }

    /// <summary>Deletes sessions. They are gone from lists and metering when this returns; files that no session has any more are erased from disk within a minute.</summary>
    /// <returns>The names of those that were there.</returns>
    public async Task<IReadOnlyList<string>> DeleteAsync(Caller caller, IReadOnlyCollection<Guid> ids, IReadOnlyList<string>? allowed, string? address, CancellationToken cancel)
    {
        var (organization, now) = (caller.OrganizationId, clock.GetUtcNow());
        var (all, only) = (ids.ToArray(), allowed?.ToArray());
        await using var transaction = await database.BeginAsync(organization, caller.PersonId, cancel);
        var hashes = await transaction.ListAsync($"select distinct sha256 from trace_sessions where organization_id = {organization} and id = any ({all}) and ({only}::text[] is null or suite_id = any ({only}::text[])) order by 1", r => r.GetFieldValue<byte[]>(0), cancel);
        foreach (var hash in hashes) await TraceErasures.LockAsync(transaction, organization, hash, cancel);
        var gone = await transaction.ListAsync($"delete from trace_sessions where organization_id = {organization} and id = any ({all}) and ({only}::text[] is null or suite_id = any ({only}::text[])) returning id, file_name", r => (Id: r.GetGuid(0), Name: r.GetString(1)), cancel);
        await ForgetFilesAsync(organization, hashes, now, transaction, cancel);
        foreach (var (id, name) in gone)
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "session.deleted", Actor.Of(caller), name, new Dictionary<string, string>(StringComparer.Ordinal) { ["session_id"] = id.ToString() }, address), now, cancel);
        foreach (var missing in all.Except(gone.Select(g => g.Id)))
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "access.refused", Actor.Of(caller), $"Session {missing}", Address: address), now, cancel);
        await transaction.CommitAsync(cancel);
        return [.. gone.Select(g => g.Name)];
    }

    /// <summary>Says when a session deletes itself.</summary>
    /// <param name="days">From now; null: never.</param>
    /// <returns>Whether it is there.</returns>
    public async Task<bool> KeepAsync(Caller caller, Guid id, int? days, CancellationToken cancel)
    {
        var (organization, now) = (caller.OrganizationId, clock.GetUtcNow());
        await using var transaction = await database.BeginAsync(organization, caller.PersonId, cancel);
        var until = days is { } d ? now.AddDays(d) : (DateTimeOffset?)null;
        if (await transaction.ExecuteAsync($"update trace_sessions set keep_until = {until}::timestamptz where organization_id = {organization} and id = {id} and (keep_until is null or keep_until > {now})", cancel) == 0) return false;
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "session.retention_changed", Actor.Of(caller), id.ToString(), new Dictionary<string, string>(StringComparer.Ordinal) { ["days"] = days?.ToString() ?? "for ever" }), now, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>Says for how long new sessions of the organization are kept.</summary>
    /// <param name="days">Null: until they are deleted.</param>
    public async Task KeepNewAsync(Caller caller, int? days, CancellationToken cancel)
    {
        var organization = caller.OrganizationId;
        await using var transaction = await database.BeginAsync(organization, caller.PersonId, cancel);
        if (days is { } d) await transaction.ExecuteAsync($"insert into trace_retention (organization_id, keep_days) values ({organization}, {d}) on conflict (organization_id) do update set keep_days = excluded.keep_days", cancel);
        else await transaction.ExecuteAsync($"delete from trace_retention where organization_id = {organization}", cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "retention.changed", Actor.Of(caller), days is null ? "until deleted" : $"{days} days"), clock.GetUtcNow(), cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Deletes what is past its retention, of all organizations.</summary>
    public async Task ExpireAsync(CancellationToken cancel)
    {
        while (true)
        {
            var now = clock.GetUtcNow();
            Answer<IReadOnlyList<(Guid Organization, Guid Id)>>? due = null;
            await database.WorkReadAsync(q => due = q.List($"select organization_id, id from trace_sessions where keep_until <= {now} order by keep_until limit 200", r => (r.GetGuid(0), r.GetGuid(1))), cancel);
            foreach (var group in due!.Value.GroupBy(d => d.Organization))
            {
                var ids = group.Select(d => d.Id).ToArray();
                await using var transaction = await database.BeginAsync(group.Key, person: null, cancel);
                var hashes = await transaction.ListAsync($"select distinct sha256 from trace_sessions where organization_id = {group.Key} and id = any ({ids}) order by 1", r => r.GetFieldValue<byte[]>(0), cancel);
                foreach (var hash in hashes) await TraceErasures.LockAsync(transaction, group.Key, hash, cancel);
                await transaction.ExecuteAsync($"delete from trace_sessions where organization_id = {group.Key} and id = any ({ids})", cancel);
                await ForgetFilesAsync(group.Key, hashes, now, transaction, cancel);
                await transaction.CommitAsync(cancel);
            }
            if (due.Value.Count < 200) return;
        }
    }

    /// <summary>The file of a session, or why it cannot be had now.</summary>
    public async Task<(Stream? File, Problem? Refused)> OpenAsync(Guid organization, TraceSession session, CancellationToken cancel)
    {
        Answer<(bool IsKnown, Guid? Object)>? place = null;
        await database.ReadAsync(organization, person: null, q => place = q.First($"select object_id from trace_files where organization_id = {organization} and sha256 = {session.Sha256}", r => (true, r.IsDBNull(0) ? (Guid?)null : r.GetGuid(0))), cancel);
        try
        {
            var file = place!.Value switch
            {
                (false, _) => null,
                (_, { } id) => await objects.OpenAsync(organization, id, cancel),
                _ => files.Read(organization, session.Sha256),
            };
            return file is null ? (null, Problem.NotFound("Session")) : (file, null);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return (null, Problem.NotFound("Session"));
        }
        catch (IOException failure) when (StorageFault.OfReading(failure) is { } fault)
        {
            return (null, fault);
        }
    }

    /// <summary>What is wrong with a wish.</summary>
    public Problem? WrongOf(TraceWish wish, IReadOnlyList<string>? allowed)
    {
        var known = suites();
        if (known.All(s => !string.Equals(s.Id, wish.SuiteId, StringComparison.Ordinal))) return Problem.Invalid("suite_id", $"There is no such suite; there are {string.Join(", ", known.Select(s => s.Id))} (GET /v1/suites).");
        if (!IsAllowed(wish.SuiteId, allowed)) return Problem.Forbidden(wish.SuiteId, $"This key may not touch the suite {wish.SuiteId}.");
        if (wish.Description?.Contains('\0', StringComparison.Ordinal) == true) return Problem.Invalid("description", "Write text: it holds a zero byte."); // which the database cannot keep
        return wish.Description?.Trim().Length > 1000 ? Problem.Invalid("description", "Write at most 1,000 characters.") : null;
    }

    internal static bool IsAllowed(string suite, IReadOnlyList<string>? allowed) => allowed is null || allowed.Contains(suite, StringComparer.Ordinal);

    private static TraceHead HeadOf(TraceSummary summary) => new(summary.Format, summary.Truncated, summary.Events, summary.DurationMs);

    private async Task ForgetFilesAsync(Guid organization, IReadOnlyList<byte[]> hashes, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var gone = await transaction.FirstAsync($"""
            with gone as (
              delete from trace_files f where f.organization_id = {organization} and f.sha256 = any ({hashes.ToArray()})
                and not exists (select 1 from trace_sessions s where s.organization_id = f.organization_id and s.sha256 = f.sha256) returning f.organization_id, f.sha256, f.bytes, f.object_id),
            freed as (
              insert into trace_erasures (organization_id, sha256, freed_at) select organization_id, sha256, {now} from gone where object_id is null
              on conflict (organization_id, sha256) do update set freed_at = excluded.freed_at),
            away as (
              insert into trace_object_erasures (id, organization_id, due_at) select object_id, organization_id, {now} from gone where object_id is not null)
            select coalesce(sum(bytes), 0)::bigint from gone
            """, r => r.GetInt64(0), cancel);
        if (gone > 0) await storage.ChangeAsync(organization, -gone, now, transaction, cancel);
        await Live.ChangedAsync(transaction, organization, Topic, cancel);
    }
}
