using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Payment intents, their charges, refunds and disputes.</summary>
internal static class PaymentIntentsApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/payment_intents", Create, $"amount currency customer description metadata payment_method {SetupIntentsApi.MethodData} confirm off_session return_url use_stripe_sdk automatic_payment_methods setup_future_usage receipt_email");
        table.Add("GET /v1/payment_intents", List, Operations.Paging + " customer");
        table.Add("GET /v1/payment_intents/{intent}", call => call.Show(Find(call)), "client_secret");
        table.Add("POST /v1/payment_intents/{intent}", Update, $"amount description metadata payment_method {SetupIntentsApi.MethodData} setup_future_usage receipt_email customer");
        table.Add("POST /v1/payment_intents/{intent}/confirm", call =>
        {
            var intent = Find(call);
            Confirm(call, intent);
            return call.Show(intent);
        }, $"client_secret payment_method {SetupIntentsApi.MethodData} return_url use_stripe_sdk off_session mandate_data setup_future_usage receipt_email");
        table.Add("POST /v1/payment_intents/{intent}/cancel", call =>
        {
            var intent = Find(call);
            if (intent.Hidden["invoice"] is not null) throw StripeError.Invalid("The payment of an invoice is canceled by voiding the invoice.", "intent", "payment_intent_unexpected_state");
            PaymentIntents.Cancel(call.Work, intent, call.Params.Text("cancellation_reason"));
            return call.Show(intent);
        }, "cancellation_reason");
        table.Add("GET /v1/charges", Charges, Operations.Paging + " customer payment_intent");
        table.Add("GET /v1/charges/{charge}", call => call.Show(call.Work.Get(Core.Charges.Kind, call.Id, "charge")));
        table.Add("POST /v1/refunds", Refund, "charge payment_intent amount reason metadata");
        table.Add("GET /v1/refunds", call => call.List(Matching(call, Refunds.Kind)), Operations.Paging + " charge payment_intent");
        table.Add("GET /v1/refunds/{refund}", call => call.Show(call.Work.Get(Refunds.Kind, call.Id, "refund")));
        table.Add("GET /v1/disputes", call => call.List(Matching(call, Disputes.Kind)), Operations.Paging + " charge payment_intent");
        table.Add("GET /v1/disputes/{dispute}", call => call.Show(call.Work.Get(Disputes.Kind, call.Id, "dispute")));
    }

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var customer = given.Text("customer") is { } id ? CustomersApi.Living(work, id).Id : null;
        var intent = PaymentIntents.Make(work, given.Long("amount")!.Value, given.Required("currency").ToLowerInvariant(), customer);
        var automatic = given.Group("automatic_payment_methods");
        intent.Set("automatic_payment_methods", automatic?.Flag("enabled") == false ? null : new JsonObject { ["allow_redirects"] = automatic?.Text("allow_redirects") ?? "always", ["enabled"] = true });
        Take(call, intent);
        work.Emit("payment_intent.created", intent);
        Choose(call, intent);
        if (given.Flag("confirm") == true) Confirm(call, intent);
        else if (given.Has("return_url") || given.Has("off_session")) throw StripeError.Invalid("return_url and off_session make sense only with confirm=true.", given.Has("return_url") ? "return_url" : "off_session");
        return call.Show(intent);
    }

    private static JsonObject Update(Call call)
    {
        var intent = Find(call);
        if (intent.Status is "succeeded" or "canceled") throw PaymentIntents.Unexpected(intent, "changed");
        if (intent.Hidden["invoice"] is not null && (call.Params.Has("amount") || call.Params.Has("customer")))
            throw StripeError.Invalid("The payment of an invoice follows the invoice.", "amount", "payment_intent_unexpected_state");
        if (call.Params.Long("amount") is { } amount)
        {
            if (amount < Pricing.LeastCharge) throw StripeError.Invalid($"The least that can be charged is {Pricing.LeastCharge} in minor units.", "amount", "amount_too_small");
            intent.Set("amount", amount);
        }
        if (call.Params.Text("customer") is { } customer)
        {
            if (intent.Customer is { } current && current != customer) throw StripeError.Invalid("The customer of a payment intent cannot be changed.", "customer", "payment_intent_invalid_parameter");
            intent["customer"] = CustomersApi.Living(call.Work, customer).Id;
        }
        Take(call, intent);
        Choose(call, intent);
        return call.Show(intent);
    }

    private static void Take(Call call, Doc intent)
    {
        call.CopyTexts(intent, "description", "receipt_email", "setup_future_usage");
        call.CopyMetadata(intent);
    }

    private static void Confirm(Call call, Doc intent)
    {
        var given = call.Params;
        if (intent.Status is "succeeded" or "canceled") throw PaymentIntents.Unexpected(intent, "confirmed");
        call.CopyTexts(intent, "receipt_email", "setup_future_usage");
        Choose(call, intent);
        var inPage = call.IsBrowser || given.Flag("use_stripe_sdk") == true;
        var offSession = given.Flag("off_session") == true || given.Text("off_session") is not null;
        if (call.IsBrowser && offSession) throw StripeError.Invalid("In a browser the customer is present.", "off_session");
        if (!inPage && !offSession && given.Text("return_url") is null && intent["automatic_payment_methods.allow_redirects"] == "always")
            throw StripeError.Invalid("This intent may need a redirect: confirm it with a return_url, or create it with automatic_payment_methods[allow_redirects]=never.", "return_url", "parameter_missing");
        if (PaymentIntents.Confirm(call.Work, intent, new Confirmation(given.Text("return_url"), inPage, offSession)) is { } declined) throw declined;
    }

    private static void Choose(Call call, Doc intent)
    {
        if (call.Params.Text("payment_method") is { } id) PaymentIntents.UseMethod(call.Work, intent, PaymentMethodsApi.Resolve(call.Work, id, "payment_method"));
        else if (call.Params.Group("payment_method_data") is { } data) PaymentIntents.UseMethod(call.Work, intent, PaymentMethodsApi.Create(call, data));
    }

    /// <summary>The intent of the path. A browser must show its client secret; a wrong one finds nothing.</summary>
    private static Doc Find(Call call)
    {
        var intent = call.Work.Get(PaymentIntents.Kind, call.Id, "intent");
        var secret = call.Params.Text("client_secret");
        if ((call.IsBrowser || secret is not null) && secret != intent["client_secret"]) throw StripeError.Missing("payment intent", call.Id, "intent");
        return intent;
    }

    private static JsonObject List(Call call) =>
        call.List(call.Params.Text("customer") is { } customer ? call.Work.OfCustomer(customer, PaymentIntents.Kind).Reverse() : call.Work.All(PaymentIntents.Kind));

    private static JsonObject Charges(Call call)
    {
        var (customer, intent) = (call.Params.Text("customer"), call.Params.Text("payment_intent"));
        return call.List(call.Work.All(Core.Charges.Kind).Where(c => (customer is null || c.Customer == customer) && (intent is null || c["payment_intent"] == intent)));
    }

    private static IEnumerable<Doc> Matching(Call call, string kind)
    {
        var (charge, intent) = (call.Params.Text("charge"), call.Params.Text("payment_intent"));
        return call.Work.All(kind).Where(r => (charge is null || r["charge"] == charge) && (intent is null || r["payment_intent"] == intent));
    }

    private static JsonObject Refund(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var (charge, intent) = (given.Text("charge"), given.Text("payment_intent"));
        if (charge is null == intent is null) throw StripeError.Invalid("Exactly one of charge and payment_intent is needed.", "payment_intent", charge is null ? "parameter_missing" : "parameters_exclusive");
        if (intent is not null)
        {
            var paid = work.Get(PaymentIntents.Kind, intent, "payment_intent");
            if (paid.Status != "succeeded") throw StripeError.Invalid("This payment intent has no successful charge to refund.", "payment_intent", "payment_intent_unexpected_state");
            charge = paid["latest_charge"];
        }
        var refund = Refunds.Make(work, work.Get(Core.Charges.Kind, charge!, "charge"), given.Long("amount"), given.Text("reason"));
        call.CopyMetadata(refund);
        Refunds.Announce(work, refund);
        return call.Show(refund);
    }
}
