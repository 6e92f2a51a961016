using Npgsql;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>A usage invoice of ours, as a comparison with Stripe sees it. Cents.</summary>
/// <param name="Settled">Of what is due: already asked for on a later invoice; below zero: asked for beyond it, and given back.</param>
/// <param name="Lines">What its lines come to.</param>
internal sealed record ComparedInvoice(Guid Organization, Guid Id, string Number, string Stripe, string Status, long Total, long Credits, long Credited, long Refunded, long Settled, long Lines)
{
    /// <summary>What Stripe should ask for.</summary>
    public long Asked => Total - Credits - Credited - Settled;

    internal static FormattableString Select(DateTimeOffset since) => $"""
        select organization_id, id, number, stripe_invoice_id, status, total_cents, credits_applied_cents, credited_cents, amount_refunded_cents, settled_elsewhere_cents,
          (select coalesce(sum(l.amount_cents), 0)::bigint from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id)
        from invoices i where kind = 'usage' and stripe_invoice_id is not null and status in ('open', 'paid') and finalized_at >= {since} order by created_at
        """;

    internal static ComparedInvoice Read(NpgsqlDataReader r) =>
        new(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.GetString(3), r.GetString(4), r.GetInt64(5), r.GetInt64(6), r.GetInt64(7), r.GetInt64(8), r.GetInt64(9), r.GetInt64(10));
}

