using System.Globalization;
using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>An invoice with everything that its page and its PDF show.</summary>
/// <param name="Status">draft, open, past_due, paid, uncollectible or void.</param>
/// <param name="IsOfPlan">Made and collected by Stripe.</param>
/// <param name="Failure">Why the last try to pay was refused.</param>
/// <param name="NextTry">When the card is tried again by itself.</param>
/// <param name="SuspendsAt">When work stops if it is still unpaid; null: no payment has failed.</param>
internal sealed record InvoiceView(Guid Id, string? Number, bool IsOfPlan, string Status, string? Description, DateTimeOffset CreatedAt, DateTimeOffset? FinalizedAt, DateTimeOffset? DueDate, DateTimeOffset? PaidAt, DateTimeOffset? PeriodStart,
    DateTimeOffset? PeriodEnd, Money Subtotal, Money Tax, Money Discount, Money Total, Money Credits, Money Due, Money Paid, Money Refunded, IReadOnlyList<string> BillTo, IReadOnlyList<string> BillFrom, string? Failure, DateTimeOffset? FailedAt,
    DateTimeOffset? NextTry, DateTimeOffset? SuspendsAt, bool HasStripePage)
{
    public IReadOnlyList<InvoiceLineView> Lines { get; init; } = [];

    /// <summary>What credit notes have taken off what is due.</summary>
    public Money Credited { get; init; } = Money.Zero;

    public IReadOnlyList<IssuedCreditNote> CreditNotes { get; init; } = [];

    /// <summary>What is still to be paid.</summary>
    public Money Left => Status is "paid" or "void" or "uncollectible" ? Money.Zero with { Currency = Due.Currency } : Due - Paid - Credited;

    public bool CanBePaid => Status is "open" or "past_due" && Left.Minor > 0;

    /// <summary>The month, without the year where it is the same: <c>Mar 1 to Mar 31, 2026</c>.</summary>
    public string? Period => PeriodStart is { } start && PeriodEnd is { } end && end > start ? $"{start.UtcDateTime.ToString("MMM d", CultureInfo.InvariantCulture)} to {Words.Day(end.AddTicks(-1))}" : null;

    public static FormattableString Select(Guid organization, Guid id, DateTimeOffset now) => $"""
        select id, number, kind, case when status = 'open' and (dunning_since is not null or due_date <= {now}) then 'past_due' else status end, description, created_at, finalized_at, due_date, paid_at, period_start, period_end,
          currency, subtotal_cents, tax_cents, discount_cents, total_cents, credits_applied_cents, amount_due_cents, amount_paid_cents, amount_refunded_cents, bill_to, bill_from, payment_failure, dunning_since, dunning_step,
          next_attempt_at, stripe_invoice_id is not null, credited_cents
        from invoices where organization_id = {organization} and id = {id}
        """;

    public static FormattableString SelectPage(Guid organization, string? status, int skip, int take, DateTimeOffset now) => $"""
        select id, number, kind, case when status = 'open' and (dunning_since is not null or due_date <= {now}) then 'past_due' else status end, coalesce(description, (
            select l.description from invoice_lines l where l.organization_id = invoices.organization_id and l.invoice_id = invoices.id order by l.amount_cents desc, l.ordinal limit 1)),
          created_at, finalized_at, due_date, paid_at, period_start, period_end,
          currency, subtotal_cents, tax_cents, discount_cents, total_cents, credits_applied_cents, amount_due_cents, amount_paid_cents, amount_refunded_cents, bill_to, bill_from, payment_failure, dunning_since, dunning_step,
          next_attempt_at, stripe_invoice_id is not null, credited_cents
        from invoices where organization_id = {organization}
          and ({status}::text is null or {status}::text = case when status = 'open' and (dunning_since is not null or due_date <= {now}) then 'past_due' else status end)
        order by created_at desc, id desc limit {take} offset {skip}
        """;

    public static InvoiceView Read(NpgsqlDataReader r)
    {
        var currency = r.GetString(11);
        Money Cents(int column) => new(r.GetInt64(column), currency);
        DateTimeOffset? Time(int column) => r.IsDBNull(column) ? null : r.GetFieldValue<DateTimeOffset>(column);
        var (ofPlan, status, since) = (r.GetString(2) is "plan", r.GetString(3), Time(23));
        var isOpen = status is "open" or "past_due";
        return new(r.GetGuid(0), r.IsDBNull(1) ? null : r.GetString(1), ofPlan, status, r.IsDBNull(4) ? null : r.GetString(4), r.GetFieldValue<DateTimeOffset>(5), Time(6), Time(7), Time(8), Time(9), Time(10),
            Cents(12), Cents(13), Cents(14), Cents(15), Cents(16), Cents(17), Cents(18), Cents(19), Lines(20), Lines(21), r.IsDBNull(22) ? null : r.GetString(22), since,
            !isOpen ? null : ofPlan ? Time(25) : since is { } failed && r.GetInt32(24) < Dunning.Suspends - 1 ? Dunning.Next(failed, r.GetInt32(24)) : null, isOpen && since is { } first ? Dunning.Next(first, Dunning.Suspends - 1) : null, r.GetBoolean(26)) { Credited = Cents(27) };
        IReadOnlyList<string> Lines(int column) => r.IsDBNull(column) ? [] : r.GetString(column).Split('\n');
    }
}

