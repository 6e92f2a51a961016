using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>Stored bytes over time within one bill month, in byte-microseconds.</summary>
/// <param name="Above">The part beyond the included level.</param>
internal readonly record struct StorageShare(Period Month, decimal Total, decimal Above, DateTimeOffset From, DateTimeOffset To);

/// <summary>
/// What lies in storage and since when: a step function, whose integral is exact (time has microseconds, as in the database). Included is a level, so only
/// bytes above it accrue (billing rules, scenario 26). 1 GB = 10⁹ bytes.
/// </summary>
/// <param name="Bytes">Stored now.</param>
/// <param name="IncludedBytes">The level that costs nothing; −1 is unlimited.</param>
/// <param name="AsOf">Until when the integral is known.</param>
internal readonly record struct StorageLevel(long Bytes, long IncludedBytes, DateTimeOffset AsOf)
{
    /// <summary>Byte-microseconds of one GB-hour.</summary>
    public const decimal GbHour = 1_000_000_000m * 3_600_000_000m;

    /// <summary>Bytes that cost something.</summary>
    public long Above => IncludedBytes < 0 ? 0 : Math.Max(0, Bytes - IncludedBytes);

    /// <summary>What has come about since, month by month, and the same level from then on. Time that goes backwards adds nothing.</summary>
    public (StorageLevel Level, IReadOnlyList<StorageShare> Shares) Until(DateTimeOffset moment)
    {
        var to = new DateTimeOffset(moment.UtcTicks - (moment.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        if (to <= AsOf) return (this, []);
        var shares = new List<StorageShare>();
        for (var from = AsOf; from < to;)
        {
            var month = Period.CalendarMonth(from);
            var end = month.End < to ? month.End : to;
            var length = (decimal)((end - from).Ticks / TimeSpan.TicksPerMicrosecond);
            if (Bytes > 0) shares.Add(new StorageShare(month, Bytes * length, Above * length, from, end));
            from = end;
        }
        return (this with { AsOf = to }, shares);
    }

    /// <summary>The part of each byte that has been charged since, in microseconds: what lies above is spread evenly over all bytes.</summary>
    public decimal ChargedUntil(DateTimeOffset moment) => Bytes == 0 || moment <= AsOf ? 0 : decimal.Round((decimal)(moment.UtcTicks / TimeSpan.TicksPerMicrosecond - (AsOf.UtcTicks / TimeSpan.TicksPerMicrosecond)) * Above / Bytes, 12);

    /// <summary>
    /// GB-hours of byte-microseconds, to 18 places: a quotient with all its places, less another one, has more digits than any number type of ours, and a
    /// month with such a quantity could not be closed.
    /// </summary>
    public static decimal GbHours(decimal byteMicroseconds) => decimal.Round(byteMicroseconds / GbHour, 18);
}
