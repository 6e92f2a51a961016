using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// The counters of what plans include. Each verb is one conditional statement, so that a check cannot be passed by two at once; callers hold the
/// organization's lock where the order of pockets matters.
/// </summary>
internal static class Quotas
{
    /// <summary>Holds as many of <paramref name="wanted"/> units as fit under the limit, among other statements of a transaction.</summary>
    /// <returns>How many are held: 0 to <paramref name="wanted"/>.</returns>
    public static Answer<long> Hold(Questions q, Guid organization, string pocket, string meter, DateTimeOffset periodStart, long limit, long wanted)
    {
        q.Execute($"insert into quotas (organization_id, pocket, meter, period_start) values ({organization}, {pocket}, {meter}, {periodStart}) on conflict do nothing");
        return q.First($"""
            with room as (
              select organization_id, pocket, meter, period_start, case when {limit} < 0 then {wanted} else least({wanted}, greatest(0, floor({limit} - used - held))) end::bigint as units from quotas
              where organization_id = {organization} and pocket = {pocket} and meter = {meter} and period_start = {periodStart} for update)
            update quotas q set held = q.held + room.units from room
            where q.organization_id = room.organization_id and q.pocket = room.pocket and q.meter = room.meter and q.period_start = room.period_start
            returning room.units
            """, r => r.GetInt64(0));
    }

    /// <summary>Gives held units back.</summary>
    public static void Release(Questions q, Guid organization, string pocket, string meter, DateTimeOffset periodStart, long units) =>
        q.Execute($"update quotas set held = held - {units} where organization_id = {organization} and pocket = {pocket} and meter = {meter} and period_start = {periodStart}");

    /// <summary>Turns held units into used ones.</summary>
    public static void Commit(Questions q, Guid organization, string pocket, string meter, DateTimeOffset periodStart, long units) =>
        q.Execute($"update quotas set held = held - {units}, used = used + {units} where organization_id = {organization} and pocket = {pocket} and meter = {meter} and period_start = {periodStart}");

    /// <summary>Asks what is used and held in the periods that may be running: those begun within the last 32 days.</summary>
    public static Answer<IReadOnlyList<QuotaUse>> AskRecent(Questions q, Guid organization, DateTimeOffset now) =>
        q.List($"select pocket, meter, period_start, used, held from quotas where organization_id = {organization} and period_start > {now.AddDays(-32)}",
            r => new QuotaUse(r.GetString(0), r.GetString(1), r.GetFieldValue<DateTimeOffset>(2), r.GetDecimal(3), r.GetDecimal(4)));
}

/// <summary>A counter: what is used and held of a meter in a pocket's period.</summary>
internal sealed record QuotaUse(string Pocket, string Meter, DateTimeOffset PeriodStart, decimal Used, decimal Held);
