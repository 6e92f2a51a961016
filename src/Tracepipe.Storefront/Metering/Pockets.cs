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
    /// <summary>Divides units among the pockets; writes nothing.</summary>
    /// <param name="means">As they were read under the lock, after everything that changes them.</param>
    /// <param name="cause">Names credits that are set aside.</param>
    /// <returns>The parts, or the reason why the units cannot be paid for.</returns>
    public async ValueTask<(IReadOnlyList<HoldPart> Parts, Problem? Refusal)> DivideAsync(Standing standing, Allowance allowance, Means means, string meter, long units, string cause, DateTimeOffset now, CancellationToken cancel)
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

    /// <summary>Sets credits aside for the parts that they pay.</summary>
    /// <param name="hold">The hold's id.</param>
    public static async Task TakeCreditsAsync(Guid organization, IReadOnlyList<HoldPart> parts, string hold, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (parts.FirstOrDefault(p => p.Pocket is "credits") is { } credits && !await Book.HoldCreditsAsync(organization, credits.Price, new Cause("hold", credits.Cause!, Actor.System, now, hold), now, transaction, cancel))
            throw new InvalidOperationException("Credits that were there under the lock are gone.");
    }

    /// <summary>Sets the other parts aside, among other statements of a transaction.</summary>
    /// <exception cref="OvertakenException">A pocket has no room for them any more: thrown when the statements are run.</exception>
    public static void Take(Questions q, Guid organization, IReadOnlyList<HoldPart> parts, Allowance allowance, Means means, DateTimeOffset now)
    {
        foreach (var part in parts)
            switch (part.Pocket)
            {
                case "credits": break;
                case "metered": Spending.Hold(q, organization, means.Spend, BillMonth.Of(now), part.Price.Minor); break;
                default: Quotas.Hold(q, organization, means.Of(allowance), allowance.LimitOf(means.Meter), part.Quantity); break;
            }
    }

    /// <summary>Turns the credits of parts into revenue, as much of them as was used, and gives the rest back.</summary>
    public static async Task SettleCreditsAsync(Guid organization, string hold, string meter, IReadOnlyList<(HoldPart Part, long Used)> parts, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        foreach (var (part, used) in parts)
            if (part.Pocket is "credits" && !await Book.CommitHeldAsync(organization, part.Cause!, (part with { Quantity = used }).Price, used == 0 ? null : $"{used} × {meter}", Actor.System, now, transaction, cancel))
                throw new InvalidOperationException($"The credits of the hold {hold} of organization {organization} were settled before.");
    }

    /// <summary>Counts the first units of the other parts as used and gives the rest back, as many of each as it is said, among other statements of a transaction; credits that were used are written down.</summary>
    /// <param name="month">Whose invoice shows them: <see cref="Accruals.OpenMonthAsync"/> of the grant's.</param>
    /// <exception cref="OvertakenException">What the hold owes was posted before, or what it holds is not there: thrown when the statements are run.</exception>
    public static void Settle(Questions q, Guid organization, string hold, string meter, IReadOnlyList<(HoldPart Part, long Used)> parts, DateOnly month, DateTimeOffset grantedAt, DateTimeOffset now)
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
                    if (cents > 0) Book.PostNew(q, organization, new Cause("settle", $"hold:{hold}", Actor.System, now, hold, $"{used} × {meter}"), Book.Owed(cents));
                    Accruals.AddPaid(q, organization, month, meter, part.UnitPrice, used, 0, cents, grantedAt);
                    break;
                default:
                    Quotas.Settle(q, organization, part.Pocket, meter, part.PeriodStart, part.Quantity, used);
                    break;
            }
        }
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
}