/// <summary>
/// Mends what a comparison with Stripe has found, so that nobody loses money by it: neither the customer, who is asked for what he used and once, nor the seller. Each repair may be
/// made twice.
/// </summary>
internal sealed class Repairs(Database database, StripeOperations operations, UsageInvoices usage, SubscriptionProjection projection, SubscriptionUndoing undoing, ExcessCreditNote excess, Standings standings, Catalog.Catalogs catalogs, TimeProvider clock)
{
    /// <summary>Stripe asks for another amount. A changed total of ours is computed from its lines again; what Stripe has not asked for is on the next invoice; what it asks for beyond goes back.</summary>
    public async Task AmountAsync(ComparedInvoice ours, long asked, CancellationToken cancel)
    {
        var (organization, now) = (ours.Organization, clock.GetUtcNow());
        var missing = ours.Asked - asked;
        if (ours.Lines != ours.Total && ours.Asked - ours.Total + ours.Lines == asked)
        {
            await database.WorkReadAsync(q => q.Execute($"""
                update invoices set total_cents = {ours.Lines}, subtotal_cents = {ours.Lines}, amount_due_cents = {ours.Lines} - credits_applied_cents, updated_at = {now} where organization_id = {organization} and id = {ours.Id} and total_cents = {ours.Total}
                """), cancel);
            return;
        }
        if (missing < 0)
        {
            StripeOperation operation;
            await using (var transaction = await database.BeginWorkAsync(cancel))
            {
                var subject = $"{ours.Id}:{-missing}";
                operation = await operations.PlanAsync(transaction, organization, excess, subject, $"{excess.Kind}:{subject}", new ExcessCreditNote.Request(ours.Stripe, ours.Id, -missing), Actor.System, atOnce: false, cancel);
                await transaction.CommitAsync(cancel);
            }
            await operations.PerformAsync(operation, Patience.OfWorker);
            return;
        }
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            await standings.LockAsync(organization, transaction, cancel);
            var (meter, origin) = await transaction.FirstAsync($"""
                select l.meter, l.period_start from invoice_lines l where l.organization_id = {organization} and l.invoice_id = {ours.Id} and l.amount_cents > 0 order by l.amount_cents desc, l.ordinal limit 1
                """, r => (r.GetString(0), BillMonth.Of(r.GetFieldValue<DateTimeOffset>(1))), cancel);
            var month = await Accruals.OpenMonthAsync(organization, origin, now, transaction, cancel);
            var price = Rating.UnitPrice(catalogs.Current.Prices, meter);
            var added = await transaction.ExecuteAsync($"""
                insert into bill_items (organization_id, id, bill_month, kind, meter, unit_price, quantity, amount_minor, origin_month, cause)
                values ({organization}, {Guid.CreateVersion7()}, {month}, 'unasked', {meter}, {price}, {missing / 100m / price}, {missing}, {origin}, {$"unasked/{ours.Id}:{ours.Settled + missing}"}) on conflict do nothing
                """, cancel);
            if (added == 0) return;
            await transaction.ExecuteAsync($"""
                update invoices set settled_elsewhere_cents = settled_elsewhere_cents + {missing}, amount_due_cents = amount_due_cents - {missing}, updated_at = {now} where organization_id = {organization} and id = {ours.Id}
                """, cancel);
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "invoice.reconciled", Actor.System, ours.Number), now, cancel);
            await transaction.CommitAsync(cancel);
        }
    }

    /// <summary>Somebody has issued credit notes at Stripe: what they took off is not owed here either.</summary>
    /// <param name="credited">All that credit notes have taken off there, in cents.</param>
    public Task CreditedAsync(ComparedInvoice ours, long credited, CancellationToken cancel) =>
        TakeOverAsync(ours, credited - ours.Credited, $"update invoices set credited_cents = {credited}, updated_at = {clock.GetUtcNow()} where organization_id = {ours.Organization} and id = {ours.Id}",
            new Cause("reversal", $"{ours.Id}:credited:{credited}", Actor.System, clock.GetUtcNow(), ours.Id.ToString(), ours.Number), "revenue", "receivable", cancel);

    /// <summary>Somebody gave money back at Stripe, or a refund there came back: it is gone from cash here, or back in it.</summary>
    /// <param name="refunded">All that went back there, in cents.</param>
    public Task RefundedAsync(ComparedInvoice ours, long refunded, CancellationToken cancel) =>
        TakeOverAsync(ours, refunded - ours.Refunded, $"update invoices set amount_refunded_cents = {refunded}, updated_at = {clock.GetUtcNow()} where organization_id = {ours.Organization} and id = {ours.Id}",
            new Cause("refund", $"{ours.Id}:{ours.Refunded}:{refunded}", Actor.System, clock.GetUtcNow(), ours.Id.ToString(), ours.Number), "refunds", "cash", cancel);

    /// <summary>Stripe has collected, voided or given up what is open here, and nobody has told us.</summary>
    public async Task StatusAsync(ComparedInvoice ours, Invoice at, CancellationToken cancel)
    {
        if (usage.Follow(ours.Organization, at)?.WriteAsync is not { } write) return;
        await using var transaction = await database.BeginWorkAsync(cancel);
        await write(transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>
    /// A subscription that was not sold here and is paid for. When it sells a tier of ours and the organization has no other, it is taken on: who pays for a plan gets it. Otherwise it gives nothing:
    /// it is canceled and its last payment goes back.
    /// </summary>
    public async Task SubscriptionAsync(Guid organization, string subscription, CancellationToken cancel)
    {
        await projection.SyncAsync(organization, Patience.OfWorker, cancel);
        Answer<bool>? isOurs = null;
        await database.WorkReadAsync(q => isOurs = q.First($"""
            select true from subscriptions where organization_id = {organization} and stripe_subscription_id = {subscription} and is_live and status in ('active', 'trialing', 'past_due')
            """, r => r.GetBoolean(0)), cancel);
        if (isOurs!.Value) return;
        StripeOperation operation;
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            operation = await operations.PlanAsync(transaction, organization, undoing, subscription, $"undo:{subscription}", new SubscriptionUndoing.Request(subscription, Checkout: null), Actor.System, atOnce: false, cancel);
            await transaction.CommitAsync(cancel);
        }
        await operations.PerformAsync(operation, Patience.OfWorker);
        await projection.SyncAsync(organization, Patience.OfWorker, cancel);
    }

    /// <summary>Takes over a sum that Stripe says, and posts what is new of it.</summary>
    /// <param name="write">Writes the sum down.</param>
    private async Task TakeOverAsync(ComparedInvoice ours, long fresh, FormattableString write, Cause cause, string less, string more, CancellationToken cancel)
    {
        var organization = ours.Organization;
        await using var transaction = await database.BeginWorkAsync(cancel);
        if (!await Book.PostAsync(organization, cause, [new Leg(less, Guid.Empty, -fresh), new Leg(more, Guid.Empty, fresh)], transaction, cancel)) return;
        await transaction.ExecuteAsync(write, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
        await transaction.CommitAsync(cancel);
    }
}

/// <summary>A credit note at Stripe for what an invoice asks for there beyond our lines: it takes off what is due, or gives back to the card what was paid.</summary>
internal sealed class ExcessCreditNote : StripeCreditNote
{
    internal sealed record Request(string StripeInvoice, Guid Invoice, long AmountCents);

    public override string Kind => "credit_note.excess";

    protected override StripeCredit Wanted(StripeOperation operation)
    {
        var wanted = operation.RequestAs<Request>();
        return new StripeCredit(wanted.StripeInvoice, wanted.AmountCents, "More was asked for than was used", "excess_of", operation.Subject);
    }

    public override async Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        // Taken off an open invoice, it makes Stripe ask for what we say. What was paid beyond it had no receivable, and is cash no longer.
        if (((CreditNote)answer).PostPaymentAmount == 0) return;
        var (wanted, organization) = (operation.RequestAs<Request>(), operation.OrganizationId);
        await transaction.ExecuteAsync($"""
            update invoices set settled_elsewhere_cents = settled_elsewhere_cents - {wanted.AmountCents}, amount_refunded_cents = amount_refunded_cents + {wanted.AmountCents}, updated_at = {now} where organization_id = {organization} and id = {wanted.Invoice}
            """, cancel);
        await Book.PostAsync(organization, new Cause("refund", $"{operation.Subject}:excess", operation.By, now, wanted.Invoice.ToString()), [new Leg("receivable", Guid.Empty, -wanted.AmountCents), new Leg("cash", Guid.Empty, wanted.AmountCents)], transaction, cancel);
    }
}
