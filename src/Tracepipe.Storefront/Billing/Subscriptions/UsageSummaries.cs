using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What is used, what is left, and whether one more unit of work would be taken on.</summary>
/// <param name="Reason">Why not; null when it would be.</param>
internal sealed record UsageSummary(SubscriptionOverview Overview, string? Reason)
{
    public bool CanExecute => Reason is null;
}

/// <summary>Answers what a caller may do, without reserving anything: between this answer and a hold others may take what is left.</summary>
internal sealed class UsageSummaries(Subscriptions subscriptions, Catalogs catalogs, Database database, TimeProvider clock)
{
    public async Task<UsageSummary> GetAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var overview = await subscriptions.GetAsync(organization, person, cancel);
        return new UsageSummary(overview, Reason(overview, 1));
    }

    /// <summary>Whether so much of a meter could be used now. The reasons stand in the order of the billing rules, decision 18.</summary>
    public async Task<Tried<UsageSummary>> CheckAsync(Guid organization, Guid? person, string meter, decimal quantity, CancellationToken cancel)
    {
        var known = catalogs.Current.Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, meter, StringComparison.Ordinal));
        if (known is null) return Problem.Invalid("meter", $"There is no such meter: use one of {string.Join(", ", catalogs.Current.Prices.Meters.Select(m => m.Key))}.");
        if (quantity <= 0 || quantity > 1_000_000_000_000m) return Problem.Invalid("quantity", "Write a number greater than 0.");
        if (known.Kind is MeterKind.Unit && quantity != decimal.Truncate(quantity)) return Problem.Invalid("quantity", "This meter counts whole units.");
        var overview = await subscriptions.GetAsync(organization, person, cancel);
        if (known.Kind is MeterKind.Unit) return new UsageSummary(overview, Reason(overview, quantity));
        if (overview.IsSuspended && known.Kind is not MeterKind.Free) return new UsageSummary(overview, "account_suspended");
        return new UsageSummary(overview, known.Kind is MeterKind.Quantity && await ExceedsAsync(organization, person, overview.Allowance, known.Key, quantity, cancel) ? "quota_exhausted" : null);
    }

    private static string? Reason(SubscriptionOverview overview, decimal quantity)
    {
        if (overview.IsSuspended) return "account_suspended";
        if (overview.Agents is { IsUnlimited: false, Remaining: <= 0 }) return "agents_limit";
        return overview.Workflows.IsUnlimited || overview.Workflows.Remaining >= quantity ? null : "quota_exhausted";
    }

    private async Task<bool> ExceedsAsync(Guid organization, Guid? person, Allowance allowance, string meter, decimal quantity, CancellationToken cancel)
    {
        var limit = allowance.LimitOf(meter);
        if (limit < 0) return false;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        await database.ReadAsync(organization, person, q => quotas = Quotas.AskRecent(q, organization, clock.GetUtcNow()), cancel);
        var use = quotas!.Value.FirstOrDefault(u => string.Equals(u.Meter, meter, StringComparison.Ordinal) && string.Equals(u.Pocket, allowance.Pocket, StringComparison.Ordinal) && u.PeriodStart == allowance.Period.Start);
        return (use?.Used ?? 0) + (use?.Held ?? 0) + quantity > limit;
    }
}
