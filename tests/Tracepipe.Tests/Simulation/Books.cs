using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Tests.Simulation;

/// <summary>What the product's database says of the two organizations, in the words of the rules, and what must always hold there.</summary>
internal sealed class Books(SimulationApp app, Guid[] organizations)
{
    private static readonly string[] Lines =
    [
        """
        select 'book ' || string_agg(k.kind || '=' || coalesce((select sum(a.balance) from ledger_accounts a where a.organization_id = $1 and a.kind = k.kind), 0), ' ' order by k.place)
        from unnest(array['available', 'held', 'cash', 'receivable', 'revenue', 'refunds', 'write_offs']) with ordinality k (kind, place)
        """,
        "select 'spent ' || to_char(bill_month, 'YYYY-MM') || ' metered=' || metered_minor || ' held=' || held_minor from spending where organization_id = $1 and (metered_minor <> 0 or held_minor <> 0) order by bill_month",
        """
        select 'quota ' || pocket || ' ' || meter || ' ' || to_char(period_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' used=' || trim_scale(used) || ' held=' || trim_scale(held)
        from quotas where organization_id = $1 and (used <> 0 or held <> 0) order by period_start, pocket, meter
        """,
        """
        select 'use ' || to_char(bill_month, 'YYYY-MM') || ' of ' || to_char(origin_month, 'YYYY-MM') || ' ' || meter || '/' || series || ' quantity=' || trim_scale(quantity) || ' credits=' || credits_minor || ' metered=' || metered_minor || ' held_back=' || held_back_minor
        from accruals where organization_id = $1 order by bill_month, origin_month, meter, series
        """,
        """
        select 'item ' || to_char(bill_month, 'YYYY-MM') || ' of ' || to_char(origin_month, 'YYYY-MM') || ' ' || meter || ' ' || kind || ' cents=' || amount_minor || ' credits=' || credits_minor
        from bill_items where organization_id = $1 and invoice_id is null order by bill_month, origin_month, meter, kind, amount_minor, credits_minor
        """,
        """
        select 'invoice ' || to_char(bill_month, 'YYYY-MM') || ' ' || status || ' lines=' || (select count(*) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id)
          || ' total=' || total_cents || ' credits=' || credits_applied_cents || ' paid=' || amount_paid_cents || ' credited=' || credited_cents || ' refunded=' || amount_refunded_cents
        from invoices i where organization_id = $1 and kind = 'usage' order by number
        """,
        "select 'holds ' || coalesce(string_agg(state || '=' || n, ' ' order by state), '') from (select state, count(*) as n from holds where organization_id = $1 group by state) h",
        "select 'events ' || count(*) from usage_events where organization_id = $1",
        "select 'suspended ' || case when is_suspended then 'yes' else 'no' end from standings where organization_id = $1",
    ];

    /// <summary>Sentences that are true of nobody.</summary>
    private static readonly string[] Never =
    [
        "select 'transaction ' || transaction_id || ' sums to ' || sum(amount_minor) from ledger_entries where organization_id = any($1) group by transaction_id, currency having sum(amount_minor) <> 0",
        """
        select a.kind || ' has ' || a.balance || ' but entries of ' || coalesce(sum(e.amount_minor), 0) from ledger_accounts a
        left join ledger_entries e on e.organization_id = a.organization_id and e.account_id = a.id
        where a.organization_id = any($1) group by a.id, a.kind, a.balance, a.entries having a.balance <> coalesce(sum(e.amount_minor), 0) or a.entries <> count(e.place)
        """,
        """
        select 'invoice ' || i.number || ' of ' || i.total_cents || ' has lines of ' || coalesce(sum(l.amount_cents), 0) from invoices i
        left join invoice_lines l on l.organization_id = i.organization_id and l.invoice_id = i.id
        where i.organization_id = any($1) group by i.id, i.number, i.total_cents having i.total_cents <> coalesce(sum(l.amount_cents), 0)
        """,
        """
        select 'event ' || e.event_id || ' is on ' || count(*) || ' lines' from usage_events e
        join priced_uses u on u.organization_id = e.organization_id and e.batch = any(u.batches) and u.meter = e.meter and date_trunc('minute', u.used_at, 'UTC') = date_trunc('minute', e.time, 'UTC')
        join invoice_lines l on l.organization_id = u.organization_id and l.accrual_id = u.accrual_id and l.kind in ('use', 'carried')
        where e.organization_id = any($1) group by e.organization_id, e.event_id having count(*) > 1
        """,
        """
        select 'unit ' || r.id || ' is on ' || count(*) || ' lines' from usage_records r join invoice_lines l on l.organization_id = r.organization_id and l.accrual_id = r.accrual_id and l.kind in ('use', 'carried')
        where r.organization_id = any($1) group by r.id having count(*) > 1
        """,
    ];

