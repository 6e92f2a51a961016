using System.Globalization;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>Use that was reported after the fact.</summary>
/// <param name="Model">The model whose price counts, if the meter has prices by model.</param>
/// <param name="UsedAt">When it was used: decides the quota period and the bill month.</param>
internal sealed record ReportedUse(string Meter, string? Model, decimal Quantity, DateTimeOffset UsedAt)
{
    /// <summary>The transactions that stored the events of it.</summary>
    public Guid[] Batches { get; init; } = [];
}

/// <summary>
/// Decides who pays for use after the fact (billing rules, decisions 5, 7 and 8): included, then credits, then metered within the cap, and what is left is held
/// back. Cents are decided as soon as they are whole and rounded once at the month's close. Callers hold the organization's lock.
/// </summary>
internal sealed class Settlement(Standings standings, StorageLevels storage)
{
    /// <summary>Counts quantities in their order: what the quota period still includes is free, the rest accrues at the price in force. Its cents are decided by <see cref="SettleAsync"/>.</summary>
    /// <param name="standing">As <see cref="Standings.LockAsync"/> returned it.</param>
    public async Task UseAsync(Standing standing, IReadOnlyList<ReportedUse> uses, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (uses.Count == 0) return;
        var organization = standing.OrganizationId;
        var allowed = new List<(ReportedUse Use, Allowance Allowance)>(uses.Count);
        foreach (var use in uses) allowed.Add((use, await standings.AllowanceAsync(standing, use.UsedAt, cancel)));
        var counters = allowed.GroupBy(a => (a.Allowance.Pocket, a.Use.Meter, a.Allowance.Period.Start)).OrderBy(c => c.Key.Pocket, StringComparer.Ordinal).ThenBy(c => c.Key.Meter, StringComparer.Ordinal).ThenBy(c => c.Key.Start).ToList();
        var (pockets, meters, starts) = (counters.Select(c => c.Key.Pocket).ToArray(), counters.Select(c => c.Key.Meter).ToArray(), counters.Select(c => c.Key.Start.ToUniversalTime()).ToArray());
        var sums = counters.Select(c => c.Sum(a => a.Use.Quantity)).ToArray();
        var used = (await transaction.ListAsync($"""
            insert into quotas as q (organization_id, pocket, meter, period_start, used) select {organization}, c.pocket, c.meter, c.start, c.used from unnest({pockets}, {meters}, {starts}, {sums}) c (pocket, meter, start, used)
            on conflict (organization_id, pocket, meter, period_start) do update set used = q.used + excluded.used returning pocket, meter, period_start, used
            """, r => (Key: (r.GetString(0), r.GetString(1), r.GetFieldValue<DateTimeOffset>(2)), Used: r.GetDecimal(3)), cancel)).ToDictionary(u => u.Key, u => u.Used);

        var priced = new List<(ReportedUse Use, decimal Price, long Limit, decimal Before, decimal Beyond, DateOnly Month)>();
        foreach (var counter in counters)
        {
            var before = used[counter.Key] - counter.Sum(a => a.Use.Quantity);
            foreach (var (use, allowance) in counter)
            {
                var limit = allowance.LimitOf(use.Meter);
                var (_, beyond) = Rating.Split(limit, before, use.Quantity);
                var prices = await standings.PricesAsync(standing, use.UsedAt, cancel);
                var price = Rating.UnitPrice(prices, use.Meter, use.Model);
                if (beyond > 0 && price > 0) priced.Add((use, price, limit, before, beyond, await Accruals.OpenMonthAsync(organization, BillMonth.Of(use.UsedAt), now, transaction, cancel)));
                before += use.Quantity;
            }
        }
        if (priced.Count == 0) return;
        await transaction.ReadAsync(q =>
        {
            foreach (var day in priced.GroupBy(p => (p.Month, p.Use.Meter, p.Price, Day: UsageDays.DayOf(p.Use.UsedAt)))) Accruals.Add(q, organization, day.Key.Month, day.Key.Meter, day.Key.Price, day.Sum(p => p.Beyond), day.Min(p => p.Use.UsedAt));
            foreach (var (use, price, limit, before, beyond, month) in priced)
                q.Execute($"""
                    insert into priced_uses (organization_id, id, bill_month, origin_month, meter, model, unit_price, used_at, batches, quantity, included, used_before, beyond)
                    values ({organization}, {Guid.CreateVersion7()}, {month}, {BillMonth.Of(use.UsedAt)}, {use.Meter}, {use.Model}::text, {price}, {use.UsedAt}, {use.Batches}, {use.Quantity}, {limit}, {before}, {beyond})
                    """);
        }, cancel);
    }

