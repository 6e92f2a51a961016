using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>An invoice on paper: who, to whom, the lines over as many pages as they need, the totals, and on each page its number and how many there are.</summary>
internal sealed class InvoicePdf
{
    private const double Margin = 48, Small = 8.5, Body = 9.5;
    private readonly InvoiceView invoice;
    private readonly Paper paper;
    private readonly string seller;
    private readonly PdfDocument pdf;
    private double y;

    private InvoicePdf(InvoiceView invoice, Paper paper, string seller)
    {
        (this.invoice, this.paper, this.seller) = (invoice, paper, seller);
        pdf = new PdfDocument(paper, $"Invoice {Number}", seller, invoice.FinalizedAt ?? invoice.CreatedAt);
    }

    /// <param name="seller">The brand beside the logo.</param>
    public static byte[] Make(InvoiceView invoice, Paper paper, string seller)
    {
        var page = new InvoicePdf(invoice, paper, seller);
        page.Head();
        page.Lines();
        page.Totals();
        page.Feet();
        return page.pdf.Save();
    }

    private string Number => invoice.Number ?? "draft";

    private double Right => paper.Width - Margin;

    private double Width => paper.Width - (2 * Margin);

    private double Foot => paper.Height - 58;

    private void Head()
    {
        pdf.AddPage();
        Logo(Margin, 44, 26);
        pdf.Text(Margin + 32, 64, seller, 17, Typeface.Bold);
        pdf.TextRight(Right, 58, "Invoice", 15, Typeface.Bold);
        pdf.TextRight(Right, 74, Number, Body, grey: 0.35);

        var top = 112.0;
        var column = Width / 3;
        var from = Party("From", invoice.BillFrom, Margin, top, column - 16);
        var to = Party("Billed to", invoice.BillTo, Margin + column, top, column - 16);
        var facts = Facts(Margin + (2 * column), top);
        y = Math.Max(Math.Max(from, to), facts) + 22;

        pdf.Text(Margin, y, invoice.Left.Minor > 0 ? $"{invoice.Left} due{(invoice.DueDate is { } due ? $" {Words.Day(due)}" : "")}" : invoice.Status is "paid" ? $"Paid{(invoice.PaidAt is { } at ? $" on {Words.Day(at)}" : "")}" : InvoiceWords.Badge(invoice.Status).Words, 15, Typeface.Bold);
        if (invoice.Description is { } about) pdf.Text(Margin, y + 16, about, Body, grey: 0.35);
        y += 44;
        ColumnHeads();
    }

    private double Party(string title, IReadOnlyList<string> lines, double x, double top, double width)
    {
        pdf.Text(x, top, title, Small, Typeface.Bold, 0.35);
        var at = top + 15;
        foreach (var line in lines.SelectMany(l => Typeface.Regular.Wrap(l, Body, width)))
        {
            pdf.Text(x, at, line, Body);
            at += 13.5;
        }
        return at;
    }

    private double Facts(double x, double top)
    {
        var facts = new List<(string, string)> { ("Invoice number", Number), ("Date of issue", Words.Day(invoice.FinalizedAt ?? invoice.CreatedAt)) };
        if (invoice.DueDate is { } due) facts.Add(("Date due", Words.Day(due)));
        if (invoice.Period is { } period) facts.Add(("Period", period));
        facts.Add(("Status", InvoiceWords.Badge(invoice.Status).Words));
        var at = top;
        foreach (var (name, value) in facts)
        {
            pdf.Text(x, at, name, Small, Typeface.Bold, 0.35);
            pdf.TextRight(Right, at, value, Small);
            at += 14;
        }
        return at;
    }

    // Description to the left; three columns of numbers, each right-aligned.
    private double QuantityX => Margin + (Width * 0.62);

    private double PriceX => Margin + (Width * 0.85);

    private double DescriptionWidth => Width * 0.46;

