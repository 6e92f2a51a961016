using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What an object always shows of others that belong to it.</summary>
internal static class Embedding
{
    private const int LinesShown = 10;

    public static void Fill(IObjects objects, string id, string kind, JsonObject body)
    {
        switch (kind)
        {
            case Subscriptions.Kind:
                body["items"] = List(objects.Children(id, Subscriptions.Item).Select(i => Rendering.Render(objects, i)), $"/v1/subscription_items?subscription={id}");
                break;
            case Subscriptions.Item:
                var price = body["price"]!.GetValue<string>();
                body["price"] = Rendering.Render(objects, price);
                body["plan"] = Plan(objects, price);
                break;
            case CheckoutSessions.LineKind:
                body["price"] = Rendering.Render(objects, body["price"]!.GetValue<string>());
                break;
            case Invoices.Kind:
                var lines = objects.Children(id, Invoices.LineKind).ToList();
                body["lines"] = List(lines.Take(LinesShown).Select(l => Rendering.Render(objects, l)), $"/v1/invoices/{id}/lines", lines.Count > LinesShown);
                HostedLinks.Fill(objects.Account, objects.Hidden(id)!, body);
                break;
            case CreditNotes.Kind:
                body["lines"] = List(objects.Children(id, CreditNotes.LineKind).Select(l => Rendering.Render(objects, l)), $"/v1/credit_notes/{id}/lines");
                break;
        }
    }

    public static JsonObject List(IEnumerable<JsonNode?> data, string url, bool more = false) =>
        new() { ["object"] = "list", ["data"] = new JsonArray([.. data]), ["has_more"] = more, ["url"] = url };

    /// <summary>A recurring price in the shape that it had before prices.</summary>
    public static JsonObject Plan(IObjects objects, string price)
    {
        var from = objects.Body(price)!;
        var recurring = from["recurring"]!;
        return new JsonObject
        {
            ["id"] = price, ["object"] = "plan", ["active"] = from["active"]!.DeepClone(), ["amount"] = from["unit_amount"]?.DeepClone(), ["amount_decimal"] = from["unit_amount_decimal"]?.DeepClone(),
            ["billing_scheme"] = from["billing_scheme"]!.DeepClone(), ["created"] = from["created"]!.DeepClone(), ["currency"] = from["currency"]!.DeepClone(),
            ["interval"] = recurring["interval"]!.DeepClone(), ["interval_count"] = recurring["interval_count"]!.DeepClone(), ["livemode"] = false, ["metadata"] = from["metadata"]!.DeepClone(),
            ["meter"] = recurring["meter"]?.DeepClone(), ["nickname"] = from["nickname"]?.DeepClone(), ["product"] = from["product"]!.DeepClone(), ["tiers_mode"] = from["tiers_mode"]?.DeepClone(),
            ["transform_usage"] = from["transform_quantity"]?.DeepClone(), ["trial_period_days"] = null, ["usage_type"] = recurring["usage_type"]!.DeepClone(),
        };
    }
}

/// <summary>What an object shows of others only when asked by <c>expand[]</c>.</summary>
internal static class Includes
{
    private static readonly Dictionary<(string Kind, string Member), Func<IObjects, string, JsonNode?>> Table = new()
    {
        [("customer", "sources")] = (_, id) => Embedding.List([], $"/v1/customers/{id}/sources"),
        [("customer", "tax_ids")] = (_, id) => Embedding.List([], $"/v1/customers/{id}/tax_ids"),
        [("customer", "subscriptions")] = (objects, id) => Embedding.List(
            objects.Children(id, Subscriptions.Kind).Where(s => objects.Body(s)!["status"]!.GetValue<string>() is not ("canceled" or "incomplete_expired")).Reverse().Take(10).Select(s => Rendering.Render(objects, s)), $"/v1/customers/{id}/subscriptions"),
        [(Prices.Kind, "tiers")] = (objects, id) => objects.Hidden(id)!["tiers"]?.DeepClone(),
        [(Invoices.Kind, "payments")] = (objects, id) => Embedding.List(objects.Children(id, InvoicePayments.Kind).Select(p => Rendering.Render(objects, p)), $"/v1/invoice_payments?invoice={id}"),
        [(Invoices.Kind, "confirmation_secret")] = ConfirmationSecret,
        [(CheckoutSessions.Kind, "line_items")] = (objects, id) => Embedding.List(objects.Children(id, CheckoutSessions.LineKind).Select(l => Rendering.Render(objects, l)), $"/v1/checkout/sessions/{id}/line_items"),
        [(Discounts.Coupon, "applies_to")] = (objects, id) => objects.Hidden(id)!["products"] is { } products ? new JsonObject { ["products"] = products.DeepClone() } : null,
    };

    /// <summary>Lists of ids that may be asked for as lists of objects.</summary>
    private static readonly HashSet<string> ExpandableLists = ["discounts"];

    public static Func<IObjects, string, JsonNode?>? Find(string? kind, string member) => kind is null ? null : Table.GetValueOrDefault((kind, member));

    public static bool IsExpandable(Schema schema, string member) => schema.Expandable.Contains(member) || ExpandableLists.Contains(member);

    private static JsonObject? ConfirmationSecret(IObjects objects, string invoice) =>
        objects.Body(invoice)!["status"]!.GetValue<string>() == "open"
        && objects.Children(invoice, InvoicePayments.Kind).Select(p => objects.Body(p)!["payment"]!["payment_intent"]!.GetValue<string>()).LastOrDefault() is { } intent
            ? new JsonObject { ["client_secret"] = objects.Body(intent)!["client_secret"]!.DeepClone(), ["type"] = "payment_intent" } : null;
}
