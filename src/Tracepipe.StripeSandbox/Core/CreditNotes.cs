using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What a credit note takes off an invoice, and where that goes.</summary>
/// <param name="Lines">Amount and, where it corrects a line of the invoice, that line's id.</param>
internal sealed record Credit(Doc Invoice, long Amount, long RefundAmount, long CreditAmount, long OutOfBandAmount, IReadOnlyList<(long Amount, string? Line, string? Description, long? Quantity)> Lines)
{
    public string? Reason { get; init; }
    public string? Memo { get; init; }
    public JsonObject? Metadata { get; init; }
    public long? EffectiveAt { get; init; }
}

/// <summary>Corrections of finalized invoices: an open one becomes cheaper, a paid one gives back.</summary>
internal static class CreditNotes
{
    public const string Kind = "credit_note";
    public const string LineKind = "credit_note_line_item";

    public static Doc Issue(UnitOfWork work, Credit credit)
    {
        var note = Draft(work, credit);
        var invoice = credit.Invoice;
        var number = invoice.Hidden.Long("credit_notes") + 1;
        invoice.Hidden.Set("credit_notes", number);
        note["number"] = $"{invoice["number"]}-CN-{number:00}";
        if (invoice.Status == "paid") GiveBack(work, credit, note);
        else InvoicePayments.Reduce(work, invoice, credit.Amount);
        work.Emit("credit_note.created", note);
        work.EmitUpdated("invoice.updated", invoice);
        return note;
    }

    /// <summary>The note without its effects; also what a preview shows.</summary>
    public static Doc Draft(UnitOfWork work, Credit credit)
    {
        Check(work, credit);
        var invoice = credit.Invoice;
        var paid = invoice.Status == "paid";
        var note = work.New(Kind, work.NewId("cn_"), invoice.Id);
        note.Set("created", Clocks.NowUnix(work, invoice.Customer));
        foreach (var name in (string[])["amount", "subtotal", "total"]) note.Set(name, credit.Amount);
        note.Set("subtotal_excluding_tax", credit.Amount);
        note.Set("total_excluding_tax", credit.Amount);
        note.Set("amount_shipping", 0L);
        note["currency"] = invoice["currency"];
        note["customer"] = invoice.Customer;
        note.Set("discount_amount", 0L);
        foreach (var name in (string[])["discount_amounts", "pretax_credit_amounts", "refunds", "total_taxes"]) note.Set(name, new JsonArray());
        note.Set("effective_at", credit.EffectiveAt ?? Clocks.NowUnix(work, invoice.Customer));
        note["invoice"] = invoice.Id;
        note["memo"] = credit.Memo;
        note.Set("metadata", credit.Metadata?.DeepClone() ?? new JsonObject());
        note["number"] = $"{invoice["number"]}-CN-01";
        note.Set("out_of_band_amount", paid ? credit.OutOfBandAmount : null);
        note["pdf"] = $"{work.Account.Origin}/cn/{note.Id}/pdf";
        note.Set("post_payment_amount", paid ? credit.Amount : 0L);
        note.Set("pre_payment_amount", paid ? 0L : credit.Amount);
        note["reason"] = credit.Reason;
        note.Status = "issued";
        note["type"] = paid ? "post_payment" : "pre_payment";
        foreach (var (amount, line, description, quantity) in credit.Lines) AddLine(work, note, invoice, amount, line, description, quantity);
        return note;
    }

    /// <summary>Undone, as long as no money has gone back.</summary>
    public static void Void(UnitOfWork work, Doc note)
    {
        var invoice = work.Get(Invoices.Kind, note["invoice"]!);
        if (note.Status == "void" || invoice.Status != "open") throw StripeError.Invalid("Only a credit note of an open invoice can be voided.", "id", "status_transition_invalid");
        note.Status = "void";
        note.Set("voided_at", Clocks.NowUnix(work, note.Customer));
        InvoicePayments.Reduce(work, invoice, -note.Long("amount"));
        work.Emit("credit_note.voided", note);
        work.EmitUpdated("invoice.updated", invoice);
    }

