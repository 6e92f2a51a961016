using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What is asked for by an entry of <c>discounts[]</c>: a coupon, a promotion code, or a discount that is there already.</summary>
internal sealed record DiscountChoice(string? Coupon, string? Code = null, string? Kept = null);

/// <summary>Coupons at work: who has one, how long, and what it takes off an invoice.</summary>
internal static class Discounts
{
    public const string Kind = "discount";
    public const string Coupon = "coupon";
    public const string Code = "promotion_code";

    /// <summary>Gives what was chosen, and keeps what was there; the ids of the discounts are the answer.</summary>
    public static JsonArray Choose(UnitOfWork work, IEnumerable<DiscountChoice> choices, Doc owner) => new([.. choices.Select(c => (JsonNode)(c.Kept is null ? Give(work, c.Coupon, c.Code, owner) : Keep(work, c.Kept, owner)).Id)]);

    /// <summary>Gives a coupon (or the coupon of a promotion code) to a subscription or an invoice.</summary>
    public static Doc Give(UnitOfWork work, string? coupon, string? code, Doc owner)
    {
        var now = Clocks.Now(work, owner.Customer);
        var (given, promotion) = Use(work, coupon, code, owner.Customer);
        var discount = work.New(Kind, work.NewId("di_"));
        discount["customer"] = owner.Customer;
        discount["promotion_code"] = promotion?.Id;
        discount.Set("source", new JsonObject { ["coupon"] = given.Id, ["type"] = "coupon" });
        discount.Set("start", now.ToUnixTimeSeconds());
        discount["subscription"] = owner.Kind == Subscriptions.Kind ? owner.Id : null;
        discount["invoice"] = owner.Kind == Invoices.Kind ? owner.Id : null;
        if (given["duration"] == "repeating") discount.Set("end", now.AddMonths((int)given.Long("duration_in_months")).ToUnixTimeSeconds());
        return discount;
    }

    /// <summary>Counts a use of a coupon, or of a promotion code and its coupon; refused when it may not be used (again).</summary>
    public static (Doc Coupon, Doc? Code) Use(UnitOfWork work, string? coupon, string? code, string? customer)
    {
        var (given, promotion) = Find(work, coupon, code, customer);
        given.Set("times_redeemed", given.Long("times_redeemed") + 1);
        Validate(given, Clocks.NowUnix(work, customer));
        if (promotion is null) return (given, null);
        promotion.Set("times_redeemed", promotion.Long("times_redeemed") + 1);
        if (promotion.LongOrNull("max_redemptions") is { } most && promotion.Long("times_redeemed") >= most) promotion.Set("active", false);
        return (given, promotion);
    }

    /// <summary>The coupon and the code that a customer may use now; refused when one does not exist or does not hold.</summary>
    public static (Doc Coupon, Doc? Code) Find(UnitOfWork work, string? coupon, string? code, string? customer)
    {
        var now = Clocks.NowUnix(work, customer);
        var promotion = code is null ? null : work.Get(Code, code, "discounts[0][promotion_code]");
        var given = work.Get(Coupon, promotion is null ? coupon ?? "" : promotion["promotion.coupon"]!, "discounts[0][coupon]");
        if (promotion is not null) EnsureHolds(work, promotion, customer, now);
        Validate(given, now);
        return given.Flag("valid") ? (given, promotion) : throw StripeError.Invalid("This coupon is not valid any more.", "discounts", "coupon_expired");
    }

    /// <summary>Whether an order is large enough for a promotion code.</summary>
    public static bool IsReached(Doc code, long amount, string currency) =>
        code.LongOrNull("restrictions.minimum_amount") is not { } least
        || (amount >= least && string.Equals(code["restrictions.minimum_amount_currency"], currency, StringComparison.OrdinalIgnoreCase));

    /// <summary>A coupon that has run out, of time or of uses, is not valid any more.</summary>
    public static void Validate(Doc coupon, long now) =>
        coupon.Set("valid", (coupon.LongOrNull("redeem_by") is not { } by || by > now) && (coupon.LongOrNull("max_redemptions") is not { } most || coupon.Long("times_redeemed") < most));

    /// <summary>The discounts of a subscription that hold at a moment. Those of one invoice only are used up by the first.</summary>
    public static JsonArray ForInvoice(UnitOfWork work, Doc subscription, long now)
    {
        var used = new JsonArray();
        var kept = new JsonArray();
        foreach (var id in subscription.Array("discounts").Select(d => d!.GetValue<string>()).ToList())
        {
            var discount = work.Find(Kind, id)!;
            if (discount.LongOrNull("end") is { } end && end <= now) continue;
            used.Add(id);
            if (work.Find(Coupon, discount["source.coupon"])?["duration"] != "once") kept.Add(id);
        }
        subscription.Set("discounts", kept);
        return used;
    }

