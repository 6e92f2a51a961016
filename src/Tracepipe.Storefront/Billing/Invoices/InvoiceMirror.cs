using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Our copy of the invoices that Stripe makes for plans and purchases: fetched by id and written whole, line by line as Stripe has them. Nothing is computed.
/// </summary>
internal sealed class InvoiceMirror(Database database, StripeConnection stripe, TimeProvider clock)
{
    /// <param name="Number">Drawn before the look: looks with a higher number began later.</param>
    internal sealed record Look(Guid Organization, long Number, Invoice Invoice, IReadOnlyList<InvoiceLine> Lines, long RefundedCents);

    /// <summary>Fetches an invoice; null when no organization here has its customer.</summary>
    public async Task<Look?> LookAsync(string id, Patience patience, CancellationToken cancel)
    {
        Answer<long>? drawn = null;
        await database.WorkReadAsync(q => drawn = q.First($"select nextval('stripe_looks')", r => r.GetInt64(0)), cancel);
        Invoice invoice;
        try
        {
            invoice = await stripe.Client.Invoices.GetAsync(id, ["payments"], patience.Read, cancel);
        }
        catch (StripeException gone) when (gone.IsNotFound)
        {
            return null; // a draft that was deleted
        }
        if (invoice.Customer is not { } customer) return null;
        Answer<Guid?>? owner = null;
        await database.WorkReadAsync(q => owner = q.First($"select organization_id from billing_accounts where stripe_customer_id = {customer.Id}", r => (Guid?)r.GetGuid(0)), cancel);
        if (owner!.Value is not { } organization) return null;
        var lines = invoice.Lines.HasMore ? await AllAsync(id, patience, cancel) : invoice.Lines.Data;
        var refunded = invoice.Status is InvoiceStatus.Paid ? await RefundedAsync(invoice, patience, cancel) : 0;
        return new Look(organization, drawn!.Value, invoice, lines, refunded);
    }

    /// <summary>Writes what a look saw, unless a later one has been written.</summary>
    public async Task WriteAsync(Look look, Transaction transaction, CancellationToken cancel)
    {
        var (invoice, now) = (look.Invoice, clock.GetUtcNow());
        var tax = invoice.TotalTaxes?.Sum(t => t.Amount) ?? 0;
        var discount = invoice.TotalDiscountAmounts?.Sum(d => d.Amount) ?? 0;
        // The customer's balance is negative while it is credit: what the invoice took of it is what it grew by.
        var credits = (invoice.TotalPretaxCreditAmounts?.Where(c => c.Type is "credit_balance_transaction").Sum(c => c.Amount) ?? 0) + Math.Max(0, (invoice.EndingBalance ?? invoice.StartingBalance) - invoice.StartingBalance);
        var id = await transaction.FirstAsync($"""
            insert into invoices as i (organization_id, id, kind, stripe_invoice_id, number, status, billing_reason, stripe_subscription_id, currency, subtotal_cents, tax_cents, discount_cents, total_cents,
              credits_applied_cents, amount_due_cents, amount_paid_cents, amount_refunded_cents, description, period_start, period_end, due_date, attempts, next_attempt_at, finalized_at, paid_at, voided_at,
              created_at, updated_at, look)
            values ({look.Organization}, {Guid.CreateVersion7()}, 'plan', {invoice.Id}, {invoice.Number}::text, {invoice.Status ?? "draft"}, {invoice.BillingReason}::text, {invoice.Subscription?.Id}::text,
              {invoice.Currency.ToUpperInvariant()}, {invoice.Subtotal}, {tax}, {discount}, {invoice.Total}, {credits}, {invoice.AmountDue}, {invoice.AmountPaid}, {look.RefundedCents},
              {invoice.Description}::text, {invoice.PeriodStart}, {invoice.PeriodEnd}, {invoice.DueDate}::timestamptz, {invoice.AttemptCount}, {invoice.NextPaymentAttempt}::timestamptz,
              {invoice.StatusTransitions.FinalizedAt}::timestamptz, {invoice.StatusTransitions.PaidAt}::timestamptz, {invoice.StatusTransitions.VoidedAt}::timestamptz, {invoice.Created}, {now}, {look.Number})
            on conflict (organization_id, stripe_invoice_id) do update set number = excluded.number, status = excluded.status, billing_reason = excluded.billing_reason,
              stripe_subscription_id = excluded.stripe_subscription_id, subtotal_cents = excluded.subtotal_cents, tax_cents = excluded.tax_cents, discount_cents = excluded.discount_cents,
              total_cents = excluded.total_cents, credits_applied_cents = excluded.credits_applied_cents, amount_due_cents = excluded.amount_due_cents, amount_paid_cents = excluded.amount_paid_cents,
              amount_refunded_cents = excluded.amount_refunded_cents, description = excluded.description, period_start = excluded.period_start, period_end = excluded.period_end,
              due_date = excluded.due_date, attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at, finalized_at = excluded.finalized_at, paid_at = excluded.paid_at,
              voided_at = excluded.voided_at, updated_at = excluded.updated_at, look = excluded.look
            where i.look < excluded.look and i.kind = 'plan'
            returning id
            """, r => (Guid?)r.GetGuid(0), cancel);
        if (id is not { } ours) return;
        await transaction.ReadAsync(q =>
        {
            q.Execute($"delete from invoice_lines where organization_id = {look.Organization} and invoice_id = {ours}");
            var ordinal = 0;
            foreach (var line in look.Lines)
                q.Execute($"""
                    insert into invoice_lines (organization_id, invoice_id, ordinal, description, quantity, unit_price, amount_cents, period_start, period_end, is_proration)
                    values ({look.Organization}, {ours}, {ordinal++}, {line.Description ?? ""}, {(decimal)(line.Quantity ?? 1)}, {(line.Pricing?.UnitAmountDecimal ?? line.Amount) / 100m}, {line.Amount},
                      {line.Period.Start}, {line.Period.End}, {line.IsProration})
                    """);
        }, cancel);
        await Live.ChangedAsync(transaction, look.Organization, Topics.Invoices, cancel);
    }

    private async Task<long> RefundedAsync(Invoice invoice, Patience patience, CancellationToken cancel)
    {
        var cents = 0L;
        foreach (var payment in invoice.Payments?.Data ?? [])
        {
            if (payment.Payment.PaymentIntent is not { } intent) continue;
            await foreach (var refund in stripe.Client.Refunds.ListAutoPagingAsync(new RefundListParams { PaymentIntent = intent.Id, Limit = 100 }, patience.Read, cancel))
                if (refund.Status is not (RefundStatus.Failed or RefundStatus.Canceled)) cents += refund.Amount;
        }
        return cents;
    }

    private async Task<IReadOnlyList<InvoiceLine>> AllAsync(string id, Patience patience, CancellationToken cancel)
    {
        var lines = new List<InvoiceLine>();
        await foreach (var line in stripe.Client.Invoices.ListLinesAutoPagingAsync(id, new InvoiceLineListParams { Limit = 100 }, patience.Read, cancel)) lines.Add(line);
        return lines;
    }
}