/// <summary>A line, with how many records stand behind it and the first of them.</summary>
/// <param name="UnitPrice">As the catalogue says it: <c>$10.00 per 1,000,000</c>.</param>
public sealed record InvoiceLineView(int Ordinal, string Description, string Quantity, string UnitPrice, Money Amount, Guid? AccrualId)
{
    public long RecordCount { get; init; }

    public IReadOnlyList<LineRecord> Records { get; init; } = [];
}

/// <summary>Something that was used and stands on a line.</summary>
/// <param name="What">The session, the model, or the bytes.</param>
/// <param name="Amount">Exact, in dollars.</param>
public sealed record LineRecord(DateTimeOffset At, string What, decimal Quantity, decimal Amount);

/// <summary>Reads invoices for pages and PDFs, in one round trip.</summary>
internal sealed class InvoiceReader(Database database, Catalogs catalogs, Brand brand, TimeProvider clock)
{
    /// <param name="records">At most so many records of each line.</param>
    public async Task<InvoiceView?> ReadAsync(Guid organization, Guid? person, Guid id, int records, CancellationToken cancel)
    {
        Answer<InvoiceView?>? invoice = null;
        Answer<BillingDetails?>? details = null;
        Answer<IReadOnlyList<InvoiceLineView>>? lines = null;
        Answer<IReadOnlyList<(Guid Accrual, long Count, LineRecord Record)>>? behind = null;
        Answer<IReadOnlyList<IssuedCreditNote>>? notes = null;
        await database.ReadAsync(organization, person, q =>
        {
            invoice = q.First(InvoiceView.Select(organization, id, clock.GetUtcNow()), InvoiceView.Read);
            details = q.First(BillingDetails.Select(organization), BillingDetails.Read);
            lines = q.List($"select ordinal, description, meter, quantity, unit_price, amount_cents, accrual_id, kind from invoice_lines where organization_id = {organization} and invoice_id = {id} order by ordinal", ReadLine);
            notes = q.List(IssuedCreditNote.Select(organization, id), IssuedCreditNote.Read);
            if (records == 0) return;
            behind = q.List($"""
                with taken as (select accrual_id from invoice_lines where organization_id = {organization} and invoice_id = {id} and kind in ('use', 'carried') and accrual_id is not null),
                all_of_them as (
                  select accrual_id, recorded_at as at, coalesce(ticket_id, hold_id, '') as what, quantity, total_minor / 100.0 as amount, id from usage_records where organization_id = {organization} and accrual_id in (select accrual_id from taken)
                  union all
                  select accrual_id, used_at, coalesce(model, ''), beyond, beyond * unit_price, id from priced_uses where organization_id = {organization} and accrual_id in (select accrual_id from taken)
                  union all
                  select accrual_id, from_at, to_char((bytes - included_bytes) / 1e9, 'FM999999990.009') || ' GB above the plan', (bytes - included_bytes)::numeric * (extract(epoch from to_at - from_at)) / 3.6e12,
                    (bytes - included_bytes)::numeric * (extract(epoch from to_at - from_at)) / 3.6e12 * unit_price, id from storage_steps where organization_id = {organization} and accrual_id in (select accrual_id from taken)),
                counted as (select *, row_number() over (partition by accrual_id order by at, id) as n, count(*) over (partition by accrual_id) as many from all_of_them)
                select accrual_id, many, at, what, round(quantity, 12), round(amount, 12) from counted where n <= {records} order by accrual_id, n
                """, r => (r.GetGuid(0), r.GetInt64(1), new LineRecord(r.GetFieldValue<DateTimeOffset>(2), r.GetString(3), r.GetDecimal(4) / 1.000000000000000000m, r.GetDecimal(5) / 1.000000000000000000m)));
        }, cancel);
        if (invoice!.Value is not { } found) return null;
        var byAccrual = behind?.Value.ToLookup(b => b.Accrual);
        return found with
        {
            BillTo = found.BillTo.Count > 0 ? found.BillTo : details!.Value?.Lines ?? [],
            BillFrom = found.BillFrom.Count > 0 ? found.BillFrom : brand.Lines,
            CreditNotes = notes!.Value,
            Lines = [.. lines!.Value.Select(l => l.AccrualId is { } accrual && byAccrual is not null ? l with { RecordCount = byAccrual[accrual].FirstOrDefault().Count, Records = [.. byAccrual[accrual].Select(b => b.Record)] } : l)],
        };
    }

