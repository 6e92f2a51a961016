using System.Globalization;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Finds who pays for units of work, in the order of the billing rules (decision 5): what the plan includes or the free allowance, then credits, then the card
/// within the cap. Callers hold the organization's lock; what was set aside is undone with their transaction.
/// </summary>
internal sealed class Pockets(Catalogs catalogs)
{
    /// <summary>Sets units aside, completely or not at all, pocket by pocket.</summary>
    /// <param name="hold">The hold's id; with <paramref name="attempt"/> it names what is set aside.</param>
    /// <returns>The parts, or the reason why the units cannot be paid for; then the caller's transaction must not be committed.</returns>
    public async Task<(IReadOnlyList<HoldPart> Parts, Problem? Refusal)> TakeAsync(Standing standing, Allowance allowance, Spend spend, string meter, long units, string hold, int attempt, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var (organization, limit) = (standing.OrganizationId, allowance.LimitOf(meter));
        var parts = new List<HoldPart>();
        var rest = units;
        Answer<long>? held = null;
        Answer<CreditBalance?>? balance = null;
        await transaction.ReadAsync(q =>
        {
            held = Quotas.Hold(q, organization, allowance.Pocket, meter, allowance.Period.Start, limit, rest);
            balance = Book.AskBalance(q, organization, now);
        }, cancel);
        var granted = held!.Value;
        if (granted > 0) parts.Add(new HoldPart(allowance.Pocket, allowance.Period.Start, granted, 0m));
        if ((rest -= granted) == 0) return (parts, null);

        var prices = standing.LivePlanAt(now) is { } plan ? (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices : catalogs.Current.Prices;
        var price = Rating.UnitPrice(prices, meter);
        if (price <= 0) return ([], Refusals.QuotaExhausted(allowance, meter, limit, units));

        // A unit is paid from one pocket: a rest smaller than its price stays.
        var credits = Math.Clamp((long)Math.Min(rest, decimal.Floor(balance!.Value!.Available.Amount / price)), 0, rest);
        if (credits > 0)
        {
            var part = new HoldPart("credits", allowance.Period.Start, credits, price, string.Create(CultureInfo.InvariantCulture, $"{hold}#{attempt}"));
            if (!await Book.HoldCreditsAsync(organization, part.Price, new Cause("hold", part.Cause!, Actor.System, now, hold), now, transaction, cancel)) throw new InvalidOperationException("Credits that were there under the lock are gone.");
            parts.Add(part);
            rest -= credits;
        }
        if (rest == 0) return (parts, null);

        var metered = new HoldPart("metered", allowance.Period.Start, rest, price);
        if (!spend.CardPays) return ([], Refusals.QuotaExhausted(allowance, meter, limit, units));
        if (!await Spending.HoldAsync(organization, BillMonth.Of(now), metered.Price.Minor, transaction, cancel)) return ([], Refusals.SpendCapReached(spend, metered.Price));
        return ([.. parts, metered], null);
    }

    /// <summary>Gives a part back.</summary>
    public static async Task ReleaseAsync(Guid organization, string meter, HoldPart part, DateTimeOffset grantedAt, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (part.Pocket is "credits") await Book.ReleaseHeldAsync(organization, part.Cause!, Actor.System, now, transaction, cancel);
        else await transaction.ReadAsync(q => Release(q, organization, meter, part, part.Quantity, grantedAt), cancel);
    }

    /// <summary>
    /// Counts the first units of parts as used and gives the others back, as many of each as it is said. What is paid for belongs to the month of the grant.
    /// </summary>
    /// <param name="also">What is written in the same round trip.</param>
    public static async Task CommitAsync(Guid organization, string hold, string meter, IReadOnlyList<(HoldPart Part, long Used)> parts, DateTimeOffset grantedAt, DateTimeOffset now, Action<Questions> also, Transaction transaction, CancellationToken cancel)
    {
        foreach (var (part, used) in parts)
            if (part.Pocket is "credits") await Book.CommitHeldAsync(organization, part.Cause!, (part with { Quantity = used }).Price, used == 0 ? null : $"{used} × {meter}", Actor.System, now, transaction, cancel);
        var month = await Accruals.OpenMonthAsync(organization, BillMonth.Of(grantedAt), now, transaction, cancel);
        await transaction.ReadAsync(q =>
        {
            foreach (var (part, used) in parts)
            {
                var cents = (part with { Quantity = used }).Price.Minor;
                switch (part.Pocket)
                {
                    case "credits":
                        if (used > 0) Accruals.AddPaid(q, organization, month, meter, part.UnitPrice, used, cents, 0, grantedAt);
                        break;
                    case "metered":
                        Spending.Settle(q, organization, BillMonth.Of(grantedAt), part.Price.Minor, cents);
                        if (used == 0) break;
                        Book.Post(q, organization, [new Posting(new Cause("settle", $"hold:{hold}", Actor.System, now, hold, $"{used} × {meter}"), Book.Owed(cents))]);
                        Accruals.AddPaid(q, organization, month, meter, part.UnitPrice, used, 0, cents, grantedAt);
                        break;
                    default:
                        if (used > 0) Quotas.Commit(q, organization, part.Pocket, meter, part.PeriodStart, used);
                        if (part.Quantity > used) Release(q, organization, meter, part, part.Quantity - used, grantedAt);
                        break;
                }
            }
            also(q);
        }, cancel);
    }

    private static void Release(Questions q, Guid organization, string meter, HoldPart part, long units, DateTimeOffset grantedAt)
    {
        if (part.Pocket is "metered") Spending.Settle(q, organization, BillMonth.Of(grantedAt), part.Price.Minor, 0);
        else Quotas.Release(q, organization, part.Pocket, meter, part.PeriodStart, units);
    }
}
