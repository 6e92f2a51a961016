using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Coupons and the codes that customers type to get them.</summary>
internal static class DiscountsApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/coupons", CreateCoupon, "id name percent_off amount_off currency duration duration_in_months max_redemptions redeem_by metadata applies_to[products]");
        table.Add("GET /v1/coupons", call => call.List(call.Work.All(Discounts.Coupon)), Operations.Paging);
        table.Add("GET /v1/coupons/{coupon}", call => call.Show(Coupon(call)));
        table.Add("POST /v1/coupons/{coupon}", UpdateCoupon, "name metadata");
        table.Add("DELETE /v1/coupons/{coupon}", call =>
        {
            var coupon = Coupon(call);
            call.Work.Emit("coupon.deleted", coupon);
            call.Work.Delete(coupon);
            return Call.Tombstone(call.Id, Discounts.Coupon);
        });
        table.Add("POST /v1/promotion_codes", CreateCode, "promotion code active customer expires_at max_redemptions metadata restrictions[first_time_transaction] restrictions[minimum_amount] restrictions[minimum_amount_currency]");
        table.Add("GET /v1/promotion_codes", ListCodes, Operations.Paging + " active code coupon customer");
        table.Add("GET /v1/promotion_codes/{promotion_code}", call => call.Show(call.Work.Get(Discounts.Code, call.Id)));
        table.Add("POST /v1/promotion_codes/{promotion_code}", UpdateCode, "active metadata");
    }

    /// <summary>Coupon, code or existing discount of each entry of <c>discounts[]</c>.</summary>
    public static IReadOnlyList<DiscountChoice> Read(Params given) => [.. given.Groups("discounts").Select(d =>
        new[] { d.Text("coupon"), d.Text("promotion_code"), d.Text("discount") }.Count(c => c is not null) == 1
            ? new DiscountChoice(d.Text("coupon"), d.Text("promotion_code"), d.Text("discount"))
            : throw StripeError.Invalid("A discount is a coupon, a promotion code or one that exists: exactly one of them.", d.Full("coupon"), "parameters_exclusive"))];

    private static Doc Coupon(Call call) => call.Work.Get(Discounts.Coupon, call.Id);

    private static JsonObject CreateCoupon(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        if (given.Text("id") is { } wanted && work.Find(wanted) is not null) throw StripeError.Invalid("A coupon with this id exists already.", "id", "resource_already_exists");
        var (percent, amount) = (given.Json["percent_off"]?.GetValue<decimal>(), given.Long("amount_off"));
        if (percent is null == amount is null) throw StripeError.Invalid("A coupon takes off either a percentage or an amount.", "percent_off", "parameters_exclusive");
        if (percent is <= 0 or > 100) throw StripeError.Invalid("A percentage lies between 0 and 100.", "percent_off");
        if (amount <= 0) throw StripeError.Invalid("An amount off is greater than nothing.", "amount_off", "parameter_invalid_integer");
        var coupon = work.New(Discounts.Coupon, given.Text("id") ?? work.NewId("", 8));
        coupon.Set("amount_off", amount);
        coupon["currency"] = amount is null ? null : given.Required("currency").ToLowerInvariant();
        coupon["duration"] = given.Text("duration") ?? "once";
        if (coupon["duration"] == "repeating") coupon.Set("duration_in_months", given.Long("duration_in_months") ?? throw ParameterReader.Missing("duration_in_months"));
        coupon.Set("max_redemptions", given.Long("max_redemptions"));
        coupon["name"] = given.Text("name");
        coupon.Set("percent_off", percent is null ? null : JsonValue.Create(percent.Value));
        coupon.Set("redeem_by", given.Long("redeem_by"));
        coupon.Set("times_redeemed", 0L);
        if (given.Group("applies_to") is { } applies) coupon.Hidden.Set("products", applies.Json["products"]!.DeepClone());
        Core.Discounts.Validate(coupon, work.NowUnix);
        call.CopyMetadata(coupon);
        work.Emit("coupon.created", coupon);
        return call.Show(coupon);
    }

    private static JsonObject UpdateCoupon(Call call)
    {
        var coupon = Coupon(call);
        call.CopyTexts(coupon, "name");
        call.CopyMetadata(coupon);
        call.Work.EmitUpdated("coupon.updated", coupon);
        return call.Show(coupon);
    }

    private static JsonObject CreateCode(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var coupon = work.Get(Discounts.Coupon, given.Group("promotion")?.Text("coupon") ?? throw ParameterReader.Missing("promotion[coupon]"), "promotion[coupon]");
        var text = given.Text("code") ?? work.NewId("", 8).ToUpperInvariant();
        if (work.All(Discounts.Code).Any(c => c.Flag("active") && string.Equals(c["code"], text, StringComparison.OrdinalIgnoreCase)))
            throw StripeError.Invalid("An active promotion code with this text exists already.", "code", "resource_already_exists");
        var code = work.New(Discounts.Code, work.NewId("promo_"));
        code.Set("active", given.Flag("active") ?? true);
        code["code"] = text;
        code["customer"] = given.Text("customer") is { } customer ? CustomersApi.Living(work, customer).Id : null;
        code.Set("expires_at", given.Long("expires_at"));
        code.Set("max_redemptions", given.Long("max_redemptions"));
        code.Set("promotion", new JsonObject { ["coupon"] = coupon.Id, ["type"] = "coupon" });
        var limits = given.Group("restrictions");
        code.Set("restrictions", new JsonObject
        {
            ["first_time_transaction"] = limits?.Flag("first_time_transaction") ?? false, ["minimum_amount"] = limits?.Long("minimum_amount"), ["minimum_amount_currency"] = limits?.Text("minimum_amount_currency"),
        });
        code.Set("times_redeemed", 0L);
        call.CopyMetadata(code);
        work.Emit("promotion_code.created", code);
        return call.Show(code);
    }

    private static JsonObject UpdateCode(Call call)
    {
        var code = call.Work.Get(Discounts.Code, call.Id);
        if (call.Params.Flag("active") is { } active) code.Set("active", active);
        call.CopyMetadata(code);
        call.Work.EmitUpdated("promotion_code.updated", code);
        return call.Show(code);
    }

    private static JsonObject ListCodes(Call call)
    {
        var given = call.Params;
        return call.List(call.Work.All(Discounts.Code).Where(c =>
            (given.Flag("active") is not { } active || c.Flag("active") == active)
            && (given.Text("code") is not { } text || string.Equals(c["code"], text, StringComparison.OrdinalIgnoreCase))
            && (given.Text("coupon") is not { } coupon || c["promotion.coupon"] == coupon)
            && (given.Text("customer") is not { } customer || c.Customer == customer)));
    }
}
