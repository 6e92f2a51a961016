using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Invoices, the items that wait for them, and their payments.</summary>
internal static class InvoicesApi
{
    private const string Writable = "auto_advance collection_method custom_fields days_until_due default_payment_method description discounts due_date effective_at footer metadata statement_descriptor automatic_tax[enabled]";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/invoices", Create, Writable + " customer currency subscription pending_invoice_items_behavior number");
        table.Add("GET /v1/invoices", List, Operations.Paging + " customer subscription status collection_method due_date");
        table.Add("GET /v1/invoices/{invoice}", call => call.Show(Find(call)));
        table.Add("POST /v1/invoices/{invoice}", Update, Writable + " number");
        table.Add("DELETE /v1/invoices/{invoice}", call =>
        {
            Invoices.Delete(call.Work, Find(call));
            return Call.Tombstone(call.Id, Invoices.Kind);
        });
        table.Add("GET /v1/invoices/{invoice}/lines", call => call.List(Invoices.Lines(call.Work, Find(call))), "limit starting_after ending_before");
        table.Add("POST /v1/invoices/{invoice}/finalize", Finalize, "auto_advance");
        table.Add("POST /v1/invoices/{invoice}/pay", Pay, "payment_method off_session paid_out_of_band");
        table.Add("POST /v1/invoices/{invoice}/send", Send);
        table.Add("POST /v1/invoices/{invoice}/void", Then(InvoicePayments.Void));
        table.Add("POST /v1/invoices/{invoice}/mark_uncollectible", Then(InvoicePayments.MarkUncollectible));
        table.Add("GET /v1/invoice_payments", Payments, Operations.Paging + " invoice payment status");
        table.Add("GET /v1/invoice_payments/{invoice_payment}", call => call.Show(call.Work.Get(InvoicePayments.Kind, call.Id, "invoice_payment")));
    }

    private static Doc Find(Call call) => call.Work.Get(Invoices.Kind, call.Id, "invoice");

    private static Func<Call, JsonObject> Then(Action<UnitOfWork, Doc> act) => call =>
    {
        var invoice = Find(call);
        act(call.Work, invoice);
        return call.Show(invoice);
    };

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        SubscriptionsApi.CheckMode(given);
        var subscription = given.Text("subscription") is { } id ? work.Get(Subscriptions.Kind, id, "subscription") : null;
        var customer = CustomersApi.Living(work, given.Text("customer") ?? subscription?.Customer ?? throw ParameterReader.Missing("customer"));
        var invoice = Invoices.Make(work, customer, (given.Text("currency") ?? customer["currency"] ?? subscription?["currency"] ?? "usd").ToLowerInvariant(), "manual", subscription);
        invoice.Set("auto_advance", given.Flag("auto_advance") ?? false);
        if (given.Text("pending_invoice_items_behavior") == "include")
            Invoices.Pull(work, invoice, i => subscription is null ? i.Node("parent") is null : i["parent.subscription_details.subscription"] == subscription.Id);
        Take(call, invoice);
        Invoices.Total(work, invoice);
        InvoiceTimers.Announce(work, invoice);
        return call.Show(invoice);
    }

    private static JsonObject Update(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var invoice = Find(call);
        if (invoice.Status != "draft" && given.Names.Any(n => n is not ("metadata" or "auto_advance" or "default_payment_method" or "expand" or "footer" or "description"))) throw Invoices.NotEditable(invoice);
        if (invoice.Status is "paid" or "void" && given.Names.Any(n => n is not ("metadata" or "expand"))) throw Invoices.NotEditable(invoice);
        if (given.Flag("auto_advance") is { } advance) invoice.Set("auto_advance", advance);
        Take(call, invoice);
        if (invoice.Status == "draft")
        {
            Invoices.Total(work, invoice);
            if (invoice.Flag("auto_advance") && invoice.Node("automatically_finalizes_at") is null) Schedule(work, invoice);
        }
        work.EmitUpdated("invoice.updated", invoice);
        return call.Show(invoice);
    }

    private static void Schedule(UnitOfWork work, Doc invoice)
    {
        var at = (Clocks.Now(work, invoice.Customer) + InvoiceTimers.Grace).ToUnixTimeSeconds();
        invoice.Set("automatically_finalizes_at", at);
        Agenda.Set(work, invoice, at);
    }

    private static void Take(Call call, Doc invoice)
    {
        var (work, given) = (call.Work, call.Params);
        call.CopyTexts(invoice, "description", "footer", "statement_descriptor");
        call.CopyMetadata(invoice);
        if (given.Has("number")) Number(work, invoice, given.Text("number"));
        if (given.Has("custom_fields")) invoice.Set("custom_fields", given.Clears("custom_fields") ? null : given.Json["custom_fields"]!.DeepClone());
        if (given.Text("collection_method") is { } method) invoice["collection_method"] = method;
        if (given.Has("due_date") || given.Has("days_until_due"))
        {
            if (invoice["collection_method"] != "send_invoice") throw StripeError.Invalid("Only an invoice that is sent has a due date.", given.Has("due_date") ? "due_date" : "days_until_due");
            invoice.Set("due_date", given.Long("due_date") ?? invoice.Long("created") + (given.Long("days_until_due") * 86400));
        }
        if (given.Long("effective_at") is { } effective) invoice.Set("effective_at", effective);
        if (given.Has("default_payment_method")) invoice["default_payment_method"] = given.Text("default_payment_method") is { } id ? Method(work, id, invoice.Customer!).Id : null;
        if (given.Has("discounts")) invoice.Set("discounts", Discounts.Choose(work, DiscountsApi.Read(given), invoice));
    }

    /// <summary>A number of the account's own; given empty, finalization numbers it.</summary>
    private static void Number(UnitOfWork work, Doc invoice, string? number)
    {
        if (number == invoice["number"]) return;
        if (number is not null && Invoices.IsTaken(work, number)) throw StripeError.Invalid("Another invoice has this number already.", "number");
        invoice["number"] = number;
    }

    private static Doc Method(UnitOfWork work, string id, string customer)
    {
        var method = PaymentMethodsApi.Resolve(work, id, "payment_method");
        PaymentMethods.EnsureUsable(method, customer);
        return method;
    }

    private static JsonObject Finalize(Call call)
    {
        var invoice = Find(call);
        if (call.Params.Flag("auto_advance") is { } advance) invoice.Set("auto_advance", advance);
        InvoicePayments.Finalize(call.Work, invoice);
        // The automatic try follows by itself, as it would after the hour of grace.
        if (invoice.Status == "open" && invoice.Flag("auto_advance") && invoice["collection_method"] == "charge_automatically")
            Agenda.Set(call.Work, invoice, (Clocks.Now(call.Work, invoice.Customer) + InvoiceTimers.Grace).ToUnixTimeSeconds());
        return call.Show(invoice);
    }

    private static JsonObject Pay(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var invoice = Find(call);
        if (invoice.Status == "paid") throw StripeError.Invalid("The invoice is paid already.", "invoice", "invoice_not_editable");
        if (given.Flag("paid_out_of_band") == true) InvoicePayments.PaidElsewhere(work, invoice);
        else
        {
            var method = given.Text("payment_method") is { } id ? Method(work, id, invoice.Customer!) : null;
            if (InvoicePayments.Pay(work, invoice, new Collection(method, given.Flag("off_session") ?? true)) is { } refusal) throw refusal;
        }
        return call.Show(invoice);
    }

    private static JsonObject Send(Call call)
    {
        var invoice = Find(call);
        if (invoice.Status == "draft") InvoicePayments.Finalize(call.Work, invoice);
        if (invoice.Status != "open") throw Invoices.NotEditable(invoice, "sent");
        call.Work.New("_mail", call.Work.NewId("mail_"), invoice.Id).Hidden["to"] = invoice["customer_email"];
        call.Work.Emit("invoice.sent", invoice);
        return call.Show(invoice);
    }

    private static JsonObject List(Call call)
    {
        var given = call.Params;
        var all = given.Text("customer") is { } customer ? call.Work.OfCustomer(customer, Invoices.Kind).Reverse() : call.Work.All(Invoices.Kind);
        return call.List(all.Where(i =>
            (given.Text("subscription") is not { } subscription || Invoices.SubscriptionOf(i) == subscription)
            && (given.Text("status") is not { } status || i.Status == status)
            && (given.Text("collection_method") is not { } method || i["collection_method"] == method)
            && call.Within("due_date", i.LongOrNull("due_date"))));
    }

    private static JsonObject Payments(Call call)
    {
        var given = call.Params;
        var all = given.Text("invoice") is { } invoice ? call.Work.Children(invoice, InvoicePayments.Kind).Reverse() : call.Work.All(InvoicePayments.Kind);
        var payment = given.Group("payment");
        return call.List(all.Where(p =>
            (given.Text("status") is not { } status || p.Status == status) && (payment?.Text("payment_intent") is not { } intent || p["payment.payment_intent"] == intent)));
    }
}