    private readonly Dictionary<(Guid, DateOnly), long> charged = [];

    // Asked after every step: to plan these statements each time would take longer than all that is looked at.
    private readonly string session = new NpgsqlConnectionStringBuilder(app.ConnectionString) { MaxAutoPrepare = 40, AutoPrepareMinUsages = 2 }.ConnectionString;

    private FormattableString? foreign;

    /// <summary>Each organization in words, and what must never be, and is; null when all is well.</summary>
    public async Task<(IReadOnlyList<string> Described, string? Broken)> ReadAsync()
    {
        var (described, broken) = (new List<string>(), new List<string>());
        await using (var connection = new NpgsqlConnection(session))
        {
            await connection.OpenAsync();
            await using var batch = new NpgsqlBatch(connection);
            foreach (var organization in organizations)
                foreach (var line in Lines) Ask(line, organization);
            foreach (var never in Never) Ask(never, organizations);
            Ask("select s.organization_id, s.bill_month, s.metered_minor + s.held_minor, b.spend_cap_cents from spending s join billing_accounts b on b.organization_id = s.organization_id where s.organization_id = any($1)", organizations);
            await using var reader = await batch.ExecuteReaderAsync();
            foreach (var _ in organizations)
            {
                var text = new StringBuilder();
                foreach (var __ in Lines)
                {
                    while (await reader.ReadAsync()) text.Append(reader.GetString(0)).Append('\n');
                    await reader.NextResultAsync();
                }
                described.Add(text.ToString());
            }
            foreach (var _ in Never)
            {
                while (await reader.ReadAsync()) broken.Add(reader.GetString(0));
                await reader.NextResultAsync();
            }
            while (await reader.ReadAsync())
            {
                // A cap that was lowered below what is charged stops what comes; it takes nothing back.
                var (key, now) = ((reader.GetGuid(0), reader.GetFieldValue<DateOnly>(1)), reader.GetInt64(2));
                if (now > charged.GetValueOrDefault(key) && !reader.IsDBNull(3) && now > reader.GetInt64(3)) broken.Add($"{now} cents are charged under a cap of {reader.GetInt64(3)}");
                charged[key] = now;
            }

            void Ask(string sql, object about) => batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new NpgsqlParameter { Value = about } } });
        }
        foreach (var organization in organizations)
        {
            foreign ??= FormattableStringFactory.Create(await ForeignAsync());
            Answer<IReadOnlyList<string>>? rows = null;
            await app.Services.GetRequiredService<Database>().ReadAsync(organization, null, q => rows = q.List(foreign, r => r.GetString(0)), default);
            broken.AddRange(rows!.Value.Select(t => $"an organization sees rows of another in {t}"));
        }
        return (described, broken.Count == 0 ? null : string.Join('\n', broken));
    }

    /// <summary>One question to every table that has an owner: is there a row of somebody else?</summary>
    private async Task<string> ForeignAsync() => await app.ScalarAsync<string>("""
        select string_agg(format('select %L where exists (select from %I where organization_id <> current_organization())', c.relname, c.relname), ' union all ')
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
        where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace and has_table_privilege('tracepipe_web', c.oid, 'select')
        """);
}
