using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>An organization's plan, its dates or its suspension have changed; raised in the transaction that changes them.</summary>
internal sealed record PlanChanged(Guid OrganizationId);

/// <summary>Tells the ledger which of an organization's plans gives the limits. With a lifetime beside a running plan the higher limits apply (billing rules, decision 17).</summary>
internal sealed class PlanStandings(Standings standings, Suspensions suspensions, Catalogs catalogs, IServiceProvider services, TimeProvider clock)
{
    /// <summary>Brings standing and suspension to what the organization's plans say now. The caller holds the organization's lock or takes it here first.</summary>
    /// <returns>Whether anything changed.</returns>
    public async Task<bool> ApplyAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var standing = await standings.LockAsync(organization, transaction, cancel);
        var plans = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
        var best = (await BestAsync(plans, now, cancel))?.Gives;
        if (best is null && standing.Plan is not null) await standings.EndPlanAsync(organization, transaction, cancel);
        else if (best is not null && best != standing.Plan) await standings.SetPlanAsync(organization, best, transaction, cancel);

        // A past-due subscription suspends even where a lifetime goes on: what is owed is owed.
        var isOverdue = plans.Any(p => p.IsOverdueAt(now));
        await suspensions.SetAsync(organization, Suspensions.PlanUnpaid, isOverdue, transaction, cancel);
        return best != standing.Plan || isOverdue != standing.IsSuspended;
    }

    /// <summary>Says it to other modules and to open pages.</summary>
    public async Task RaiseAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        await services.RaiseAsync(new PlanChanged(organization), transaction, cancel);
        await Live.ChangedAsync(transaction, organization, "plan", cancel);
    }

    /// <summary>The plan whose limits hold: of those that give access the one with the higher limits. A past-due one in its grace counts, too.</summary>
    public async ValueTask<PlanSubscription?> BestAsync(IReadOnlyList<PlanSubscription> plans, DateTimeOffset now, CancellationToken cancel)
    {
        PlanSubscription? best = null;
        (long, long, long)? most = null;
        foreach (var plan in plans.Where(p => p.Gives is { } gives && (p.EndsAt is not { } end || now < end) && (gives.IsLiveAt(now) || p.Status is "past_due")))
        {
            var limits = (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices.Tier(plan.Tier).Limits;
            var rank = (plan.IsOverdueAt(now) ? -1 : Rank(limits.Workflows), Rank(limits.Agents), Rank(limits.StorageGb));
            if (most is { } so && so.CompareTo(rank) >= 0) continue;
            (best, most) = (plan, rank);
        }
        return best;
    }

    private static long Rank(long limit) => limit < 0 ? long.MaxValue : limit;
}
