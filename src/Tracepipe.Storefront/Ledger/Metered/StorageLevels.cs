using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// The stored bytes of organizations over time, brought up to date in the transaction that adds or deletes a file, changes the plan or closes a month. What
/// lies above the included level becomes an accrual. Callers hold the organization's lock.
/// </summary>
internal sealed class StorageLevels(Standings standings, Catalogs catalogs)
{
    public const string Meter = "storage";

    private const long Gigabyte = 1_000_000_000;

    /// <summary>Counts the level until now, then changes it.</summary>
    /// <param name="delta">Bytes added, or removed when negative.</param>
    public async Task ChangeAsync(Standing standing, long delta, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var organization = standing.OrganizationId;
        var allowance = await standings.AllowanceAsync(standing, now, cancel);
        var included = allowance.Tier.Limits.StorageGb is >= 0 and var gigabytes ? gigabytes * Gigabyte : -1;
        var found = await transaction.FirstAsync($"select current_bytes, included_bytes, as_of from storage_levels where organization_id = {organization} for update",
            r => (StorageLevel?)new StorageLevel(r.GetInt64(0), r.GetInt64(1), r.GetFieldValue<DateTimeOffset>(2)), cancel);
        if (delta == 0 && (found is null or { Bytes: 0 })) return; // nothing lies there, and nothing comes of it
        if (found is null) await transaction.ExecuteAsync($"insert into storage_levels (organization_id, current_bytes, included_bytes, as_of) values ({organization}, 0, {included}, {now})", cancel);
        var stored = found ?? new StorageLevel(0, included, now);
        var (level, shares) = stored.Until(now);
        foreach (var share in shares) await AddAsync(organization, level, share, transaction, cancel);
        await UsageDays.StoreAsync(organization, stored, stored.Bytes + delta, Rating.UnitPrice(catalogs.Current.Prices, Meter) is > 0 and var price ? price : null, level.AsOf, transaction, cancel);
        await transaction.ExecuteAsync($"update storage_levels set current_bytes = current_bytes + {delta}, included_bytes = {included}, as_of = {level.AsOf}, charged_microseconds = charged_microseconds + {stored.ChargedUntil(now)} where organization_id = {organization}", cancel);
    }

    /// <summary>Asks for what is stored now, in bytes.</summary>
    public static Answer<long> AskBytes(Questions q, Guid organization) => q.First($"select current_bytes from storage_levels where organization_id = {organization}", r => r.GetInt64(0));

    /// <summary>Asks for the level and how much of it has been charged; null: nothing was ever stored.</summary>
    public static Answer<StoredNow?> AskNow(Questions q, Guid organization) => q.First($"select current_bytes, included_bytes, as_of, charged_microseconds from storage_levels where organization_id = {organization}",
        r => new StoredNow(new StorageLevel(r.GetInt64(0), r.GetInt64(1), r.GetFieldValue<DateTimeOffset>(2)), r.GetDecimal(3)));

    /// <summary>Whether what is stored costs something.</summary>
    public static FormattableString Accrues(Guid organization) => $"exists (select 1 from storage_levels where organization_id = {organization} and included_bytes >= 0 and current_bytes > included_bytes)";

    private async Task AddAsync(Guid organization, StorageLevel level, StorageShare share, Transaction transaction, CancellationToken cancel)
    {
        var month = BillMonth.Of(share.Month);
        var above = await transaction.FirstAsync($"""
            insert into storage_months as m (organization_id, bill_month, byte_microseconds, above_byte_microseconds) values ({organization}, {month}, {share.Total}, {share.Above})
            on conflict (organization_id, bill_month) do update set byte_microseconds = m.byte_microseconds + excluded.byte_microseconds, above_byte_microseconds = m.above_byte_microseconds + excluded.above_byte_microseconds
            returning above_byte_microseconds
            """, r => r.GetDecimal(0), cancel);
        // The quantity is set, not added to: the division by 3.6e18 leaves no sum of small errors.
        if (share.Above <= 0 || Rating.UnitPrice(catalogs.Current.Prices, Meter) is not (> 0 and var price)) return;
        await Accruals.SetAsync(organization, share.Month, Meter, price, StorageLevel.GbHours(above), transaction, cancel);
        // The same level goes on: its step becomes longer, unless an invoice has taken it.
        await transaction.ExecuteAsync($"""
            with longer as (
              update storage_steps set to_at = {share.To} where organization_id = {organization} and accrual_id is null and bill_month = {month} and to_at = {share.From} and unit_price = {price}
                and bytes = {level.Bytes} and included_bytes = {level.IncludedBytes} returning 1)
            insert into storage_steps (organization_id, id, bill_month, unit_price, from_at, to_at, bytes, included_bytes)
            select {organization}, {Guid.CreateVersion7()}, {month}, {price}, {share.From}, {share.To}, {level.Bytes}, {level.IncludedBytes} where not exists (select 1 from longer)
            """, cancel);
    }
}

/// <summary>What is stored, and how much of it lay above the included level so far.</summary>
/// <param name="ChargedMicroseconds">The charged part of the bytes (0 to 1), summed over time until <see cref="StorageLevel.AsOf"/>.</param>
internal sealed record StoredNow(StorageLevel Level, decimal ChargedMicroseconds)
{
    /// <summary>The same until a moment.</summary>
    public decimal ChargedUntil(DateTimeOffset now) => ChargedMicroseconds + Level.ChargedUntil(now);
}

/// <summary>A calendar month in UTC as the database stores it: its first day.</summary>
internal static class BillMonth
{
    public static DateOnly Of(DateTimeOffset at) => DateOnly.FromDateTime(Period.CalendarMonth(at).Start.UtcDateTime);

    public static DateOnly Of(Period month) => DateOnly.FromDateTime(month.Start.UtcDateTime);

    public static Period PeriodOf(DateOnly month) => Period.CalendarMonth(new DateTimeOffset(month.Year, month.Month, 1, 0, 0, 0, TimeSpan.Zero));
}