    /// <summary>Decides the whole cents of everything that has accrued in open months.</summary>
    public async Task SettleAsync(Standing standing, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        await storage.ChangeAsync(standing, 0, now, transaction, cancel);
        Answer<IReadOnlyList<Accrual>>? open = null;
        await transaction.ReadAsync(q => open = AskOpen(q, standing.OrganizationId, month: null), cancel);
        await DecideAsync(standing.OrganizationId, open!.Value, a => Rating.WholeCents(a.Quantity, a.UnitPrice), purse: null, now, transaction, cancel);
    }

    /// <summary>Decides the last cent of a month's accruals, so that each adds up to its line, and closes the month. Use that is reported later belongs to the next invoice.</summary>
    /// <returns>False when it was closed before.</returns>
    public async Task<bool> CloseAsync(Standing standing, DateOnly month, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var organization = standing.OrganizationId;
        await storage.ChangeAsync(standing, 0, now, transaction, cancel);
        Answer<int>? closed = null;
        await RoundAsync(organization, month, now, transaction, cancel,
            q => closed = q.Execute($"insert into bill_months (organization_id, bill_month, closed_at) values ({organization}, {month}, {now}) on conflict do nothing"), () => closed!.Value > 0);
        return closed!.Value > 0;
    }

    /// <summary>Decides the last cent of what has accrued in a month, because an invoice is to be made of it.</summary>
    public static Task RoundAsync(Guid organization, DateOnly month, DateTimeOffset now, Transaction transaction, CancellationToken cancel) => RoundAsync(organization, month, now, transaction, cancel, _ => { }, () => true);

    /// <param name="first">What is asked before.</param>
    /// <param name="goesOn">Whether its answer lets anything be decided.</param>
    private static async Task RoundAsync(Guid organization, DateOnly month, DateTimeOffset now, Transaction transaction, CancellationToken cancel, Action<Questions> first, Func<bool> goesOn)
    {
        Answer<IReadOnlyList<Accrual>>? open = null;
        Purse? purse = null;
        await transaction.ReadAsync(q =>
        {
            first(q);
            open = AskOpen(q, organization, month);
            purse = Purse.Ask(q, organization, month);
        }, cancel);
        if (goesOn()) await DecideAsync(organization, open!.Value, a => Money.Round(a.Quantity * a.UnitPrice).Minor, purse, now, transaction, cancel);
    }

