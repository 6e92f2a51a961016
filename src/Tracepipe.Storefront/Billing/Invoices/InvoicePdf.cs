using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>An invoice on paper.</summary>
internal sealed class InvoicePdf : BillingPaper
{
    private readonly InvoiceView invoice;

    private InvoicePdf(InvoiceView invoice, Paper paper, string seller) : base("Invoice", invoice.Number ?? "draft", paper, seller, invoice.FinalizedAt ?? invoice.CreatedAt) => this.invoice = invoice;

    /// <param name="seller">The brand beside the logo.</param>
    public static byte[] Make(InvoiceView invoice, Paper paper, string seller)
    {
        var page = new InvoicePdf(invoice, paper, seller);
        page.Head(invoice.BillFrom, invoice.BillTo, page.Facts());
        page.Headline(invoice.Left.Minor > 0 ? $"{invoice.Left} due{(invoice.DueDate is { } due ? $" {Words.Day(due)}" : "")}" : invoice.Status is "paid" ? $"Paid{(invoice.PaidAt is { } at ? $" on {Words.Day(at)}" : "")}" : InvoiceWords.Badge(invoice.Status).Words,
            invoice.Description);
        page.ColumnHeads();
        foreach (var line in invoice.Lines) page.Row(line.Description, line.Quantity, line.UnitPrice, line.Amount);
        page.Totals([.. page.Sums()], "Amount due", invoice.Left);
        return page.Finish();
    }

    private IEnumerable<(string, string)> Facts()
    {
        yield return ("Invoice number", invoice.Number ?? "draft");
        yield return ("Date of issue", Words.Day(invoice.FinalizedAt ?? invoice.CreatedAt));
        if (invoice.DueDate is { } due) yield return ("Date due", Words.Day(due));
        if (invoice.Period is { } period) yield return ("Period", period);
        yield return ("Status", InvoiceWords.Badge(invoice.Status).Words);
    }

    private IEnumerable<(string, Money)> Sums()
    {
        yield return ("Subtotal", invoice.Subtotal);
        if (invoice.Discount.Minor != 0) yield return ("Discount", -invoice.Discount);
        yield return ("Tax", invoice.Tax);
        yield return ("Total", invoice.Total);
        if (invoice.Credits.Minor != 0) yield return ("Credits applied", -invoice.Credits);
        if (invoice.Paid.Minor != 0) yield return ("Paid", -invoice.Paid);
        if (invoice.Credited.Minor != 0) yield return ("Credit notes", -invoice.Credited);
        if (invoice.Refunded.Minor != 0) yield return ("Refunded", invoice.Refunded);
    }
}
