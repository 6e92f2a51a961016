using System.Globalization;
using Npgsql;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>A correction of a finished invoice: something on one of its lines was no use.</summary>
/// <param name="Line">Of the invoice, from 1.</param>
/// <param name="Quantity">Taken off the line.</param>
/// <param name="Amount">The line's amount less what it comes to without it: the sum of the three ways it went.</param>
/// <param name="HeldBack">Of it: what nobody had paid.</param>
/// <param name="Card">Of it: taken off what is due, or given back to the card.</param>
/// <param name="Credits">Of it: given back as credits.</param>
/// <param name="IsRefund">The card had paid already.</param>
internal sealed record IssuedCreditNote(Guid Id, string Number, int Line, decimal Quantity, Money Amount, Money HeldBack, Money Card, Money Credits, bool IsRefund, string Reason, DateTimeOffset CreatedAt)
{
    internal static FormattableString Select(Guid organization, Guid invoice) => $"""
        select id, number, line, quantity, amount_cents, held_back_cents, card_cents, credits_cents, coalesce(is_refund, false), reason, created_at from credit_notes where organization_id = {organization} and invoice_id = {invoice} order by number
        """;

    internal static IssuedCreditNote Read(NpgsqlDataReader r)
    {
        Money Cents(int column) => Money.Usd(r.GetInt64(column));
        return new(r.GetGuid(0), r.GetString(1), r.GetInt32(2), r.GetDecimal(3) / 1.000000000000000000m, Cents(4), Cents(5), Cents(6), Cents(7), r.GetBoolean(8), r.GetString(9), r.GetFieldValue<DateTimeOffset>(10));
    }
}

/// <summary>
/// Takes what was no use off a finished invoice (billing rules, decision 10): the line is computed again without it, and the difference goes back the way it
/// came, last paid first: what was held back, the card, credits. The invoice and its records stay as they were; a record is corrected once.
/// </summary>
internal sealed class CreditNotes(Database database, Standings standings, StripeOperations operations, CreditNoteCreation creation, TimeProvider clock)
{
    private sealed record Found(Guid Invoice, string Number, string Status, string? StripeInvoice, int Line, Guid Accrual, decimal LineQuantity, decimal UnitPrice, decimal Quantity, DateOnly BillMonth);