    /// <summary>Lets credits and the raised cap pay for what was held back. What was used in a closed month becomes a line of the current one.</summary>
    /// <param name="fromCardToo">False: only credits pay.</param>
    /// <returns>Cents that are paid for now.</returns>
    public static async Task<long> PayHeldBackAsync(Guid organization, bool fromCardToo, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var owed = await transaction.ListAsync($"""
            select bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor, held_back_minor, postings, unsettled_since, series,
              case when series > 0 then series else 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month) end
            from accruals a where organization_id = {organization} and held_back_minor > 0 order by bill_month, meter, unit_price, origin_month, series
            """, Accrual.Read, cancel);
        var paid = 0L;
        var payment = await PayAsync(organization, [.. owed.Select(a => new Owed(a, a.HeldBackMinor, fromCardToo ? BillMonth.Of(now) : null, now))], purse: null, now, transaction, cancel);
        await payment.WriteAsync([], transaction, cancel);
        foreach (var (accrual, credits, metered) in payment.Paid)
        {
            if (credits + metered == 0) continue;
            paid += credits + metered;
            var open = await Accruals.OpenMonthAsync(organization, accrual.BillMonth, now, transaction, cancel);
            var isOpen = open == accrual.BillMonth && accrual.Series == 0; // what an invoice has taken stays as it was
            await transaction.ReadAsync(q => Write(q, organization, [new Decided(accrual, isOpen ? credits : 0, isOpen ? metered : 0, -(credits + metered), accrual.UnsettledSince)]), cancel);
            if (!isOpen)
                await transaction.ExecuteAsync($"""
                    insert into bill_items (organization_id, id, bill_month, kind, meter, unit_price, quantity, amount_minor, credits_minor, origin_month, cause, metered_month)
                    values ({organization}, {Guid.CreateVersion7()}, {open}, 'held_back', {accrual.Meter}, {accrual.UnitPrice}, {(credits + metered) / 100m / accrual.UnitPrice}, {credits + metered}, {credits}, {accrual.OriginMonth}, {Name(accrual)}, {open})
                    """, cancel);
        }
        return paid;
    }

    private static Answer<IReadOnlyList<Accrual>> AskOpen(Questions q, Guid organization, DateOnly? month) => q.List($"""
        select bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor, held_back_minor, postings, unsettled_since, series,
          case when series > 0 then series else 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month) end
        from accruals a where organization_id = {organization} and series = 0 and (bill_month = {month}::date
          or {month}::date is null and not exists (select 1 from bill_months m where m.organization_id = a.organization_id and m.bill_month = a.bill_month))
        order by bill_month, meter, unit_price, origin_month
        """, Accrual.Read);

    /// <summary>Cents of an accrual that nobody pays yet.</summary>
    /// <param name="CapMonth">Whose cap counts; null: only credits pay.</param>
    private sealed record Owed(Accrual Accrual, long Cents, DateOnly? CapMonth, DateTimeOffset UsedAt);

    /// <summary>What becomes of cents of an accrual.</summary>
    private sealed record Decided(Accrual Accrual, long Credits, long Metered, long HeldBack, DateTimeOffset? UnsettledSince);

    /// <summary>What credits and card pay, and the postings that say so: not written yet.</summary>
    private sealed record Payment(Guid OrganizationId, IReadOnlyList<(Accrual Accrual, long Credits, long Metered)> Paid, IReadOnlyList<Posting> Postings, IReadOnlyList<(DateOnly Month, long Cents)> Charged)
    {
        /// <summary>Writes it, with what is decided by it, in one round trip.</summary>
        public async Task WriteAsync(IReadOnlyList<Decided> decided, Transaction transaction, CancellationToken cancel)
        {
            if (Postings.Count == 0 && decided.Count == 0) return;
            Answer<int>? written = null;
            await transaction.ReadAsync(q =>
            {
                if (Postings.Count > 0) written = Book.Post(q, OrganizationId, Postings);
                Spending.Add(q, OrganizationId, Charged);
                if (decided.Count > 0) Write(q, OrganizationId, decided);
            }, cancel);
            if (written is not null && written.Value != Postings.Sum(p => p.Legs.Count)) throw new InvalidOperationException($"A decision about use of organization {OrganizationId} has been posted before.");
        }
    }

    private static async Task DecideAsync(Guid organization, IReadOnlyList<Accrual> accruals, Func<Accrual, long> total, Purse? purse, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var owed = accruals.Select(a => new Owed(a, total(a) - a.DecidedMinor, a.BillMonth, a.UnsettledSince ?? now)).Where(o => o.Cents > 0).ToList();
        var payment = await PayAsync(organization, owed, purse, now, transaction, cancel);
        await payment.WriteAsync([.. payment.Paid.Zip(owed, (p, o) => new Decided(p.Accrual, p.Credits, p.Metered, o.Cents - p.Credits - p.Metered, UnsettledSince: null))], transaction, cancel);
    }