    private void ColumnHeads()
    {
        pdf.Text(Margin, y, "Description", Small, Typeface.Bold, 0.35);
        pdf.TextRight(QuantityX, y, "Quantity", Small, Typeface.Bold, 0.35);
        pdf.TextRight(PriceX, y, "Unit price", Small, Typeface.Bold, 0.35);
        pdf.TextRight(Right, y, "Amount", Small, Typeface.Bold, 0.35);
        pdf.Line(Margin, Right, y + 7, 0.55);
        y += 22;
    }

    private void Lines()
    {
        foreach (var line in invoice.Lines)
        {
            var words = Typeface.Regular.Wrap(line.Description, Body, DescriptionWidth).ToList();
            Need((13.5 * words.Count) + 8, withHeads: true);
            pdf.TextRight(QuantityX, y, line.Quantity, Body);
            pdf.TextRight(PriceX, y, line.UnitPrice, Body);
            pdf.TextRight(Right, y, line.Amount.ToString(), Body);
            foreach (var part in words)
            {
                pdf.Text(Margin, y, part, Body);
                y += 13.5;
            }
            pdf.Line(Margin, Right, y - 5);
            y += 8;
        }
    }

    private void Totals()
    {
        var rows = new List<(string Name, Money Amount)> { ("Subtotal", invoice.Subtotal) };
        if (invoice.Discount.Minor != 0) rows.Add(("Discount", -invoice.Discount));
        rows.Add(("Tax", invoice.Tax));
        rows.Add(("Total", invoice.Total));
        if (invoice.Credits.Minor != 0) rows.Add(("Credits applied", -invoice.Credits));
        if (invoice.Paid.Minor != 0) rows.Add(("Paid", -invoice.Paid));
        if (invoice.Credited.Minor != 0) rows.Add(("Credit notes", -invoice.Credited));
        if (invoice.Refunded.Minor != 0) rows.Add(("Refunded", invoice.Refunded));
        Need((17 * rows.Count) + 44, withHeads: false);
        y += 8;
        var x = Margin + (Width * 0.5);
        foreach (var (name, amount) in rows)
        {
            pdf.Text(x, y, name, Body, grey: 0.35);
            pdf.TextRight(Right, y, amount.ToString(), Body);
            y += 17;
        }
        pdf.Line(x, Right, y - 6, 0.55);
        y += 8;
        pdf.Text(x, y, "Amount due", 11, Typeface.Bold);
        pdf.TextRight(Right, y, $"{invoice.Left} {invoice.Left.Currency}", 11, Typeface.Bold);
    }

    private void Need(double height, bool withHeads)
    {
        if (y + height <= Foot) return;
        pdf.AddPage();
        pdf.Text(Margin, 52, seller, Body, Typeface.Bold);
        pdf.TextRight(Right, 52, $"Invoice {Number}, continued", Small, grey: 0.35);
        y = 82;
        if (withHeads) ColumnHeads();
    }

    // Only now one knows how many pages there are.
    private void Feet()
    {
        for (var page = 0; page < pdf.Pages; page++)
        {
            pdf.Text(Margin, paper.Height - 32, $"{seller} · {Number}", Small, grey: 0.35, page: page);
            pdf.TextRight(Right, paper.Height - 32, $"Page {page + 1} of {pdf.Pages}", Small, grey: 0.35, page: page);
        }
    }

    private void Logo(double x, double top, double size)
    {
        var unit = size / 24;
        double[] At(params double[] points) => [.. points.Select((p, i) => i % 2 == 0 ? x + (p * unit) : top + (p * unit))];
        pdf.Stroke([('m', At(10, 2.5)), ('l', At(10, 13.7)), ('c', At(10, 16.46, 12.24, 18.7, 15, 18.7)), ('l', At(20.5, 18.7))], 4 * unit, (0.09, 0.11, 0.11));
        pdf.Stroke([('m', At(3, 8.6)), ('l', At(16, 8.6))], 4 * unit, (0.06, 0.42, 0.4));
    }
}
