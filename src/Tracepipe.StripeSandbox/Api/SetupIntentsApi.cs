using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Setup intents and their attempts.</summary>
internal static class SetupIntentsApi
{
    /// <summary>The part of <c>payment_method_data</c> that is used.</summary>
    public const string MethodData = "payment_method_data[type] payment_method_data[card] payment_method_data[link] payment_method_data[billing_details][address] " +
        "payment_method_data[billing_details][email] payment_method_data[billing_details][name] payment_method_data[billing_details][phone] payment_method_data[allow_redisplay] payment_method_data[metadata]";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/setup_intents", Create, $"customer description metadata payment_method {MethodData} usage confirm return_url use_stripe_sdk automatic_payment_methods");
        table.Add("GET /v1/setup_intents", List, Operations.Paging + " customer payment_method");
        table.Add("GET /v1/setup_intents/{intent}", call => call.Show(Find(call)), "client_secret");
        table.Add("POST /v1/setup_intents/{intent}", Update, $"customer description metadata payment_method {MethodData}");
        table.Add("POST /v1/setup_intents/{intent}/confirm", call =>
        {
            var intent = Find(call);
            Confirm(call, intent);
            return call.Show(intent);
        }, $"client_secret payment_method {MethodData} return_url use_stripe_sdk mandate_data");
        table.Add("POST /v1/setup_intents/{intent}/cancel", call =>
        {
            var intent = Find(call);
            SetupIntents.Cancel(call.Work, intent, call.Params.Text("cancellation_reason"));
            return call.Show(intent);
        }, "cancellation_reason");
        table.Add("GET /v1/setup_attempts", call => call.List(call.Work.Children(call.Work.Get(SetupIntents.Kind, call.Params.Required("setup_intent"), "setup_intent").Id, "setup_attempt").Reverse()),
            Operations.Paging + " setup_intent");
    }

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var customer = given.Text("customer") is { } id ? CustomersApi.Living(work, id).Id : null;
        var intent = SetupIntents.Make(work, customer, given.Text("usage") ?? "off_session");
        var automatic = given.Group("automatic_payment_methods");
        intent.Set("automatic_payment_methods", automatic is null || automatic.Flag("enabled") != true ? null
            : new JsonObject { ["allow_redirects"] = automatic.Text("allow_redirects") ?? "always", ["enabled"] = true });
        intent["description"] = given.Text("description");
        call.CopyMetadata(intent);
        work.Emit("setup_intent.created", intent);
        Choose(call, intent);
        if (given.Flag("confirm") == true) Confirm(call, intent);
        else if (given.Has("return_url")) throw StripeError.Invalid("A return_url makes sense only with confirm=true.", "return_url");
        return call.Show(intent);
    }

    private static JsonObject Update(Call call)
    {
        var intent = Find(call);
        if (intent.Status is "succeeded" or "canceled") throw SetupIntents.Unexpected(intent, "changed");
        if (call.Params.Text("customer") is { } customer)
        {
            if (intent.Customer is { } current && current != customer) throw StripeError.Invalid("The customer of a setup intent cannot be changed.", "customer", "setup_intent_invalid_parameter");
            intent["customer"] = CustomersApi.Living(call.Work, customer).Id;
        }
        call.CopyTexts(intent, "description");
        call.CopyMetadata(intent);
        Choose(call, intent);
        return call.Show(intent);
    }

    private static void Confirm(Call call, Doc intent)
    {
        var given = call.Params;
        if (intent.Status is "succeeded" or "canceled") throw SetupIntents.Unexpected(intent, "confirmed");
        Choose(call, intent);
        var inPage = call.IsBrowser || given.Flag("use_stripe_sdk") == true;
        if (!inPage && given.Text("return_url") is null && intent["automatic_payment_methods.allow_redirects"] == "always")
            throw StripeError.Invalid("This intent may need a redirect: confirm it with a return_url, or create it with automatic_payment_methods[allow_redirects]=never.", "return_url", "parameter_missing");
        if (SetupIntents.Confirm(call.Work, intent, new Confirmation(given.Text("return_url"), inPage)) is { } declined) throw declined;
    }

    private static void Choose(Call call, Doc intent)
    {
        if (call.Params.Text("payment_method") is { } id) SetupIntents.UseMethod(call.Work, intent, PaymentMethodsApi.Resolve(call.Work, id, "payment_method"));
        else if (call.Params.Group("payment_method_data") is { } data) SetupIntents.UseMethod(call.Work, intent, PaymentMethodsApi.Create(call, data));
    }

    /// <summary>The intent of the path. A browser must show its client secret; a wrong one finds nothing.</summary>
    private static Doc Find(Call call)
    {
        var intent = call.Work.Get(SetupIntents.Kind, call.Id, "intent");
        var secret = call.Params.Text("client_secret");
        if ((call.IsBrowser || secret is not null) && secret != intent["client_secret"]) throw StripeError.Missing("setup intent", call.Id, "intent");
        return intent;
    }

    private static JsonObject List(Call call)
    {
        var (customer, method) = (call.Params.Text("customer"), call.Params.Text("payment_method"));
        return call.List(call.Work.All(SetupIntents.Kind).Where(i => (customer is null || i.Customer == customer) && (method is null || i["payment_method"] == method)));
    }
}