    /// <summary>The share of a price that is left after the percentages a subscription has; its running period is charged by it.</summary>
    public static decimal Share(UnitOfWork work, Doc subscription) =>
        subscription.Array("discounts").Select(d => work.Find(Coupon, work.Find(Kind, d!.GetValue<string>())?["source.coupon"])?.Node("percent_off")?.GetValue<decimal>() ?? 0)
            .Aggregate(1m, (share, percent) => share * (100 - percent) / 100);

    /// <summary>Writes what each discount takes off each line, and answers with the sum.</summary>
    public static long Apply(UnitOfWork work, Doc invoice, List<Doc> lines)
    {
        var off = lines.ToDictionary(l => l.Id, _ => new JsonArray());
        var totals = new JsonArray();
        var left = lines.ToDictionary(l => l.Id, l => l.Flag("discountable") ? Math.Max(0, l.Long("amount")) : 0);
        foreach (var id in invoice.Array("discounts").Select(d => d!.GetValue<string>()))
        {
            var coupon = work.Find(Coupon, work.Find(Kind, id)?["source.coupon"]);
            if (coupon is null) continue;
            var total = 0L;
            foreach (var (line, amount) in Split(coupon, [.. lines.Select(l => (l.Id, left[l.Id], l["pricing.price_details.product"]))], invoice["currency"]!))
            {
                off[line].Add(new JsonObject { ["amount"] = amount, ["discount"] = id });
                left[line] -= amount;
                total += amount;
            }
            totals.Add(new JsonObject { ["amount"] = total, ["discount"] = id });
        }
        foreach (var line in lines)
        {
            line.Set("discount_amounts", off[line.Id]);
            // Unused time is given back from what was really asked for.
            if (work.Find(Subscriptions.Item, line["parent.subscription_item_details.subscription_item"]) is { } item && line.Long("amount") > 0 && !line.Flag("parent.subscription_item_details.proration"))
                item.Hidden["paid_share"] = Pricing.Text(1 - ((decimal)off[line.Id].Sum(o => o!["amount"]!.GetValue<long>()) / line.Long("amount")));
        }
        invoice.Set("total_discount_amounts", totals);
        return totals.Sum(t => t!["amount"]!.GetValue<long>());
    }

    /// <summary>What a coupon takes off lines of which so much is left; only off the products it is for, and in its own currency.</summary>
    public static IReadOnlyList<(string Line, long Amount)> Split(Doc coupon, IReadOnlyList<(string Id, long Left, string? Product)> lines, string currency)
    {
        var products = coupon.Hidden.Array("products").Select(p => p!.GetValue<string>()).ToHashSet();
        var eligible = lines.Where(l => l.Left > 0 && (products.Count == 0 || products.Contains(l.Product ?? "")));
        if (coupon.Node("percent_off") is { } percent) return [.. eligible.Select(l => (l.Id, Pricing.Round(l.Left * percent.GetValue<decimal>() / 100)))];
        if (coupon["currency"] != currency) return [];
        var parts = new List<(string, long)>();
        var rest = coupon.Long("amount_off");
        foreach (var (id, left, _) in eligible)
        {
            var part = Math.Min(rest, left);
            if (part > 0) parts.Add((id, part));
            rest -= part;
        }
        return parts;
    }

    /// <summary>A discount of the object itself, or of the customer that it belongs to.</summary>
    private static Doc Keep(UnitOfWork work, string id, Doc owner) =>
        work.Get(Kind, id, "discounts[0][discount]") is { } kept && kept.Customer == owner.Customer ? kept : throw StripeError.Missing("discount", id, "discounts[0][discount]");

    private static void EnsureHolds(UnitOfWork work, Doc promotion, string? customer, long now)
    {
        if (!promotion.Flag("active") || promotion.LongOrNull("expires_at") <= now)
            throw StripeError.Invalid("This promotion code is not active.", "discounts[0][promotion_code]", "coupon_expired");
        if (promotion.Customer is { } only && only != customer) throw StripeError.Invalid("This promotion code is for another customer.", "discounts[0][promotion_code]");
        if (promotion.Flag("restrictions.first_time_transaction") && customer is not null && work.OfCustomer(customer, Charges.Kind).Any(c => c.Flag("paid")))
            throw StripeError.Invalid("This promotion code is for a first purchase.", "discounts[0][promotion_code]");
    }
}
