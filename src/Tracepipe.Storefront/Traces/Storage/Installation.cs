using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>The id by which folders and buckets know whose the traces are; the database has it.</summary>
internal static class Installation
{
    public static async Task<Guid> IdAsync(Database database, TimeProvider clock, CancellationToken cancel)
    {
        var (made, now) = (Guid.CreateVersion7(), clock.GetUtcNow());
        await using var transaction = await database.BeginWorkAsync(cancel);
        await transaction.ExecuteAsync($"insert into installation (id, made_at) values ({made}, {now}) on conflict do nothing", cancel);
        var id = await transaction.FirstAsync($"select id from installation", r => r.GetGuid(0), cancel);
        await transaction.CommitAsync(cancel);
        return id;
    }
}
