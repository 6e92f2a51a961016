using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>What was used beyond the included on a day.</summary>
/// <param name="Quantity">Exact.</param>
internal sealed record BeyondDay(DateOnly Day, string Meter, decimal UnitPrice, decimal Quantity)
{
    /// <summary>Exact dollars.</summary>
    public decimal Cost => Quantity * UnitPrice;
}

/// <summary>What lay in storage when a day ended.</summary>
/// <param name="ByteMicroseconds">The day's part of the integral over time.</param>
internal sealed record StoredDay(DateOnly Day, long Bytes, decimal ByteMicroseconds);

/// <summary>Sums by day (UTC) that pages read: kept where the ledger counts, so that a page never looks at single events.</summary>
internal static class UsageDays
{
    /// <summary>Use beyond the included, among the statements of the caller's transaction.</summary>
    /// <param name="usedAt">Decides the day, also when the month of it is closed.</param>
    public static void Add(Questions q, Guid organization, string meter, decimal unitPrice, decimal quantity, DateTimeOffset usedAt) => q.Execute(Adding(organization, meter, unitPrice, quantity, usedAt));

    /// <summary>The statement of <see cref="Add"/>: one row.</summary>
    public static FormattableString Adding(Guid organization, string meter, decimal unitPrice, decimal quantity, DateTimeOffset usedAt) => $"""
        insert into beyond_days as d (organization_id, day, meter, unit_price, quantity) values ({organization}, {DayOf(usedAt)}, {meter}, {unitPrice}, {quantity})
        on conflict (organization_id, day, meter, unit_price) do update set quantity = d.quantity + excluded.quantity
        """;

    /// <summary>A level of stored bytes has lasted until now and is another one from now on.</summary>
    /// <param name="unitPrice">Of a GB-hour above the included level; null: nothing accrues.</param>
    public static Task StoreAsync(Guid organization, StorageLevel level, long after, decimal? unitPrice, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var parts = Parts(level, now);
        var days = parts.Select(p => p.Day).ToArray();
        var lasted = parts.Select(p => p.Bytes).ToArray();
        var above = parts.Select(p => StorageLevel.GbHours(p.Above)).ToArray();
        return transaction.ReadAsync(q =>
        {
            if (days.Length > 0)
                q.Execute($"""
                    insert into storage_days as d (organization_id, day, bytes, byte_microseconds) select {organization}, p.day, {level.Bytes}, p.lasted from unnest({days}, {lasted}) p(day, lasted)
                    on conflict (organization_id, day) do update set bytes = excluded.bytes, byte_microseconds = d.byte_microseconds + excluded.byte_microseconds
                    """);
            q.Execute($"insert into storage_days as d (organization_id, day, bytes, byte_microseconds) values ({organization}, {DayOf(now)}, {after}, 0) on conflict (organization_id, day) do update set bytes = excluded.bytes");
            if (unitPrice is not { } price || level.Above == 0 || days.Length == 0) return;
            q.Execute($"""
                insert into beyond_days as d (organization_id, day, meter, unit_price, quantity) select {organization}, p.day, {StorageLevels.Meter}, {price}, p.above from unnest({days}, {above}) p(day, above)
                on conflict (organization_id, day, meter, unit_price) do update set quantity = d.quantity + excluded.quantity
                """);
        }, cancel);
    }

    /// <summary>Asks for use beyond the included.</summary>
    public static Answer<IReadOnlyList<BeyondDay>> AskBeyond(Questions q, Guid organization, DateOnly from, DateOnly before) => q.List(
        $"select day, meter, unit_price, quantity from beyond_days where organization_id = {organization} and day >= {from} and day < {before} order by day, meter, unit_price",
        r => new BeyondDay(r.GetFieldValue<DateOnly>(0), r.GetString(1), r.GetDecimal(2) / 1.000000000000000000m, r.GetDecimal(3) / 1.000000000000000000m));

    /// <summary>Asks for the days of storage, and the last one before them, whose level goes on.</summary>
    public static Answer<IReadOnlyList<StoredDay>> AskStored(Questions q, Guid organization, DateOnly from, DateOnly before) => q.List($"""
        select day, bytes, byte_microseconds from storage_days where organization_id = {organization} and day < {before}
          and day >= coalesce((select max(day) from storage_days where organization_id = {organization} and day < {from}), {from})
        order by day
        """, r => new StoredDay(r.GetFieldValue<DateOnly>(0), r.GetInt64(1), r.GetDecimal(2)));

    /// <summary>What a level comes to day by day until a moment, in byte-microseconds.</summary>
    public static IReadOnlyList<(DateOnly Day, decimal Bytes, decimal Above)> Parts(StorageLevel level, DateTimeOffset until)
    {
        var parts = new List<(DateOnly, decimal, decimal)>();
        if (level.Bytes == 0) return parts;
        var to = new DateTimeOffset(until.UtcTicks - (until.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        for (var from = level.AsOf.ToUniversalTime(); from < to;)
        {
            var midnight = new DateTimeOffset(from.UtcDateTime.Date.AddDays(1), TimeSpan.Zero);
            var end = midnight < to ? midnight : to;
            var length = (decimal)((end - from).Ticks / TimeSpan.TicksPerMicrosecond);
            parts.Add((DayOf(from), level.Bytes * length, level.Above * length));
            from = end;
        }
        return parts;
    }

    public static DateOnly DayOf(DateTimeOffset at) => DateOnly.FromDateTime(at.UtcDateTime);
}
