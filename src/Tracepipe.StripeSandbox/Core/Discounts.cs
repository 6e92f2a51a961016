using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Coupons at work: who has one, how long, and what it takes off an invoice.</summary>
internal static class Discounts
{
    public const string Kind = "discount";
    public const string Coupon = "coupon";
    public const string Code = "promotion_code";

    /// <summary>Gives a coupon (or the coupon of a promotion code) to a subscription or an invoice.</summary>
    public static Doc Give(UnitOfWork work, string? coupon, string? code, Doc owner)
    {
        var now = Clocks.Now(work, owner.Customer);
        var promotion = code is null ? null : work.Get(Code, code, "discounts[0][promotion_code]");
        var given = work.Get(Coupon, promotion is null ? coupon ?? "" : promotion["promotion.coupon"]!, "discounts[0][coupon]");
        if (promotion is not null) Redeem(work, promotion, owner.Customer, now);
        if (!given.Flag("valid")) throw StripeError.Invalid("This coupon is not valid any more.", "discounts", "coupon_expired");
        given.Set("times_redeemed", given.Long("times_redeemed") + 1);
        Validate(given, now.ToUnixTimeSeconds());
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
            var products = coupon.Hidden.Array("products").Select(p => p!.GetValue<string>()).ToHashSet();
            var eligible = lines.Where(l => left[l.Id] > 0 && (products.Count == 0 || products.Contains(l["pricing.price_details.product"] ?? ""))).ToList();
            var total = 0L;
            foreach (var (line, amount) in Split(coupon, eligible, left, invoice["currency"]!))
            {
                off[line.Id].Add(new JsonObject { ["amount"] = amount, ["discount"] = id });
                left[line.Id] -= amount;
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

    private static IEnumerable<(Doc Line, long Amount)> Split(Doc coupon, List<Doc> lines, Dictionary<string, long> left, string currency)
    {
        if (coupon.Node("percent_off") is { } percent)
        {
            foreach (var line in lines) yield return (line, Pricing.Round(left[line.Id] * percent.GetValue<decimal>() / 100));
            yield break;
        }
        if (coupon["currency"] != currency) yield break;
        var rest = Math.Min(coupon.Long("amount_off"), lines.Sum(l => left[l.Id]));
        foreach (var line in lines)
        {
            var part = Math.Min(rest, left[line.Id]);
            if (part > 0) yield return (line, part);
            rest -= part;
        }
    }

    private static void Redeem(UnitOfWork work, Doc promotion, string? customer, DateTimeOffset now)
    {
        if (!promotion.Flag("active") || promotion.LongOrNull("expires_at") <= now.ToUnixTimeSeconds())
            throw StripeError.Invalid("This promotion code is not active.", "discounts[0][promotion_code]", "coupon_expired");
        if (promotion.Customer is { } only && only != customer) throw StripeError.Invalid("This promotion code is for another customer.", "discounts[0][promotion_code]");
        if (promotion.Flag("restrictions.first_time_transaction") && customer is not null && work.OfCustomer(customer, Charges.Kind).Any(c => c.Flag("paid")))
            throw StripeError.Invalid("This promotion code is for a first purchase.", "discounts[0][promotion_code]");
        promotion.Set("times_redeemed", promotion.Long("times_redeemed") + 1);
        if (promotion.LongOrNull("max_redemptions") is { } most && promotion.Long("times_redeemed") >= most) promotion.Set("active", false);
    }
}
