using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Hands reported usage to the ledger, which decides who pays (billing rules, decision 7): within a second of the events, in a short transaction of its own
/// under the organization's lock. What is taken and what is counted is one transaction, so that nothing is counted twice by nodes or restarts.
/// </summary>
internal sealed partial class UsageSettler(Database database, Settlement settlement, Catalogs catalogs, UsageNews news, TimeProvider clock, ILogger<UsageSettler> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500), Late = TimeSpan.FromMinutes(1);

    /// <summary>Settles everything that waits.</summary>
    /// <returns>How many organizations had something.</returns>
    public async Task<int> SettleAsync(CancellationToken cancel)
    {
        Answer<IReadOnlyList<Guid>>? waiting = null;
        await database.WorkReadAsync(q => waiting = q.List($"select distinct organization_id from usage_pending limit 1000", r => r.GetGuid(0)), cancel);
        await Turns.EachAsync(waiting!.Value, o => SettleAsync(o, cancel), (failure, o) => NotSettled(log, failure, o));
        return waiting.Value.Count;
    }

    /// <summary>For the status page: how fresh what people see of their use is.</summary>
    public async Task<StatusNow> StatusAsync(CancellationToken cancel)
    {
        try
        {
            Answer<Guid?>? oldest = null;
            await database.WorkReadAsync(q => oldest = q.First($"select batch from usage_pending where batch is not null order by batch limit 1", r => (Guid?)r.GetGuid(0)), cancel);
            // A batch's id is of version 7: its first 48 bits are the milliseconds of its arrival.
            var late = oldest!.Value is { } batch ? clock.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(Convert.ToInt64(batch.ToString("N")[..12], 16)) : TimeSpan.Zero;
            return late < Late ? new StatusNow(IsWell: true, "Use is counted and priced within seconds.") : new StatusNow(IsWell: false, $"Use is counted; its price is {Math.Ceiling(late.TotalMinutes):0} min behind.");
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            return new StatusNow(IsWell: false, "The database does not answer: nothing is taken on until it does.");
        }
    }

    /// <summary>Settles what waits for one organization.</summary>
    public async Task SettleAsync(Guid organization, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        var (standing, hasCounted) = await TakeAsync(organization, transaction, cancel);
        if (!hasCounted) return;
        var now = clock.GetUtcNow();
        await settlement.SettleAsync(standing, now, transaction, cancel);
        transaction.AfterCommit(_ => { news.Tell(organization); return Task.CompletedTask; });
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Takes the organization's lock and counts what waits, in the caller's transaction: a month's close does this first.</summary>
    /// <returns>The standing, and whether there was anything.</returns>
    public async Task<(Standing Standing, bool HasCounted)> TakeAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        Answer<Standing>? standing = null;
        Answer<IReadOnlyList<ReportedUse>>? taken = null;
        await transaction.ReadAsync(q =>
        {
            standing = Standings.AskLock(q, organization);
            taken = q.List($"""
                with taken as (delete from usage_pending where organization_id = {organization} returning meter, model, used_at, quantity, batch)
                select meter, nullif(model, ''), min(used_at), sum(quantity), array_agg(distinct batch) filter (where batch is not null) from taken group by meter, model, date_trunc('minute', used_at, 'UTC') order by 3, 1, 2
                """, r => new ReportedUse(r.GetString(0), r.IsDBNull(1) ? null : r.GetString(1), r.GetDecimal(3), r.GetFieldValue<DateTimeOffset>(2)) { Batches = r.IsDBNull(4) ? [] : r.GetFieldValue<Guid[]>(4) });
        }, cancel);
        // What is no quantity any more costs nothing.
        var uses = taken!.Value.Where(u => catalogs.Current.Prices.Meters.Any(m => m.Kind is MeterKind.Quantity && string.Equals(m.Key, u.Meter, StringComparison.Ordinal))).ToList();
        await settlement.UseAsync(standing!.Value, uses, clock.GetUtcNow(), transaction, cancel);
        return (standing.Value, taken.Value.Count > 0);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(Every, clock, SettleAsync, reason => Waits(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Reported usage waits for the database to be priced: {Reason}")]
    private static partial void Waits(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Usage of {Organization} was not priced and is tried again")]
    private static partial void NotSettled(ILogger log, Exception failure, Guid organization);
}
