using System.Collections.Concurrent;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Tells open pages that work was counted: at most once a second and organization, behind the commits, because a notification within them would make all
/// commits of the database wait for each other. What a crash swallows is seen with the next one.
/// </summary>
internal sealed partial class UsageNews(Database database, TimeProvider clock, ILogger<UsageNews> log) : BackgroundService
{
    /// <summary>What regions of pages follow.</summary>
    public const string Topic = "usage";

    private readonly ConcurrentDictionary<Guid, bool> waiting = new();

    /// <summary>Something was counted for this organization.</summary>
    public void Tell(Guid organization) => waiting[organization] = true;

    /// <summary>Says what waits.</summary>
    public async Task SayAsync(CancellationToken cancel)
    {
        var organizations = waiting.Keys.ToArray();
        if (organizations.Length == 0) return;
        foreach (var organization in organizations) waiting.TryRemove(organization, out _);
        await using var transaction = await database.BeginWorkAsync(cancel);
        await Live.ChangedForAsync(transaction, organizations, Topic, cancel);
        await transaction.CommitAsync(cancel);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Turns.TakeAsync(TimeSpan.FromSeconds(1), clock, SayAsync, reason => NotSaid(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Open pages were not told of new use: {Reason}")]
    private static partial void NotSaid(ILogger log, string reason);
}
