using System.Globalization;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// Decides who pays for use after the fact (billing rules, decisions 5, 7 and 8): included, then credits, then metered within the cap, and what is left is held
/// back. Cents are decided as soon as they are whole and rounded once at the month's close. Callers hold the organization's lock.
/// </summary>
internal sealed class Settlement(Standings standings, Catalogs catalogs, StorageLevels storage)
{
    /// <summary>Counts a quantity: what the quota period still includes is free, the rest accrues at the price in force. Its cents are decided by <see cref="SettleAsync"/>.</summary>
    /// <param name="standing">As <see cref="Standings.LockAsync"/> returned it.</param>
    /// <param name="model">The model whose price counts, if the meter has prices by model.</param>
    /// <param name="usedAt">When it was used: decides the quota period and the bill month.</param>
    /// <param name="batches">The transactions that stored the events of it.</param>
    public async Task UseAsync(Standing standing, string meter, string? model, decimal quantity, DateTimeOffset usedAt, DateTimeOffset now, Transaction transaction, CancellationToken cancel, Guid[]? batches = null)
    {
        var organization = standing.OrganizationId;
        var allowance = await standings.AllowanceAsync(standing, usedAt, cancel);
        var (start, pocket) = (allowance.Period.Start, allowance.Pocket);
        var before = await transaction.FirstAsync($"""
            insert into quotas as q (organization_id, pocket, meter, period_start, used) values ({organization}, {pocket}, {meter}, {start}, {quantity})
            on conflict (organization_id, pocket, meter, period_start) do update set used = q.used + excluded.used returning used - {quantity}
            """, r => r.GetDecimal(0), cancel);
        var limit = allowance.LimitOf(meter);
        var (_, beyond) = Rating.Split(limit, before, quantity);
        var prices = standing.LivePlanAt(usedAt) is { } plan ? (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices : catalogs.Current.Prices;
        var price = Rating.UnitPrice(prices, meter, model);
        if (beyond <= 0 || price <= 0) return;
        var month = await Accruals.AddAsync(organization, meter, price, beyond, usedAt, now, transaction, cancel);
        await transaction.ExecuteAsync($"""
            insert into priced_uses (organization_id, id, bill_month, origin_month, meter, model, unit_price, used_at, batches, quantity, included, used_before, beyond)
            values ({organization}, {Guid.CreateVersion7()}, {month}, {BillMonth.Of(usedAt)}, {meter}, {model}::text, {price}, {usedAt}, {batches ?? []}, {quantity}, {limit}, {before}, {beyond})
            """, cancel);
    }

    /// <summary>Decides the whole cents of everything that has accrued in open months.</summary>
    public async Task SettleAsync(Standing standing, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        await storage.ChangeAsync(standing, 0, now, transaction, cancel);
        foreach (var accrual in await OpenAsync(standing.OrganizationId, month: null, transaction, cancel))
            await DecideAsync(standing.OrganizationId, accrual, Rating.WholeCents(accrual.Quantity, accrual.UnitPrice), now, transaction, cancel);
    }

    /// <summary>Decides the last cent of a month's accruals, so that each adds up to its line, and closes the month. Use that is reported later belongs to the next invoice.</summary>
    /// <returns>False when it was closed before.</returns>
    public async Task<bool> CloseAsync(Standing standing, DateOnly month, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var organization = standing.OrganizationId;
        await storage.ChangeAsync(standing, 0, now, transaction, cancel);
        if (await transaction.ExecuteAsync($"insert into bill_months (organization_id, bill_month, closed_at) values ({organization}, {month}, {now}) on conflict do nothing", cancel) == 0) return false;
        await RoundAsync(organization, month, now, transaction, cancel);
        return true;
    }

    /// <summary>Decides the last cent of what has accrued in a month, because an invoice is to be made of it.</summary>
    public static async Task RoundAsync(Guid organization, DateOnly month, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        foreach (var accrual in await OpenAsync(organization, month, transaction, cancel))
            await DecideAsync(organization, accrual, Money.Round(accrual.Quantity * accrual.UnitPrice).Minor, now, transaction, cancel);
    }

    /// <summary>Lets credits and the raised cap pay for what was held back. What was used in a closed month becomes a line of the current one.</summary>
    /// <param name="fromCardToo">False: only credits pay.</param>
    /// <returns>Cents that are paid for now.</returns>
    public static async Task<long> PayHeldBackAsync(Guid organization, bool fromCardToo, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var owed = await transaction.ListAsync($"""
            select bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor, held_back_minor, postings, unsettled_since, series,
              case when series > 0 then series else 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month) end
            from accruals a where organization_id = {organization} and held_back_minor > 0 order by bill_month, meter, unit_price, origin_month
            """, Accrual.Read, cancel);
        var paid = 0L;
        foreach (var accrual in owed)
        {
            var open = await Accruals.OpenMonthAsync(organization, accrual.BillMonth, now, transaction, cancel);
            var (credits, metered) = await PayAsync(organization, accrual, accrual.HeldBackMinor, fromCardToo ? BillMonth.Of(now) : null, now, now, transaction, cancel);
            if (credits + metered == 0) continue;
            paid += credits + metered;
            var isOpen = open == accrual.BillMonth && accrual.Series == 0; // what an invoice has taken stays as it was
            await WriteAsync(organization, accrual, isOpen ? credits : 0, isOpen ? metered : 0, -(credits + metered), accrual.UnsettledSince, transaction, cancel);
            if (!isOpen)
                await transaction.ExecuteAsync($"""
                    insert into bill_items (organization_id, id, bill_month, kind, meter, unit_price, quantity, amount_minor, credits_minor, origin_month, cause, metered_month)
                    values ({organization}, {Guid.CreateVersion7()}, {open}, 'held_back', {accrual.Meter}, {accrual.UnitPrice}, {(credits + metered) / 100m / accrual.UnitPrice}, {credits + metered}, {credits}, {accrual.OriginMonth}, {Name(accrual)}, {open})
                    """, cancel);
        }
        return paid;
    }

    private static Task<IReadOnlyList<Accrual>> OpenAsync(Guid organization, DateOnly? month, Transaction transaction, CancellationToken cancel) => transaction.ListAsync($"""
        select bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor, held_back_minor, postings, unsettled_since, series,
          case when series > 0 then series else 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month) end
        from accruals a where organization_id = {organization} and series = 0 and (bill_month = {month}::date
          or {month}::date is null and not exists (select 1 from bill_months m where m.organization_id = a.organization_id and m.bill_month = a.bill_month))
        order by bill_month, meter, unit_price, origin_month
        """, Accrual.Read, cancel);

    private static async Task DecideAsync(Guid organization, Accrual accrual, long total, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var due = total - accrual.DecidedMinor;
        if (due <= 0) return;
        var (credits, metered) = await PayAsync(organization, accrual, due, accrual.BillMonth, accrual.UnsettledSince ?? now, now, transaction, cancel);
        await WriteAsync(organization, accrual, credits, metered, due - credits - metered, unsettledSince: null, transaction, cancel);
    }

    /// <summary>Pays so many cents: from credits while they last, else metered within the cap of a month.</summary>
    private static async Task<(long Credits, long Metered)> PayAsync(Guid organization, Accrual accrual, long cents, DateOnly? capMonth, DateTimeOffset usedAt, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var (name, memo) = (Name(accrual), $"{accrual.Meter}, {accrual.OriginMonth.ToString("MMMM yyyy", CultureInfo.InvariantCulture)}");
        var credits = (await Book.SpendAsync(organization, Money.Usd(cents), new Cause("settle", $"{name}:credits", Actor.System, now, name, memo), usedAt, transaction, cancel)).Minor;
        if (credits == cents) return (credits, 0);
        if (capMonth is not { } month) return (credits, 0);
        var metered = await Spending.TakeAsync(organization, month, cents - credits, transaction, cancel);
        if (metered > 0) await Book.OweAsync(organization, Money.Usd(metered), new Cause("settle", $"{name}:metered", Actor.System, now, name, memo), transaction, cancel);
        return (credits, metered);
    }

    private static Task WriteAsync(Guid organization, Accrual accrual, long credits, long metered, long heldBack, DateTimeOffset? unsettledSince, Transaction transaction, CancellationToken cancel) => transaction.ExecuteAsync($"""
        update accruals set credits_minor = credits_minor + {credits}, metered_minor = metered_minor + {metered}, held_back_minor = held_back_minor + {heldBack}, postings = postings + 1, unsettled_since = {unsettledSince}::timestamptz
        where organization_id = {organization} and bill_month = {accrual.BillMonth} and meter = {accrual.Meter} and unit_price = {accrual.UnitPrice} and origin_month = {accrual.OriginMonth} and series = {accrual.Series}
        """, cancel);

    // Each decision about an accrual has a name of its own.
    private static string Name(Accrual a) => string.Create(CultureInfo.InvariantCulture, $"{a.BillMonth:yyyy-MM}/{a.OriginMonth:yyyy-MM}/{a.Meter}/{a.UnitPrice}/{a.TakenAs}/{a.Postings}");
}
