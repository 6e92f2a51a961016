using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>What is left of what the plan includes of a meter.</summary>
/// <param name="Limit">−1 is unlimited.</param>
/// <param name="Remaining">−1 is unlimited.</param>
/// <param name="PeriodEnd">When it counts anew.</param>
internal sealed record QuotaLeft(string Meter, long Limit, decimal Used, decimal Remaining, DateTimeOffset PeriodEnd);

/// <summary>
/// Whether use could be paid for at this moment, in the order of the billing rules (decisions 5 and 18). Reserves nothing: between this answer and a hold
/// others may take what is left.
/// </summary>
internal sealed class Affordability(Database database, Standings standings, TimeProvider clock)
{
    /// <summary>Looks at all pockets in one round trip.</summary>
    /// <returns>Why not, or null; and what is left of the included.</returns>
    public async Task<(Problem? Refusal, QuotaLeft? Left)> AskAsync(Guid organization, CatalogMeter meter, decimal quantity, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Standing?>? asked = null;
        Func<Means?>? read = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            asked = Standings.Ask(q, organization);
            read = Means.Ask(q, organization, meter.Key, now);
        }, cancel);
        if (asked!.Value is not { } standing || read!() is not { } means) return (Problem.NotFound("Organization"), null);
        var (spend, credits) = (means.Spend, means.Credits.Available.Amount);
        var allowance = await standings.AllowanceAsync(standing, now, cancel);
        var limit = allowance.LimitOf(meter.Key);
        var use = means.Of(allowance);
        var used = use.Used / 1.000000000000m;
        var remaining = use.Left(limit) / 1.000000000000m;
        var left = meter.Kind is MeterKind.Unit or MeterKind.Quantity ? new QuotaLeft(meter.Key, limit, used, remaining, allowance.Period.End) : null;
        if (meter.Kind is MeterKind.Free) return (null, left);
        if (standing.IsSuspended) return (Refusals.Suspended, left);
        if (spend.HeldBack.Minor > 0) return (Refusals.HeldBack(spend), left);
        if (left is null || remaining < 0 || quantity <= remaining) return (null, left);

        var prices = await standings.PricesAsync(standing, now, cancel);
        var price = Rating.UnitPrice(prices, meter.Key);
        var beyond = quantity - remaining;
        if (meter.Kind is MeterKind.Unit && price > 0) beyond -= Math.Clamp(decimal.Floor(credits / price), 0m, beyond); // whole units only: a smaller rest stays
        var cost = beyond * price; // exact: fractions of a cent have to be paid, too
        if (meter.Kind is MeterKind.Quantity) cost -= Math.Max(0m, credits);
        if (price > 0 && cost <= 0) return (null, left);
        if (price <= 0 || !spend.CardPays) return (Refusals.QuotaExhausted(allowance, meter.Key, limit, (long)Math.Ceiling(quantity)), left);
        return (spend.HasRoomFor(cost) ? null : Refusals.SpendCapReached(spend, Money.Round(cost)), left);
    }
}
