using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>Once a minute, lets go of what nobody needs any more: keys not used for ten minutes, full buckets, old change numbers, old hours.</summary>
internal sealed partial class KeyUpkeep(Database database, KeyCache cache, RequestLimiter limiter, TimeProvider clock, ILogger<KeyUpkeep> log) : BackgroundService
{
    /// <summary>Does it once.</summary>
    public async Task SweepAsync(CancellationToken cancel)
    {
        cache.Sweep();
        limiter.Sweep();
        await database.WorkReadAsync(q =>
        {
            q.Execute($"delete from key_changes where at < clock_timestamp() - interval '1 hour'"); // a node that was deaf for five seconds forgets everything anyway
            q.Execute($"delete from key_hours where hour < {clock.GetUtcNow().AddDays(-35)}");
        }, cancel);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromMinutes(1), clock, SweepAsync, reason => NotSwept(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old data of keys was not deleted: {Reason}")]
    private static partial void NotSwept(ILogger log, string reason);
}
