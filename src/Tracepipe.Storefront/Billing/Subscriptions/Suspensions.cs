using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Why an account takes on no work: each reason stands by itself, and the suspension lasts as long as one of them does.</summary>
internal sealed class Suspensions(Standings standings, TimeProvider clock)
{
    /// <summary>A plan's invoice was not paid in time.</summary>
    public const string PlanUnpaid = "plan_unpaid";

    /// <summary>Sets or lifts a reason, in the caller's transaction (work role). Takes the organization's lock.</summary>
    public async Task SetAsync(Guid organization, string reason, bool stands, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var before = (await standings.LockAsync(organization, transaction, cancel)).IsSuspended;
        Answer<bool>? any = null;
        await transaction.ReadAsync(q =>
        {
            if (stands) q.Execute($"insert into suspensions (organization_id, reason, since) values ({organization}, {reason}, {now}) on conflict do nothing");
            else q.Execute($"delete from suspensions where organization_id = {organization} and reason = {reason}");
            any = q.First($"select exists (select 1 from suspensions where organization_id = {organization})", r => r.GetBoolean(0));
        }, cancel);
        if (any!.Value == before) return;
        await standings.SuspendAsync(organization, any.Value, transaction, cancel);
        await transaction.ExecuteAsync($"""
            update billing_accounts set updated_at = {now}, status = case when {any.Value} then 'suspended' when first_card_at is null then 'pending' else 'active' end
            where organization_id = {organization} and status <> 'canceled'
            """, cancel);
    }
}
