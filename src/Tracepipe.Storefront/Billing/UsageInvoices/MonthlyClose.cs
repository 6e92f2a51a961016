using System.Globalization;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Makes usage invoices of what has accrued (billing rules, decision 10): at the close of a month, once on however many nodes, or when somebody asks. Below the
/// minimum charge nothing is made and the lines are carried to the next month.
/// </summary>
internal sealed partial class MonthlyClose(Database database, UsageSettler settler, Settlement settlement, Catalogs catalogs, UsageInvoicePush push, Brand brand, FaultPoints faults, TimeProvider clock, ILogger<MonthlyClose> log)
{
    /// <summary>A month is closed this long after its end.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromHours(1);

    /// <summary>A carried line that nothing was added to in so many months is written off.</summary>
    private const int MonthsCarried = 12;

    /// <summary>Organizations that are closed at once: while one waits for the disk, others compute.</summary>
    private const int AtOnce = 6;

    /// <summary>Looking for what is due costs by how much of it there is, so that few looks are taken.</summary>
    private const int ALook = 5000;

    /// <summary>Something to be invoiced: an accrual, or a line that another month has left.</summary>
    private sealed record Item(string Meter, string Description, DateOnly Origin, decimal Quantity, decimal UnitPrice, long AmountMinor, long HeldBackMinor, long CreditsMinor, string Kind, Guid? AccrualId, Guid? ItemId);

    /// <summary>Closes every month that is over, of every organization that has used something in it.</summary>
    /// <returns>How many months of organizations were closed now.</returns>
    public async Task<int> CloseDueAsync(CancellationToken cancel)
    {
        var current = BillMonth.Of(clock.GetUtcNow() - Wait);
        var closed = 0;
        while (true)
        {
            Answer<IReadOnlyList<(Guid Organization, DateOnly Month)>>? due = null;
            await database.WorkReadAsync(q => due = q.List($"""
                select organization_id, bill_month from (
                  select organization_id, bill_month from accruals where series = 0 and bill_month < {current}
                  union select organization_id, bill_month from bill_items where invoice_id is null and bill_month < {current}
                  union select organization_id, date_trunc('month', as_of at time zone 'UTC')::date from storage_levels
                    where included_bytes >= 0 and current_bytes > included_bytes and date_trunc('month', as_of at time zone 'UTC')::date < {current}) used
                where not exists (select 1 from bill_months m where m.organization_id = used.organization_id and m.bill_month = used.bill_month)
                order by bill_month, organization_id limit {ALook}
                """, r => (r.GetGuid(0), r.GetFieldValue<DateOnly>(1))), cancel);
            var before = closed;
            // Organizations do not wait for each other.
            await Parallel.ForEachAsync(due!.Value.GroupBy(d => d.Organization, d => d.Month), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (months, c) =>
            {
                // Its months in their order: what one carries the next one shows, also one that had nothing of its own.
                var organization = months.Key;
                for (var left = new SortedSet<DateOnly>(months); left.Count > 0;)
                {
                    var month = left.Min;
                    left.Remove(month);
                    try
                    {
                        var (isClosed, _, carriedTo) = await CloseOneAsync(organization, month, c);
                        if (!isClosed) return; // another node is at it
                        Interlocked.Increment(ref closed);
                        if (carriedTo is { } next && next < current) left.Add(next);
                    }
                    catch (Exception failure) when (Turns.IsOfOne(failure))
                    {
                        NotClosed(log, failure, organization, month); // the others go on; this one is tried again
                        return;
                    }
                }
            });
            if (due.Value.Count < ALook || closed == before) return closed;
        }
    }

    /// <summary>Closes a month of an organization. Closing it again, here or on another node, does nothing.</summary>
    /// <returns>The invoice; null when none was made.</returns>
    public async Task<Guid?> CloseAsync(Guid organization, DateOnly month, CancellationToken cancel) => (await CloseOneAsync(organization, month, cancel)).Invoice;

    private async Task<(bool IsClosed, Guid? Invoice, DateOnly? CarriedTo)> CloseOneAsync(Guid organization, DateOnly month, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var (standing, _) = await settler.TakeAsync(organization, transaction, cancel); // what was reported in time and is not priced yet
        if (!await settlement.CloseAsync(standing, month, now, transaction, cancel)) return default;
        var (items, billTo) = await TakeAsync(organization, month, transaction, cancel);
        await faults.ReachAsync("close.rounded", cancel);
        var invoice = await MakeAsync(organization, month, items, billTo, now, transaction, cancel);
        var carriedTo = invoice is null ? await CarryAsync(organization, month, items, now, transaction, cancel) : null;
        await faults.ReachAsync("close.made", cancel);
        await transaction.CommitAsync(cancel);
        await faults.ReachAsync("close.committed", cancel);
        push.Bell.Ring();
        return (true, invoice, carriedTo);
    }

