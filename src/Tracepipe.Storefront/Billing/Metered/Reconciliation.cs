using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Something that Stripe says otherwise than we do.</summary>
/// <param name="Kind">meter, invoice_amount, invoice_status, credit_note, refund, plan_invoice or foreign_subscription.</param>
/// <param name="About">The meter and month, the invoice's number, or Stripe's id.</param>
internal sealed record Difference(Guid OrganizationId, string Kind, string About, string Ours, string Theirs);

/// <param name="Compared">How many counts, invoices and subscriptions were laid side by side.</param>
internal sealed record Reconciled(DateTimeOffset At, int Compared, IReadOnlyList<Difference> Differences);

/// <summary>
/// Lays our books beside Stripe's (billing rules, decision 11): what its meters counted, what its invoices ask for and have given back, which subscriptions it has.
/// Once a day, or by <c>reconcile [--repair true]</c> and the operator's page. What is mended, and how, stands at <see cref="Repairs"/>; plan invoices are Stripe's and are copied anew.
/// </summary>
internal sealed partial class Reconciliation(Database database, StripeConnection stripe, MeterExports exports, Repairs repairs, InvoiceMirror mirror, TimeProvider clock, ILogger<Reconciliation> log)
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(24);

    private sealed record Count(Guid Organization, DateOnly Month, string Meter, long Value, bool Waits, string MeterId, string Customer);

    private sealed record Mirrored(Guid Organization, string Stripe, string? Number, string Status, long Total, long Paid, long Refunded);

    /// <summary>What is older is settled, one way or the other.</summary>
    private static readonly TimeSpan Back = TimeSpan.FromDays(35);

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
        Answer<IReadOnlyList<ComparedInvoice>>? invoices = null;
        Answer<IReadOnlyList<Mirrored>>? plans = null;
        Answer<IReadOnlyList<(Guid Organization, string Customer)>>? customers = null;
        Answer<IReadOnlyList<string>>? subscriptions = null;
        await database.WorkReadAsync(q =>
        {
            counts = q.List($"""
                select e.organization_id, e.bill_month, e.meter, sum(e.value) filter (where not e.is_repair)::bigint, bool_or(e.state = 'planned'), o.object_id, b.stripe_customer_id
                from meter_exports e join stripe_objects o on o.kind = 'meter' and o.name = e.meter join billing_accounts b on b.organization_id = e.organization_id
                where e.bill_month >= {since} and b.stripe_customer_id is not null group by e.organization_id, e.bill_month, e.meter, o.object_id, b.stripe_customer_id order by 1, 2, 3
                """, r => new Count(r.GetGuid(0), r.GetFieldValue<DateOnly>(1), r.GetString(2), r.IsDBNull(3) ? 0 : r.GetInt64(3), r.GetBoolean(4), r.GetString(5), r.GetString(6)));
            invoices = q.List(ComparedInvoice.Select(now - Back), ComparedInvoice.Read);
            plans = q.List($"""
                select organization_id, stripe_invoice_id, number, status, total_cents, amount_paid_cents, amount_refunded_cents from invoices
                where kind = 'plan' and stripe_invoice_id is not null and created_at >= {now - Back} order by created_at
                """, r => new Mirrored(r.GetGuid(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetString(3), r.GetInt64(4), r.GetInt64(5), r.GetInt64(6)));
            customers = q.List($"select organization_id, stripe_customer_id from billing_accounts where stripe_customer_id is not null and status <> 'canceled'", r => (r.GetGuid(0), r.GetString(1)));
            // One whose price sells no tier is shown as paused, and is paid for all the same.
            subscriptions = q.List($"select stripe_subscription_id from subscriptions where stripe_subscription_id is not null and is_live and not (status = 'paused' and stripe_status in ('active', 'trialing', 'past_due'))", r => r.GetString(0));
        }, cancel);

        var found = new List<Difference>();
        foreach (var count in counts!.Value.Where(c => !c.Waits)) await CompareAsync(count, found, repair, now, cancel);
        foreach (var invoice in invoices!.Value) await CompareAsync(invoice, found, repair, cancel);
        var owners = customers!.Value.ToDictionary(c => c.Customer, c => c.Organization, StringComparer.Ordinal);
        var seen = 0;
        var known = subscriptions!.Value.ToHashSet(StringComparer.Ordinal);
        await foreach (var subscription in stripe.Client.Subscriptions.ListAutoPagingAsync(new SubscriptionListParams { Limit = 100 }, Patience.OfWorker.Read, cancel))
        {
            seen++;
            var isPaidFor = subscription.Status is SubscriptionStatus.Active or SubscriptionStatus.Trialing or SubscriptionStatus.PastDue or SubscriptionStatus.Unpaid;
            if (!isPaidFor || known.Contains(subscription.Id) || !owners.TryGetValue(subscription.Customer.Id, out var owner)) continue;
            found.Add(new Difference(owner, "foreign_subscription", subscription.Id, "none", subscription.Status));
            if (repair) await repairs.SubscriptionAsync(owner, subscription.Id, cancel);
        }
        seen += await ComparePlansAsync(plans!.Value, owners, found, repair, now, cancel); // after what a repair of a subscription has given back

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

    private async Task CompareAsync(ComparedInvoice ours, List<Difference> found, bool repair, CancellationToken cancel)
    {
        var at = await stripe.Client.Invoices.GetAsync(ours.Stripe, ["payments"], Patience.OfWorker.Read, cancel);
        if (!string.Equals(at.Status, ours.Status, StringComparison.Ordinal))
        {
            found.Add(new Difference(ours.Organization, "invoice_status", ours.Number, ours.Status, at.Status ?? "draft"));
            if (repair) await repairs.StatusAsync(ours, at, cancel);
        }
        var balance = Math.Max(0, (at.EndingBalance ?? at.StartingBalance) - at.StartingBalance); // paid by Stripe's customer balance, and in our credits
        var asked = at.Total - balance - at.PrePaymentCreditNotesAmount;
        if (asked != ours.Asked && at.Total - balance == ours.Asked + ours.Credited)
        {
            found.Add(new Difference(ours.Organization, "credit_note", ours.Number, Money.Usd(ours.Credited).ToString(), Money.Usd(at.PrePaymentCreditNotesAmount).ToString()));
            if (repair) await repairs.CreditedAsync(ours, at.PrePaymentCreditNotesAmount, cancel);
        }
        else if (asked != ours.Asked)
        {
            found.Add(new Difference(ours.Organization, "invoice_amount", ours.Number, Money.Usd(ours.Asked).ToString(), Money.Usd(asked).ToString()));
            if (repair)
            {
                await repairs.AmountAsync(ours, asked, cancel);
                return; // what went back by it is known already
            }
        }
        var refunded = 0L;
        foreach (var payment in at.Payments?.Data ?? [])
            if (payment.Payment.PaymentIntent is { } intent)
                await foreach (var refund in stripe.Client.Refunds.ListAutoPagingAsync(new RefundListParams { PaymentIntent = intent.Id, Limit = 100 }, Patience.OfWorker.Read, cancel))
                    if (refund.Status is not (RefundStatus.Failed or RefundStatus.Canceled)) refunded += refund.Amount;
        if (refunded == ours.Refunded) return;
        found.Add(new Difference(ours.Organization, "refund", ours.Number, Money.Usd(ours.Refunded).ToString(), Money.Usd(refunded).ToString()));
        if (repair) await repairs.RefundedAsync(ours, refunded, cancel);
    }

    /// <summary>Plan invoices are Stripe's: ours is a copy, which has to be one, and there has to be one of each.</summary>
    /// <returns>How many were compared.</returns>
    private async Task<int> ComparePlansAsync(IReadOnlyList<Mirrored> plans, Dictionary<string, Guid> owners, List<Difference> found, bool repair, DateTimeOffset now, CancellationToken cancel)
    {
        var (copies, compared) = (plans.ToDictionary(p => p.Stripe, StringComparer.Ordinal), 0);
        await foreach (var at in stripe.Client.Invoices.ListAutoPagingAsync(new InvoiceListParams { Created = new TimeRange { Gte = now - Back }, Limit = 100 }, Patience.OfWorker.Read, cancel))
        {
            if (at.Status is InvoiceStatus.Draft || at.Customer is not { } customer || !owners.TryGetValue(customer.Id, out var owner) || UsageInvoiceTag.Read(at.Metadata) is not null) continue;
            compared++;
            var copy = copies.GetValueOrDefault(at.Id);
            if (await mirror.LookAsync(at.Id, Patience.OfWorker, cancel) is not { } look) continue;
            var (ours, theirs) = (copy is null ? "none" : Said(copy.Status, copy.Total, copy.Paid, copy.Refunded), Said(look.Invoice.Status ?? "draft", look.Invoice.Total, look.Invoice.AmountPaid, look.RefundedCents));
            if (string.Equals(ours, theirs, StringComparison.Ordinal)) continue;
            found.Add(new Difference(owner, "plan_invoice", at.Number ?? at.Id, ours, theirs));
            if (!repair) continue;
            await using var transaction = await database.BeginWorkAsync(cancel);
            await mirror.WriteAsync(look, transaction, cancel);
            await transaction.CommitAsync(cancel);
        }
        return compared;

        static string Said(string status, long total, long paid, long refunded) => $"{status} {Money.Usd(total)}, {Money.Usd(paid)} paid{(refunded > 0 ? $", {Money.Usd(refunded)} back" : "")}";
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Stripe says otherwise in {Differences} of {Compared} cases: run reconcile")]
    private static partial void Found(ILogger log, int differences, int compared);
}