    /// <summary>What of an invoice was credited already.</summary>
    public static long Credited(UnitOfWork work, Doc invoice) => work.Children(invoice.Id, Kind).Where(n => n.Status == "issued").Sum(n => n.Long("amount"));

    private static void Check(UnitOfWork work, Credit credit)
    {
        var invoice = credit.Invoice;
        if (invoice.Status is not ("open" or "paid")) throw StripeError.Invalid($"An invoice that is {invoice.Status} cannot be credited.", "invoice");
        if (credit.Amount <= 0) throw StripeError.Invalid("A credit note is greater than nothing.", "amount");
        var most = invoice.Status == "open" ? invoice.Long("amount_remaining") : invoice.Long("total") - Credited(work, invoice);
        if (credit.Amount > most) throw StripeError.Invalid($"Only {most} of this invoice is left to credit.", "amount");
        var given = credit.RefundAmount + credit.CreditAmount + credit.OutOfBandAmount;
        if (invoice.Status == "paid" && given != credit.Amount)
            throw StripeError.Invalid("On a paid invoice refund_amount, credit_amount and out_of_band_amount add up to the amount.", "amount");
        if (invoice.Status == "open" && given != 0) throw StripeError.Invalid("An open invoice has nothing to give back yet.", "refund_amount");
        foreach (var (amount, line, _, _) in credit.Lines)
            if (line is not null && work.Get(Invoices.LineKind, line, "lines[0][invoice_line_item]") is var found && (found.Parent != invoice.Id || amount > found.Long("amount")))
                throw StripeError.Invalid("A line cannot give back more than it charged.", "lines[0][amount]");
    }

    private static void GiveBack(UnitOfWork work, Credit credit, Doc note)
    {
        var invoice = credit.Invoice;
        invoice.Set("post_payment_credit_notes_amount", invoice.Long("post_payment_credit_notes_amount") + credit.Amount);
        if (credit.CreditAmount > 0)
            note["customer_balance_transaction"] = Balances.Move(work, work.Get("customer", invoice.Customer!), -credit.CreditAmount, "credit_note", invoice["currency"]!, invoice.Id, note.Id)!.Id;
        if (credit.RefundAmount == 0) return;
        var charge = work.Get(Charges.Kind, InvoicePayments.Payment(work, invoice)["latest_charge"]!);
        var refund = Refunds.Make(work, charge, credit.RefundAmount, credit.Reason is "duplicate" or "fraudulent" ? credit.Reason : "requested_by_customer");
        note.Set("refunds", new JsonArray(new JsonObject { ["amount_refunded"] = credit.RefundAmount, ["payment_record_refund"] = null, ["refund"] = refund.Id, ["type"] = "refund" }));
        Refunds.Announce(work, refund);
    }

    private static void AddLine(UnitOfWork work, Doc note, Doc invoice, long amount, string? line, string? description, long? quantity)
    {
        var added = work.New(LineKind, work.NewId("cnli_"), note.Id);
        var corrected = work.Find(Invoices.LineKind, line);
        added.Set("amount", amount);
        added["description"] = description ?? corrected?["description"] ?? $"Correction of {invoice["number"]}";
        added.Set("discount_amount", 0L);
        foreach (var name in (string[])["discount_amounts", "pretax_credit_amounts", "tax_rates", "taxes"]) added.Set(name, new JsonArray());
        if (line is not null) added["invoice_line_item"] = line;
        added.Set("quantity", quantity);
        added.Set("unit_amount", quantity is null ? null : amount / Math.Max(1, quantity.Value));
        added["unit_amount_decimal"] = quantity is null ? null : Pricing.Text((decimal)amount / Math.Max(1, quantity.Value));
        added["type"] = line is null ? "custom_line_item" : "invoice_line_item";
    }
}
