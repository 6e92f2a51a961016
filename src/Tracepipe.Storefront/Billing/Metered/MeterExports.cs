using System.Globalization;
using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Tells Stripe's meters what cards pay for (billing rules, decision 11): hourly, in whole numbers, storage in MB-hours. Nothing is billed from it; it is the count that
/// <see cref="Reconciliation"/> compares. What may have arrived is sent again under its name for a day; after that only a comparison decides.
/// </summary>
internal sealed partial class MeterExports(Database database, StripeConnection stripe, FaultPoints faults, TimeProvider clock, ILogger<MeterExports> log)
{
    /// <summary>Stripe knows a name for at least 24 hours.</summary>
    private static readonly TimeSpan NameLife = TimeSpan.FromHours(23);

    /// <summary>Stripe takes nothing older.</summary>
    private static readonly TimeSpan Oldest = TimeSpan.FromDays(35);

    private sealed record Due(Guid Organization, DateOnly Month, string Meter, int Revision, string Identifier, long Value, DateTimeOffset At, DateTimeOffset? FirstTriedAt, string Customer);

    /// <summary>Writes down what is to be told: what has become metered since the last time. Doing it twice, or on two nodes, adds nothing.</summary>
    public async Task<int> PlanAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var since = BillMonth.Of(now - Oldest);
        Answer<int>? planned = null;
        await database.WorkReadAsync(q => planned = q.Execute($"""
            insert into meter_exports (organization_id, bill_month, meter, revision, identifier, value, at, state, created_at)
            select d.organization_id, d.bill_month, d.meter, d.revision, d.organization_id || ':' || d.meter || ':' || to_char(d.bill_month, 'YYYY-MM') || ':' || d.revision, d.total - d.told,
              least({now}, (d.bill_month + interval '1 month') at time zone 'UTC' - interval '1 minute'), 'planned', {now}
            from (
              select t.organization_id, t.bill_month, t.meter, floor(sum(t.quantity) * case when t.meter = {StorageLevels.Meter} then 1000 else 1 end)::bigint as total,
                (select coalesce(sum(e.value) filter (where not e.is_repair), 0)::bigint from meter_exports e where e.organization_id = t.organization_id and e.bill_month = t.bill_month and e.meter = t.meter) as told,
                (select count(*)::int from meter_exports e where e.organization_id = t.organization_id and e.bill_month = t.bill_month and e.meter = t.meter) as revision
              from (
                select organization_id, bill_month, meter, metered_minor / 100.0 / unit_price as quantity from accruals where metered_minor > 0 and bill_month >= {since}
                union all
                select organization_id, metered_month, meter, (amount_minor - credits_minor) / 100.0 / unit_price from bill_items where metered_month >= {since} and amount_minor > credits_minor) t
              where exists (select 1 from stripe_objects o where o.kind = 'meter' and o.name = t.meter)
              group by 1, 2, 3) d
            where d.total > d.told
            on conflict do nothing
            """), cancel);
        return planned!.Value;
    }

    /// <summary>Sends what is planned.</summary>
    /// <returns>How many Stripe has taken.</returns>
    public async Task<int> SendAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<Due>>? due = null;
        await database.WorkReadAsync(q =>
        {
            q.Execute($"update meter_exports set state = 'too_old' where state = 'planned' and at < {now - Oldest}");
            // Perhaps Stripe has it and no longer knows its name: it is not sent again before somebody has compared.
            q.Execute($"update meter_exports set state = 'unresolved' where state = 'planned' and first_tried_at < {now - NameLife}");
            due = q.List($"""
                select e.organization_id, e.bill_month, e.meter, e.revision, e.identifier, e.value, e.at, e.first_tried_at, b.stripe_customer_id
                from meter_exports e join billing_accounts b on b.organization_id = e.organization_id where e.state = 'planned' and b.stripe_customer_id is not null order by e.created_at limit 500
                """, r => new Due(r.GetGuid(0), r.GetFieldValue<DateOnly>(1), r.GetString(2), r.GetInt32(3), r.GetString(4), r.GetInt64(5), r.GetFieldValue<DateTimeOffset>(6), r.IsDBNull(7) ? null : r.GetFieldValue<DateTimeOffset>(7), r.GetString(8)));
        }, cancel);
        var sent = 0;
        foreach (var export in due!.Value)
        {
            if (export.FirstTriedAt is null) await database.WorkReadAsync(q => q.Execute($"update meter_exports set first_tried_at = {now} where organization_id = {export.Organization} and bill_month = {export.Month} and meter = {export.Meter} and revision = {export.Revision}"), cancel);
            if (!await TellAsync(export, cancel)) continue;
            await faults.ReachAsync("meter.told", cancel);
            await database.WorkReadAsync(q => q.Execute($"update meter_exports set state = 'sent', sent_at = {now} where organization_id = {export.Organization} and bill_month = {export.Month} and meter = {export.Meter} and revision = {export.Revision}"), cancel);
            sent++;
        }
        return sent;
    }

    /// <summary>Adds what brings Stripe's count to ours. What was in doubt is settled by it: the comparison has seen whether it arrived.</summary>
    public async Task RepairAsync(Guid organization, DateOnly month, string meter, long missing, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await database.WorkReadAsync(q =>
        {
            q.Execute($"update meter_exports set state = 'sent', sent_at = {now} where organization_id = {organization} and bill_month = {month} and meter = {meter} and state in ('unresolved', 'too_old')");
            q.Execute($"""
                insert into meter_exports (organization_id, bill_month, meter, revision, identifier, value, is_repair, at, state, created_at)
                select {organization}, {month}, {meter}, n.revision, {organization} || ':' || {meter} || ':' || to_char({month}, 'YYYY-MM') || ':' || n.revision, {missing}, true,
                  least({now}, ({month} + interval '1 month') at time zone 'UTC' - interval '1 minute'), 'planned', {now}
                from (select count(*)::int as revision from meter_exports where organization_id = {organization} and bill_month = {month} and meter = {meter}) n
                on conflict do nothing
                """);
        }, cancel);
        await SendAsync(cancel);
    }

    private async Task<bool> TellAsync(Due export, CancellationToken cancel)
    {
        try
        {
            await stripe.Client.MeterEvents.CreateAsync(new MeterEventCreateParams
            {
                EventName = StripeCatalog.MeterEventName(export.Meter),
                Identifier = export.Identifier,
                Timestamp = export.At,
                Payload = new Dictionary<string, string>(StringComparer.Ordinal) { ["stripe_customer_id"] = export.Customer, ["value"] = export.Value.ToString(CultureInfo.InvariantCulture) },
            }, Patience.OfWorker.Write(export.Identifier), cancel);
            return true;
        }
        catch (StripeException known) when (known.Code is "resource_already_exists")
        {
            return true; // it arrived the last time
        }
        catch (StripeException failure)
        {
            NotTold(log, export.Identifier, failure.Kind.ToString(), failure.Code); // sent again with the next round
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Meter event {Identifier} was not taken ({Kind} {Code})")]
    private static partial void NotTold(ILogger log, string identifier, string kind, string? code);
}

/// <summary>The clock of meters: what is metered is told every hour, and compared every day.</summary>
internal sealed partial class MeterClock(MeterExports exports, Reconciliation reconciliation, StripeConnection stripe, TimeProvider clock, ILogger<MeterClock> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!stripe.IsConfigured) return;
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await exports.PlanAsync(stoppingToken);
                await exports.SendAsync(stoppingToken);
                await reconciliation.RunDueAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                Failed(log, failure.GetType().Name, (failure as PostgresException)?.SqlState);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Telling Stripe's meters failed ({Failure} {SqlState}); again in an hour")]
    private static partial void Failed(ILogger log, string failure, string? sqlState);
}
