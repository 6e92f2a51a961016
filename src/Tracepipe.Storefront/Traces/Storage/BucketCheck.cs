using System.Text;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>Whether the bucket can be used, asked at the start: a wrong name or key is told then and not with the first upload. One that does not answer at all stops nothing.</summary>
internal sealed partial class BucketCheck(Database database, TimeProvider clock, ILogger<BucketCheck> log, TraceBucket? bucket = null) : IHostedService
{
    /// <exception cref="StartupException">The bucket refuses, or traces lie in one and none is set.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (bucket is null)
        {
            if (await HasObjectsAsync(cancellationToken)) throw new StartupException("Traces of this database lie in a bucket: set Traces__Bucket__Name and what belongs to it.");
            return;
        }
        try
        {
            var id = await Installation.IdAsync(database, clock, cancellationToken);
            await bucket.MarkAsync(id, Encoding.UTF8.GetBytes($"{id}\nTraces in this bucket belong to the installation of this id.\n"), cancellationToken);
        }
        catch (StorageAwayException refused) when (refused.IsFinal)
        {
            throw new StartupException($"Traces cannot be kept in the bucket (Traces__Bucket__Name and what belongs to it). {refused.Message}", refused);
        }
        catch (StorageAwayException away)
        {
            Away(log, away.Message);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<bool> HasObjectsAsync(CancellationToken cancel)
    {
        Answer<bool>? has = null;
        await database.WorkReadAsync(q => has = q.First($"select exists (select from trace_files where object_id is not null)", r => r.GetBoolean(0)), cancel);
        return has!.Value;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Uploads and downloads of traces wait: {Reason}")]
    private static partial void Away(ILogger log, string reason);
}
