using System.Globalization;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Our own invoice for the use of a month. Amounts and lines never change once it is made.</summary>
/// <param name="Number"><c>INV-2026-000123</c>, without a gap per year.</param>
/// <param name="Status">draft on its way to Stripe, then open, paid, uncollectible or void.</param>
/// <param name="CreditsApplied">From prepaid credits, and from Stripe's customer balance.</param>
/// <param name="AmountDue">Less what credit notes have taken off.</param>
/// <param name="Attempts">How often paying was tried and decided.</param>
/// <param name="DunningSince">The first failure; null while nothing failed.</param>
internal sealed record UsageInvoice(Guid OrganizationId, Guid Id, string Number, string Status, string? StripeInvoiceId, Money Total, Money CreditsApplied, Money AmountDue, DateOnly BillMonth, int Attempts,
    DateTimeOffset? DueDate, DateTimeOffset? DunningSince, int DunningStep, string? PaymentFailure, string? ParkedReason)
{
    internal static UsageInvoice Read(NpgsqlDataReader r)
    {
        var currency = r.GetString(5);
        return new(r.GetGuid(0), r.GetGuid(1), r.GetString(2), r.GetString(3), r.IsDBNull(4) ? null : r.GetString(4), new Money(r.GetInt64(6), currency), new Money(r.GetInt64(7), currency), new Money(r.GetInt64(8), currency),
            r.GetFieldValue<DateOnly>(9), r.GetInt32(10), r.IsDBNull(11) ? null : r.GetFieldValue<DateTimeOffset>(11), r.IsDBNull(12) ? null : r.GetFieldValue<DateTimeOffset>(12), r.GetInt32(13),
            r.IsDBNull(14) ? null : r.GetString(14), r.IsDBNull(15) ? null : r.GetString(15));
    }

    internal static FormattableString Select(Guid organization, Guid id) => $"""
        select organization_id, id, number, status, stripe_invoice_id, currency, total_cents, credits_applied_cents, amount_due_cents - credited_cents, bill_month, attempts, due_date, dunning_since, dunning_step, payment_failure, parked_reason
        from invoices where organization_id = {organization} and id = {id} and kind = 'usage'
        """;

    internal static FormattableString SelectForUpdate(Guid organization, Guid id) => $"""
        select organization_id, id, number, status, stripe_invoice_id, currency, total_cents, credits_applied_cents, amount_due_cents - credited_cents, bill_month, attempts, due_date, dunning_since, dunning_step, payment_failure, parked_reason
        from invoices where organization_id = {organization} and id = {id} and kind = 'usage' for update
        """;

    /// <summary>How the numbers of a year begin; six digits or more follow.</summary>
    internal static string NumberOf(int year) => string.Create(CultureInfo.InvariantCulture, $"INV-{year:0000}-");
}

/// <summary>A line of an invoice, as stored.</summary>
internal sealed record StoredLine(int Ordinal, string Description, string? Meter, decimal Quantity, decimal UnitPrice, Money Amount)
{
    internal static FormattableString Select(Guid organization, Guid invoice) =>
        $"select ordinal, description, meter, quantity, unit_price, amount_cents from invoice_lines where organization_id = {organization} and invoice_id = {invoice} order by ordinal";

    internal static StoredLine Read(NpgsqlDataReader r) =>
        new(r.GetInt32(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetDecimal(3) / 1.000000000000000000m, r.GetDecimal(4) / 1.000000000000000000m, Money.Usd(r.GetInt64(5)));
}
