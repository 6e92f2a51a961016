using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>The beginning and the end of a customer: subscriptions end, methods are detached, and only the id stays behind.</summary>
internal static class Customers
{
    public static Doc Make(UnitOfWork work)
    {
        var customer = work.New("customer", work.NewId("cus_", 14));
        customer.Set("balance", 0L);
        customer.Set("address", null);
        customer.Set("currency", null);
        customer.Set("delinquent", false);
        customer.Set("discount", null);
        customer["invoice_prefix"] = work.NewId("", 8).ToUpperInvariant();
        customer.Set("invoice_settings", new JsonObject { ["custom_fields"] = null, ["default_payment_method"] = null, ["footer"] = null, ["rendering_options"] = null });
        customer.Set("name", null);
        customer.Set("next_invoice_sequence", 1);
        customer.Set("phone", null);
        customer.Set("preferred_locales", new JsonArray());
        customer["tax_exempt"] = "none";
        customer.Set("test_clock", null);
        return customer;
    }

    public static void Delete(UnitOfWork work, Doc customer)
    {
        foreach (var subscription in work.OfCustomer(customer.Id, Subscriptions.Kind).Where(s => !Subscriptions.IsOver(s))) Subscriptions.End(work, subscription, "cancellation_requested");
        foreach (var method in work.OfCustomer(customer.Id, PaymentMethods.Kind)) PaymentMethods.Detach(work, method);
        work.Emit("customer.deleted", customer);
        foreach (var name in customer.Json.Select(m => m.Key).Where(n => n is not ("id" or "object")).ToList()) customer.Remove(name);
        customer.Set("deleted", true);
    }
}
