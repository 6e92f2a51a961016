using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Payment methods. Raw numbers come from browsers; servers use the <c>pm_card_…</c> names.</summary>
internal static class PaymentMethodsApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/payment_methods", call => call.Show(Create(call, call.Params)), $"type card[number] card[exp_month] card[exp_year] card[cvc] link {Operations.BillingDetails} allow_redisplay metadata");
        table.Add("GET /v1/payment_methods", List, Operations.Paging + " customer type");
        table.Add("GET /v1/payment_methods/{payment_method}", call => call.Show(Resolve(call.Work, call.Id, "payment_method")));
        table.Add("POST /v1/payment_methods/{payment_method}", Update, $"card[exp_month] card[exp_year] {Operations.BillingDetails} allow_redisplay metadata");
        table.Add("POST /v1/payment_methods/{payment_method}/attach", call =>
        {
            var method = Resolve(call.Work, call.Id, "payment_method");
            var customer = CustomersApi.Living(call.Work, call.Params.Required("customer"));
            PaymentMethods.Attach(call.Work, method, customer);
            return call.Show(method);
        }, "customer");
        table.Add("POST /v1/payment_methods/{payment_method}/detach", call =>
        {
            var method = call.Work.Get(PaymentMethods.Kind, call.Id, "payment_method");
            PaymentMethods.Detach(call.Work, method);
            return call.Show(method);
        });
    }

    /// <summary>A payment method by its id, or a fresh one by the name of a test card.</summary>
    public static Doc Resolve(UnitOfWork work, string id, string param)
    {
        if (work.Find(PaymentMethods.Kind, id) is { } method) return method;
        if (Cards.WithAlias(id) is not { } card) throw StripeError.Missing("payment method", id, param);
        return PaymentMethods.Make(work, card, work.Now.Month, work.Now.Year + 1, cvcGiven: true);
    }

    /// <summary>A new payment method from what was typed, in <c>card</c> or <c>payment_method_data[card]</c>.</summary>
    public static Doc Create(Call call, Params given)
    {
        var type = given.Text("type") ?? throw ParameterReader.Missing(given.Full("type"));
        var method = type switch
        {
            "card" => CreateCard(call, given),
            "link" => PaymentMethods.MakeLink(call.Work, given.Group("billing_details")?.Text("email") ?? throw ParameterReader.Missing(given.Full("billing_details[email]"))),
            _ => throw StripeError.Unimplemented($"payment methods of type {type}", given.Full("type")),
        };
        Take(method, given);
        return method;
    }

    private static Doc CreateCard(Call call, Params given)
    {
        var card = given.Group("card") ?? throw ParameterReader.Missing(given.Full("card"));
        if (!call.IsBrowser && !call.Work.Account.Options.AllowRawCards)
            throw StripeError.Invalid("Card numbers are taken from browsers only. Use a test payment method such as pm_card_visa.", card.Full("number"));
        if (card.Text("number") is not { } number) throw ParameterReader.Missing(card.Full("number"));
        var month = card.Long("exp_month") ?? throw ParameterReader.Missing(card.Full("exp_month"));
        var year = card.Long("exp_year") ?? throw ParameterReader.Missing(card.Full("exp_year"));
        var cvc = card.Text("cvc");
        if (cvc is null && call.IsBrowser) throw ParameterReader.Missing(card.Full("cvc"));
        return PaymentMethods.Make(call.Work, Cards.Recognize(number, month, year, cvc, call.Work.Now), month, year, cvc is not null);
    }

    private static JsonObject Update(Call call)
    {
        var method = call.Work.Get(PaymentMethods.Kind, call.Id, "payment_method");
        if (method.Customer is null)
            throw StripeError.Invalid("A payment method must be attached to a customer before it can be changed.", "payment_method", "payment_method_unexpected_state");
        if (call.Params.Group("card") is { } card)
        {
            if (method["type"] != "card") throw StripeError.Invalid("Only cards have an expiry date.", "card");
            var month = card.Long("exp_month") ?? method.Long("card.exp_month");
            var year = Cards.FullYear(card.Long("exp_year") ?? method.Long("card.exp_year"));
            Cards.CheckExpiry(month, year, call.Work.Now);
            method.Set("card.exp_month", month);
            method.Set("card.exp_year", year);
        }
        Take(method, call.Params);
        call.Work.EmitUpdated("payment_method.updated", method);
        return call.Show(method);
    }

    private static void Take(Doc method, Params given)
    {
        if (given.Text("allow_redisplay") is { } redisplay) method["allow_redisplay"] = redisplay;
        Call.MergeMetadata(method, given);
        if (given.Group("billing_details") is not { } details) return;
        foreach (var name in (string[])["email", "name", "phone"])
            if (details.Has(name)) method[$"billing_details.{name}"] = details.Text(name);
        if (details.Has("address")) method.Set("billing_details.address", CustomersApi.Address(details.Group("address")) ?? PaymentMethods.EmptyAddress());
    }

    private static JsonObject List(Call call)
    {
        var type = call.Params.Text("type");
        var owned = call.Params.Text("customer") is { } customer
            ? call.Work.OfCustomer(CustomersApi.Living(call.Work, customer).Id, PaymentMethods.Kind).Reverse()
            : call.Work.All(PaymentMethods.Kind).Where(m => m.Customer is not null);
        return call.List(owned.Where(m => type is null || m["type"] == type));
    }
}
