using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Which objects of the bucket are of use. One is written down as one to erase before it is sent, and crossed out in the transaction that gives it its first session: whatever breaks off in between,
/// and wherever, leaves no object that nobody knows. Without a bucket there is nothing to do.
/// </summary>
internal sealed partial class TraceObjects(Database database, TraceFiles files, TimeProvider clock, ILogger<TraceObjects> log, TraceBucket? bucket = null)
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Refused = TimeSpan.FromHours(1);
    private const int AtOnce = 500;

    /// <summary>Whether new traces go to a bucket.</summary>
    public bool IsUsed => bucket is not null;

    /// <summary>Sends what has arrived, unless the organization has the same content already.</summary>
    /// <returns>The object; null: nothing was sent.</returns>
    /// <exception cref="StorageAwayException">The bucket does not take it.</exception>
    public async Task<Guid?> SendAsync(Guid organization, Received trace, CancellationToken cancel)
    {
        if (bucket is null) return null;
        var now = clock.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        await using (var transaction = await database.BeginAsync(organization, person: null, cancel))
        {
            if (await transaction.FirstAsync($"select true from trace_files where organization_id = {organization} and sha256 = {trace.Sha256}", r => r.GetBoolean(0), cancel)) return null;
            var due = now + TraceBucket.PatienceFor(trace.Bytes) + Margin; // by then it has a session, or gets none
            await transaction.ExecuteAsync($"insert into trace_object_erasures (id, organization_id, due_at) values ({id}, {organization}, {due})", cancel);
            await transaction.CommitAsync(cancel);
        }
        try
        {
            await using var file = files.ReadIncoming(trace.Id);
            await bucket.PutAsync(organization, id, file, trace.Sha256, cancel);
        }
        catch (StorageAwayException away)
        {
            NotTaken(log, away.Message);
            throw;
        }
        return id;
    }

    /// <summary>Keeps an object that was sent, in the transaction that makes its session.</summary>
    /// <returns>Whether it is still there; if not it took longer than objects are waited for, and must be sent again.</returns>
    public static async Task<bool> KeepAsync(Guid organization, Guid id, Transaction transaction, CancellationToken cancel) =>
        await transaction.ExecuteAsync($"delete from trace_object_erasures where organization_id = {organization} and id = {id}", cancel) == 1;

    /// <summary>An object that was sent gets no session: it is erased in the next round.</summary>
    public async Task DropAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await transaction.ExecuteAsync($"update trace_object_erasures set due_at = {clock.GetUtcNow()} where organization_id = {organization} and id = {id}", cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>An object to read from; null when it is not there.</summary>
    /// <exception cref="StorageAwayException">The bucket does not answer, or there is none.</exception>
    public async Task<Stream?> OpenAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        if (bucket is null) throw new StorageAwayException("This trace lies in a bucket, and none is set (Traces__Bucket__Name).");
        try
        {
            return await bucket.OpenAsync(organization, id, cancel);
        }
        catch (StorageAwayException away)
        {
            NotGiven(log, away.Message);
            throw;
        }
    }

    /// <summary>Erases what is due. A bucket that does not answer is asked again in the next round; what it refuses to erase, hourly.</summary>
    public async Task EraseDueAsync(CancellationToken cancel)
    {
        if (bucket is null) return;
        while (true)
        {
            Answer<IReadOnlyList<(Guid Id, Guid Organization)>>? due = null;
            await database.WorkReadAsync(q => due = q.List($"select id, organization_id from trace_object_erasures where due_at <= {clock.GetUtcNow()} order by due_at, id limit {AtOnce}", r => (r.GetGuid(0), r.GetGuid(1))), cancel);
            foreach (var (id, organization) in due!.Value)
            {
                try
                {
                    await EraseAsync(organization, id, bucket, cancel);
                }
                catch (StorageAwayException away)
                {
                    NotErased(log, organization, id, away.Message);
                    if (!away.IsFinal) return;
                    await WaitAsync(organization, id, cancel);
                }
            }
            if (due.Value.Count < AtOnce) return;
        }
    }

    // While the line is locked, nobody can make a session of the object; without the line, somebody has.
    private async Task EraseAsync(Guid organization, Guid id, TraceBucket from, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        if (await transaction.ExecuteAsync($"delete from trace_object_erasures where organization_id = {organization} and id = {id}", cancel) == 0) return;
        await from.EraseAsync(organization, id, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task WaitAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await transaction.ExecuteAsync($"update trace_object_erasures set due_at = {clock.GetUtcNow() + Refused} where organization_id = {organization} and id = {id}", cancel);
        await transaction.CommitAsync(cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A trace was not taken: {Reason}")]
    private static partial void NotTaken(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A trace cannot be read: {Reason}")]
    private static partial void NotGiven(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The object {Id} of {Organization} is not erased yet: {Reason}")]
    private static partial void NotErased(ILogger log, Guid organization, Guid id, string reason);
}
