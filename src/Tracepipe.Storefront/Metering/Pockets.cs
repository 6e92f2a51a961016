using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Finds who pays for units of work, in the order of the billing rules (decision 5): what the plan includes or the free allowance, then credits, then the card
/// within the cap. Callers hold the organization's lock; what was set aside is undone with their transaction.
/// </summary>
internal sealed class Pockets(Standings standings)
{
    /// <summary>Sets units aside, completely or not at all, pocket by pocket.</summary>
    /// <param name="means">As they were read under the lock, after everything that changes them.</param>
    /// <param name="hold">The hold's id; with <paramref name="attempt"/> it names what is set aside.</param>
    /// <param name="also">What is written in the same round trip as the parts.</param>
    /// <returns>The parts, or the reason why the units cannot be paid for; then the caller's transaction must not be committed.</returns>
    public async Task<(IReadOnlyList<HoldPart> Parts, Problem? Refusal)> TakeAsync(Standing standing, Allowance allowance, Means means, string meter, long units, string hold, int attempt, DateTimeOffset now, Action<Questions, IReadOnlyList<HoldPart>> also, Transaction transaction, CancellationToken cancel)
    {
        var (organization, spend) = (standing.OrganizationId, means.Spend);
        var (parts, refusal) = await DecideAsync(standing, allowance, means, meter, units, $"{hold}#{attempt}", now, cancel);
        if (refusal is not null) return ([], refusal);
        if (parts.FirstOrDefault(p => p.Pocket is "credits") is { } credits && !await Book.HoldCreditsAsync(organization, credits.Price, new Cause("hold", credits.Cause!, Actor.System, now, hold), now, transaction, cancel))
            throw new InvalidOperationException("Credits that were there under the lock are gone.");
        Answer<int>? charged = null;
        await transaction.ReadAsync(q =>
        {
            foreach (var part in parts)
                switch (part.Pocket)
                {
                    case "credits": break;
                    case "metered": charged = Spending.Hold(q, organization, spend, BillMonth.Of(now), part.Price.Minor); break;
                    default: Quotas.Hold(q, organization, means.Of(allowance), allowance.LimitOf(meter), part.Quantity); break;
                }
            also(q, parts);
        }, cancel);
        return charged is { Value: 0 } ? ([], Refusals.SpendCapReached(spend, parts[^1].Price)) : (parts, null);
    }

    /// <summary>Gives a part back.</summary>
    public static async Task ReleaseAsync(Guid organization, string meter, HoldPart part, DateTimeOffset grantedAt, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (part.Pocket is "credits") await Book.ReleaseHeldAsync(organization, part.Cause!, Actor.System, now, transaction, cancel);
        else await transaction.ReadAsync(q =>
        {
            if (part.Pocket is "metered") Spending.Settle(q, organization, BillMonth.Of(grantedAt), part.Price.Minor, 0);
            else Quotas.Settle(q, organization, part.Pocket, meter, part.PeriodStart, part.Quantity, 0);
        }, cancel);
    }

    /// <summary>
    /// Counts the first units of parts as used and gives the others back, as many of each as it is said. What is paid for belongs to the month of the grant.
    /// </summary>
    /// <param name="also">What is written in the same round trip.</param>
    public static async Task CommitAsync(Guid organization, string hold, string meter, IReadOnlyList<(HoldPart Part, long Used)> parts, DateTimeOffset grantedAt, DateTimeOffset now, Action<Questions> also, Transaction transaction, CancellationToken cancel)
    {
        foreach (var (part, used) in parts)
            if (part.Pocket is "credits" && !await Book.CommitHeldAsync(organization, part.Cause!, (part with { Quantity = used }).Price, used == 0 ? null : $"{used} × {meter}", Actor.System, now, transaction, cancel))
                throw new InvalidOperationException($"The credits of the hold {hold} of organization {organization} were settled before.");
        var month = await Accruals.OpenMonthAsync(organization, BillMonth.Of(grantedAt), now, transaction, cancel);
        Answer<int>? owed = null;
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
                        owed = Book.Post(q, organization, [new Posting(new Cause("settle", $"hold:{hold}", Actor.System, now, hold, $"{used} × {meter}"), Book.Owed(cents))]);
                        Accruals.AddPaid(q, organization, month, meter, part.UnitPrice, used, 0, cents, grantedAt);
                        break;
                    default:
                        Quotas.Settle(q, organization, part.Pocket, meter, part.PeriodStart, part.Quantity, used);
                        break;
                }
            }
            also(q);
        }, cancel);
        if (owed is { Value: 0 }) throw new InvalidOperationException($"What the hold {hold} of organization {organization} owes was posted before.");
    }

    /// <summary>Divides units among the pockets; writes nothing.</summary>
    /// <param name="cause">Names credits that are set aside.</param>
    private async ValueTask<(IReadOnlyList<HoldPart> Parts, Problem? Refusal)> DecideAsync(Standing standing, Allowance allowance, Means means, string meter, long units, string cause, DateTimeOffset now, CancellationToken cancel)
    {
        var (limit, start) = (allowance.LimitOf(meter), allowance.Period.Start);
        var parts = new List<HoldPart>();
        var included = limit < 0 ? units : (long)Math.Min(units, decimal.Floor(means.Of(allowance).Left(limit)));
        if (included > 0) parts.Add(new HoldPart(allowance.Pocket, start, included, 0m));
        var rest = units - included;
        if (rest == 0) return (parts, null);

        var prices = await standings.PricesAsync(standing, now, cancel);
        var price = Rating.UnitPrice(prices, meter);
        if (price <= 0) return ([], Refusals.QuotaExhausted(allowance, meter, limit, units));

        // A unit is paid from one pocket: a rest smaller than its price stays.
        var credits = Math.Clamp((long)Math.Min(rest, decimal.Floor(means.Credits.Available.Amount / price)), 0, rest);
        if (credits > 0) parts.Add(new HoldPart("credits", start, credits, price, cause));
        rest -= credits;
        if (rest == 0) return (parts, null);

        var metered = new HoldPart("metered", start, rest, price);
        if (!means.Spend.CardPays) return ([], Refusals.QuotaExhausted(allowance, meter, limit, units));
        if (!means.Spend.HasRoomFor(metered.Price.Amount)) return ([], Refusals.SpendCapReached(means.Spend, metered.Price));
        return ([.. parts, metered], null);
    }
}
