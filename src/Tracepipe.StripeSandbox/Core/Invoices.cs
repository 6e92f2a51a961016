using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>One line before it is written: what is charged for which period.</summary>
internal sealed record Line(long Amount, string Description, long Start, long End)
{
    public Doc? Price { get; init; }
    public decimal? Quantity { get; init; }

    /// <summary>The subscription item that is billed.</summary>
    public string? Item { get; init; }
    public string? Subscription { get; init; }

    /// <summary>The invoice item that became this line.</summary>
    public string? InvoiceItem { get; init; }
    public bool Proration { get; init; }
    public bool Discountable { get; init; } = true;
    public JsonNode? Metadata { get; init; }
}

/// <summary>Invoices as documents: how one is made, what stands on it, what it adds up to.</summary>
internal static class Invoices
{
    public const string Kind = "invoice";
    public const string LineKind = "line_item";

    public static Doc Make(UnitOfWork work, Doc customer, string currency, string reason, Doc? subscription)
    {
        var invoice = work.New(Kind, work.NewId("in_"));
        var now = Clocks.NowUnix(work, customer.Id);
        invoice.Set("created", now);
        foreach (var amount in (string[])["amount_due", "amount_overpaid", "amount_paid", "amount_remaining", "amount_shipping", "attempt_count", "post_payment_credit_notes_amount", "pre_payment_credit_notes_amount", "starting_balance", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"])
            invoice.Set(amount, 0L);
        invoice["account_country"] = "US";
        invoice["account_name"] = "Billing sandbox";
        invoice.Set("attempted", false);
        invoice.Set("auto_advance", subscription is not null);
        invoice.Set("automatic_tax", new JsonObject { ["disabled_reason"] = null, ["enabled"] = false, ["liability"] = null, ["provider"] = null, ["status"] = null });
        invoice["billing_reason"] = reason;
        invoice["collection_method"] = "charge_automatically";
        invoice["currency"] = currency;
        invoice["customer"] = customer.Id;
        CopyCustomer(invoice, customer);
        foreach (var list in (string[])["default_tax_rates", "discounts", "total_discount_amounts", "total_pretax_credit_amounts", "total_taxes"]) invoice.Set(list, new JsonArray());
        invoice.Set("issuer", new JsonObject { ["type"] = "self" });
        invoice.Set("parent", subscription is null ? null : new JsonObject
        {
            ["quote_details"] = null,
            ["subscription_details"] = new JsonObject { ["metadata"] = subscription.Node("metadata")!.DeepClone(), ["subscription"] = subscription.Id },
            ["type"] = "subscription_details",
        });
        invoice.Set("payment_settings", new JsonObject { ["default_mandate"] = null, ["payment_method_options"] = null, ["payment_method_types"] = null });
        invoice.Set("period_start", now);
        invoice.Set("period_end", now);
        invoice.Status = "draft";
        invoice.Set("status_transitions", new JsonObject { ["finalized_at"] = null, ["marked_uncollectible_at"] = null, ["paid_at"] = null, ["voided_at"] = null });
        invoice["test_clock"] = customer["test_clock"];
        return invoice;
    }

    public static string? SubscriptionOf(Doc invoice) => invoice["parent.subscription_details.subscription"];

    public static IEnumerable<Doc> Lines(UnitOfWork work, Doc invoice) => work.Children(invoice.Id, LineKind);

    /// <summary>Whether a number stands on an invoice already: of one customer, or of any.</summary>
    public static bool IsTaken(UnitOfWork work, string number, string? customer = null) =>
        (customer is null ? work.All(Kind) : work.OfCustomer(customer, Kind)).Any(i => i["number"] == number);

    public static Doc AddLine(UnitOfWork work, Doc invoice, Line line)
    {
        var added = work.New(LineKind, work.NewId("il_"), invoice.Id);
        added.Set("amount", line.Amount);
        added.Set("subtotal", line.Amount);
        added["currency"] = invoice["currency"];
        added["description"] = line.Description;
        foreach (var list in (string[])["discount_amounts", "discounts", "pretax_credit_amounts", "taxes"]) added.Set(list, new JsonArray());
        added.Set("discountable", line.Discountable && !line.Proration);
        added["invoice"] = invoice.Id;
        added.Set("metadata", line.Metadata?.DeepClone() ?? new JsonObject());
        added.Set("parent", Parent(line));
        added.Set("period", new JsonObject { ["start"] = line.Start, ["end"] = line.End });
        added.Set("pricing", line.Price is not { } price ? null : new JsonObject
        {
            ["price_details"] = new JsonObject { ["price"] = price.Id, ["product"] = price["product"] },
            ["type"] = "price_details",
            ["unit_amount_decimal"] = price["unit_amount_decimal"],
        });
        added.Set("quantity", line.Quantity is { } quantity ? (long)decimal.Truncate(quantity) : null);
        added["quantity_decimal"] = line.Quantity is { } exact ? Pricing.Text(exact) : null;
        added["subscription"] = line.Subscription;
        return added;
    }

    /// <summary>Adds everything up again: lines, discounts, the customer's balance.</summary>
    public static void Total(UnitOfWork work, Doc invoice)
    {
        var lines = Lines(work, invoice).ToList();
        var discounted = Discounts.Apply(work, invoice, lines);
        var subtotal = lines.Sum(l => l.Long("amount"));
        invoice.Set("subtotal", subtotal);
        invoice.Set("subtotal_excluding_tax", subtotal);
        invoice.Set("total", subtotal - discounted);
        invoice.Set("total_excluding_tax", subtotal - discounted);
        if (invoice.Status == "draft") invoice.Set("starting_balance", work.Get("customer", invoice.Customer!).Long("balance"));
        Due(invoice, Math.Max(0, invoice.Long("total") + invoice.Long("starting_balance")));
    }

    /// <summary>What is asked for, and what of it is still open.</summary>
    public static void Due(Doc invoice, long amount)
    {
        invoice.Set("amount_due", amount);
        invoice.Set("amount_remaining", amount - invoice.Long("amount_paid"));
    }

    /// <summary>Takes the pending items of a customer onto a draft: those of its subscription, or those of none.</summary>
    public static void Pull(UnitOfWork work, Doc invoice, Func<Doc, bool> wanted)
    {
        foreach (var item in work.OfCustomer(invoice.Customer!, InvoiceItems.Kind).Where(i => i["invoice"] is null && i["currency"] == invoice["currency"] && wanted(i))) Take(work, invoice, item);
    }

    public static void Take(UnitOfWork work, Doc invoice, Doc item)
    {
        item["invoice"] = invoice.Id;
        AddLine(work, invoice, new Line(item.Long("amount"), item["description"] ?? "", item.Long("period.start"), item.Long("period.end"))
        {
            Price = work.Find(item["pricing.price_details.price"]),
            Quantity = Pricing.Decimal(item["quantity_decimal"]),
            Item = item.Hidden["subscription_item"],
            Subscription = item["parent.subscription_details.subscription"],
            InvoiceItem = item.Id,
            Proration = item.Flag("proration"),
            Discountable = item.Flag("discountable"),
            Metadata = item.Node("metadata"),
        });
    }

    /// <summary>Only a draft can be thrown away; its items wait for another invoice again.</summary>
    public static void Delete(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status != "draft") throw NotEditable(invoice);
        foreach (var line in Lines(work, invoice)) work.Delete(line);
        foreach (var item in work.OfCustomer(invoice.Customer!, InvoiceItems.Kind).Where(i => i["invoice"] == invoice.Id)) item.Set("invoice", null);
        work.Emit("invoice.deleted", invoice);
        work.Delete(invoice);
    }

    public static StripeError NotEditable(Doc invoice, string verb = "changed") =>
        StripeError.Invalid($"An invoice that is {invoice.Status} cannot be {verb}.", "invoice", "invoice_not_editable");

    public static void CopyCustomer(Doc invoice, Doc customer)
    {
        foreach (var name in (string[])["address", "email", "name", "phone", "shipping", "tax_exempt"]) invoice.Set($"customer_{name}", customer.Node(name)?.DeepClone());
        invoice.Set("customer_tax_ids", new JsonArray());
    }

    private static JsonObject? Parent(Line line) => line switch
    {
        { Item: { } item } => new JsonObject
        {
            ["invoice_item_details"] = null,
            ["subscription_item_details"] = new JsonObject
            {
                ["invoice_item"] = line.InvoiceItem, ["proration"] = line.Proration, ["proration_details"] = new JsonObject { ["credited_items"] = null },
                ["subscription"] = line.Subscription, ["subscription_item"] = item,
            },
            ["type"] = "subscription_item_details",
        },
        { InvoiceItem: { } item } => new JsonObject
        {
            ["invoice_item_details"] = new JsonObject { ["invoice_item"] = item, ["proration"] = line.Proration, ["proration_details"] = null, ["subscription"] = line.Subscription },
            ["subscription_item_details"] = null,
            ["type"] = "invoice_item_details",
        },
        _ => null,
    };
}
