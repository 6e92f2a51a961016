using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// What becomes of a usage invoice: finalized, failed, paid, void. Each change is written once whoever tells it (our own call, the webhook, a look), with its
/// posting and its mail in the same transaction; after paid nothing counts any more.
/// </summary>
internal sealed partial class UsageInvoiceState(Database database, Standings standings, Suspensions suspensions, Outbox outbox, PublicAddress address, ILogger<UsageInvoiceState> log)
{
    /// <summary>The reason of a suspension by an unpaid usage invoice.</summary>
    public const string Unpaid = "usage_unpaid";

    /// <summary>How long after finalization an invoice is due.</summary>
    public static readonly TimeSpan Term = TimeSpan.FromDays(7);

    /// <summary>Whoever finalizes it tries to pay it; when he cannot, another does after this.</summary>
    private static readonly TimeSpan FirstTry = TimeSpan.FromMinutes(1);

    public async Task<bool> IsOpenAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<bool>? open = null;
        await database.WorkReadAsync(q => open = q.First($"select status = 'open' from invoices where organization_id = {organization} and id = {id}", r => r.GetBoolean(0)), cancel);
        return open!.Value;
    }

    /// <summary>Stripe has finalized it: what is due there must be what we say, less what its customer balance has paid.</summary>
    public async Task FinalizedAsync(Guid organization, Guid id, Invoice at, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "draft" } ours) return;
        // The customer's balance is negative while it is credit: what the invoice took of it is what it grew by.
        var balance = Math.Max(0, (at.EndingBalance ?? at.StartingBalance) - at.StartingBalance);
        if (at.AmountDue != ours.AmountDue.Minor - balance)
        {
            await ParkAsync(ours, $"Stripe asks for {at.AmountDue} cents instead of {ours.AmountDue.Minor - balance}.", transaction, now, cancel);
            return;
        }
        await transaction.ExecuteAsync($"""
            update invoices set status = 'open', finalized_at = {now}, due_date = {now + Term}, credits_applied_cents = credits_applied_cents + {balance}, amount_due_cents = {at.AmountDue}, push_due_at = null,
              dunning_due_at = {now + Term}, retry_at = {now + FirstTry}, updated_at = {now} where organization_id = {organization} and id = {id}
            """, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
        if (balance > 0) await Book.PostPaymentAsync(organization, Money.Usd(balance), new Cause("payment", $"{id}:balance", Actor.System, now, id.ToString(), ours.Number), transaction, cancel);
        if (at.Status is InvoiceStatus.Paid) await PaidAsync(organization, id, at, now, transaction, cancel);
    }

    /// <summary>It was paid. The receivable becomes cash, reminders stop, and a suspension by it is lifted at once.</summary>
    public async Task PaidAsync(Guid organization, Guid id, Invoice at, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        await standings.LockAsync(organization, transaction, cancel);
        if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "open" or "uncollectible" } ours) return;
        await transaction.ExecuteAsync($"""
            update invoices set status = 'paid', paid_at = {at.StatusTransitions.PaidAt ?? now}, amount_paid_cents = {at.AmountPaid}, attempts = greatest(attempts, {at.AttemptCount}), payment_failure = null,
              dunning_due_at = null, retry_at = null, push_due_at = null, updated_at = {now} where organization_id = {organization} and id = {id}
            """, cancel);
        if (at.AmountPaid > 0) await Book.PostPaymentAsync(organization, Money.Usd(at.AmountPaid), new Cause("payment", id.ToString(), Actor.System, now, id.ToString(), ours.Number), transaction, cancel);
        // What was given up before is owed again in the moment it is paid.
        if (ours.Status is "uncollectible")
            await Book.PostAsync(organization, new Cause("reversal", id.ToString(), Actor.System, now, id.ToString(), ours.Number),
                [new Leg("receivable", Guid.Empty, -ours.AmountDue.Minor), new Leg("write_offs", Guid.Empty, ours.AmountDue.Minor)], transaction, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "invoice.paid", Actor.System, ours.Number), now, cancel);
        await LiftAsync(organization, transaction, cancel);
    }

    /// <summary>Stripe's operator voided it or gave it up.</summary>
    public async Task EndedAsync(Guid organization, Guid id, string status, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        await standings.LockAsync(organization, transaction, cancel);
        if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "open" } ours) return;
        await transaction.ExecuteAsync($"""
            update invoices set status = {status}, voided_at = {(status is "void" ? now : null)}::timestamptz, dunning_due_at = null, retry_at = null, updated_at = {now}
            where organization_id = {organization} and id = {id}
            """, cancel);
        var cause = new Cause("write_off", id.ToString(), Actor.System, now, id.ToString(), ours.Number);
        await Book.PostAsync(organization, cause, [new Leg("receivable", Guid.Empty, ours.AmountDue.Minor), new Leg("write_offs", Guid.Empty, -ours.AmountDue.Minor)], transaction, cancel);
        await LiftAsync(organization, transaction, cancel);
    }

    /// <summary>A try to pay was refused: the calendar of reminders begins, or goes to its next step.</summary>
    /// <param name="attempt">Which try; one that was counted before changes nothing.</param>
    /// <param name="mail">Whether the customer learns it by mail, because he did not see it happen.</param>
    public async Task FailedAsync(Guid organization, Guid id, int attempt, string reason, bool mail, DateTimeOffset now, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "open" } ours || ours.Attempts >= attempt) return;
        var since = ours.DunningSince ?? now;
        await transaction.ExecuteAsync($"""
            update invoices set attempts = {attempt}, payment_failure = {reason}, dunning_since = {since}, dunning_due_at = {Dunning.Next(since, ours.DunningStep)}, retry_at = null, updated_at = {now}
            where organization_id = {organization} and id = {id}
            """, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
        if (mail)
            await TellAsync(ours, $"Invoice {ours.Number} could not be paid", $"""
                We could not charge {ours.AmountDue} for invoice {ours.Number}: {reason}

                We try again on {Dunning.Next(since, ours.DunningStep):MMMM d, yyyy HH:mm} UTC. A new default card is tried at once.
                """, transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Mails the one who pays, with the link to the invoice.</summary>
    public async Task TellAsync(UsageInvoice invoice, string subject, string text, Transaction transaction, CancellationToken cancel)
    {
        var (email, slug) = await transaction.FirstAsync($"select coalesce(b.billing_email, ''), o.slug from billing_accounts b join organizations o on o.id = b.organization_id where b.organization_id = {invoice.OrganizationId}",
            r => (r.GetString(0), r.GetString(1)), cancel);
        if (email.Length == 0) return;
        await outbox.QueueAsync(new Mail(email, subject, $"""
            {text}

            The invoice:
            {address.Link($"/o/{slug}/settings/billing/invoices/{invoice.Id}")}
            """), transaction, cancel);
    }

    /// <summary>Stripe says something else than we do: nobody is charged, and an operator looks.</summary>
    public async Task ParkAsync(UsageInvoice invoice, string reason, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        await transaction.ExecuteAsync($"update invoices set parked_reason = {reason}, push_due_at = null, updated_at = {now} where organization_id = {invoice.OrganizationId} and id = {invoice.Id}", cancel);
        Parked(log, invoice.Number, reason);
    }

    private async Task LiftAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        var others = await transaction.FirstAsync($"select true from invoices where organization_id = {organization} and kind = 'usage' and status = 'open' and dunning_step >= {Dunning.Suspends}", r => r.GetBoolean(0), cancel);
        if (!others) await suspensions.SetAsync(organization, Unpaid, stands: false, transaction, cancel);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Usage invoice {Number} is parked: {Reason}")]
    private static partial void Parked(ILogger log, string number, string reason);
}
