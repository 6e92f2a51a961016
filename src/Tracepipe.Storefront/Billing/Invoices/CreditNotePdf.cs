using System.Globalization;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>A credit note on paper: which line of which invoice it corrects, why, and the way the amount went back.</summary>
internal sealed class CreditNotePdf : BillingPaper
{
    private CreditNotePdf(IssuedCreditNote note, Paper paper, string seller) : base("Credit note", note.Number, paper, seller, note.CreatedAt)
    {
    }

    /// <param name="invoice">The one it corrects, with its lines.</param>
    /// <param name="seller">The brand beside the logo.</param>
    public static byte[] Make(IssuedCreditNote note, InvoiceView invoice, Paper paper, string seller)
    {
        var line = invoice.Lines[note.Line - 1];
        var page = new CreditNotePdf(note, paper, seller);
        page.Head(invoice.BillFrom, invoice.BillTo, [("Credit note number", note.Number), ("Date of issue", Words.Day(note.CreatedAt)), ("Corrects invoice", invoice.Number ?? "draft"), ("of", Words.Day(invoice.FinalizedAt ?? invoice.CreatedAt))]);
        page.Headline($"{note.Amount} credited", note.Reason.ReplaceLineEndings(" "));
        page.ColumnHeads();
        page.Row($"Line {note.Line}: {line.Description}", note.Quantity.ToString("#,##0.############", CultureInfo.InvariantCulture), line.UnitPrice, -note.Amount);
        page.Totals([.. Ways(note)], "Credited", note.Amount);
        return page.Finish();
    }

    private static IEnumerable<(string, Money)> Ways(IssuedCreditNote note)
    {
        if (note.HeldBack.Minor > 0) yield return ("Was held back, not charged", note.HeldBack);
        if (note.Card.Minor > 0) yield return (note.IsRefund ? "To the card" : "Off the amount due", note.Card);
        if (note.Credits.Minor > 0) yield return ("To credits", note.Credits);
    }
}
