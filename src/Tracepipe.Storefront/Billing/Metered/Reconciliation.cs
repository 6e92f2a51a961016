using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Something that Stripe says otherwise than we do.</summary>
/// <param name="Kind">meter, invoice_amount, refund or foreign_subscription.</param>
/// <param name="About">The meter and month, the invoice's number, or Stripe's id.</param>
internal sealed record Difference(Guid OrganizationId, string Kind, string About, string Ours, string Theirs);

/// <param name="Compared">How many counts, invoices and subscriptions were laid side by side.</param>
internal sealed record Reconciled(DateTimeOffset At, int Compared, IReadOnlyList<Difference> Differences);

/// <summary>
/// Lays our books beside Stripe's (billing rules, decision 11): what its meters counted, what its invoices ask for and have given back, which subscriptions it has.
/// Once a day, or by <c>reconcile [--repair true]</c>. A repair tells a meter what is missing, and takes over what was given back; what only a person can decide stays a difference.
/// </summary>
internal sealed partial class Reconciliation(Database database, StripeConnection stripe, MeterExports exports, TimeProvider clock, ILogger<Reconciliation> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(24);

    private sealed record Count(Guid Organization, DateOnly Month, string Meter, long Value, bool Waits, string MeterId, string Customer);

    private sealed record Ours(Guid Organization, Guid Id, string Number, string Stripe, long AmountCents, long RefundedCents);

    public async Task RunDueAsync(CancellationToken cancel)
    {
        Answer<bool>? recent = null;
        await database.WorkReadAsync(q => recent = q.First($"select true from reconciliations where at > {clock.GetUtcNow() - Every} limit 1", r => r.GetBoolean(0)), cancel);
        if (!recent!.Value) await RunAsync(repair: false, cancel);
    }

    /// <summary>What the last comparison found; null before the first.</summary>
    public async Task<Reconciled?> LastAsync(CancellationToken cancel)
    {
        Answer<Reconciled?>? last = null;
        await database.WorkReadAsync(q => last = q.First($"select at, compared, differences from reconciliations order by at desc, id desc limit 1",
            r => new Reconciled(r.GetFieldValue<DateTimeOffset>(0), r.GetInt32(1), JsonSerializer.Deserialize<IReadOnlyList<Difference>>(r.GetString(2), JsonSerializerOptions.Web)!)), cancel);
        return last!.Value;
    }

    /// <summary>Compares everything now.</summary>
    /// <param name="repair">Whether what can be mended is mended; what was found is listed either way.</param>
    /// <exception cref="StripeException">Stripe did not answer: nothing was compared.</exception>
    public async Task<Reconciled> RunAsync(bool repair, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var since = BillMonth.Of(now).AddMonths(-1);
        Answer<IReadOnlyList<Count>>? counts = null;
        Answer<IReadOnlyList<Ours>>? invoices = null;
        Answer<IReadOnlyList<(Guid Organization, string Customer)>>? customers = null;
        Answer<IReadOnlyList<string>>? subscriptions = null;
        await database.WorkReadAsync(q =>
        {
            counts = q.List($"""
                select e.organization_id, e.bill_month, e.meter, sum(e.value) filter (where not e.is_repair)::bigint, bool_or(e.state = 'planned'), o.object_id, b.stripe_customer_id
                from meter_exports e join stripe_objects o on o.kind = 'meter' and o.name = e.meter join billing_accounts b on b.organization_id = e.organization_id
                where e.bill_month >= {since} and b.stripe_customer_id is not null group by e.organization_id, e.bill_month, e.meter, o.object_id, b.stripe_customer_id order by 1, 2, 3
                """, r => new Count(r.GetGuid(0), r.GetFieldValue<DateOnly>(1), r.GetString(2), r.IsDBNull(3) ? 0 : r.GetInt64(3), r.GetBoolean(4), r.GetString(5), r.GetString(6)));
            invoices = q.List($"""
                select organization_id, id, number, stripe_invoice_id, total_cents - credits_applied_cents, amount_refunded_cents from invoices
                where kind = 'usage' and stripe_invoice_id is not null and status in ('open', 'paid') and finalized_at >= {now.AddDays(-35)} order by created_at
                """, r => new Ours(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.GetString(3), r.GetInt64(4), r.GetInt64(5)));
            customers = q.List($"select organization_id, stripe_customer_id from billing_accounts where stripe_customer_id is not null and status <> 'canceled'", r => (r.GetGuid(0), r.GetString(1)));
            subscriptions = q.List($"select stripe_subscription_id from subscriptions where stripe_subscription_id is not null", r => r.GetString(0));
        }, cancel);

        var found = new List<Difference>();
        foreach (var count in counts!.Value.Where(c => !c.Waits)) await CompareAsync(count, found, repair, now, cancel);
        foreach (var invoice in invoices!.Value) await CompareAsync(invoice, found, repair, now, cancel);
        var known = subscriptions!.Value.ToHashSet(StringComparer.Ordinal);
        var owners = customers!.Value.ToDictionary(c => c.Customer, c => c.Organization, StringComparer.Ordinal);
        var seen = 0;
        await foreach (var subscription in stripe.Client.Subscriptions.ListAutoPagingAsync(new SubscriptionListParams { Limit = 100 }, Patience.OfWorker.Read, cancel))
        {
            seen++;
            if (!known.Contains(subscription.Id) && owners.TryGetValue(subscription.Customer.Id, out var owner)) found.Add(new Difference(owner, "foreign_subscription", subscription.Id, "none", subscription.Status));
        }

        var result = new Reconciled(now, counts.Value.Count + invoices.Value.Count + seen, found);
        var json = new NpgsqlParameter { Value = JsonSerializer.Serialize(found, JsonSerializerOptions.Web), NpgsqlDbType = NpgsqlDbType.Json };
        await database.WorkReadAsync(q => q.Execute($"insert into reconciliations (id, at, compared, differences) values ({Guid.CreateVersion7()}, {now}, {result.Compared}, {json})"), cancel);
        if (found.Count > 0) Found(log, found.Count, result.Compared);
        return result;
    }

    /// <summary><c>reconcile [--repair true]</c>.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words.Count > 0) throw new StartupException("Write: reconcile [--repair true].");
        try
        {
            var result = await services.GetRequiredService<Reconciliation>().RunAsync(string.Equals(services.GetRequiredService<IConfiguration>()["repair"], "true", StringComparison.OrdinalIgnoreCase), cancel);
            foreach (var difference in result.Differences) await output.WriteLineAsync($"{difference.OrganizationId} {difference.Kind} {difference.About}: {difference.Ours} here, {difference.Theirs} at Stripe");
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{result.Differences.Count} differences, {result.Compared} compared, {result.At.UtcDateTime:yyyy-MM-dd HH:mm} UTC"));
            return result.Differences.Count == 0 ? 0 : 1;
        }
        catch (StripeException failure)
        {
            throw new StartupException("Stripe does not answer: nothing was compared. Try again in a minute.", failure);
        }
    }

    private async Task CompareAsync(Count count, List<Difference> found, bool repair, DateTimeOffset now, CancellationToken cancel)
    {
        var month = BillMonth.PeriodOf(count.Month);
        var until = new DateTimeOffset(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMinute) + TimeSpan.TicksPerMinute, TimeSpan.Zero); // a whole minute, and this one too
        var theirs = 0m;
        await foreach (var summary in stripe.Client.MeterEventSummaries.ListAutoPagingAsync(count.MeterId, new MeterEventSummaryListParams { Customer = count.Customer, StartTime = month.Start, EndTime = until < month.End ? until : month.End, Limit = 100 }, Patience.OfWorker.Read, cancel))
            theirs += summary.AggregatedValue;
        if (theirs == count.Value) return;
        found.Add(new Difference(count.Organization, "meter", $"{count.Meter} {count.Month.ToString("yyyy-MM", CultureInfo.InvariantCulture)}", count.Value.ToString(CultureInfo.InvariantCulture), theirs.ToString(CultureInfo.InvariantCulture)));
        if (repair) await exports.RepairAsync(count.Organization, count.Month, count.Meter, count.Value - (long)theirs, cancel);
    }

    private async Task CompareAsync(Ours invoice, List<Difference> found, bool repair, DateTimeOffset now, CancellationToken cancel)
    {
        var at = await stripe.Client.Invoices.GetAsync(invoice.Stripe, ["payments"], Patience.OfWorker.Read, cancel);
        var balance = Math.Max(0, (at.EndingBalance ?? at.StartingBalance) - at.StartingBalance); // paid by Stripe's customer balance, and in our credits
        if (at.Total - balance != invoice.AmountCents) found.Add(new Difference(invoice.Organization, "invoice_amount", invoice.Number, Money.Usd(invoice.AmountCents).ToString(), Money.Usd(at.Total - balance).ToString()));
        var refunded = 0L;
        foreach (var payment in at.Payments?.Data ?? [])
            if (payment.Payment.PaymentIntent is { } intent)
                await foreach (var refund in stripe.Client.Refunds.ListAutoPagingAsync(new RefundListParams { PaymentIntent = intent.Id, Limit = 100 }, Patience.OfWorker.Read, cancel))
                    if (refund.Status is not (RefundStatus.Failed or RefundStatus.Canceled)) refunded += refund.Amount;
        if (refunded == invoice.RefundedCents) return;
        found.Add(new Difference(invoice.Organization, "refund", invoice.Number, Money.Usd(invoice.RefundedCents).ToString(), Money.Usd(refunded).ToString()));
        if (!repair || refunded < invoice.RefundedCents) return;
        // Somebody gave money back at Stripe: it is gone from cash here, too.
        await using var transaction = await database.BeginWorkAsync(cancel);
        var back = refunded - invoice.RefundedCents;
        var cause = new Cause("refund", $"{invoice.Id}:{refunded}", Organizations.Actor.System, now, invoice.Id.ToString(), invoice.Number);
        if (await Book.PostAsync(invoice.Organization, cause, [new Leg("cash", Guid.Empty, back), new Leg("refunds", Guid.Empty, -back)], transaction, cancel))
            await transaction.ExecuteAsync($"update invoices set amount_refunded_cents = {refunded}, updated_at = {now} where organization_id = {invoice.Organization} and id = {invoice.Id}", cancel);
        await transaction.CommitAsync(cancel);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Stripe says otherwise in {Differences} of {Compared} cases: run reconcile")]
    private static partial void Found(ILogger log, int differences, int compared);
}
