using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;

namespace Tracepipe.Storefront.Billing;

/// <summary>A document about money on paper: who, to whom, rows over as many pages as they need, and on each page its number and how many there are.</summary>
internal abstract class BillingPaper
{
    protected const double Margin = 48, Small = 8.5, Body = 9.5;
    private readonly Paper paper;
    private readonly string title, number, seller;

    /// <param name="title">What it is: <c>Invoice</c>.</param>
    /// <param name="seller">The brand beside the logo.</param>
    protected BillingPaper(string title, string number, Paper paper, string seller, DateTimeOffset made)
    {
        (this.title, this.number, this.paper, this.seller) = (title, number, paper, seller);
        Pdf = new PdfDocument(paper, $"{title} {number}", seller, made);
    }

    protected PdfDocument Pdf { get; }

    /// <summary>Where the next row stands, in points from the top.</summary>
    protected double Y { get; set; }

    protected double Right => paper.Width - Margin;

    protected double Width => paper.Width - (2 * Margin);

    private double Foot => paper.Height - 58;

    // Description to the left; three columns of numbers, each right-aligned.
    private double QuantityX => Margin + (Width * 0.62);

    private double PriceX => Margin + (Width * 0.85);

    private double DescriptionWidth => Width * 0.46;

    /// <summary>The first page's head.</summary>
    /// <param name="facts">Name and value, the one who reads for.</param>
    protected void Head(IReadOnlyList<string> billFrom, IReadOnlyList<string> billTo, IEnumerable<(string Name, string Value)> facts)
    {
        Pdf.AddPage();
        Logo(Margin, 44, 26);
        Pdf.Text(Margin + 32, 64, seller, 17, Typeface.Bold);
        Pdf.TextRight(Right, 58, title, 15, Typeface.Bold);
        Pdf.TextRight(Right, 74, number, Body, grey: 0.35);

        var top = 112.0;
        var column = Width / 3;
        var from = Party("From", billFrom, Margin, top, column - 16);
        var to = Party("Billed to", billTo, Margin + column, top, column - 16);
        var at = top;
        foreach (var (name, value) in facts)
        {
            Pdf.Text(Margin + (2 * column), at, name, Small, Typeface.Bold, 0.35);
            Pdf.TextRight(Right, at, value, Small);
            at += 14;
        }
        Y = Math.Max(Math.Max(from, to), at) + 22;
    }

    /// <summary>What it comes to in a few words, and what it is about.</summary>
    protected void Headline(string words, string? about)
    {
        Pdf.Text(Margin, Y, words, 15, Typeface.Bold);
        Y += 16;
        foreach (var line in about is null ? [] : Typeface.Regular.Wrap(about, Body, Width))
        {
            Pdf.Text(Margin, Y, line, Body, grey: 0.35);
            Y += 13.5;
        }
        Y += about is null ? 28 : 14.5;
    }

    protected void ColumnHeads()
    {
        Pdf.Text(Margin, Y, "Description", Small, Typeface.Bold, 0.35);
        Pdf.TextRight(QuantityX, Y, "Quantity", Small, Typeface.Bold, 0.35);
        Pdf.TextRight(PriceX, Y, "Unit price", Small, Typeface.Bold, 0.35);
        Pdf.TextRight(Right, Y, "Amount", Small, Typeface.Bold, 0.35);
        Pdf.Line(Margin, Right, Y + 7, 0.55);
        Y += 22;
    }

    protected void Row(string description, string quantity, string unitPrice, Money amount)
    {
        var words = Typeface.Regular.Wrap(description, Body, DescriptionWidth).ToList();
        Need((13.5 * words.Count) + 8, withHeads: true);
        Pdf.TextRight(QuantityX, Y, quantity, Body);
        Pdf.TextRight(PriceX, Y, unitPrice, Body);
        Pdf.TextRight(Right, Y, amount.ToString(), Body);
        foreach (var part in words)
        {
            Pdf.Text(Margin, Y, part, Body);
            Y += 13.5;
        }
        Pdf.Line(Margin, Right, Y - 5);
        Y += 8;
    }

    /// <summary>Sums below the rows, and the one that counts.</summary>
    protected void Totals(IReadOnlyList<(string Name, Money Amount)> rows, string last, Money lastAmount)
    {
        Need((17 * rows.Count) + 44, withHeads: false);
        Y += 8;
        var x = Margin + (Width * 0.5);
        foreach (var (name, amount) in rows)
        {
            Pdf.Text(x, Y, name, Body, grey: 0.35);
            Pdf.TextRight(Right, Y, amount.ToString(), Body);
            Y += 17;
        }
        Pdf.Line(x, Right, Y - 6, 0.55);
        Y += 8;
        Pdf.Text(x, Y, last, 11, Typeface.Bold);
        Pdf.TextRight(Right, Y, $"{lastAmount} {lastAmount.Currency}", 11, Typeface.Bold);
    }

    /// <summary>The finished file, in bytes. Only now one knows how many pages there are.</summary>
    protected byte[] Finish()
    {
        for (var page = 0; page < Pdf.Pages; page++)
        {
            Pdf.Text(Margin, paper.Height - 32, $"{seller} · {number}", Small, grey: 0.35, page: page);
            Pdf.TextRight(Right, paper.Height - 32, $"Page {page + 1} of {Pdf.Pages}", Small, grey: 0.35, page: page);
        }
        return Pdf.Save();
    }

    private void Need(double height, bool withHeads)
    {
        if (Y + height <= Foot) return;
        Pdf.AddPage();
        Pdf.Text(Margin, 52, seller, Body, Typeface.Bold);
        Pdf.TextRight(Right, 52, $"{title} {number}, continued", Small, grey: 0.35);
        Y = 82;
        if (withHeads) ColumnHeads();
    }

    private double Party(string name, IReadOnlyList<string> lines, double x, double top, double width)
    {
        Pdf.Text(x, top, name, Small, Typeface.Bold, 0.35);
        var at = top + 15;
        foreach (var line in lines.SelectMany(l => Typeface.Regular.Wrap(l, Body, width)))
        {
            Pdf.Text(x, at, line, Body);
            at += 13.5;
        }
        return at;
    }

    private void Logo(double x, double top, double size)
    {
        var unit = size / 24;
        double[] At(params double[] points) => [.. points.Select((p, i) => i % 2 == 0 ? x + (p * unit) : top + (p * unit))];
        Pdf.Stroke([('m', At(10, 2.5)), ('l', At(10, 13.7)), ('c', At(10, 16.46, 12.24, 18.7, 15, 18.7)), ('l', At(20.5, 18.7))], 4 * unit, (0.09, 0.11, 0.11));
        Pdf.Stroke([('m', At(3, 8.6)), ('l', At(16, 8.6))], 4 * unit, (0.06, 0.42, 0.4));
    }
}
