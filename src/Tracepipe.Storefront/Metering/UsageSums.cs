using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// The sums of use by hour and by day, kept in the transaction that adds what is summed up; pages read the days. Days are written before hours everywhere, so
/// that two writers never wait for each other crosswise.
/// </summary>
internal static class UsageSums
{
    private const string Key = "meter, coalesce(key_id, '00000000-0000-0000-0000-000000000000'), coalesce(model, ''), coalesce(suite_id, ''), sum(quantity), count(*)";

    /// <summary>Adds so many of something, all of one moment.</summary>
    /// <param name="suite">Empty: of none.</param>
    public static void Add(Questions q, Guid organization, string meter, Guid? key, string suite, long quantity, long events, DateTimeOffset at) => q.Execute($"""
        with days as (
          insert into usage_days as d (organization_id, day, meter, key_id, model, suite_id, quantity, events) values ({organization}, {UsageDays.DayOf(at)}, {meter}, {key ?? Guid.Empty}, '', {suite}, {quantity}, {events})
          on conflict (organization_id, day, meter, key_id, model, suite_id) do update set quantity = d.quantity + excluded.quantity, events = d.events + excluded.events
          returning d.organization_id, d.meter, d.key_id, d.model, d.suite_id)
        insert into usage_hours as h (organization_id, hour, meter, key_id, model, suite_id, quantity, events) select organization_id, {HourOf(at)}, meter, key_id, model, suite_id, {quantity}, {events} from days
        on conflict (organization_id, hour, meter, key_id, model, suite_id) do update set quantity = h.quantity + excluded.quantity, events = h.events + excluded.events
        """);

    /// <summary>Adds events to the days.</summary>
    /// <param name="from">What has their columns.</param>
    public static string Days(string from) => $"""
        insert into usage_days as d (organization_id, day, meter, key_id, model, suite_id, quantity, events)
        select organization_id, (time at time zone 'UTC')::date, {Key} from {from} group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
        on conflict (organization_id, day, meter, key_id, model, suite_id) do update set quantity = d.quantity + excluded.quantity, events = d.events + excluded.events
        """;

    /// <summary>Adds events to the hours.</summary>
    /// <param name="from">What has their columns.</param>
    public static string Hours(string from) => $"""
        insert into usage_hours as h (organization_id, hour, meter, key_id, model, suite_id, quantity, events)
        select organization_id, date_trunc('hour', time, 'UTC'), {Key} from {from} group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6
        on conflict (organization_id, hour, meter, key_id, model, suite_id) do update set quantity = h.quantity + excluded.quantity, events = h.events + excluded.events
        """;

    private static DateTimeOffset HourOf(DateTimeOffset at) => new(at.UtcTicks - (at.UtcTicks % TimeSpan.TicksPerHour), TimeSpan.Zero);
}