/// <summary>Invoice items.</summary>
internal static class InvoiceItemsApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/invoiceitems", Create, "customer amount currency description discountable invoice metadata period price_data pricing[price] quantity quantity_decimal subscription unit_amount_decimal");
        table.Add("GET /v1/invoiceitems", List, Operations.Paging + " customer invoice pending");
        table.Add("GET /v1/invoiceitems/{invoiceitem}", call => call.Show(call.Work.Get(InvoiceItems.Kind, call.Id, "invoiceitem")));
        table.Add("DELETE /v1/invoiceitems/{invoiceitem}", Delete);
    }

    /// <summary>What is asked for, priced.</summary>
    public static Line Read(Call call, Params given, long now)
    {
        var price = given.Group("price_data") is not null ? CatalogueApi.Resolve(call, given)
            : given.Group("pricing")?.Text("price") is { } id ? call.Work.Get(Prices.Kind, id, "pricing[price]") : given.Text("price") is { } plain ? call.Work.Get(Prices.Kind, plain, "price") : null;
        if (price is not null && Pricing.IsRecurring(price)) throw StripeError.Invalid("An invoice item needs a price that is paid once.", "pricing[price]");
        var quantity = Pricing.Decimal(given.Text("quantity_decimal")) ?? given.Long("quantity") ?? 1;
        var unit = given.Text("unit_amount_decimal") is { } exact ? Pricing.Decimal(exact) : null;
        var ways = (price is null ? 0 : 1) + (unit is null ? 0 : 1) + (given.Long("amount") is null ? 0 : 1);
        if (ways != 1) throw StripeError.Invalid("Exactly one of amount, unit_amount_decimal and a price is needed.", "amount", ways == 0 ? "parameter_missing" : "parameters_exclusive");
        var amount = given.Long("amount") ?? (price is not null ? Pricing.Amount(price, quantity) : Pricing.Round(unit!.Value * quantity));
        var period = given.Group("period");
        return new Line(amount, given.Text("description") ?? (price is null ? "" : Prices.Name(call.Work, price)), period?.Long("start") ?? now, period?.Long("end") ?? now)
        {
            Price = price, Quantity = quantity, Subscription = given.Text("subscription"), Discountable = given.Flag("discountable") ?? amount >= 0, Metadata = given.Group("metadata")?.Json,
        };
    }

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var invoice = given.Text("invoice") is { } id ? work.Get(Invoices.Kind, id, "invoice") : null;
        if (invoice is not null && invoice.Status != "draft") throw Invoices.NotEditable(invoice);
        var customer = CustomersApi.Living(work, given.Text("customer") ?? invoice?.Customer ?? throw ParameterReader.Missing("customer"));
        if (invoice is not null && invoice.Customer != customer.Id) throw StripeError.Invalid("The invoice belongs to another customer.", "invoice");
        if (given.Text("subscription") is { } subscription && work.Get(Subscriptions.Kind, subscription, "subscription").Customer != customer.Id) throw StripeError.Missing("subscription", subscription, "subscription");
        var line = Read(call, given, Clocks.NowUnix(work, customer.Id));
        var currency = (given.Text("currency") ?? line.Price?["currency"] ?? customer["currency"] ?? throw ParameterReader.Missing("currency")).ToLowerInvariant();
        if (invoice is not null && invoice["currency"] != currency) throw StripeError.Invalid("An invoice has one currency.", "currency");
        var item = InvoiceItems.Make(work, customer, currency, line);
        if (invoice is not null)
        {
            Invoices.Take(work, invoice, item);
            Invoices.Total(work, invoice);
            work.EmitUpdated("invoice.updated", invoice);
        }
        work.Emit("invoiceitem.created", item);
        return call.Show(item);
    }

    private static JsonObject List(Call call)
    {
        var given = call.Params;
        var all = given.Text("customer") is { } customer ? call.Work.OfCustomer(customer, InvoiceItems.Kind).Reverse() : call.Work.All(InvoiceItems.Kind);
        return call.List(all.Where(i =>
            (given.Text("invoice") is not { } invoice || i["invoice"] == invoice) && (given.Flag("pending") is not { } pending || i["invoice"] is null == pending)));
    }

    private static JsonObject Delete(Call call)
    {
        var item = call.Work.Get(InvoiceItems.Kind, call.Id, "invoiceitem");
        if (call.Work.Find(Invoices.Kind, item["invoice"]) is { } invoice)
        {
            if (invoice.Status != "draft") throw Invoices.NotEditable(invoice);
            foreach (var line in Invoices.Lines(call.Work, invoice))
                if (line["parent.invoice_item_details.invoice_item"] == item.Id || line["parent.subscription_item_details.invoice_item"] == item.Id) call.Work.Delete(line);
            Invoices.Total(call.Work, invoice);
            call.Work.EmitUpdated("invoice.updated", invoice);
        }
        call.Work.Emit("invoiceitem.deleted", item);
        call.Work.Delete(item);
        return Call.Tombstone(call.Id, InvoiceItems.Kind);
    }
}
