using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>The customer portal: what it offers, and the short-lived addresses that open it.</summary>
internal static class PortalApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        const string Features = "features[customer_update] features[invoice_history] features[payment_method_update][enabled] features[subscription_cancel] features[subscription_update]";
        table.Add("POST /v1/billing_portal/configurations", Create, $"business_profile default_return_url metadata name {Features}");
        table.Add("GET /v1/billing_portal/configurations", List, "limit starting_after ending_before active is_default");
        table.Add("GET /v1/billing_portal/configurations/{configuration}", call => call.Show(Find(call.Work, call.Id)));
        table.Add("POST /v1/billing_portal/configurations/{configuration}", Update, $"active business_profile default_return_url metadata name {Features}");
        table.Add("POST /v1/billing_portal/sessions", Open, "customer configuration return_url locale flow_data[type] flow_data[after_completion] flow_data[subscription_cancel][subscription] flow_data[subscription_update][subscription] " +
            "flow_data[subscription_update_confirm][subscription] flow_data[subscription_update_confirm][items]");
    }

    private static Doc Find(UnitOfWork work, string id) => work.Get(Portal.Configuration, id, "configuration");

    private static JsonObject Create(Call call)
    {
        var configuration = call.Work.New(Portal.Configuration, call.Work.NewId("bpc_"));
        configuration.Set("active", true);
        configuration.Set("business_profile", new JsonObject { ["headline"] = null, ["privacy_policy_url"] = null, ["terms_of_service_url"] = null });
        configuration.Set("features", new JsonObject
        {
            ["customer_update"] = new JsonObject { ["allowed_updates"] = new JsonArray(), ["enabled"] = false },
            ["invoice_history"] = new JsonObject { ["enabled"] = false },
            ["payment_method_update"] = new JsonObject { ["enabled"] = false, ["payment_method_configuration"] = null },
            ["subscription_cancel"] = new JsonObject
            {
                ["cancellation_reason"] = new JsonObject { ["enabled"] = false, ["options"] = new JsonArray() }, ["enabled"] = false, ["mode"] = "at_period_end", ["proration_behavior"] = "none",
            },
            ["subscription_update"] = new JsonObject
            {
                ["billing_cycle_anchor"] = "unchanged", ["default_allowed_updates"] = new JsonArray(), ["enabled"] = false, ["products"] = null, ["proration_behavior"] = "none",
                ["schedule_at_period_end"] = new JsonObject { ["conditions"] = new JsonArray() }, ["trial_update_behavior"] = "end_trial",
            },
        });
        configuration.Set("is_default", !call.Work.All(Portal.Configuration).Skip(1).Any());
        configuration.Set("login_page", new JsonObject { ["enabled"] = false, ["url"] = null });
        Take(call, configuration);
        configuration.Set("updated", call.Work.NowUnix);
        call.Work.Emit("billing_portal.configuration.created", configuration);
        return call.Show(configuration);
    }

    private static JsonObject Update(Call call)
    {
        var configuration = Find(call.Work, call.Id);
        if (call.Params.Flag("active") is { } active)
        {
            if (!active && configuration.Flag("is_default")) throw StripeError.Invalid("The default configuration stays active.", "active");
            configuration.Set("active", active);
        }
        Take(call, configuration);
        configuration.Set("updated", call.Work.NowUnix);
        call.Work.EmitUpdated("billing_portal.configuration.updated", configuration);
        return call.Show(configuration);
    }

    private static void Take(Call call, Doc configuration)
    {
        var given = call.Params;
        call.CopyTexts(configuration, "default_return_url", "name");
        call.CopyMetadata(configuration);
        if (given.Group("business_profile") is { } profile)
            foreach (var name in profile.Names) configuration[$"business_profile.{name}"] = profile.Text(name);
        if (given.Group("features") is not { } features) return;
        foreach (var feature in features.Names) Merge(call, configuration, $"features.{feature}", features.Group(feature)!);
        if (configuration.Flag("features.subscription_update.enabled") && (configuration.Array("features.subscription_update.products").Count == 0 || configuration.Array("features.subscription_update.default_allowed_updates").Count == 0))
            throw StripeError.Invalid("Updates need the products that are offered and what may be updated.", "features[subscription_update][products]", "parameter_missing");
    }

    private static void Merge(Call call, Doc configuration, string path, Params given)
    {
        foreach (var name in given.Names)
        {
            var member = $"{path}.{name}";
            if (name == "products") configuration.Set(member, new JsonArray([.. given.Groups(name).Select(p => (JsonNode)Offer(call, p))]));
            else if (given.Clears(name)) configuration.Set(member, new JsonArray());
            else if (given.Group(name) is { } inner) Merge(call, configuration, member, inner);
            else configuration.Set(member, given.Json[name]!.DeepClone());
        }
    }

    private static JsonObject Offer(Call call, Params given)
    {
        var product = call.Work.Get(Prices.Product, given.Required("product"), given.Full("product"));
        foreach (var price in given.Texts("prices"))
            if (call.Work.Get(Prices.Kind, price, given.Full("prices"))["product"] != product.Id) throw StripeError.Invalid("The price belongs to another product.", given.Full("prices"));
        var quantity = given.Group("adjustable_quantity");
        return new JsonObject
        {
            ["adjustable_quantity"] = new JsonObject { ["enabled"] = quantity?.Flag("enabled") ?? false, ["maximum"] = quantity?.Long("maximum"), ["minimum"] = quantity?.Long("minimum") ?? 0 },
            ["prices"] = given.Json["prices"]!.DeepClone(),
            ["product"] = product.Id,
        };
    }

    private static JsonObject List(Call call)
    {
        var (active, isDefault) = (call.Params.Flag("active"), call.Params.Flag("is_default"));
        return call.List(call.Work.All(Portal.Configuration).Where(c => (active is null || c.Flag("active") == active) && (isDefault is null || c.Flag("is_default") == isDefault)));
    }

    private static JsonObject Open(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var customer = CustomersApi.Living(work, given.Required("customer"));
        var configuration = given.Text("configuration") is { } id ? Find(work, id)
            : work.All(Portal.Configuration).FirstOrDefault(c => c.Flag("is_default")) ?? throw StripeError.Invalid("There is no portal configuration yet: create one first.", "configuration");
        if (!configuration.Flag("active")) throw StripeError.Invalid("This portal configuration is not active.", "configuration");
        var session = work.New(Portal.Kind, work.NewId("bps_"));
        session["configuration"] = configuration.Id;
        session["customer"] = customer.Id;
        session["locale"] = given.Text("locale");
        session["return_url"] = given.Text("return_url") ?? configuration["default_return_url"];
        session.Set("flow", given.Group("flow_data") is { } flow ? Flow(work, flow, customer.Id) : null);
        session["url"] = $"{work.Account.Origin}/p/session/{HostedLinks.Open(work, session)}";
        work.Emit("billing_portal.session.created", session);
        return call.Show(session);
    }

    private static JsonObject Flow(UnitOfWork work, Params given, string customer)
    {
        var type = given.Required("type");
        var after = given.Group("after_completion");
        var flow = new JsonObject
        {
            ["after_completion"] = new JsonObject
            {
                ["hosted_confirmation"] = after?.Group("hosted_confirmation") is { } hosted ? new JsonObject { ["custom_message"] = hosted.Text("custom_message") } : null,
                ["redirect"] = after?.Group("redirect") is { } redirect ? new JsonObject { ["return_url"] = redirect.Required("return_url") } : null,
                ["type"] = after?.Text("type") ?? "portal_homepage",
            },
            ["subscription_cancel"] = null, ["subscription_update"] = null, ["subscription_update_confirm"] = null, ["type"] = type,
        };
        if (type == "payment_method_update") return flow;
        var details = given.Group(type) ?? throw ParameterReader.Missing(given.Full(type));
        var subscription = work.Get(Subscriptions.Kind, details.Required("subscription"), details.Full("subscription"));
        if (subscription.Customer != customer) throw StripeError.Missing("subscription", subscription.Id, details.Full("subscription"));
        flow[type] = type switch
        {
            "subscription_cancel" => new JsonObject { ["retention"] = null, ["subscription"] = subscription.Id },
            "subscription_update" => new JsonObject { ["subscription"] = subscription.Id },
            _ => new JsonObject { ["discounts"] = null, ["items"] = new JsonArray([.. details.Groups("items").Select(i => (JsonNode)Item(i))]), ["subscription"] = subscription.Id },
        };
        return flow;
    }

    private static JsonObject Item(Params given)
    {
        var item = new JsonObject { ["id"] = given.Required("id"), ["price"] = given.Text("price") };
        if (given.Long("quantity") is { } quantity) item["quantity"] = quantity;
        return item;
    }
}
