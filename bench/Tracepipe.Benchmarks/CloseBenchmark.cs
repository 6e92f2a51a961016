using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;

namespace Tracepipe.Benchmarks;

/// <summary>The close of a month: 10,000 organizations with five accruals each, a third of them with $5.00 of credits, the rest paid by card, each to be rounded, numbered and written down as an invoice. Taking them to Stripe comes afterwards.</summary>
internal static class CloseBenchmark
{
    public static async Task RunAsync(int organizations = 10_000)
    {
        await using var product = await Product.StartAsync(("Stripe:Disabled", "true"));
        await product.NewKeyAsync();
        var database = product.Services.GetRequiredService<Storefront.Platform.Database>().ConnectionString;
        await Sql.ExecuteAsync(database, $"""
            create temporary table made as select gen_random_uuid() as id, n from generate_series(1, {organizations}) n;
            insert into organizations (id, slug, name, is_personal, created_at) select id, 'bench-' || n, 'Bench ' || n, false, now() from made;
            insert into standings (organization_id, changed_at) select id, now() from made;
            insert into billing_accounts (organization_id, id, status, auto_billing_enabled, spend_cap_cents, billing_email, created_at, updated_at) select id, gen_random_uuid(), 'active', true, 1000000, 'bench@example.com', now(), now() from made;
            insert into payment_methods (organization_id, id, type, is_default, attached_at) select id, 'pm_' || n, 'card', true, now() from made;
            insert into ledger_accounts (organization_id, id, kind, currency) select id, gen_random_uuid(), kind, 'USD' from made cross join unnest(array['available', 'held', 'cash', 'receivable', 'revenue', 'refunds', 'promotions', 'write_offs']) kind;
            create temporary table bought as select id, gen_random_uuid() as cause from made where n % 3 = 0;
            insert into ledger_transactions (organization_id, id, cause_kind, cause_id, actor_kind, posted_at) select id, cause, 'purchase', 'pi', 'system', now() from bought;
            insert into ledger_entries (organization_id, account_id, place, transaction_id, amount_minor, currency, balance)
              select a.organization_id, a.id, 1, b.cause, side, 'USD', side from bought b join ledger_accounts a on a.organization_id = b.id join (values ('available', 500), ('cash', -500)) s (kind, side) on s.kind = a.kind;
            update ledger_accounts a set balance = e.balance, entries = 1 from ledger_entries e where e.organization_id = a.organization_id and e.account_id = a.id;
            insert into accruals (organization_id, bill_month, origin_month, meter, unit_price, quantity, unsettled_since)
              select id, (date_trunc('month', now() at time zone 'UTC') - interval '1 month')::date, (date_trunc('month', now() at time zone 'UTC') - interval '1 month')::date, meter, price, 100000 + n, now() - interval '32 days'
              from made cross join (values ('tokens', 0.00001), ('tokens', 0.00002), ('tokens', 0.00003), ('tokens', 0.00005), ('storage', 0.0002)) m (meter, price);
            analyze organizations, standings, billing_accounts, payment_methods, ledger_accounts, ledger_transactions, ledger_entries, accruals;
            """); // only what is filled: of a table that was looked at while it was empty PostgreSQL believes that it stays so, until autovacuum comes by

        var close = product.Services.GetRequiredService<MonthlyClose>();
        var most = 0L;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var stop = new CancellationTokenSource();
        var watching = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false));
                await Task.Delay(100);
            }
        });
        var watch = Stopwatch.StartNew();
        var closed = await close.CloseDueAsync(CancellationToken.None);
        var seconds = watch.Elapsed.TotalSeconds;
        await stop.CancelAsync();
        await watching;
        var after = GC.GetTotalMemory(forceFullCollection: true);
        var (invoices, cents) = ((await Sql.ListAsync<long>(database, "select count(*) from invoices"))[0], (await Sql.ListAsync<long>(database, "select sum(total_cents)::bigint from invoices"))[0]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{closed:#,##0} organizations with 5 accruals closed in {seconds:0.0} s ({closed / seconds:0} a second), {invoices:#,##0} invoices over {cents / 100m:#,##0.00}; goal 60 s"));
        var wrong = (await Sql.ListAsync<long>(database, """
            select count(*) from invoices i where total_cents <> (select sum(amount_cents) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id)
              or amount_due_cents + credits_applied_cents <> total_cents or amount_due_cents <> -(select balance from ledger_accounts a where a.organization_id = i.organization_id and kind = 'receivable')
            """))[0];
        if (invoices != organizations || wrong > 0) throw new BenchmarkException($"{invoices} invoices, {wrong} of them wrong.");
        var commits = await CommitsAsync(database);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one session that only commits a row: {commits:#,##0} commits a second; numbers without a gap are given one commit after the other"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"managed memory {before / 1e6:0} MB before, at most {most / 1e6:0} MB meanwhile (garbage included), {after / 1e6:0} MB after"));
    }

    /// <summary>What the disk gives: commits of one small row, one after the other.</summary>
    private static async Task<double> CommitsAsync(string database)
    {
        const int commits = 500;
        await using var session = await Sql.OpenAsync(database);
        await Sql.ExecuteAsync(session, "create table committed (n int)");
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < commits; i++) await Sql.ExecuteAsync(session, "insert into committed values (1)");
        return commits / watch.Elapsed.TotalSeconds;
    }
}
