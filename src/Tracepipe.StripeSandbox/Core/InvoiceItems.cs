using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>An amount that waits for its customer's next invoice.</summary>
internal static class InvoiceItems
{
    public const string Kind = "invoiceitem";

    public static Doc Make(UnitOfWork work, Doc customer, string currency, Line line)
    {
        var item = work.New(Kind, work.NewId("ii_"));
        item.Set("amount", line.Amount);
        item.Set("net_amount", line.Amount);
        item["currency"] = currency;
        item["customer"] = customer.Id;
        item.Set("date", Clocks.NowUnix(work, customer.Id));
        item["description"] = line.Description;
        item.Set("discountable", line.Discountable && !line.Proration);
        item.Set("discounts", new JsonArray());
        item.Set("metadata", line.Metadata?.DeepClone() ?? new JsonObject());
        item.Set("period", new JsonObject { ["start"] = line.Start, ["end"] = line.End });
        var quantity = line.Quantity ?? 1;
        item.Set("quantity", (long)decimal.Truncate(quantity));
        item["quantity_decimal"] = Pricing.Text(quantity);
        item.Set("pricing", line.Price is not { } price ? null : new JsonObject
        {
            ["price_details"] = new JsonObject { ["price"] = price.Id, ["product"] = price["product"] },
            ["type"] = "price_details",
            ["unit_amount_decimal"] = price["unit_amount_decimal"],
        });
        item.Set("proration", line.Proration);
        if (line.Proration) item.Set("proration_details", new JsonObject { ["credited_items"] = null, ["discount_amounts"] = new JsonArray() });
        if (line.Subscription is { } subscription)
        {
            var details = new JsonObject { ["subscription"] = subscription };
            if (line.Item is not null) details["subscription_item"] = line.Item;
            item.Set("parent", new JsonObject { ["subscription_details"] = details, ["type"] = "subscription_details" });
        }
        item.Hidden["subscription_item"] = line.Item;
        item.Set("tax_rates", new JsonArray());
        item["test_clock"] = customer["test_clock"];
        return item;
    }
}
