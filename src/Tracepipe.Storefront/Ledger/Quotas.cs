using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// The counters of what plans include. Callers hold the organization's lock and decide from what they read under it; each verb is a conditional statement all
/// the same, and one that does not change its counter ends the transaction, so that no check can be passed by two at once.
/// </summary>
internal static class Quotas
{
    /// <summary>Holds units, all of them under the limit, among other statements of a transaction.</summary>
    /// <param name="use">The counter as it was read under the lock.</param>
    /// <param name="limit">−1 is unlimited.</param>
    /// <exception cref="OvertakenException">They do not fit: thrown when the statements are run.</exception>
    public static void Hold(Questions q, Guid organization, QuotaUse use, long limit, long units)
    {
        if (!use.IsStored) q.Execute($"insert into quotas (organization_id, pocket, meter, period_start) values ({organization}, {use.Pocket}, {use.Meter}, {use.PeriodStart}) on conflict do nothing");
        q.Exactly(1, $"""
            update quotas set held = held + {units} where organization_id = {organization} and pocket = {use.Pocket} and meter = {use.Meter} and period_start = {use.PeriodStart}
              and ({limit} < 0 or used + held + {units} <= {limit})
            """, $"Units of organization {organization} that fitted under the lock do not fit any more.");
    }

    /// <summary>Ends a hold: some of its units are used, the rest is free again.</summary>
    public static void Settle(Questions q, Guid organization, string pocket, string meter, DateTimeOffset periodStart, long held, long used) =>
        q.Exactly(1, $"update quotas set held = held - {held}, used = used + {used} where organization_id = {organization} and pocket = {pocket} and meter = {meter} and period_start = {periodStart}",
            $"Organization {organization} has no counter of units that it holds.");

    /// <summary>Asks what is used and held in the periods that may be running: those begun within the last 32 days.</summary>
    public static Answer<IReadOnlyList<QuotaUse>> AskRecent(Questions q, Guid organization, DateTimeOffset now) => q.List(Recent(organization, now), r => QuotaUse.Read(r));

    /// <summary>What <see cref="QuotaUse.Read"/> reads.</summary>
    public static FormattableString Recent(Guid organization, DateTimeOffset now) =>
        $"select pocket, meter, period_start, used, held from quotas where organization_id = {organization} and period_start > {now.AddDays(-32)}";
}

/// <summary>A counter: what is used and held of a meter in a pocket's period.</summary>
/// <param name="IsStored">False: nothing has been counted yet.</param>
internal sealed record QuotaUse(string Pocket, string Meter, DateTimeOffset PeriodStart, decimal Used, decimal Held, bool IsStored = true)
{
    /// <summary>What is left under a limit: −1 is unlimited, and so is the limit −1.</summary>
    public decimal Left(long limit) => limit < 0 ? -1 : Math.Max(0m, limit - Used - Held);

    /// <param name="first">Where its columns begin.</param>
    internal static QuotaUse Read(NpgsqlDataReader r, int first = 0) => new(r.GetString(first), r.GetString(first + 1), r.GetFieldValue<DateTimeOffset>(first + 2), r.GetDecimal(first + 3), r.GetDecimal(first + 4));
}
