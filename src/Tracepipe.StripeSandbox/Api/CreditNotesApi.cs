using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Credit notes, and movements of the customer's balance.</summary>
internal static class CreditNotesApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        const string Parameters = "invoice amount credit_amount refund_amount out_of_band_amount lines[type] lines[amount] lines[description] lines[invoice_line_item] lines[quantity] lines[unit_amount] memo metadata reason effective_at";
        table.Add("POST /v1/credit_notes", call => call.Show(CreditNotes.Issue(call.Work, Read(call))), Parameters);
        table.Add("GET /v1/credit_notes/preview", call => call.Work.Rehearse(rehearsal =>
        {
            var inner = call with { Work = rehearsal };
            return inner.Show(CreditNotes.Draft(rehearsal, Read(inner)));
        }), Parameters);
        table.Add("GET /v1/credit_notes", List, Operations.Paging + " customer invoice");
        table.Add("GET /v1/credit_notes/{id}", call => call.Show(Find(call)));
        table.Add("POST /v1/credit_notes/{id}/void", call =>
        {
            var note = Find(call);
            CreditNotes.Void(call.Work, note);
            return call.Show(note);
        });
        table.Add("POST /v1/customers/{customer}/balance_transactions", Move, "amount currency description metadata");
        table.Add("GET /v1/customers/{customer}/balance_transactions", call => call.List(call.Work.OfCustomer(CustomersApi.Living(call.Work, call.Id).Id, Balances.Kind).Reverse()), Operations.Paging);
    }

    private static Doc Find(Call call) => call.Work.Get(CreditNotes.Kind, call.Id, "id");

    private static Credit Read(Call call)
    {
        var given = call.Params;
        var invoice = call.Work.Get(Invoices.Kind, given.Required("invoice"), "invoice");
        var lines = given.Groups("lines").Select(l => (Amount(l), l.Text("invoice_line_item"), l.Text("description"), l.Long("quantity"))).ToList();
        if (lines.Count > 0 == given.Long("amount") is not null) throw StripeError.Invalid("Exactly one of amount and lines is needed.", "amount", lines.Count > 0 ? "parameters_exclusive" : "parameter_missing");
        var amount = given.Long("amount") ?? lines.Sum(l => l.Item1);
        if (lines.Count == 0) lines.Add((amount, null, null, null));
        var (refund, credit, elsewhere) = (given.Long("refund_amount") ?? 0, given.Long("credit_amount") ?? 0, given.Long("out_of_band_amount") ?? 0);
        return new Credit(invoice, amount, refund, credit, elsewhere, lines) { Reason = given.Text("reason"), Memo = given.Text("memo"), Metadata = given.Group("metadata")?.Json, EffectiveAt = given.Long("effective_at") };
    }

    private static long Amount(Params line)
    {
        if (line.Required("type") == "invoice_line_item" && line.Text("invoice_line_item") is null) throw ParameterReader.Missing(line.Full("invoice_line_item"));
        return line.Long("amount") ?? (line.Long("unit_amount") ?? throw ParameterReader.Missing(line.Full("amount"))) * (line.Long("quantity") ?? 1);
    }

    private static JsonObject List(Call call)
    {
        var (customer, invoice) = (call.Params.Text("customer"), call.Params.Text("invoice"));
        return call.List(call.Work.All(CreditNotes.Kind).Where(n => (customer is null || n.Customer == customer) && (invoice is null || n["invoice"] == invoice)));
    }

    private static JsonObject Move(Call call)
    {
        var customer = CustomersApi.Living(call.Work, call.Id);
        var moved = Balances.Move(call.Work, customer, call.Params.Long("amount")!.Value, "adjustment", call.Params.Required("currency").ToLowerInvariant())
            ?? throw StripeError.Invalid("A movement of nothing is none.", "amount");
        call.CopyTexts(moved, "description");
        call.CopyMetadata(moved);
        return call.Show(moved);
    }
}