    /// <param name="record">Id of a usage record, or digest of an event, as the invoice's proof shows it.</param>
    public async Task<Tried<IssuedCreditNote>> IssueAsync(Guid organization, Guid record, string reason, Actor by, CancellationToken cancel)
    {
        if (reason.Trim().Length is 0 or > 500) return Problem.Invalid("reason", "Say in at most 500 characters why.");
        var now = clock.GetUtcNow();
        StripeOperation? operation = null;
        IssuedCreditNote note;
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            await standings.LockAsync(organization, transaction, cancel);
            if (await FindAsync(organization, record, transaction, cancel) is not { } found) return Problem.NotFound("Record on an invoice");
            if (found.Status is not ("open" or "paid")) return Problem.Conflict($"Invoice {found.Number} is {found.Status}: only an open or a paid one is corrected.");
            if (await transaction.FirstAsync($"select true from credit_notes where organization_id = {organization} and record_id = {record}", r => r.GetBoolean(0), cancel)) return Problem.Conflict("This record was corrected before.");

            var before = await transaction.FirstAsync($"select coalesce(sum(quantity), 0), coalesce(sum(amount_cents), 0)::bigint from credit_notes where organization_id = {organization} and invoice_id = {found.Invoice} and line = {found.Line}",
                r => (Quantity: r.GetDecimal(0), Cents: r.GetInt64(1)), cancel);
            var left = found.LineQuantity - before.Quantity;
            var off = Math.Min(found.Quantity, left);
            if (off <= 0) return Problem.Conflict("Nothing is left of this line.");
            var amount = Money.Round(found.LineQuantity * found.UnitPrice).Minor - before.Cents - Money.Round((left - off) * found.UnitPrice).Minor;
            var paid = await transaction.FirstAsync($"""
                select a.held_back_minor, a.metered_minor - coalesce(sum(n.card_cents), 0)::bigint from accruals a
                left join credit_notes n on n.organization_id = a.organization_id and n.invoice_id = {found.Invoice} and n.line = {found.Line}
                where a.organization_id = {organization} and a.id = {found.Accrual} group by a.held_back_minor, a.metered_minor
                """, r => (HeldBack: r.GetInt64(0), Card: r.GetInt64(1)), cancel);
            var held = Math.Min(amount, paid.HeldBack);
            var card = Math.Min(amount - held, paid.Card);
            var credits = amount - held - card;

            var last = await transaction.FirstAsync($"insert into credit_note_numbers as n (year, last) values ({now.UtcDateTime.Year}, 1) on conflict (year) do update set last = n.last + 1 returning last", r => r.GetInt32(0), cancel);
            note = new IssuedCreditNote(Guid.CreateVersion7(), string.Create(CultureInfo.InvariantCulture, $"CN-{now.UtcDateTime.Year:0000}-{last:000000}"), found.Line, off, Money.Usd(amount), Money.Usd(held), Money.Usd(card), Money.Usd(credits), IsRefund: false, reason.Trim(), now);
            await transaction.ExecuteAsync($"""
                insert into credit_notes (organization_id, id, invoice_id, number, line, record_id, quantity, amount_cents, held_back_cents, card_cents, credits_cents, reason, created_at)
                values ({organization}, {note.Id}, {found.Invoice}, {note.Number}, {found.Line}, {record}, {off}, {amount}, {held}, {card}, {credits}, {note.Reason}, {now})
                """, cancel);
            if (held > 0) await transaction.ExecuteAsync($"update accruals set held_back_minor = held_back_minor - {held} where organization_id = {organization} and id = {found.Accrual}", cancel);
            if (card > 0) await transaction.ExecuteAsync($"update spending set metered_minor = greatest(0, metered_minor - {card}) where organization_id = {organization} and bill_month = {found.BillMonth}", cancel);
            if (credits > 0)
                await Book.PostAsync(organization, new Cause("reversal", $"{note.Id}:credits", by, now, found.Invoice.ToString(), note.Number), [new Leg("revenue", Guid.Empty, -credits), new Leg("available", Guid.Empty, credits)], transaction, cancel);
            if (card > 0)
                operation = await operations.PlanAsync(transaction, organization, creation, note.Id.ToString(), $"credit_note:{note.Id}", new CreditNoteCreation.Request(found.StripeInvoice!, found.Invoice, note.Id, note.Number, card), by, atOnce: false, cancel);
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "credit_note.issued", by, note.Number), now, cancel);
            await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
            await transaction.CommitAsync(cancel);
        }
        if (operation is not null) await operations.PerformAsync(operation, Patience.OfPerson); // if Stripe is away, a worker goes on
        return note;
    }

    /// <summary><c>invoice credit ORG RECORD --reason TEXT</c>.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        var reason = services.GetRequiredService<IConfiguration>()["reason"];
        if (words is not [var named, var typed] || !Guid.TryParse(typed, out var record) || string.IsNullOrWhiteSpace(reason)) throw new StartupException("Write: invoice credit ORG RECORD --reason TEXT, with the id of a usage record or the digest of an event as the invoice's proof shows it.");
        Answer<Guid?>? organization = null;
        var id = Guid.TryParse(named, out var parsed) ? parsed : Guid.Empty;
        await services.GetRequiredService<Database>().WorkReadAsync(q => organization = q.First($"select id from organizations where slug = {named} or id = {id} order by slug = {named} desc limit 1", r => (Guid?)r.GetGuid(0)), cancel);
        if (organization!.Value is not { } found) throw new StartupException($"There is no organization “{named}”: name it by its slug, as in its addresses, or by its id.");
        var issued = await services.GetRequiredService<CreditNotes>().IssueAsync(found, record, reason, Actor.System, cancel);
        if (!issued.IsDone) throw new StartupException(issued.Problem.Message);
        await output.WriteLineAsync($"{issued.Value.Number}: {issued.Value.Amount} off line {issued.Value.Line}.");
        return 0;
    }

    private static async Task<Found?> FindAsync(Guid organization, Guid record, Transaction transaction, CancellationToken cancel)
    {
        // A unit of work, or an event behind a priced use: the same batch, meter, model and minute.
        var found = await transaction.ListAsync($"""
            with behind as (
              select accrual_id, quantity from usage_records where organization_id = {organization} and id = {record} and accrual_id is not null
              union all
              select u.accrual_id, least(e.quantity, u.beyond) from usage_events e
              join priced_uses u on u.organization_id = e.organization_id and e.batch = any(u.batches) and u.meter = e.meter and coalesce(u.model, '') = coalesce(e.model, '')
                and date_trunc('minute', u.used_at, 'UTC') = date_trunc('minute', e.time, 'UTC')
              where e.organization_id = {organization} and e.digest = {record} and u.accrual_id is not null)
            select i.id, i.number, i.status, i.stripe_invoice_id, l.ordinal + 1, l.accrual_id, l.quantity, l.unit_price, b.quantity, a.bill_month
            from behind b join invoice_lines l on l.organization_id = {organization} and l.accrual_id = b.accrual_id and l.kind in ('use', 'carried')
            join invoices i on i.organization_id = l.organization_id and i.id = l.invoice_id join accruals a on a.organization_id = l.organization_id and a.id = l.accrual_id
            """, r => new Found(r.GetGuid(0), r.GetString(1), r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), r.GetInt32(4), r.GetGuid(5), r.GetDecimal(6) / 1.000000000000000000m, r.GetDecimal(7) / 1.000000000000000000m,
                r.GetDecimal(8) / 1.000000000000000000m, r.GetFieldValue<DateOnly>(9)), cancel);
        return found.Count > 0 ? found[0] : null;
    }
}