    /// <summary>
    /// Pays cents in their order: from credits while they last, else metered within the cap of a month. Read once, decided here, posted once: a month of many
    /// lines costs as many round trips as one of a single line.
    /// </summary>
    /// <param name="purse">As it was read in this transaction; null: it is read here.</param>
    private static async Task<Payment> PayAsync(Guid organization, IReadOnlyList<Owed> owed, Purse? purse, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (owed.Count == 0) return new Payment(organization, [], [], []);
        if (purse is null) await transaction.ReadAsync(q => purse = Purse.Ask(q, organization, [.. owed.Select(o => o.CapMonth).OfType<DateOnly>()]), cancel);
        var paid = new List<(Accrual, long, long)>(owed.Count);
        var postings = new List<Posting>();
        var charged = new List<(DateOnly, long)>();
        foreach (var (accrual, cents, capMonth, usedAt) in owed)
        {
            var (name, memo) = (Name(accrual), $"{accrual.Meter}, {accrual.OriginMonth.ToString("MMMM yyyy", CultureInfo.InvariantCulture)}");
            var drawn = purse!.Draw(cents, usedAt);
            var credits = -drawn.Sum(l => l.AmountMinor);
            if (credits > 0) postings.Add(new Posting(new Cause("settle", $"{name}:credits", Actor.System, now, name, memo), [.. drawn, new Leg("revenue", Guid.Empty, credits)]));
            var metered = capMonth is { } month ? purse.Charge(month, cents - credits) : 0;
            if (metered > 0)
            {
                postings.Add(new Posting(new Cause("settle", $"{name}:metered", Actor.System, now, name, memo), Book.Owed(metered)));
                charged.Add((capMonth!.Value, metered));
            }
            paid.Add((accrual, credits, metered));
        }
        return new Payment(organization, paid, postings, charged);
    }

    private static void Write(Questions q, Guid organization, IReadOnlyList<Decided> decided)
    {
        var accruals = decided.Select(d => d.Accrual).ToList();
        var (months, origins, meters) = (accruals.Select(a => a.BillMonth).ToArray(), accruals.Select(a => a.OriginMonth).ToArray(), accruals.Select(a => a.Meter).ToArray());
        var (prices, series) = (accruals.Select(a => a.UnitPrice).ToArray(), accruals.Select(a => a.Series).ToArray());
        var (credits, metered, heldBack) = (decided.Select(d => d.Credits).ToArray(), decided.Select(d => d.Metered).ToArray(), decided.Select(d => d.HeldBack).ToArray());
        var since = decided.Select(d => d.UnsettledSince?.ToUniversalTime()).ToArray();
        q.Execute($"""
            update accruals a set credits_minor = a.credits_minor + d.credits, metered_minor = a.metered_minor + d.metered, held_back_minor = a.held_back_minor + d.held_back, postings = a.postings + 1, unsettled_since = d.since
            from unnest({months}, {origins}, {meters}, {prices}, {series}, {credits}, {metered}, {heldBack}, {since}) d (bill_month, origin_month, meter, unit_price, series, credits, metered, held_back, since)
            where a.organization_id = {organization} and a.bill_month = d.bill_month and a.meter = d.meter and a.unit_price = d.unit_price and a.origin_month = d.origin_month and a.series = d.series
            """);
    }

    // Each decision about an accrual has a name of its own.
    private static string Name(Accrual a) => string.Create(CultureInfo.InvariantCulture, $"{a.BillMonth:yyyy-MM}/{a.OriginMonth:yyyy-MM}/{a.Meter}/{a.UnitPrice}/{a.TakenAs}/{a.Postings}");
}
