using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.HostedInvoice;

public sealed record InvoiceLine(string Text, string? Period, string? Quantity, string Amount);

/// <summary>An invoice as its page and its PDF show it.</summary>
/// <param name="Totals">From the subtotal down to what is due, in order.</param>
public sealed record InvoiceView(string Number, string Status, string Seller, string BillTo, string? Email, DateTimeOffset Issued, DateTimeOffset? Paid, string Amount, IReadOnlyList<InvoiceLine> Lines,
    IReadOnlyList<(string Name, string Amount)> Totals, bool IsPayable, PaymentChoice Choice)
{
    internal static InvoiceView Of(UnitOfWork work, Doc invoice)
    {
        var currency = invoice["currency"]!;
        var totals = new List<(string, string)> { ("Subtotal", Words.Money(invoice.Long("subtotal"), currency)) };
        if (invoice.Array("total_discount_amounts").Sum(d => d!["amount"]!.GetValue<long>()) is > 0 and var discount) totals.Add(("Discount", Words.Money(-discount, currency)));
        totals.Add(("Total", Words.Money(invoice.Long("total"), currency)));
        if (invoice.Long("amount_due") - invoice.Long("total") is not 0 and var balance) totals.Add((balance < 0 ? "Applied balance" : "Earlier balance", Words.Money(balance, currency)));
        if (invoice.Long("amount_paid") > 0) totals.Add(("Paid", Words.Money(-invoice.Long("amount_paid"), currency)));
        totals.Add(("Amount due", Words.Money(invoice.Long("amount_remaining"), currency)));
        var paid = invoice.Status == "paid";
        return new(invoice["number"] ?? invoice.Id, invoice.Status, invoice["account_name"] ?? "", invoice["customer_name"] ?? invoice["customer_email"] ?? "", invoice["customer_email"],
            At(invoice.LongOrNull("status_transitions.finalized_at")) ?? At(invoice.Long("created"))!.Value, At(invoice.LongOrNull("status_transitions.paid_at")),
            Words.Money(paid ? invoice.Long("total") : invoice.Long("amount_remaining"), currency), [.. Invoices.Lines(work, invoice).Select(l => LineOf(l, currency))], totals,
            invoice.Status is "open" or "uncollectible" && invoice.Long("amount_remaining") > 0,
            PaymentChoice.Of(work, invoice.Customer, offersLink: false, null, null));
    }

    private static InvoiceLine LineOf(Doc line, string currency)
    {
        var (start, end) = (line.Long("period.start"), line.Long("period.end"));
        return new(line["description"] ?? "", end > start ? $"{Words.Date(At(start)!.Value)} – {Words.Date(At(end)!.Value)}" : null, line["quantity_decimal"] is { } quantity and not "1" ? quantity : null, Words.Money(line.Long("amount"), currency));
    }

    private static DateTimeOffset? At(long? unix) => unix is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : null;
}
