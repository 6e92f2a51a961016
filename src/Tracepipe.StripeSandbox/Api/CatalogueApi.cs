using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Products and prices.</summary>
internal static class CatalogueApi
{
    private const string PriceParameters = "currency unit_amount unit_amount_decimal billing_scheme tiers tiers_mode transform_quantity recurring[interval] recurring[interval_count] recurring[usage_type] recurring[meter] " +
        "nickname active lookup_key transfer_lookup_key metadata product product_data[name] product_data[metadata] product_data[active] product_data[unit_label] tax_behavior";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/products", CreateProduct, "name active description id images metadata statement_descriptor unit_label url marketing_features shippable tax_code " +
            "default_price_data[currency] default_price_data[unit_amount] default_price_data[unit_amount_decimal] default_price_data[recurring] default_price_data[metadata]");
        table.Add("GET /v1/products", ListProducts, Operations.Paging + " active ids");
        table.Add("GET /v1/products/{id}", call => call.Show(call.Work.Get(Prices.Product, call.Id, "id")));
        table.Add("POST /v1/products/{id}", UpdateProduct, "name active description images metadata statement_descriptor unit_label url marketing_features default_price shippable tax_code");
        table.Add("POST /v1/prices", call => call.Show(CreatePrice(call, call.Params)), PriceParameters);
        table.Add("GET /v1/prices", ListPrices, Operations.Paging + " active currency lookup_keys product type recurring[interval] recurring[usage_type] recurring[meter]");
        table.Add("GET /v1/prices/{price}", call => call.Show(call.Work.Get(Prices.Kind, call.Id, "price")));
        table.Add("POST /v1/prices/{price}", UpdatePrice, "active lookup_key metadata nickname transfer_lookup_key tax_behavior");
    }

    /// <summary>A price by id, or one made for this occasion from <c>price_data</c>.</summary>
    public static Doc Resolve(Call call, Params given)
    {
        if (given.Group("price_data") is { } data)
        {
            if (given.Text("price") is not null) throw StripeError.Invalid("Only one of price and price_data can be given.", given.Full("price"), "parameters_exclusive");
            var made = CreatePrice(call, data, announced: false);
            made.Set("active", false);
            return made;
        }
        var id = given.Text("price") ?? throw ParameterReader.Missing(given.Full("price"));
        return call.Work.Find(Prices.Kind, id) ?? throw StripeError.Missing("price", id, given.Full("price"));
    }

    private static JsonObject CreateProduct(Call call)
    {
        var given = call.Params;
        if (given.Text("id") is { } wanted && call.Work.Find(wanted) is not null) throw StripeError.Invalid("A product with this id exists already.", "id", "resource_already_exists");
        var product = NewProduct(call, given.Text("id"), given.Required("name"));
        TakeProduct(call, product);
        call.Work.Emit("product.created", product);
        if (given.Group("default_price_data") is { } data)
        {
            data.Json["product"] = product.Id;
            product["default_price"] = CreatePrice(call, data).Id;
        }
        return call.Show(product);
    }

    private static Doc NewProduct(Call call, string? id, string name)
    {
        var product = call.Work.New(Prices.Product, id ?? call.Work.NewId("prod_", 14));
        product.Set("active", true);
        product.Set("default_price", null);
        product.Set("images", new JsonArray());
        product.Set("marketing_features", new JsonArray());
        product["name"] = name;
        product.Set("statement_descriptor", null);
        product.Set("tax_code", null);
        product["type"] = "service";
        product.Set("unit_label", null);
        product.Set("updated", call.Work.NowUnix);
        return product;
    }

    private static JsonObject UpdateProduct(Call call)
    {
        var product = call.Work.Get(Prices.Product, call.Id, "id");
        if (call.Params.Has("name")) product["name"] = call.Params.Required("name");
        if (call.Params.Text("default_price") is { } price) product["default_price"] = call.Work.Get(Prices.Kind, price, "default_price").Id;
        TakeProduct(call, product);
        if (product.Changed) product.Set("updated", call.Work.NowUnix);
        call.Work.EmitUpdated("product.updated", product);
        return call.Show(product);
    }

    private static void TakeProduct(Call call, Doc product)
    {
        var given = call.Params;
        call.CopyTexts(product, "description", "statement_descriptor", "tax_code", "unit_label", "url");
        if (given.Flag("active") is { } active) product.Set("active", active);
        if (given.Flag("shippable") is { } shippable) product.Set("shippable", shippable);
        foreach (var list in (string[])["images", "marketing_features"])
            if (given.Has(list)) product.Set(list, given.Clears(list) ? new JsonArray() : given.Json[list]!.DeepClone());
        call.CopyMetadata(product);
    }

    private static JsonObject ListProducts(Call call)
    {
        var (active, ids) = (call.Params.Flag("active"), call.Params.Texts("ids"));
        return call.List(call.Work.All(Prices.Product).Where(p => (active is null || p.Flag("active") == active) && (ids.Count == 0 || ids.Contains(p.Id))));
    }

    private static Doc CreatePrice(Call call, Params given, bool announced = true)
    {
        var work = call.Work;
        var price = work.New(Prices.Kind, work.NewId("price_"));
        var recurring = given.Group("recurring");
        var tiers = given.Groups("tiers");
        price.Set("active", given.Flag("active") ?? true);
        price["billing_scheme"] = given.Text("billing_scheme") ?? "per_unit";
        price["currency"] = given.Required("currency").ToLowerInvariant();
        price["nickname"] = given.Text("nickname");
        price["product"] = Product(call, given).Id;
        price.Set("recurring", recurring is null ? null : Recurring(work, recurring));
        price["tax_behavior"] = given.Text("tax_behavior") ?? "unspecified";
        price["type"] = recurring is null ? "one_time" : "recurring";
        if (given.Group("transform_quantity") is { } transform) price.Set("transform_quantity", new JsonObject { ["divide_by"] = transform.Long("divide_by"), ["round"] = transform.Required("round") });
        if (price["billing_scheme"] == "tiered") TakeTiers(price, given, tiers);
        else TakeAmount(price, given);
        TakeLookupKey(work, price, given);
        Call.MergeMetadata(price, given);
        if (announced) work.Emit("price.created", price);
        return price;
    }

    private static Doc Product(Call call, Params given)
    {
        if (given.Text("product") is { } id) return call.Work.Get(Prices.Product, id, given.Full("product"));
        var data = given.Group("product_data") ?? throw ParameterReader.Missing(given.Full("product"));
        var product = NewProduct(call, null, data.Required("name"));
        product.Set("active", data.Flag("active") ?? true);
        product["description"] = data.Text("description");
        product["unit_label"] = data.Text("unit_label");
        Call.MergeMetadata(product, data);
        call.Work.Emit("product.created", product);
        return product;
    }

    private static JsonObject Recurring(UnitOfWork work, Params given)
    {
        var usage = given.Text("usage_type") ?? "licensed";
        var meter = given.Text("meter");
        if (usage == "metered" && meter is null) throw StripeError.Invalid("A metered price needs a meter.", given.Full("meter"), "parameter_missing");
        if (meter is not null && usage != "metered") throw StripeError.Invalid("Only a metered price has a meter.", given.Full("meter"));
        if (meter is not null) work.Get(Usage.Meter, meter, given.Full("meter"));
        var count = given.Long("interval_count") ?? 1;
        var unit = given.Required("interval");
        if (count < 1 || (unit == "year" && count > 3) || (unit == "month" && count > 36) || (unit == "week" && count > 156) || count > 1095)
            throw StripeError.Invalid("A billing interval is at most three years.", given.Full("interval_count"));
        return new JsonObject { ["interval"] = unit, ["interval_count"] = count, ["meter"] = meter, ["trial_period_days"] = null, ["usage_type"] = usage };
    }

    private static void TakeAmount(Doc price, Params given)
    {
        var exact = given.Text("unit_amount_decimal");
        if (given.Long("unit_amount") is null == exact is null) throw StripeError.Invalid("Exactly one of unit_amount and unit_amount_decimal is needed.", given.Full("unit_amount"), "parameter_missing");
        var amount = given.Long("unit_amount") ?? Parse(exact!, given.Full("unit_amount_decimal"));
        if (amount < 0) throw StripeError.Invalid("A price is not negative.", given.Full("unit_amount"), "parameter_invalid_integer");
        price.Set("unit_amount", decimal.Truncate(amount) == amount ? (long)amount : null);
        price["unit_amount_decimal"] = Pricing.Text(amount);
    }

    private static void TakeTiers(Doc price, Params given, IReadOnlyList<Params> tiers)
    {
        if (tiers.Count == 0) throw ParameterReader.Missing(given.Full("tiers"));
        price["tiers_mode"] = given.Text("tiers_mode") ?? throw ParameterReader.Missing(given.Full("tiers_mode"));
        var last = 0L;
        var kept = new JsonArray();
        foreach (var (tier, i) in tiers.Select((t, i) => (t, i)))
        {
            var upTo = tier.Long("up_to");
            if (upTo is null != (i == tiers.Count - 1) || upTo <= last) throw StripeError.Invalid("Tiers grow, and the last one goes up to inf.", tier.Full("up_to"));
            last = upTo ?? last;
            kept.Add(new JsonObject
            {
                ["flat_amount"] = tier.Long("flat_amount"), ["flat_amount_decimal"] = tier.Text("flat_amount_decimal") ?? tier.Long("flat_amount")?.ToString(),
                ["unit_amount"] = tier.Long("unit_amount"), ["unit_amount_decimal"] = tier.Text("unit_amount_decimal") ?? tier.Long("unit_amount")?.ToString(), ["up_to"] = upTo,
            });
        }
        price.Hidden.Set("tiers", kept);
    }

    private static void TakeLookupKey(UnitOfWork work, Doc price, Params given)
    {
        if (!given.Has("lookup_key")) return;
        var key = given.Text("lookup_key");
        if (key is not null && work.All(Prices.Kind).FirstOrDefault(p => p["lookup_key"] == key && p.Id != price.Id) is { } other)
        {
            if (given.Flag("transfer_lookup_key") != true) throw StripeError.Invalid("Another price has this lookup key; say transfer_lookup_key to take it over.", "lookup_key", "resource_already_exists");
            other.Set("lookup_key", null);
            work.EmitUpdated("price.updated", other);
        }
        price["lookup_key"] = key;
    }

    private static JsonObject UpdatePrice(Call call)
    {
        var price = call.Work.Get(Prices.Kind, call.Id, "price");
        call.CopyTexts(price, "nickname");
        if (call.Params.Flag("active") is { } active) price.Set("active", active);
        if (call.Params.Text("tax_behavior") is { } behavior) price["tax_behavior"] = behavior;
        TakeLookupKey(call.Work, price, call.Params);
        call.CopyMetadata(price);
        call.Work.EmitUpdated("price.updated", price);
        return call.Show(price);
    }

    private static JsonObject ListPrices(Call call)
    {
        var given = call.Params;
        var keys = given.Texts("lookup_keys");
        var recurring = given.Group("recurring");
        if (keys.Count > 10) throw StripeError.Invalid("At most ten lookup keys can be asked for.", "lookup_keys");
        return call.List(call.Work.All(Prices.Kind).Where(p =>
            (given.Flag("active") is not { } active || p.Flag("active") == active)
            && (given.Text("currency") is not { } currency || p["currency"] == currency)
            && (given.Text("product") is not { } product || p["product"] == product)
            && (given.Text("type") is not { } type || p["type"] == type)
            && (keys.Count == 0 || keys.Contains(p["lookup_key"] ?? ""))
            && (recurring?.Names.All(n => p[$"recurring.{n}"] == recurring.Text(n)) ?? true)));
    }

    private static decimal Parse(string text, string name) =>
        decimal.TryParse(text, System.Globalization.NumberStyles.AllowDecimalPoint, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number
            : throw StripeError.Invalid($"Parameter {name} is a decimal number.", name);
}
