using Microsoft.Extensions.Options;
using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Storefront.Traces.Uploads;

/// <summary>An upload in pieces.</summary>
/// <param name="Bytes">Of the whole file.</param>
/// <param name="Received">Bytes that are on disk.</param>
/// <param name="Sha256">What the sender says the file is; null: it does not say.</param>
/// <param name="SessionId">The session that it became.</param>
internal sealed record TraceUpload(Guid OrganizationId, Guid Id, long Bytes, long Received, TraceWish Wish, byte[]? Sha256, Guid? SessionId)
{
    internal static TraceUpload Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), r.GetInt64(2), r.GetInt64(3), new TraceWish(r.GetString(4), r.GetString(5), r.GetString(6)),
        r.IsDBNull(7) ? null : r.GetFieldValue<byte[]>(7), r.IsDBNull(8) ? null : r.GetGuid(8));
}

/// <summary>
/// Uploads in pieces, which survive broken connections and restarts: a piece is on disk before its offset is in the database, so that what the offset says
/// is always there. One request at a time writes to an upload.
/// </summary>
internal sealed partial class TraceUploads(Database database, TraceFiles files, Intake intake, QuietThreads threads, TraceSessions sessions, IOptions<TracesOptions> options, TimeProvider clock, ILogger<TraceUploads> log)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    // Longer than any request may be silent: what has not grown for so long and is no upload in pieces was left by a crash.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(10);
    private const int FlushEvery = 8 * 1024 * 1024;

    public async Task<(TraceUpload? Upload, Problem? Refused)> BeginAsync(Caller caller, TraceWish wish, IReadOnlyList<string>? allowed, long bytes, byte[]? sha256, CancellationToken cancel)
    {
        if (bytes < 1) return (null, Problem.Invalid("Upload-Length", "An empty file is not a trace."));
        if (bytes > options.Value.MaxFileBytes) return (null, new Problem(413, "payload_too_large", $"A trace has at most {options.Value.MaxFileBytes} bytes."));
        if (await sessions.RefusalOfAsync(caller.OrganizationId, wish, allowed, bytes, cancel) is { } refusal) return (null, refusal);
        var now = clock.GetUtcNow();
        var upload = new TraceUpload(caller.OrganizationId, Guid.CreateVersion7(now), bytes, 0, wish with { Description = wish.Description?.Trim() ?? "", FileName = wish.CleanFileName() }, sha256, SessionId: null);
        await using var transaction = await database.BeginAsync(caller.OrganizationId, caller.PersonId, cancel);
        await transaction.ExecuteAsync($"""
            insert into trace_uploads (organization_id, id, bytes, suite_id, description, file_name, sha256, key_id, created_by, created_at, expires_at)
            values ({upload.OrganizationId}, {upload.Id}, {bytes}, {wish.SuiteId}, {upload.Wish.Description}, {upload.Wish.FileName}, {sha256}::bytea, {caller.KeyId}::uuid, {caller.PersonId}::uuid, {now}, {now + options.Value.UploadsLast})
            """, cancel);
        await transaction.CommitAsync(cancel);
        return (upload, null);
    }

    /// <summary>An upload that has not expired; null: not there, or another organization's.</summary>
    public async Task<TraceUpload?> FindAsync(Guid organization, Guid id, IReadOnlyList<string>? allowed, CancellationToken cancel)
    {
        Answer<TraceUpload?>? found = null;
        await database.ReadAsync(organization, person: null, q => found = q.First($"""
            select organization_id, id, bytes, received, suite_id, description, file_name, sha256, session_id from trace_uploads
            where organization_id = {organization} and id = {id} and expires_at > {clock.GetUtcNow()}
            """, TraceUpload.Read), cancel);
        return found!.Value is { } upload && TraceSessions.IsAllowed(upload.Wish.SuiteId, allowed) ? AsOnDisk(upload) : null;
    }

    /// <summary>Takes the next piece. What has arrived when the connection breaks is kept.</summary>
    /// <param name="offset">Where the sender thinks the upload stands.</param>
    /// <param name="announced">Bytes of the piece; null: it does not say.</param>
    /// <returns>The upload as it stands now, with its session when this was the last piece; or why not.</returns>
    public async Task<(TraceUpload? Upload, Problem? Refused)> AppendAsync(Caller caller, Guid id, IReadOnlyList<string>? allowed, long offset, Stream body, long? announced, CancellationToken cancel)
    {
        var lease = Guid.CreateVersion7();
        var upload = await TakeAsync(caller.OrganizationId, id, lease, allowed, cancel);
        if (upload is null)
            return (null, await FindAsync(caller.OrganizationId, id, allowed, cancel) is null ? Problem.NotFound("Upload") : new Problem(StatusCodes.Status423Locked, "conflict", "Another request writes to this upload. Ask for its offset and go on from there.", RetryAfter: 2));
        try
        {
            if (upload.SessionId is not null) return offset == upload.Received ? (upload, null) : (null, WrongOffset(upload));
            if (offset != upload.Received) return (null, WrongOffset(upload));
            if (announced > upload.Bytes - offset || await WriteAsync(upload, lease, body, cancel) is not { } now) return (null, TooLong(upload));
            return now.Received < now.Bytes ? (now, null) : await HoldingAsync(now, lease, () => FinishAsync(caller, now));
        }
        catch (IOException failure) when (StorageFault.Of(failure) is { } fault)
        {
            return (null, fault);
        }
        finally
        {
            await ReleaseAsync(caller.OrganizationId, id, lease);
        }
    }

    /// <summary>Ends an upload and erases what has arrived.</summary>
    /// <returns>Whether there was one.</returns>
    public async Task<bool> EndAsync(Guid organization, Guid id, IReadOnlyList<string>? allowed, CancellationToken cancel)
    {
        if (await FindAsync(organization, id, allowed, cancel) is null) return false;
        await ForgetAsync(organization, id, cancel);
        return true;
    }

    /// <summary>Erases uploads that nobody finished, and what a crash left behind without one.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<(Guid Organization, Guid Id)>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"select organization_id, id from trace_uploads where expires_at <= {now} limit 1000", r => (r.GetGuid(0), r.GetGuid(1))), cancel);
        await Turns.EachAsync(due!.Value, d => ForgetAsync(d.Organization, d.Id, cancel), (failure, d) => NotSwept(log, d.Id, failure));
        var here = files.Incoming().Where(f => !files.IsHeld(f.Id)).ToList();
        if (here.Count == 0) return;
        var ids = here.Select(f => f.Id).ToArray();
        Answer<IReadOnlyList<(Guid Id, bool HasEnded)>>? known = null;
        await database.WorkReadAsync(q => known = q.List($"select id, session_id is not null from trace_uploads where id = any ({ids})", r => (r.GetGuid(0), r.GetBoolean(1))), cancel);
        var (ended, live) = (known!.Value.Where(u => u.HasEnded).Select(u => u.Id), known.Value.Where(u => !u.HasEnded).Select(u => u.Id));
        var silent = here.Where(f => f.ChangedAt < now - Silence).Select(f => f.Id).Except(live);
        await Turns.EachAsync(ended.Union(silent), id =>
        {
            files.DropIncoming(id);
            return Task.CompletedTask;
        }, (failure, id) => NotSwept(log, id, failure));
    }

    /// <returns>The upload as it stands then; null when more came than it has, which is known only at the end of a piece that does not say its length.</returns>
    private async Task<TraceUpload?> WriteAsync(TraceUpload upload, Guid lease, Stream body, CancellationToken cancel)
    {
        await using var file = files.OpenIncoming(upload.Id);
        if (upload.Received == 0) await files.KeepIncomingAsync();
        file.SetLength(upload.Received); // what a crash wrote beyond the offset comes again
        file.Seek(0, SeekOrigin.End);
        var buffer = new byte[128 * 1024];
        var (received, marked) = (upload.Received, upload.Received);
        while (true)
        {
            int got;
            try
            {
                got = await body.ReadAsync(buffer, cancel);
            }
            catch (Exception broken) when (broken is OperationCanceledException or IOException && received > marked)
            {
                await MarkAsync(file, upload, lease, received);
                throw;
            }
            if (got == 0) break;
            if (got > upload.Bytes - received) return null;
            await file.WriteAsync(buffer.AsMemory(0, got), CancellationToken.None);
            received += got;
            if (received - marked < FlushEvery) continue;
            await MarkAsync(file, upload, lease, received); // where this fails it is not tried again: what a flush has failed on, the next one calls flushed
            marked = received;
        }
        if (received > marked) await MarkAsync(file, upload, lease, received);
        return upload with { Received = received };
    }

    // On disk first, then the offset; and the sender may be gone, which is no reason to forget what it sent.
    private async Task MarkAsync(FileStream file, TraceUpload upload, Guid lease, long received)
    {
        await threads.RunAsync(() => DiskFlush.File(file));
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(upload.OrganizationId, person: null, CancellationToken.None);
        var held = await transaction.ExecuteAsync($"""
            update trace_uploads set received = {received}, leased_until = {now + Lease}, expires_at = {now + options.Value.UploadsLast}
            where organization_id = {upload.OrganizationId} and id = {upload.Id} and lease = {lease}
            """, CancellationToken.None);
        if (held == 0) throw new OperationCanceledException("Another request has taken over this upload.");
        await transaction.CommitAsync(CancellationToken.None);
    }

    /// <summary>Keeps others from an upload for as long as something is done with it.</summary>
    private async Task<T> HoldingAsync<T>(TraceUpload upload, Guid lease, Func<Task<T>> work)
    {
        using var done = new CancellationTokenSource();
        var holding = HoldAsync(upload, lease, done.Token);
        try
        {
            return await work();
        }
        finally
        {
            await done.CancelAsync();
            await holding;
        }
    }

    private async Task HoldAsync(TraceUpload upload, Guid lease, CancellationToken done)
    {
        using var timer = new PeriodicTimer(Lease / 3, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(done))
            {
                await using var transaction = await database.BeginAsync(upload.OrganizationId, person: null, done);
                await transaction.ExecuteAsync($"update trace_uploads set leased_until = {clock.GetUtcNow() + Lease} where organization_id = {upload.OrganizationId} and id = {upload.Id} and lease = {lease}", done);
                await transaction.CommitAsync(done);
            }
        }
        catch (OperationCanceledException)
        {
            // done
        }
        catch (NpgsqlException failure)
        {
            NotHeld(log, upload.Id, failure); // should another request take it over, only one of them makes the session
        }
    }

    // Goes on when the sender is gone, who had to wait for longer than something on the way has patience: all has arrived, and who asks again finds the session.
    private async Task<(TraceUpload? Upload, Problem? Refused)> FinishAsync(Caller caller, TraceUpload upload)
    {
        var (trace, refused) = await intake.CheckAsync(upload.Id, CancellationToken.None);
        if (refused is null && upload.Sha256 is { } said && !said.AsSpan().SequenceEqual(trace!.Sha256))
            refused = Problem.Invalid("sha256", "What has arrived is not what was sent: the SHA-256 differs. Upload the file again.");
        if (refused is not null)
        {
            await ForgetAsync(upload.OrganizationId, upload.Id, CancellationToken.None);
            return (null, refused);
        }
        var (session, no) = await sessions.AddAsync(caller, upload.Wish, trace!, upload.Id, CancellationToken.None);
        return no is not null ? (null, no) : (upload with { SessionId = session!.Id }, null); // refused: nothing pays for it now; the upload stays and an empty piece tries again
    }

    private async Task<TraceUpload?> TakeAsync(Guid organization, Guid id, Guid lease, IReadOnlyList<string>? allowed, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        var upload = await transaction.FirstAsync($"""
            update trace_uploads set lease = {lease}, leased_until = {now + Lease}
            where organization_id = {organization} and id = {id} and expires_at > {now} and (leased_until is null or leased_until <= {now})
            returning organization_id, id, bytes, received, suite_id, description, file_name, sha256, session_id
            """, TraceUpload.Read, cancel);
        if (upload is null || !TraceSessions.IsAllowed(upload.Wish.SuiteId, allowed)) return null;
        await transaction.CommitAsync(cancel);
        return AsOnDisk(upload);
    }

    // A disk that forgot what was flushed, or a folder put back from a backup: what is not there comes again.
    private TraceUpload AsOnDisk(TraceUpload upload) => upload.SessionId is null ? upload with { Received = Math.Min(upload.Received, files.IncomingBytes(upload.Id)) } : upload;

    private async Task ReleaseAsync(Guid organization, Guid id, Guid lease)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, CancellationToken.None);
        await transaction.ExecuteAsync($"update trace_uploads set lease = null, leased_until = null where organization_id = {organization} and id = {id} and lease = {lease}", CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    private async Task ForgetAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await transaction.ExecuteAsync($"delete from trace_uploads where organization_id = {organization} and id = {id}", cancel);
        await transaction.CommitAsync(cancel);
        files.DropIncoming(id);
    }

    private static Problem TooLong(TraceUpload upload) => new(413, "payload_too_large", $"The upload has {upload.Bytes} bytes, as announced when it began; this piece goes beyond.");

    private static Problem WrongOffset(TraceUpload upload) => new(StatusCodes.Status409Conflict, "conflict", $"This upload stands at byte {upload.Received}. Go on from there.",
        new Dictionary<string, object?>(StringComparer.Ordinal) { ["offset"] = upload.Received });

    [LoggerMessage(Level = LogLevel.Warning, Message = "The upload {Id} is not held while it is finished")]
    private static partial void NotHeld(ILogger log, Guid id, Exception failure);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What arrived of the upload {Id} is not erased from disk yet")]
    private static partial void NotSwept(ILogger log, Guid id, Exception failure);
}
