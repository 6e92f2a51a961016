using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Customers: who owns payment methods and is billed.</summary>
internal static class CustomersApi
{
    private const string Writable = "address business_name description email individual_name invoice_prefix invoice_settings[default_payment_method] invoice_settings[footer] " +
        "invoice_settings[custom_fields] metadata name next_invoice_sequence phone preferred_locales shipping tax_exempt balance";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/customers", Create, Writable + " payment_method test_clock");
        table.Add("GET /v1/customers", List, Operations.Paging + " email test_clock");
        table.Add("GET /v1/customers/{customer}", call => Find(call, call.Id) is { } customer ? call.Show(customer) : throw StripeError.Missing("customer", call.Id));
        table.Add("POST /v1/customers/{customer}", Update, Writable);
        table.Add("DELETE /v1/customers/{customer}", Delete);
        table.Add("GET /v1/customers/{customer}/payment_methods", call => call.List(Methods(call)), Operations.Paging + " type");
        table.Add("GET /v1/customers/{customer}/payment_methods/{payment_method}", call =>
            call.Work.Find(PaymentMethods.Kind, call.Path[1]) is { } method && method.Customer == call.Id ? call.Show(method) : throw StripeError.Missing("payment method", call.Path[1], "payment_method"));
    }

    /// <summary>A customer that takes part in something new: a deleted one does not.</summary>
    public static Doc Living(UnitOfWork work, string id, string param = "customer") =>
        work.Find("customer", id) is { } customer && !customer.Flag("deleted") ? customer : throw StripeError.Missing("customer", id, param);

    private static Doc? Find(Call call, string id) => call.Work.Find("customer", id);

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var customer = Customers.Make(work);
        customer.Set("balance", given.Long("balance") ?? 0);
        if (given.Has("test_clock")) Clocks.Join(work, customer, given.Required("test_clock"));
        Take(call, customer);
        if (given.Text("payment_method") is { } method)
            PaymentMethods.Attach(work, PaymentMethodsApi.Resolve(work, method, "payment_method"), customer);
        work.Emit("customer.created", customer);
        return call.Show(customer);
    }

    private static JsonObject Update(Call call)
    {
        var customer = Living(call.Work, call.Id, "id");
        if (call.Params.Long("balance") is { } balance) customer.Set("balance", balance);
        Take(call, customer);
        call.Work.EmitUpdated("customer.updated", customer);
        return call.Show(customer);
    }

    private static void Take(Call call, Doc customer)
    {
        var given = call.Params;
        call.CopyTexts(customer, "business_name", "description", "email", "individual_name", "invoice_prefix", "name", "phone");
        foreach (var optional in (string[])["business_name", "individual_name"])
            if (given.Has(optional) && given.Text(optional) is null) customer.Remove(optional);
        if (given.Text("email") is { } email && !email.Contains('@', StringComparison.Ordinal)) throw StripeError.Invalid("This is not an e-mail address.", "email", "email_invalid");
        if (given.Has("tax_exempt")) customer["tax_exempt"] = given.Text("tax_exempt") ?? "none";
        if (given.Long("next_invoice_sequence") is { } next) customer.Set("next_invoice_sequence", next);
        if (given.Has("address")) customer.Set("address", Address(given.Group("address")));
        if (given.Has("shipping")) customer.Set("shipping", Shipping(given.Group("shipping")));
        if (given.Has("preferred_locales")) customer.Set("preferred_locales", given.Json["preferred_locales"]!.DeepClone());
        call.CopyMetadata(customer);
        if (given.Group("invoice_settings") is not { } settings) return;
        if (settings.Has("footer")) customer["invoice_settings.footer"] = settings.Text("footer");
        if (settings.Has("custom_fields")) customer.Set("invoice_settings.custom_fields", settings.Clears("custom_fields") ? null : settings.Json["custom_fields"]!.DeepClone());
        if (!settings.Has("default_payment_method")) return;
        var method = settings.Text("default_payment_method");
        if (method is not null && call.Work.Find(PaymentMethods.Kind, method) is not { } found)
            throw StripeError.Missing("payment method", method, "invoice_settings[default_payment_method]");
        if (method is not null && call.Work.Find(method)!.Customer != customer.Id)
            throw StripeError.Invalid("The default payment method must be attached to the customer first.", "invoice_settings[default_payment_method]", "payment_method_unexpected_state");
        customer["invoice_settings.default_payment_method"] = method;
    }

    public static JsonObject? Address(Params? given)
    {
        if (given is null) return null;
        var address = PaymentMethods.EmptyAddress();
        foreach (var name in given.Names) address[name] = given.Text(name);
        return address;
    }

    private static JsonObject? Shipping(Params? given)
    {
        if (given is null) return null;
        var shipping = new JsonObject { ["address"] = Address(given.Group("address")), ["name"] = given.Required("name") };
        if (given.Has("phone")) shipping["phone"] = given.Text("phone");
        return shipping;
    }

    private static JsonObject List(Call call)
    {
        var (email, clock) = (call.Params.Text("email"), call.Params.Text("test_clock"));
        return call.List(call.Work.All("customer").Where(c => !c.Flag("deleted") && (email is null || c["email"] == email) && c["test_clock"] == clock));
    }

    private static JsonObject Delete(Call call)
    {
        var customer = Living(call.Work, call.Id, "id");
        Customers.Delete(call.Work, customer);
        return call.Show(customer);
    }

    private static IEnumerable<Doc> Methods(Call call)
    {
        Living(call.Work, call.Id, "customer");
        var type = call.Params.Text("type");
        return call.Work.OfCustomer(call.Id, PaymentMethods.Kind).Where(m => type is null || m["type"] == type).Reverse();
    }
}