    /// <summary>A page of the list, newest first, without lines, and how many there are.</summary>
    /// <param name="status">Null: all.</param>
    /// <param name="page">From 1.</param>
    public async Task<(IReadOnlyList<InvoiceView> Invoices, long Total, long OfAll, BillingDetails Details)> ListAsync(Guid organization, Guid? person, string? status, int page, int perPage, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<InvoiceView>>? invoices = null;
        Answer<(long Total, long OfAll)>? counts = null;
        Answer<BillingDetails?>? details = null;
        await database.ReadAsync(organization, person, q =>
        {
            invoices = q.List(InvoiceView.SelectPage(organization, status, (page - 1) * perPage, perPage, now), InvoiceView.Read);
            counts = q.First($"""
                select count(*) filter (where {status}::text is null or {status}::text = case when status = 'open' and (dunning_since is not null or due_date <= {now}) then 'past_due' else status end), count(*)
                from invoices where organization_id = {organization}
                """, r => (r.GetInt64(0), r.GetInt64(1)));
            details = q.First(BillingDetails.Select(organization), BillingDetails.Read);
        }, cancel);
        return (invoices!.Value, counts!.Value.Total, counts.Value.OfAll, details!.Value ?? throw new InvalidOperationException($"Organization {organization} has no billing account."));
    }

    private InvoiceLineView ReadLine(NpgsqlDataReader r)
    {
        var (meter, price, kind) = (r.IsDBNull(2) ? null : r.GetString(2), r.GetDecimal(4) / 1.000000000000000000m, r.IsDBNull(7) ? null : r.GetString(7));
        return new(r.GetInt32(0), r.GetString(1), (r.GetDecimal(3) / 1.000000000000000000m).ToString("#,##0.############", CultureInfo.InvariantCulture), InvoiceWords.UnitPrice(catalogs.Current.Prices, kind is "not_charged" ? null : meter, price), Money.Usd(r.GetInt64(5)),
            r.IsDBNull(6) || kind is "not_charged" ? null : r.GetGuid(6));
    }
}

/// <summary>How invoices are told.</summary>
internal static class InvoiceWords
{
    public static (string Status, string Words) Badge(string status) => status switch
    {
        "past_due" => ("past-due", "Past due"),
        "open" => ("open", "Open"),
        "paid" => ("paid", "Paid"),
        "void" => ("void", "Void"),
        "uncollectible" => ("uncollectible", "Uncollectible"),
        _ => ("draft", "Draft"),
    };

    /// <summary>In full, for as many units as the catalogue says it.</summary>
    public static string UnitPrice(PriceList prices, string? meter, decimal price)
    {
        var per = meter is null ? 1 : prices.RateOf(meter)?.Per ?? 1;
        var amount = Math.Abs(price * per).ToString("#,##0.00##########", CultureInfo.InvariantCulture);
        var words = string.Equals(prices.Currency, "USD", StringComparison.Ordinal) ? $"{(price < 0 ? "−" : "")}${amount}" : $"{(price < 0 ? "−" : "")}{amount} {prices.Currency}";
        return per == 1 ? words : $"{words} per {Words.Count(per)}";
    }
}