/// <summary>What a credit note at Stripe is to say.</summary>
/// <param name="Tag">The metadata by which it is found again, with its value <paramref name="Mark"/>.</param>
internal sealed record StripeCredit(string StripeInvoice, long AmountCents, string Memo, string Tag, string Mark);

/// <summary>Makes a credit note at Stripe: it takes off what is due there, or gives back to the card what was paid.</summary>
internal abstract class StripeCreditNote : StripeWrite
{
    public sealed override bool IsIndispensable => true;

    protected abstract StripeCredit Wanted(StripeOperation operation);

    public sealed override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = Wanted(operation);
        var at = await stripe.Invoices.GetAsync(wanted.StripeInvoice, options: new ReadOptions { Timeout = options.Timeout, MaxRetries = options.MaxRetries }, cancel: cancel);
        return await stripe.CreditNotes.CreateAsync(new CreditNoteCreateParams
        {
            Invoice = wanted.StripeInvoice, Amount = wanted.AmountCents, RefundAmount = at.Status is InvoiceStatus.Paid ? wanted.AmountCents : null, Memo = wanted.Memo,
            Metadata = new Dictionary<string, string>(OrganizationTag.Of(operation.OrganizationId), StringComparer.Ordinal) { [wanted.Tag] = wanted.Mark },
        }, options, cancel);
    }

    public sealed override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = Wanted(operation);
        foreach (var note in (await stripe.CreditNotes.ListAsync(new CreditNoteListParams { Invoice = wanted.StripeInvoice, Limit = 100 }, options, cancel)).Data)
            if (note.Metadata is { } tags && tags.TryGetValue(wanted.Tag, out var mark) && string.Equals(mark, wanted.Mark, StringComparison.Ordinal)) return note;
        return null;
    }
}

/// <summary>The credit note at Stripe for one of ours.</summary>
internal sealed class CreditNoteCreation : StripeCreditNote
{
    internal sealed record Request(string StripeInvoice, Guid Invoice, Guid Note, string Number, long AmountCents);

    public override string Kind => "credit_note.create";

    protected override StripeCredit Wanted(StripeOperation operation)
    {
        var wanted = operation.RequestAs<Request>();
        return new StripeCredit(wanted.StripeInvoice, wanted.AmountCents, wanted.Number, "credit_note", wanted.Note.ToString());
    }

    public override async Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var (wanted, isRefund, organization) = (operation.RequestAs<Request>(), ((CreditNote)answer).PostPaymentAmount > 0, operation.OrganizationId);
        await transaction.ExecuteAsync($"update credit_notes set stripe_credit_note_id = {answer.Id}, is_refund = {isRefund} where organization_id = {organization} and id = {wanted.Note}", cancel);
        await transaction.ExecuteAsync($"""
            update invoices set credited_cents = credited_cents + {(isRefund ? 0 : wanted.AmountCents)}, amount_refunded_cents = amount_refunded_cents + {(isRefund ? wanted.AmountCents : 0)}, updated_at = {now}
            where organization_id = {organization} and id = {wanted.Invoice}
            """, cancel);
        var cause = new Cause("reversal", $"{wanted.Note}:card", operation.By, now, wanted.Invoice.ToString(), wanted.Number);
        await Book.PostAsync(organization, cause, [new Leg("revenue", Guid.Empty, -wanted.AmountCents), new Leg(isRefund ? "cash" : "receivable", Guid.Empty, wanted.AmountCents)], transaction, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Invoices, cancel);
    }
}
