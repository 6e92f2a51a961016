using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Metering;

/// <summary>What keeping bytes costs here and now.</summary>
/// <param name="Level">Stored and included, as it stands.</param>
/// <param name="UnitPrice">Exact dollars per GB-hour beyond the included level.</param>
internal sealed record StoragePrice(StorageLevel Level, decimal UnitPrice)
{
    /// <summary>Hours of a month as prices per month mean it: a twelfth of a year.</summary>
    public const int MonthHours = 730;

    /// <summary>Exact dollars that so many more bytes cost in so many hours; what fits under the included level costs nothing.</summary>
    public decimal Of(long bytes, int hours) => Dollars(Above(Level.Bytes + bytes) - Above(Level.Bytes), hours);

    /// <summary>Exact dollars in so many hours that end when so many stored bytes are deleted.</summary>
    public decimal Saved(long bytes, int hours) => Dollars(Above(Level.Bytes) - Above(Level.Bytes - bytes), hours);

    private long Above(long bytes) => (Level with { Bytes = Math.Max(0, bytes) }).Above;

    private decimal Dollars(long bytes, int hours) => bytes * hours * UnitPrice / 1_000_000_000m;
}

/// <summary>
/// Stored bytes as use: whether somebody pays for more of them, and what comes of adding and deleting (billing rules, decisions 5, 7, 8 and 18; scenario 26).
/// </summary>
internal sealed class StorageUse(Database database, Standings standings, Settlement settlement, StorageLevels levels, Catalogs catalogs, TimeProvider clock)
{
    /// <summary>Why so many more bytes may not be kept, or null. What they and all others would cost until the end of the month must fit into credits and the cap.</summary>
    /// <param name="bytes">0 asks only whether uploads are taken at all.</param>
    public async Task<Problem?> RefusalAsync(Standing standing, long bytes, Transaction transaction, CancellationToken cancel)
    {
        if (standing.IsSuspended) return Refusals.Suspended;
        var now = clock.GetUtcNow();
        Answer<Spend?>? asked = null;
        Answer<CreditBalance?>? credits = null;
        Answer<StoredNow?>? stored = null;
        await transaction.ReadAsync(q =>
        {
            asked = Spending.Ask(q, standing.OrganizationId, now);
            credits = Book.AskBalance(q, standing.OrganizationId, now);
            stored = StorageLevels.AskNow(q, standing.OrganizationId);
        }, cancel);
        var spend = asked!.Value ?? throw new InvalidOperationException($"Organization {standing.OrganizationId} has no billing account.");
        if (spend.HeldBack.Minor > 0) return Refusals.HeldBack(spend);
        var allowance = await standings.AllowanceAsync(standing, now, cancel);
        var level = stored!.Value?.Level ?? new StorageLevel(0, 0, now);
        var after = level with { Bytes = level.Bytes + bytes, IncludedBytes = IncludedBytes(allowance) };
        var price = Rating.UnitPrice(catalogs.Current.Prices, StorageLevels.Meter);
        if (bytes == 0 || after.Above == 0 || price == 0) return null;

        // From the last settlement on, because what has come about since is not in the accrual yet: so that the cap holds also between two settlements.
        var month = Period.CalendarMonth(now);
        var since = level.AsOf > month.Start && level.AsOf < now ? level.AsOf : now;
        var cost = Math.Ceiling(StorageLevel.GbHours(after.Above * (decimal)((month.End - since).Ticks / TimeSpan.TicksPerMicrosecond)) * price * 100m) / 100m;
        var beyond = cost - Math.Max(0m, credits!.Value?.Available.Amount ?? 0m);
        if (beyond <= 0) return null;
        if (!spend.CardPays) return Refusals.StorageExhausted(allowance, Words.Size(level.Bytes), Words.Size(bytes));
        return spend.HasRoomFor(beyond) ? null : Refusals.StorageBeyondCap(spend, Money.Round(cost));
    }

    /// <summary>Bytes have been stored or deleted, in the running transaction: what lay there until now is settled, then the level changes.</summary>
    /// <returns>How much each stored byte has been charged so far, in microseconds: what is stored now begins there.</returns>
    public async Task<decimal> ChangeAsync(Guid organization, long change, DateTimeOffset at, Transaction transaction, CancellationToken cancel)
    {
        var standing = await standings.LockAsync(organization, transaction, cancel);
        await settlement.SettleAsync(standing, at, transaction, cancel);
        await levels.ChangeAsync(standing, change, at, transaction, cancel);
        Answer<StoredNow?>? stored = null;
        await transaction.ReadAsync(q => stored = StorageLevels.AskNow(q, organization), cancel);
        return stored!.Value?.ChargedMicroseconds ?? 0;
    }

    /// <summary>What storage costs an organization, and how much each stored byte has been charged so far, in microseconds.</summary>
    public async Task<(StoragePrice Price, decimal ChargedMicroseconds)> PriceAsync(Guid organization, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Standing?>? standing = null;
        Answer<StoredNow?>? stored = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            standing = Standings.Ask(q, organization);
            stored = StorageLevels.AskNow(q, organization);
        }, cancel);
        var included = IncludedBytes(await standings.AllowanceAsync(standing!.Value!, now, cancel));
        var level = stored!.Value?.Level ?? new StorageLevel(0, included, now);
        return (new StoragePrice(level with { IncludedBytes = included }, Rating.UnitPrice(catalogs.Current.Prices, StorageLevels.Meter)), stored.Value?.ChargedUntil(now) ?? 0);
    }

    private static long IncludedBytes(Allowance allowance) => allowance.Tier.Limits.StorageGb < 0 ? -1 : allowance.Tier.Limits.StorageGb * 1_000_000_000;
}

/// <summary>Settles what lies in storage at least hourly, also for those who upload and delete nothing.</summary>
internal sealed partial class StorageSettler(Database database, StorageUse storage, TimeProvider clock, ILogger<StorageSettler> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    /// <summary>Settles every level that has not been looked at for an hour.</summary>
    /// <returns>How many organizations that were.</returns>
    public async Task<int> SettleAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<Guid>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"select organization_id from storage_levels where current_bytes > 0 and as_of <= {now - Every} order by as_of limit 1000", r => r.GetGuid(0)), cancel);
        return await Turns.EachAsync(due!.Value, async organization =>
        {
            await using var transaction = await database.BeginAsync(organization, person: null, cancel);
            await storage.ChangeAsync(organization, 0, now, transaction, cancel);
            await transaction.CommitAsync(cancel);
        }, (failure, o) => NotSettled(log, failure, o));
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromMinutes(1), clock, SettleAsync, reason => Waits(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Storage waits for the database to be settled: {Reason}")]
    private static partial void Waits(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Storage of {Organization} was not settled and is tried again")]
    private static partial void NotSettled(ILogger log, Exception failure, Guid organization);
}