    /// <summary>Makes an invoice of what this month has come to so far.</summary>
    /// <returns>Null when there is nothing, or less than the minimum charge.</returns>
    public async Task<Guid?> GenerateAsync(Guid organization, Actor by, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var (standing, _) = await settler.TakeAsync(organization, transaction, cancel);
        await settlement.SettleAsync(standing, now, transaction, cancel);
        var month = BillMonth.Of(now);
        await Settlement.RoundAsync(organization, month, now, transaction, cancel);
        var (items, billTo) = await TakeAsync(organization, month, transaction, cancel);
        var invoice = await MakeAsync(organization, month, items, billTo, now, transaction, cancel);
        if (invoice is null) return null; // and the month goes on as if nobody had asked
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "invoice.generated", by), now, cancel);
        await transaction.CommitAsync(cancel);
        push.Bell.Ring();
        return invoice;
    }

    /// <summary>Takes what has accrued in a month and what was carried into it; whom an invoice of it is addressed to is read with it.</summary>
    private async Task<(IReadOnlyList<Item> Items, BillingDetails? BillTo)> TakeAsync(Guid organization, DateOnly month, Transaction transaction, CancellationToken cancel)
    {
        var prices = catalogs.Current.Prices;
        Answer<IReadOnlyList<(DateOnly BillMonth, DateOnly Origin, string Meter, decimal UnitPrice, decimal Quantity, long Credits, long Metered, long HeldBack, Guid Id)>>? taken = null;
        Answer<IReadOnlyList<Item>>? carried = null;
        Answer<BillingDetails?>? billTo = null;
        await transaction.ReadAsync(q =>
        {
            // From here on it no longer grows: what is used later accrues anew beside it.
            taken = q.List($"""
                update accruals a set id = gen_random_uuid(), series = 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month)
                where a.organization_id = {organization} and a.bill_month = {month} and a.series = 0 and a.quantity > 0
                returning a.bill_month, a.origin_month, a.meter, a.unit_price, a.quantity, a.credits_minor, a.metered_minor, a.held_back_minor, a.id
                """, r => (r.GetFieldValue<DateOnly>(0), r.GetFieldValue<DateOnly>(1), r.GetString(2), r.GetDecimal(3) / 1.000000000000000000m, r.GetDecimal(4) / 1.000000000000000000m,
                    r.GetInt64(5), r.GetInt64(6), r.GetInt64(7), r.GetGuid(8)));
            carried = q.List($"""
                select id, kind, meter, unit_price, quantity, amount_minor, credits_minor, origin_month, accrual_id from bill_items
                where organization_id = {organization} and bill_month = {month} and invoice_id is null order by origin_month, meter, unit_price, id
                """, r =>
            {
                var origin = r.GetFieldValue<DateOnly>(7);
                var why = r.GetString(1) switch { "carried" => $"carried from {Month(origin)}", "unasked" => "left out of an earlier invoice", _ => "was held back by the spend cap" };
                return new Item(r.GetString(2), $"{Rating.Describe(prices, r.GetString(2), BillMonth.PeriodOf(origin))} ({why})", origin, r.GetDecimal(4) / 1.000000000000000000m, r.GetDecimal(3) / 1.000000000000000000m, r.GetInt64(5), 0,
                    r.GetInt64(6), r.GetString(1), r.IsDBNull(8) ? null : r.GetGuid(8), r.GetGuid(0));
            });
            billTo = q.First(BillingDetails.Select(organization), BillingDetails.Read);
        }, cancel);
        var order = prices.Meters.Select((m, i) => (m.Key, i)).ToDictionary(m => m.Key, m => m.i, StringComparer.Ordinal);
        return (
        [
            .. carried!.Value,
            .. taken!.Value.OrderBy(a => order.GetValueOrDefault(a.Meter, int.MaxValue)).ThenBy(a => a.Meter, StringComparer.Ordinal).ThenBy(a => a.Origin).ThenBy(a => a.UnitPrice).Select(a =>
                new Item(a.Meter, Rating.Describe(prices, a.Meter, BillMonth.PeriodOf(a.Origin)) + (a.Origin == a.BillMonth ? "" : " (reported late)"), a.Origin, a.Quantity, a.UnitPrice, a.Credits + a.Metered + a.HeldBack, a.HeldBack, a.Credits, "use", a.Id, null)),
        ], billTo!.Value);
    }

    private async Task<Guid?> MakeAsync(Guid organization, DateOnly month, IReadOnlyList<Item> items, BillingDetails? details, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var total = items.Sum(i => i.AmountMinor - i.HeldBackMinor);
        var credits = items.Sum(i => i.CreditsMinor);
        var (due, minimum) = (total - credits, catalogs.Current.Prices.MinimumChargeCents);
        if (total < Math.Max(1, minimum) || (due > 0 && due < minimum)) return null;

        var (id, period, isCovered) = (Guid.CreateVersion7(), BillMonth.PeriodOf(month), due == 0);
        var billTo = details ?? throw new InvalidOperationException($"Organization {organization} has no billing account.");
        await transaction.ReadAsync(q =>
        {
            q.Execute($"""
                insert into invoices (organization_id, id, kind, status, billing_reason, currency, subtotal_cents, tax_cents, discount_cents, total_cents, credits_applied_cents, amount_due_cents, amount_paid_cents,
                  description, period_start, period_end, bill_month, finalized_at, paid_at, push_due_at, created_at, updated_at, bill_to, bill_from)
                values ({organization}, {id}, 'usage', {(isCovered ? "paid" : "draft")}, 'usage', 'USD', {total}, 0, 0, {total}, {credits}, {due}, 0,
                  {$"Usage of {Month(month)}"}, {period.Start}, {period.End}, {month}, {(isCovered ? now : null)}::timestamptz, {(isCovered ? now : null)}::timestamptz, {(isCovered ? null : now)}::timestamptz, {now}, {now}, {string.Join('\n', billTo.Lines)}, {string.Join('\n', brand.Lines)})
                """);
            InvoiceLines(q, organization, id, items);
            var taken = items.Where(i => i.Kind is "use" or "carried").Select(i => i.AccrualId).OfType<Guid>().ToArray();
            q.Execute($"update accruals set invoice_id = {id} where organization_id = {organization} and id = any({taken})");
            q.Execute($"update bill_items set invoice_id = {id} where organization_id = {organization} and bill_month = {month} and invoice_id is null");
            RecordsOf(q, organization, items);
            q.Execute($"update usage_records set invoice_id = {id}, billed_at = {now} where organization_id = {organization} and accrual_id = any({taken})");
            // As late as can be, the checks of the book before it: whoever has drawn a number holds up the next one until he is done.
            q.Execute($"set constraints all immediate");
            q.Execute($"""
                with n as (insert into invoice_numbers as n (year, last) values ({now.UtcDateTime.Year}, 1) on conflict (year) do update set last = n.last + 1 returning last)
                update invoices set number = {UsageInvoice.NumberOf(now.UtcDateTime.Year)} || lpad(n.last::text, greatest(6, length(n.last::text)), '0') from n where organization_id = {organization} and id = {id}
                """);
        }, cancel);
        return id;
    }

    /// <summary>A line of each item, and one that takes off what the cap holds back of it.</summary>
    private void InvoiceLines(Questions q, Guid organization, Guid invoice, IReadOnlyList<Item> items)
    {
        var lines = new List<(string Description, string Meter, decimal Quantity, decimal Price, long Amount, Period About, string Kind, Guid? Accrual, Guid? Item)>();
        foreach (var item in items)
        {
            var origin = BillMonth.PeriodOf(item.Origin);
            lines.Add((item.Description, item.Meter, item.Quantity, item.UnitPrice, item.AmountMinor, origin, item.Kind, item.AccrualId, item.ItemId));
            if (item.HeldBackMinor > 0) lines.Add(($"{Rating.Describe(catalogs.Current.Prices, item.Meter, origin)} (held back by the spend cap)", item.Meter, 1, -item.HeldBackMinor / 100m, -item.HeldBackMinor, origin, "not_charged", item.AccrualId, null));
        }
        var (descriptions, meters, kinds) = (lines.Select(l => l.Description).ToArray(), lines.Select(l => l.Meter).ToArray(), lines.Select(l => l.Kind).ToArray());
        var (quantities, prices, amounts) = (lines.Select(l => l.Quantity).ToArray(), lines.Select(l => l.Price).ToArray(), lines.Select(l => l.Amount).ToArray());
        var (starts, ends) = (lines.Select(l => l.About.Start).ToArray(), lines.Select(l => l.About.End).ToArray());
        var (accruals, carried) = (lines.Select(l => l.Accrual).ToArray(), lines.Select(l => l.Item).ToArray());
        q.Execute($"""
            insert into invoice_lines (organization_id, invoice_id, ordinal, description, meter, quantity, unit_price, amount_cents, period_start, period_end, kind, accrual_id, item_id)
            select {organization}, {invoice}, l.n - 1, l.description, l.meter, l.quantity, l.price, l.amount, l.starts, l.ends, l.kind, l.accrual, l.item
            from unnest({descriptions}, {meters}, {quantities}, {prices}, {amounts}, {starts}, {ends}, {kinds}, {accruals}, {carried}) with ordinality l (description, meter, quantity, price, amount, starts, ends, kind, accrual, item, n)
            """);
    }

    /// <returns>Into which month; null when there was nothing.</returns>
    private async Task<DateOnly?> CarryAsync(Guid organization, DateOnly month, IReadOnlyList<Item> items, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (items.Count == 0) return null;
        var next = await Accruals.OpenMonthAsync(organization, month.AddMonths(1), now, transaction, cancel);
        var isAnyCarried = false;
        await transaction.ReadAsync(q =>
        {
            var writeOffs = new List<Posting>();
            foreach (var item in items)
            {
                var left = item.AmountMinor - item.HeldBackMinor;
                if (left <= 0) continue;
                if (item.Origin.AddMonths(MonthsCarried) <= month)
                {
                    var owed = left - item.CreditsMinor;
                    var cause = new Cause("write_off", $"carried/{item.ItemId}", Actor.System, now, Memo: $"{item.Description}: never reached the minimum charge");
                    if (owed > 0) writeOffs.Add(new Posting(cause, [new Leg("receivable", Guid.Empty, owed), new Leg("write_offs", Guid.Empty, -owed)]));
                    continue; // stays behind in its month
                }
                isAnyCarried = true;
                if (item.ItemId is { } known) q.Execute($"update bill_items set bill_month = {next} where organization_id = {organization} and id = {known}");
                else
                    q.Execute($"""
                        insert into bill_items (organization_id, id, bill_month, kind, meter, unit_price, quantity, amount_minor, credits_minor, origin_month, cause, accrual_id)
                        values ({organization}, {Guid.CreateVersion7()}, {next}, 'carried', {item.Meter}, {item.UnitPrice}, {item.Quantity}, {left}, {item.CreditsMinor}, {item.Origin}, {$"carried/{item.AccrualId}"}, {item.AccrualId}::uuid)
                        """);
            }
            if (writeOffs.Count > 0) Book.Post(q, organization, writeOffs);
            RecordsOf(q, organization, items);
        }, cancel);
        return isAnyCarried ? next : null;
    }

    // The records behind what was taken, each behind one accrual. A unit belongs to the month it was granted in, whenever it was committed.
    private static void RecordsOf(Questions q, Guid organization, IReadOnlyList<Item> items)
    {
        var used = items.Where(i => i.Kind is "use").ToList();
        if (used.Count == 0) return;
        var (accruals, meters, origins, prices) = (used.Select(i => i.AccrualId!.Value).ToArray(), used.Select(i => i.Meter).ToArray(), used.Select(i => i.Origin).ToArray(), used.Select(i => i.UnitPrice).ToArray());
        q.Execute($"""
            update usage_records r set accrual_id = i.accrual from unnest({accruals}, {meters}, {origins}, {prices}) i (accrual, meter, origin, price)
            where r.organization_id = {organization} and r.accrual_id is null and r.pocket in ('credits', 'metered') and r.bill_month = i.origin and r.usage_type = i.meter and r.unit_price = i.price
            """);
        q.Execute($"""
            update priced_uses u set accrual_id = a.id from accruals a
            where a.organization_id = {organization} and a.id = any({accruals}) and u.organization_id = a.organization_id and u.accrual_id is null
              and u.bill_month = a.bill_month and u.origin_month = a.origin_month and u.meter = a.meter and u.unit_price = a.unit_price
            """);
        if (!meters.Contains(StorageLevels.Meter, StringComparer.Ordinal)) return;
        q.Execute($"""
            update storage_steps s set accrual_id = i.accrual from unnest({accruals}, {meters}, {origins}, {prices}) i (accrual, meter, origin, price)
            where s.organization_id = {organization} and s.accrual_id is null and i.meter = {StorageLevels.Meter} and s.bill_month = i.origin and s.unit_price = i.price
            """);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The month {Month} of {Organization} was not closed and is tried again")]
    private static partial void NotClosed(ILogger log, Exception failure, Guid organization, DateOnly month);

    private static string Month(DateOnly month) => month.ToString("MMMM yyyy", CultureInfo.InvariantCulture);
}
