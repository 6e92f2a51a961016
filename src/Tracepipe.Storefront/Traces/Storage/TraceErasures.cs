using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>Erases from this node's folder what no session has any more. What is in the bucket is erased by <see cref="TraceObjects"/>.</summary>
internal sealed partial class TraceErasures(Database database, TraceFiles files, TimeProvider clock, ILogger<TraceErasures> log)
{
    // By then every node has looked through its whole folder since: a file that was to be erased is gone from all of them.
    private static readonly TimeSpan Elsewhere = TimeSpan.FromHours(2);
    private const int AtOnce = 500;

    /// <summary>Makes the decision about one content single: to store it, to forget it, to erase it.</summary>
    public static Task<int> LockAsync(Transaction transaction, Guid organization, byte[] sha256, CancellationToken cancel) =>
        transaction.ExecuteAsync($"select pg_advisory_xact_lock(hashtextextended({organization.ToString("N") + Convert.ToHexStringLower(sha256)}, 7))", cancel);

    /// <summary>Erases the files whose last session has been deleted, on whichever node that was.</summary>
    public async Task EraseFreedAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var (organization, sha256) = (Guid.Empty, Array.Empty<byte>());
        while (true)
        {
            Answer<IReadOnlyList<(Guid Organization, byte[] Sha256, DateTimeOffset At)>>? read = null;
            await database.WorkReadAsync(q => read = q.List($"""
                select organization_id, sha256, freed_at from trace_erasures where (organization_id, sha256) > ({organization}, {sha256}) order by organization_id, sha256 limit {AtOnce}
                """, r => (r.GetGuid(0), r.GetFieldValue<byte[]>(1), r.GetFieldValue<DateTimeOffset>(2))), cancel);
            var freed = read!.Value;
            // What is not in this folder is in that of another node, which erases it; or a node died between the erasure and its commit.
            var here = freed.Where(f => f.At <= now - Elsewhere || files.Has(f.Organization, f.Sha256));
            await EraseUnlessUsedAsync(here.Select(f => (f.Organization, f.Sha256)), cancel);
            if (freed.Count < AtOnce) return;
            (organization, sha256, _) = freed[^1];
        }
    }

    /// <summary>Erases all files that no session has: what a crash left between disk and database.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var some in files.Stored().Chunk(AtOnce))
        {
            var (organizations, hashes) = (some.Select(f => f.Organization).ToArray(), some.Select(f => f.Sha256).ToArray());
            Answer<IReadOnlyList<(Guid Organization, byte[] Sha256)>>? read = null;
            await database.WorkReadAsync(q => read = q.List($"""
                select f.organization_id, f.sha256 from unnest({organizations}::uuid[], {hashes}::bytea[]) as f (organization_id, sha256)
                where not exists (select from trace_files k where k.organization_id = f.organization_id and k.sha256 = f.sha256 and k.object_id is null)
                """, r => (r.GetGuid(0), r.GetFieldValue<byte[]>(1))), cancel);
            await EraseUnlessUsedAsync(read!.Value, cancel);
        }
    }

    // One that cannot be erased holds up no other.
    private Task EraseUnlessUsedAsync(IEnumerable<(Guid Organization, byte[] Sha256)> some, CancellationToken cancel) =>
        Turns.EachAsync(some, f => EraseUnlessUsedAsync(f.Organization, f.Sha256, cancel), (failure, f) => NotErased(log, f.Organization, Convert.ToHexStringLower(f.Sha256), failure));

    // An upload gives its file a name and a row under this lock: without a row, nobody is about to make one. What is uploaded again before its turn comes stays.
    private async Task EraseUnlessUsedAsync(Guid organization, byte[] sha256, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await LockAsync(transaction, organization, sha256, cancel);
        if (!await transaction.FirstAsync($"select true from trace_files where organization_id = {organization} and sha256 = {sha256} and object_id is null", r => r.GetBoolean(0), cancel)) files.Erase(organization, sha256);
        await transaction.ExecuteAsync($"delete from trace_erasures where organization_id = {organization} and sha256 = {sha256}", cancel);
        await transaction.CommitAsync(cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The trace {Sha256} of {Organization} is deleted, but not erased from disk yet")]
    private static partial void NotErased(ILogger log, Guid organization, string sha256, Exception failure);
}
