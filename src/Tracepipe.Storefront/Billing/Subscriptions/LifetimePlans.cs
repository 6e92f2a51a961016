using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Plans that Stripe does not renew: ended when their money goes back, given and ended by the operator.</summary>
internal sealed class LifetimePlans(Database database, StripeConnection stripe, PlanStandings plans, Standings standings, TimeProvider clock)
{
    /// <summary>What follows when money of a payment went back: a lifetime that was refunded in full ends, and its seat is free again.</summary>
    public async Task<EventEffect> AfterRefundAsync(string paymentIntent, CancellationToken cancel)
    {
        Answer<Guid?>? owner = null;
        await database.WorkReadAsync(q => owner = q.First($"select organization_id from subscriptions where payment_intent = {paymentIntent} and source = 'lifetime' and is_live", r => (Guid?)r.GetGuid(0)), cancel);
        if (owner!.Value is not { } organization) return EventHandlers.Nobody;
        var payment = await stripe.Client.PaymentIntents.GetAsync(paymentIntent, ["latest_charge"], Patience.OfWorker.Read, cancel);
        if (payment.LatestCharge?.Value is not { } charge || charge.AmountRefunded < charge.Amount) return EventHandlers.Nobody;
        return new EventEffect(async (transaction, c) =>
        {
            await EndAsync(organization, PlanSource.Lifetime, "lifetime.refunded", Actor.System, transaction, c);
            return true;
        });
    }

    /// <summary>Gives an organization a tier by contract until a date, or without end; null takes it away.</summary>
    public async Task SetContractAsync(Guid organization, (string Tier, int CatalogVersion)? plan, DateTimeOffset? until, Actor by, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        await EndAsync(organization, PlanSource.Contract, "contract.ended", by, transaction, cancel);
        if (plan is var (tier, version))
        {
            var now = clock.GetUtcNow();
            await transaction.ExecuteAsync(new PlanSubscription(organization, Guid.CreateVersion7(), PlanSource.Contract, StripeId: null, StripeStatus: null, "active", IsLive: true, tier, version, PriceId: null,
                ItemId: null, now, PeriodStart: null, PeriodEnd: null, until, CanceledAt: null, EndedAt: null, TrialStart: null, TrialEnd: null, PastDueSince: null, GraceUntil: null, IsUnpaid: false,
                ScheduleId: null, NextTier: null, NextAt: null, PurchaseCents: null, PaymentIntent: null, now, now).Write(now), cancel);
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "contract.given", by, tier), now, cancel);
        }
        await plans.ApplyAsync(organization, transaction, cancel);
        await plans.RaiseAsync(organization, transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Ends what has reached its date, in the caller's transaction.</summary>
    public async Task EndAsync(Guid organization, PlanSource source, string action, Actor by, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await standings.LockAsync(organization, transaction, cancel);
        var ended = await transaction.FirstAsync($"""
            update subscriptions set is_live = false, status = 'canceled', ended_at = {now}, due_at = null, updated_at = {now}
            where organization_id = {organization} and source = {Sources.Stored(source)} and is_live returning tier
            """, r => r.GetString(0), cancel);
        if (ended is null) return;
        if (source is PlanSource.Lifetime) await LifetimeSeats.GiveBackAsync(ended, organization, transaction, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, action, by, ended), now, cancel);
        await plans.ApplyAsync(organization, transaction, cancel);
        await plans.RaiseAsync(organization, transaction, cancel);
    }
}
