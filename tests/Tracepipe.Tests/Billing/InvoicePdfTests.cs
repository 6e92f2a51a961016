using System.Diagnostics;
using System.Globalization;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: a PDF that loses a line between two pages, a total that is not the invoice's, names that cannot be read.</summary>
public sealed class InvoicePdfTests
{
    private static readonly DateTimeOffset Made = new(2027, 4, 1, 1, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(1)]
    [InlineData(23)]
    [InlineData(400)]
    public async Task Every_line_total_and_page_number_can_be_read(int lines)
    {
        foreach (var paper in new[] { Paper.A4, Paper.Letter })
        {
            var invoice = Invoice(lines);
            var text = await TextAsync(InvoicePdf.Make(invoice, paper, "Tracepipe"));
            foreach (var line in invoice.Lines)
                Assert.Contains(text.Split('\n'), l => l.Contains(line.Description, StringComparison.Ordinal) && l.TrimEnd().EndsWith(line.Amount.ToString(), StringComparison.Ordinal) && l.Contains(line.UnitPrice, StringComparison.Ordinal));
            foreach (var amount in new[] { $"Subtotal {invoice.Subtotal}", $"Total {invoice.Total}", $"Credits applied {-invoice.Credits}", $"Amount due {invoice.Left} USD" })
                Assert.Contains(text.Split('\n'), l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries)) == amount);
            var pages = text.Split('\f', StringSplitOptions.RemoveEmptyEntries);
            for (var page = 1; page <= pages.Length; page++) Assert.Contains($"Page {page} of {pages.Length}", pages[page - 1], StringComparison.Ordinal);
            Assert.True(lines < 100 ? pages.Length == 1 + (lines / 23) : pages.Length > 10, $"{pages.Length} pages");
        }
    }

    [Fact]
    public async Task Names_from_many_countries_are_read_as_they_were_written()
    {
        var invoice = Invoice(1) with { BillTo = ["Łukasz Müller, Žižkov", "漢字株式会社", "Ελλάδα · Київ · Đặng"], BillFrom = ["Tracepipe Demo", "1 Example Street", "Tax id GB 000 0000 00"] };
        var text = await TextAsync(InvoicePdf.Make(invoice, Paper.A4, "Tracepipe"));
        foreach (var name in invoice.BillTo.Concat(invoice.BillFrom)) Assert.Contains(name, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credit_note_says_what_it_corrects_why_and_where_the_money_went()
    {
        var reason = string.Join(' ', Enumerable.Repeat("The run was a test of ours and should not have been counted.", 8));
        var note = new IssuedCreditNote(Guid.Empty, "CN-2027-000009", 2, 350_000.5m, Money.Usd(351), Money.Usd(1), Money.Usd(300), Money.Usd(50), true, reason, Made.AddDays(9));
        foreach (var paper in new[] { Paper.A4, Paper.Letter })
        {
            var text = await TextAsync(CreditNotePdf.Make(note, Invoice(2), paper, "Tracepipe"));
            var lines = text.Split('\n').Select(l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();
            foreach (var line in new[] { "Credit note number CN-2027-000009", "Corrects invoice INV-2027-000123", "$3.51 credited", "Was held back, not charged $0.01", "To the card $3.00", "To credits $0.50", "Credited $3.51 USD", "Tracepipe · CN-2027-000009 Page 1 of 1" })
                Assert.True(lines.Any(l => l.EndsWith(line, StringComparison.Ordinal)), $"“{line}” is missing in:\n{text}");
            Assert.Contains(lines, l => l is "Line 2: Tokens of suite 001, March 2027 350,000.5 $10.00 per 1,000,000 −$3.51");
            Assert.Contains(reason, string.Join(' ', lines), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_same_invoice_is_the_same_file() => Assert.Equal(InvoicePdf.Make(Invoice(30), Paper.A4, "Tracepipe"), InvoicePdf.Make(Invoice(30), Paper.A4, "Tracepipe"));

    private static InvoiceView Invoice(int lines)
    {
        var rows = Enumerable.Range(0, lines).Select(i => new InvoiceLineView(i, $"Tokens of suite {i:000}, March 2027", (1_000_000 + i).ToString("#,##0", CultureInfo.InvariantCulture), "$10.00 per 1,000,000", Money.Usd(1000 + i), null)).ToList();
        var total = Money.Usd(rows.Sum(r => r.Amount.Minor));
        return new InvoiceView(Guid.Empty, "INV-2027-000123", false, "open", "Usage of March 2027", Made, Made, Made.AddDays(7), null, Made.AddMonths(-1).AddHours(-1), Made.AddHours(-1), total, Money.Zero, Money.Zero, total, Money.Usd(250),
            total - Money.Usd(250), Money.Zero, Money.Zero, ["Fernhill Labs ApS", "Nordre Kaj 14"], ["Tracepipe"], null, null, null, null, false) { Lines = rows };
    }

    /// <summary>What poppler's <c>pdftotext</c> reads, laid out as it stands on the page.</summary>
    internal static async Task<string> TextAsync(byte[] pdf)
    {
        var start = new ProcessStartInfo("pdftotext", ["-layout", "-enc", "UTF-8", "-", "-"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = System.Text.Encoding.UTF8 };
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.BaseStream.WriteAsync(pdf);
        process.StandardInput.Close();
        Assert.Equal("", await errors);
        return await text;
    }
}
