namespace Tracepipe.Storefront.Platform;

/// <summary>A half-open stretch of time in UTC: the start belongs to it, the end does not.</summary>
public readonly record struct Period(DateTimeOffset Start, DateTimeOffset End)
{
    public bool Contains(DateTimeOffset at) => Start <= at && at < End;

    /// <summary>The calendar month in UTC that <paramref name="at"/> falls into: the bill month of everybody, and the quota period without a plan.</summary>
    public static Period CalendarMonth(DateTimeOffset at)
    {
        var utc = at.ToUniversalTime();
        var start = new DateTimeOffset(utc.Year, utc.Month, 1, 0, 0, 0, TimeSpan.Zero);
        return new Period(start, start.AddMonths(1));
    }

    /// <summary>
    /// The month counted from an anchor that <paramref name="at"/> falls into. The day of the month and the time of day are the anchor's; a month that
    /// is too short ends the period on its last day, and the next one returns to the anchor's day (31 Jan → 28 Feb → 31 Mar).
    /// </summary>
    public static Period Monthly(DateTimeOffset anchor, DateTimeOffset at)
    {
        var (from, now) = (anchor.ToUniversalTime(), at.ToUniversalTime());
        var months = ((now.Year - from.Year) * 12) + now.Month - from.Month;
        if (from.AddMonths(months) > now) months--;
        return new Period(from.AddMonths(months), from.AddMonths(months + 1));
    }
}
