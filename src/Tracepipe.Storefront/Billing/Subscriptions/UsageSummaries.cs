using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What is used, what is left, and whether one more unit of work would be taken on.</summary>
/// <param name="Reason">Why not; null when it would be.</param>
internal sealed record UsageSummary(SubscriptionOverview Overview, CreditBalance Credits, Spend Spend, string? Reason)
{
    public bool CanExecute => Reason is null;
}

/// <summary>Answers what a caller may do, without reserving anything: between this answer and a hold others may take what is left.</summary>
internal sealed class UsageSummaries(Subscriptions subscriptions, Catalogs catalogs, Database database, TimeProvider clock)
{
    private static readonly CreditBalance NoCredits = new(Money.Zero, Money.Zero);

    public async Task<UsageSummary> GetAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var meter = catalogs.Current.Prices.Meters.First(m => m.Kind is MeterKind.Unit);
        return await JudgeAsync(organization, person, meter, 1, cancel);
    }

    /// <summary>Whether so much of a meter could be used now.</summary>
    public async Task<Tried<UsageSummary>> CheckAsync(Guid organization, Guid? person, string meter, decimal quantity, CancellationToken cancel)
    {
        var known = catalogs.Current.Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, meter, StringComparison.Ordinal));
        if (known is null) return Problem.Invalid("meter", $"There is no such meter: use one of {string.Join(", ", catalogs.Current.Prices.Meters.Select(m => m.Key))}.");
        if (quantity <= 0 || quantity > 1_000_000_000_000m) return Problem.Invalid("quantity", "Write a number greater than 0.");
        if (known.Kind is MeterKind.Unit && quantity != decimal.Truncate(quantity)) return Problem.Invalid("quantity", "This meter counts whole units.");
        return await JudgeAsync(organization, person, known, quantity, cancel);
    }

    private async Task<UsageSummary> JudgeAsync(Guid organization, Guid? person, CatalogMeter meter, decimal quantity, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var overview = await subscriptions.GetAsync(organization, person, cancel);
        Answer<CreditBalance?>? credits = null;
        Answer<Spend?>? spend = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        await database.ReadAsync(organization, person, q =>
        {
            credits = Book.AskBalance(q, organization, now);
            spend = Spending.Ask(q, organization, now);
            quotas = Quotas.AskRecent(q, organization, now);
        }, cancel);
        var summary = new UsageSummary(overview, credits!.Value ?? NoCredits, spend!.Value ?? throw new InvalidOperationException($"Organization {organization} has no billing account."), Reason: null);
        var prices = overview.Allowance.Pocket is "included" ? (await catalogs.GetAsync(overview.Plan.CatalogVersion, cancel)).Prices : catalogs.Current.Prices;
        var use = quotas!.Value.FirstOrDefault(u => string.Equals(u.Meter, meter.Key, StringComparison.Ordinal) && string.Equals(u.Pocket, overview.Allowance.Pocket, StringComparison.Ordinal) && u.PeriodStart == overview.Allowance.Period.Start);
        return summary with { Reason = Reason(summary, meter, (use?.Used ?? 0) + (use?.Held ?? 0), quantity, meter.Kind is MeterKind.Unit ? Rating.UnitPrice(prices, meter.Key) : 0) };
    }

    /// <summary>The reasons in the order of the billing rules, decision 18; the pockets in that of decision 5.</summary>
    private static string? Reason(UsageSummary summary, CatalogMeter meter, decimal taken, decimal quantity, decimal price)
    {
        var (overview, spend) = (summary.Overview, summary.Spend);
        if (meter.Kind is MeterKind.Free) return null;
        if (overview.IsSuspended) return "account_suspended";
        if (spend.HeldBack.Minor > 0) return spend.CardPays ? "spend_cap_reached" : "no_payment_method";
        if (meter.Kind is MeterKind.Unit && overview.Agents is { IsUnlimited: false, Remaining: <= 0 }) return "agents_limit";
        var limit = overview.Allowance.LimitOf(meter.Key);
        if (meter.Kind is MeterKind.Level || limit < 0) return null; // a level is judged by what is stored, hour by hour
        var rest = quantity - Math.Max(0, limit - taken);
        if (rest <= 0) return null;
        if (price <= 0) return summary.Credits.Available.Minor > 0 ? null : Card(spend, 1); // after the fact: what the cap has no room for is held back
        rest -= Math.Max(0, decimal.Floor(summary.Credits.Available.Amount / price));
        return rest <= 0 ? null : Card(spend, (long)(rest * price * 100));
    }

    private static string? Card(Spend spend, long cents) => !spend.CardPays ? "quota_exhausted"
        : spend.Cap is { } cap && spend.Metered.Minor + spend.Held.Minor + cents > cap.Minor ? "spend_cap_reached" : null;
}
