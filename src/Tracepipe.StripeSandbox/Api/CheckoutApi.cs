using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Checkout sessions: made and read here, paid on the hosted page.</summary>
internal static class CheckoutApi
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);
    private const int MostOfEach = 20;

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/checkout/sessions", Create, "mode ui_mode customer customer_email customer_creation client_reference_id line_items[price] line_items[price_data] line_items[quantity] line_items[metadata] success_url cancel_url expires_at metadata " +
            "allow_promotion_codes discounts[coupon] discounts[promotion_code] billing_address_collection automatic_tax[enabled] payment_method_collection customer_update submit_type locale currency " +
            "subscription_data[metadata] subscription_data[description] subscription_data[trial_period_days] subscription_data[trial_end] subscription_data[trial_settings] subscription_data[billing_mode] subscription_data[billing_cycle_anchor] subscription_data[proration_behavior] " +
            "payment_intent_data[metadata] payment_intent_data[description] payment_intent_data[setup_future_usage] payment_intent_data[receipt_email] setup_intent_data[metadata] setup_intent_data[description] " +
            "invoice_creation[enabled] invoice_creation[invoice_data][description] invoice_creation[invoice_data][metadata] invoice_creation[invoice_data][footer] saved_payment_method_options");
        table.Add("GET /v1/checkout/sessions", List, Operations.Paging + " customer payment_intent status subscription");
        table.Add("GET /v1/checkout/sessions/{session}", call => call.Show(Find(call)));
        table.Add("POST /v1/checkout/sessions/{session}", call =>
        {
            var session = Find(call);
            call.CopyMetadata(session);
            return call.Show(session);
        }, "metadata");
        table.Add("POST /v1/checkout/sessions/{session}/expire", call =>
        {
            var session = Find(call);
            CheckoutSessions.Expire(call.Work, session);
            return call.Show(session);
        });
        table.Add("GET /v1/checkout/sessions/{session}/line_items", call => call.List(CheckoutSessions.Lines(call.Work, Find(call))), "limit starting_after ending_before");
    }

    private static Doc Find(Call call) => call.Work.Get(CheckoutSessions.Kind, call.Id, "session");

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        SubscriptionsApi.CheckMode(given);
        SubscriptionsApi.CheckMode(given.Group("subscription_data"));
        if (given.Text("ui_mode") is { } ui && ui != "hosted_page") throw StripeError.Unimplemented($"ui_mode={ui}", "ui_mode");
        var mode = given.Text("mode") ?? throw ParameterReader.Missing("mode");
        var customer = given.Text("customer") is { } id ? CustomersApi.Living(work, id) : null;
        if (customer is not null && given.Has("customer_email")) throw StripeError.Invalid("Only one of customer and customer_email can be given.", "customer_email", "parameters_exclusive");
        // The page asks a known customer for no name and no address: whatever may be updated, there is nothing to update it with.
        if (customer is null && given.Has("customer_update")) throw StripeError.Invalid("customer_update needs a customer.", "customer_update");
        var session = Blank(call, mode, customer);
        AddLines(call, session, mode);
        TakeData(given, session, mode);
        if (given.Has("discounts") && given.Has("allow_promotion_codes")) throw StripeError.Invalid("Only one of discounts and allow_promotion_codes can be given.", "allow_promotion_codes", "parameters_exclusive");
        foreach (var (coupon, code, _) in DiscountsApi.Read(given)) Discounts.Find(work, coupon, code, customer?.Id);
        session.Set("discounts", new JsonArray([.. DiscountsApi.Read(given).Select(d => (JsonNode)new JsonObject { ["coupon"] = d.Coupon, ["promotion_code"] = d.Code })]));
        CheckoutSessions.Total(work, session);
        if (mode == "payment" && session.Long("amount_total") is > 0 and < Pricing.LeastCharge) throw StripeError.Invalid("The total is below the least that can be charged.", "line_items", "amount_too_small");
        return call.Show(session);
    }

    private static Doc Blank(Call call, string mode, Doc? customer)
    {
        var (work, given) = (call.Work, call.Params);
        var session = work.New(CheckoutSessions.Kind, work.NewId("cs_test_", 58));
        var now = Clocks.Now(work, customer?.Id);
        session.Set("created", now.ToUnixTimeSeconds());
        session.Set("allow_promotion_codes", given.Flag("allow_promotion_codes"));
        session.Set("automatic_tax", new JsonObject { ["enabled"] = false, ["liability"] = null, ["provider"] = null, ["status"] = null });
        session["billing_address_collection"] = given.Text("billing_address_collection");
        session["cancel_url"] = given.Text("cancel_url");
        session["client_reference_id"] = given.Text("client_reference_id");
        session.Set("custom_fields", new JsonArray());
        session.Set("custom_text", new JsonObject { ["after_submit"] = null, ["shipping_address"] = null, ["submit"] = null, ["terms_of_service_acceptance"] = null });
        session["customer"] = customer?.Id;
        session["customer_creation"] = customer is not null || mode != "payment" ? null : given.Text("customer_creation") ?? "if_required";
        session["customer_email"] = given.Text("customer_email");
        session.Set("expires_at", Expiry(given, now));
        session["locale"] = given.Text("locale");
        session["mode"] = mode;
        session["payment_method_collection"] = given.Text("payment_method_collection") ?? (mode == "subscription" ? "always" : "if_required");
        session.Set("payment_method_options", new JsonObject());
        session.Set("payment_method_types", new JsonArray("card", "link"));
        session["payment_status"] = mode == "setup" ? "no_payment_required" : "unpaid";
        session.Set("phone_number_collection", new JsonObject { ["enabled"] = false });
        session.Set("saved_payment_method_options", customer is null ? null : new JsonObject { ["allow_redisplay_filters"] = new JsonArray("always"), ["payment_method_remove"] = "disabled", ["payment_method_save"] = null });
        session.Set("shipping_options", new JsonArray());
        session.Status = "open";
        session["submit_type"] = given.Text("submit_type");
        session["success_url"] = given.Required("success_url");
        session["ui_mode"] = "hosted_page";
        session["url"] = CheckoutSessions.Url(work, session);
        call.CopyMetadata(session);
        Agenda.Set(work, session, session.Long("expires_at"));
        return session;
    }

    private static long Expiry(Params given, DateTimeOffset now)
    {
        if (given.Long("expires_at") is not { } at) return (now + Longest).ToUnixTimeSeconds();
        return at >= (now + Shortest).ToUnixTimeSeconds() - 60 && at <= (now + Longest).ToUnixTimeSeconds() ? at
            : throw StripeError.Invalid("A checkout session lives between 30 minutes and 24 hours.", "expires_at");
    }

    private static void AddLines(Call call, Doc session, string mode)
    {
        var lines = call.Params.Groups("line_items");
        if (mode == "setup")
        {
            if (lines.Count > 0) throw StripeError.Invalid("Nothing is bought in setup mode.", "line_items");
            session["currency"] = call.Params.Text("currency")?.ToLowerInvariant();
            return;
        }
        if (lines.Count == 0) throw ParameterReader.Missing("line_items");
        var (recurring, once) = (0, 0);
        foreach (var line in lines)
        {
            var price = CatalogueApi.Resolve(call, line);
            if (!price.Flag("active") && !line.Has("price_data")) throw StripeError.Invalid("This price is not sold any more.", line.Full("price"));
            if (Pricing.IsRecurring(price) && mode == "payment") throw StripeError.Invalid("A recurring price needs mode=subscription.", line.Full("price"));
            if (session["currency"] is { } currency && currency != price["currency"]) throw StripeError.Invalid("All prices of a session have one currency.", line.Full("price"));
            if (Pricing.IsMetered(price) && line.Has("quantity")) throw StripeError.Invalid("A metered price has no quantity: it is what was used.", line.Full("quantity"));
            if (!Pricing.IsMetered(price) && line.Long("quantity") is not > 0) throw line.Has("quantity") ? StripeError.Invalid("A quantity is at least one.", line.Full("quantity"), "parameter_invalid_integer") : ParameterReader.Missing(line.Full("quantity"));
            session["currency"] = price["currency"];
            _ = Pricing.IsRecurring(price) ? recurring++ : once++;
            AddLine(call, session, price, line);
        }
        if (recurring > MostOfEach || once > MostOfEach) throw StripeError.Invalid($"A session has at most {MostOfEach} recurring and {MostOfEach} other lines.", "line_items");
        if (mode == "subscription" && recurring == 0) throw StripeError.Invalid("mode=subscription needs a recurring price.", "line_items");
    }

    private static void AddLine(Call call, Doc session, Doc price, Params given)
    {
        var line = call.Work.New(CheckoutSessions.LineKind, call.Work.NewId("li_"), session.Id);
        line.Set("adjustable_quantity", null);
        line["currency"] = price["currency"];
        line["description"] = Prices.Name(call.Work, price);
        line.Set("metadata", given.Group("metadata")?.Json.DeepClone() ?? new JsonObject());
        line["price"] = price.Id;
        line.Set("quantity", given.Long("quantity"));
    }

    /// <summary>What the session hands on to the objects that it makes once it is paid.</summary>
    private static void TakeData(Params given, Doc session, string mode)
    {
        foreach (var (name, needed) in (ReadOnlySpan<(string, string)>)[("subscription_data", "subscription"), ("payment_intent_data", "payment"), ("setup_intent_data", "setup"), ("invoice_creation", "payment")])
            if (given.Has(name) && mode != needed) throw StripeError.Invalid($"{name} belongs to mode={needed}.", name);
        if (given.Group("subscription_data") is { } subscription)
        {
            if (subscription.Has("trial_period_days") && subscription.Has("trial_end")) throw StripeError.Invalid("Only one of trial_period_days and trial_end can be given.", subscription.Full("trial_end"), "parameters_exclusive");
            Keep(session, "subscription_metadata", subscription);
            session.Hidden["subscription_description"] = subscription.Text("description");
            if (subscription.Long("trial_period_days") is > 0 and var days) session.Hidden.Set("trial_days", days);
            if (subscription.Long("trial_end") is { } end) session.Hidden.Set("trial_end", end);
            session.Hidden["proration_behavior"] = subscription.Text("proration_behavior");
            if (subscription.Long("billing_cycle_anchor") is { } anchor) session.Hidden.Set("billing_cycle_anchor", anchor);
            session.Hidden["missing_payment_method"] = subscription.Group("trial_settings")?.Group("end_behavior")?.Text("missing_payment_method");
        }
        if (given.Group("payment_intent_data") is { } payment)
        {
            Keep(session, "payment_metadata", payment);
            session.Hidden["payment_description"] = payment.Text("description");
            session.Hidden["setup_future_usage"] = payment.Text("setup_future_usage");
            session.Hidden["receipt_email"] = payment.Text("receipt_email");
        }
        if (given.Group("setup_intent_data") is { } setup) Keep(session, "setup_metadata", setup);
        if (mode != "payment") return;
        var creation = given.Group("invoice_creation");
        var data = creation?.Group("invoice_data");
        session.Set("invoice_creation", new JsonObject
        {
            ["enabled"] = creation?.Flag("enabled") ?? false,
            ["invoice_data"] = new JsonObject
            {
                ["account_tax_ids"] = null, ["custom_fields"] = null, ["description"] = data?.Text("description"), ["footer"] = data?.Text("footer"), ["issuer"] = null,
                ["metadata"] = data?.Group("metadata")?.Json.DeepClone() ?? new JsonObject(), ["rendering_options"] = null,
            },
        });
    }

    private static void Keep(Doc session, string name, Params given)
    {
        if (given.Group("metadata") is { } metadata) session.Hidden.Set(name, metadata.Json.DeepClone());
    }

    private static JsonObject List(Call call)
    {
        var given = call.Params;
        return call.List(call.Work.All(CheckoutSessions.Kind).Where(s =>
            (given.Text("customer") is not { } customer || s.Customer == customer) && (given.Text("status") is not { } status || s.Status == status)
            && (given.Text("payment_intent") is not { } intent || s["payment_intent"] == intent) && (given.Text("subscription") is not { } subscription || s["subscription"] == subscription)));
    }
}
