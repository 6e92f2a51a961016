using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The seats of a tier that is sold once, to so many and no more. A seat is given when it has been paid for, not when somebody begins to pay.</summary>
internal sealed class LifetimeSeats(Database database)
{
    /// <summary>Seats that are left; null when any number may be sold.</summary>
    public async Task<SeatsLeft?> LeftAsync(Tier tier, CancellationToken cancel)
    {
        if (tier.Seats is not { } total) return null;
        Answer<long>? sold = null;
        await database.WorkReadAsync(q => sold = q.First($"select count(*) from lifetime_seats where tier = {tier.Key}", r => r.GetInt64(0)), cancel);
        return new SeatsLeft(total, Math.Max(0, total - sold!.Value));
    }

    /// <summary>Takes a seat in the transaction that gives the plan. Buyers queue here, so that the last seat has one owner.</summary>
    /// <returns>False when none is left.</returns>
    public static async Task<bool> TakeAsync(Tier tier, Guid organization, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        await transaction.ExecuteAsync($"select pg_advisory_xact_lock(hashtext('lifetime_seats'), hashtext({tier.Key}))", cancel);
        return await transaction.ExecuteAsync($"""
            insert into lifetime_seats (tier, seat, organization_id, sold_at)
            select {tier.Key}, s.seat, {organization}, {now}
            from (select coalesce(max(seat), 0) + 1 as seat, count(*) as sold from lifetime_seats where tier = {tier.Key}) s where s.sold < {tier.Seats ?? int.MaxValue}
            """, cancel) == 1;
    }

    /// <summary>Gives a seat back: the money went back, too.</summary>
    public static Task GiveBackAsync(string tier, Guid organization, Transaction transaction, CancellationToken cancel) =>
        transaction.ExecuteAsync($"delete from lifetime_seats where tier = {tier} and organization_id = {organization}", cancel);
}
