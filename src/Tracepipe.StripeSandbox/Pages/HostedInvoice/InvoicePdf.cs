using Tracepipe.StripeSandbox.Pages.Pdf;

namespace Tracepipe.StripeSandbox.Pages.HostedInvoice;

/// <summary>An invoice on A4: the same facts as its page.</summary>
internal static class InvoicePdf
{
    private const double Left = 56;
    private const double Right = PdfWriter.Width - 56;
    private const double Bottom = PdfWriter.Height - 72;

    public static byte[] Draw(InvoiceView invoice, DateTimeOffset now)
    {
        var pdf = new PdfWriter($"Invoice {invoice.Number}", now);
        pdf.Text(Left, 76, "Invoice", 24, bold: true);
        pdf.TextRight(Right, 76, invoice.Seller, 12, bold: true);
        pdf.TextRight(Right, 92, "Local sandbox: no real money, no real cards", 9, grey: 0.4);
        var y = Facts(pdf, invoice);
        pdf.Text(Left, y += 36, invoice.Status == "paid" ? $"{invoice.Amount} paid on {Words.Date(invoice.Paid ?? invoice.Issued)}" : $"{invoice.Amount} due", 15, bold: true);
        y = Lines(pdf, invoice, y + 34);
        foreach (var (name, amount) in invoice.Totals)
        {
            (pdf, y) = Room(pdf, y, 20);
            var last = name == "Amount due";
            pdf.Text(Right - 190, y, name, bold: last, grey: last ? 0 : 0.35);
            pdf.TextRight(Right, y, amount, bold: last);
            y += 20;
        }
        return pdf.Save();
    }

    private static double Facts(PdfWriter pdf, InvoiceView invoice)
    {
        var y = 118.0;
        foreach (var (name, value) in ((string, string)[])[("Number", invoice.Number), ("Issued", Words.Date(invoice.Issued)), ("Bill to", invoice.BillTo), ("", invoice.Email is { } email && email != invoice.BillTo ? email : "")])
        {
            if (value.Length == 0) continue;
            pdf.Text(Left, y, name, grey: 0.4);
            pdf.Text(Left + 70, y, value);
            y += 16;
        }
        return y;
    }

    private static double Lines(PdfWriter pdf, InvoiceView invoice, double y)
    {
        pdf.Text(Left, y, "Description", 9, grey: 0.4);
        pdf.TextRight(Right - 110, y, "Quantity", 9, grey: 0.4);
        pdf.TextRight(Right, y, "Amount", 9, grey: 0.4);
        pdf.Line(Left, y + 8, Right);
        y += 26;
        foreach (var line in invoice.Lines)
        {
            (pdf, y) = Room(pdf, y, 44);
            pdf.TextRight(Right - 110, y, line.Quantity ?? "1");
            pdf.TextRight(Right, y, line.Amount);
            foreach (var part in PdfWriter.Wrap(line.Text, Right - Left - 180))
            {
                pdf.Text(Left, y, part);
                y += 14;
            }
            if (line.Period is not null) pdf.Text(Left, y, line.Period, 9, grey: 0.4);
            y += line.Period is null ? 4 : 18;
            pdf.Line(Left, y - 6, Right, 0.9);
            y += 12;
        }
        return y;
    }

    private static (PdfWriter Pdf, double Y) Room(PdfWriter pdf, double y, double needed)
    {
        if (y + needed <= Bottom) return (pdf, y);
        pdf.NewPage();
        return (pdf, 76);
    }
}
