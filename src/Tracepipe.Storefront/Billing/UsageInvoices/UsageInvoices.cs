using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What became of paying an invoice.</summary>
/// <param name="Status">succeeded, pending (the bank asks the customer) or failed.</param>
/// <param name="ClientSecret">With pending: what the page completes it with.</param>
internal sealed record UsagePayment(string Id, Guid InvoiceId, Money Amount, string Status, string? ClientSecret = null, string? FailureCode = null, string? FailureMessage = null);

/// <summary>
/// Paying usage invoices, exactly once: a try is an operation with a number, so those who press the button at once, and one who comes back after the process has
/// died, send the same one and get the same answer.
/// </summary>
internal sealed class UsageInvoices(Database database, StripeConnection stripe, StripeOperations operations, UsageInvoicePayment payment, UsageInvoiceState state, FaultPoints faults, TimeProvider clock)
{
    /// <summary>Pays an open invoice while the person waits.</summary>
    /// <param name="paymentMethod">One of the organization's; null: the default.</param>
    public async Task<Tried<UsagePayment>> PayAsync(Guid organization, Guid id, string? paymentMethod, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        Answer<bool>? canPay = null;
        await database.WorkReadAsync(q => canPay = q.First($"""
            select true from payment_methods where organization_id = {organization} and detached_at is null and case when {paymentMethod}::text is null then is_default else id = {paymentMethod}::text end
            """, r => r.GetBoolean(0)), cancel);
        // What is not open needs no card to be told so.
        if (!canPay!.Value && await state.IsOpenAsync(organization, id, cancel)) return paymentMethod is not null ? BillingProblems.PaymentMethodNotFound : Problem.PaymentRequired("no_payment_method", "There is no card to pay with. Add one under Payment methods.");
        return await TryAsync(organization, id, paymentMethod, offSession: false, by, Patience.OfPerson, cancel);
    }

    /// <summary>Tries to pay by the card on file, because it is time to. Without one that may be used, nothing is tried.</summary>
    /// <returns>Whether it is paid.</returns>
    public async Task<bool> TryAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<bool>? pays = null;
        await database.WorkReadAsync(q => pays = q.First($"select card_pays from spend_rules where organization_id = {organization}", r => r.GetBoolean(0)), cancel);
        if (!pays!.Value)
        {
            await database.WorkReadAsync(q => q.Execute($"update invoices set retry_at = null where organization_id = {organization} and id = {id}"), cancel);
            return false;
        }
        var tried = await TryAsync(organization, id, method: null, offSession: true, Actor.System, Patience.OfWorker, cancel);
        return tried.Value is { Status: "succeeded" };
    }

    /// <summary>What the webhook has to say of an invoice of ours; null when it is not one.</summary>
    public EventEffect? Follow(Guid organization, Invoice at)
    {
        if (UsageInvoiceTag.Read(at.Metadata) is not { } id) return null;
        return at.Status switch
        {
            InvoiceStatus.Paid => new EventEffect(async (transaction, c) => { await state.PaidAsync(organization, id, at, clock.GetUtcNow(), transaction, c); return true; }),
            InvoiceStatus.Void or InvoiceStatus.Uncollectible => new EventEffect(async (transaction, c) => { await state.EndedAsync(organization, id, at.Status, clock.GetUtcNow(), transaction, c); return true; }),
            _ => new EventEffect(null, "Our own calls have told it."),
        };
    }

    private async Task<Tried<UsagePayment>> TryAsync(Guid organization, Guid id, string? method, bool offSession, Actor by, Patience patience, CancellationToken cancel)
    {
        StripeOperation operation;
        UsageInvoice invoice;
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { } found) return Problem.NotFound("Invoice");
            if (found.Status is not "open") return Problem.Conflict($"Invoice {found.Number} is {found.Status}: only an open one is paid.");
            invoice = found;
            var subject = $"{id}:{found.Attempts + 1}";
            // Somebody is paying at this moment: his words count.
            var other = await transaction.FirstAsync($"""
                select organization_id, id, kind, subject, idempotency_key, request, state, answer, tries, actor_kind, actor_id, created_at
                from stripe_operations where organization_id = {organization} and kind = {payment.Kind} and subject = {subject} and state in ('planned', 'unknown')
                """, StripeOperation.Read, cancel);
            operation = other ?? await operations.PlanAsync(transaction, organization, payment, subject, $"{payment.Kind}:{subject}", new UsageInvoicePayment.Request(found.StripeInvoiceId!, id, method, offSession), by, atOnce: false, cancel);
            await transaction.CommitAsync(cancel);
        }
        await faults.ReachAsync("usage_invoice.paying", cancel);
        var outcome = await operations.PerformAsync(operation, patience);
        var done = new UsagePayment(operation.Id.ToString(), id, invoice.AmountDue, "succeeded");
        if (outcome.IsDone) return outcome.Answer is Invoice { Status: not InvoiceStatus.Paid } ? done with { Status = "pending" } : done;
        if (await IsPaidAsync(organization, id, cancel)) return done; // somebody else's try has succeeded meanwhile
        if (outcome is not { Ending: Ending.Refused, Failure: { IsCardError: true } failure })
            return outcome.Ending is Ending.Refused && await LookAsync(invoice, patience, cancel) ? done : BillingProblems.Of(outcome);

        var asks = failure.Code is "invoice_payment_intent_requires_action" or "authentication_required" or "payment_intent_authentication_failure";
        if (asks && !offSession)
        {
            var at = await stripe.Client.Invoices.GetAsync(invoice.StripeInvoiceId!, ["confirmation_secret"], patience.Read, cancel);
            return done with { Status = "pending", ClientSecret = at.ConfirmationSecret?.ClientSecret };
        }
        var reason = asks ? "the bank wants the cardholder to confirm the payment." : failure.Message;
        await state.FailedAsync(organization, id, invoice.Attempts + 1, reason, mail: offSession, clock.GetUtcNow(), cancel);
        return BillingProblems.Of(outcome);
    }

    /// <summary>Stripe does not take this payment: perhaps it has had it, on a page of its own or after the bank's question.</summary>
    private async Task<bool> LookAsync(UsageInvoice invoice, Patience patience, CancellationToken cancel)
    {
        var at = await stripe.Client.Invoices.GetAsync(invoice.StripeInvoiceId!, options: patience.Read, cancel: cancel);
        if (at.Status is not InvoiceStatus.Paid) return false;
        await using var transaction = await database.BeginWorkAsync(cancel);
        await state.PaidAsync(invoice.OrganizationId, invoice.Id, at, clock.GetUtcNow(), transaction, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private async Task<bool> IsPaidAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<bool>? paid = null;
        await database.WorkReadAsync(q => paid = q.First($"select status = 'paid' from invoices where organization_id = {organization} and id = {id}", r => r.GetBoolean(0)), cancel);
        return paid!.Value;
    }
}
