using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Site;

/// <summary>The catalogue in the words of the pages that sell it.</summary>
/// <param name="Tiers">As the pricing page lists them.</param>
/// <param name="Rates">What use beyond a plan costs.</param>
/// <param name="FreeOffer">What an account includes for nothing.</param>
internal sealed record PricingView(IReadOnlyList<TierView> Tiers, IReadOnlyList<RateView> Rates, FreeOffer FreeOffer, int FreeWorkflows)
{
    // A month of storage at a constant level, for the calculator: 365 × 24 / 12 hours.
    private const decimal HoursPerMonth = 730m;

    private static readonly string[] Order = ["free", "starter", "pro", "team", "byo", "lifetime", "enterprise"];

    public TierView? Tier(string key) => Tiers.FirstOrDefault(t => string.Equals(t.Key, key, StringComparison.Ordinal));

    public RateView? Rate(string meter) => Rates.FirstOrDefault(r => string.Equals(r.Meter, meter, StringComparison.Ordinal));

    public static PricingView Of(PriceList prices)
    {
        var free = prices.Tier("free").Limits;
        return new PricingView(
            [.. prices.Listed.OrderBy(t => Array.IndexOf(Order, t.Key) is >= 0 and var at ? at : int.MaxValue).Select(t => TierView.Of(t, prices.Currency))],
            [.. prices.Rates.Select(r => RateView.Of(r, prices))],
            new FreeOffer(Words.Limit(free.Workflows), Words.Limit(free.Tokens), $"{Words.Limit(free.StorageGb)} GB"),
            (int)free.Workflows);
    }

    /// <summary>What a month with this much use costs on each plan that has a price, cheapest marked; Lifetime after its one payment.</summary>
    public static IReadOnlyList<Estimate> Estimates(PriceList prices, Usage usage)
    {
        var sold = prices.Listed.Where(t => t.Sold is not Sold.Contract).OrderBy(t => Array.IndexOf(Order, t.Key)).ToList();
        var estimates = sold.Select(t => new Estimate(t.Name, Month(t, prices, usage), t.Sold is Sold.Once ? t.Price(prices.Currency) : null, t.BringsOwnKeys)).ToList();
        var lowest = estimates.Where(e => e is { Once: null, BringsOwnKeys: false }).MinBy(e => e.Monthly);
        return [.. estimates.Select(e => e with { IsLowest = e == lowest })];
    }

    private static Money Month(Tier tier, PriceList prices, Usage usage)
    {
        var exact = (tier.Sold is Sold.Once ? 0 : tier.Price(prices.Currency).Amount)
            + Beyond(prices, "workflow", usage.Workflows, tier.Limits.Workflows)
            + Beyond(prices, "tokens", usage.Tokens, tier.Limits.Tokens)
            + (Beyond(prices, "storage", usage.StorageGb, tier.Limits.StorageGb) * HoursPerMonth);
        return Money.Round(exact);
    }

    private static decimal Beyond(PriceList prices, string meter, decimal used, long included) => included < 0 || used <= included ? 0 : (used - included) * (prices.RateOf(meter)?.Unit() ?? 0);
}

/// <summary>What somebody expects to use in a month.</summary>
internal sealed record Usage(long Workflows, long Tokens, decimal StorageGb);

/// <summary>A month's price on one plan.</summary>
/// <param name="Once">Paid once besides, for Lifetime.</param>
internal sealed record Estimate(string Plan, Money Monthly, Money? Once, bool BringsOwnKeys, bool IsLowest = false);

/// <summary>A tier as a column of the table.</summary>
internal sealed record TierView(string Key, string Name, string Price, string Per, string Text, string Action, string Href, IReadOnlyList<Fact> Facts, bool IsFeatured, int? Seats)
{
    public static TierView Of(Tier tier, string currency)
    {
        var dollars = tier.Price(currency).Amount.ToString(tier.PriceCents % 100 == 0 ? "#,##0" : "#,##0.00", System.Globalization.CultureInfo.InvariantCulture);
        var price = string.Equals(currency, "USD", StringComparison.Ordinal) ? $"${dollars}" : $"{dollars} {currency}";
        var seats = tier.Seats is { } limited ? $"One payment, {Words.Count(limited)} seats in all." : null;
        return new TierView(
            tier.Key,
            tier.Name,
            tier.Sold is Sold.Contract ? "By contract" : price,
            tier.Sold switch { Sold.Once => "once", Sold.Contract => "", _ => "per month" },
            seats ?? Blurb(tier),
            tier.Sold switch { Sold.Free => "Start free", Sold.Contract => "Contact us", Sold.Once => $"Buy {tier.Name}", _ => $"Choose {tier.Name}" },
            tier.Sold is Sold.Contract ? "contact" : "/register",
            [
                new("Workflows", Words.Limit(tier.Limits.Workflows)),
                new("Agents at once", Words.Limit(tier.Limits.Agents)),
                new("Storage", tier.Limits.StorageGb < 0 ? "Unlimited" : $"{Words.Count(tier.Limits.StorageGb)} GB"),
                new("Tokens", Words.Limit(tier.Limits.Tokens)),
            ],
            tier.Key is "pro",
            tier.Seats);
    }

    private static string Blurb(Tier tier) => tier switch
    {
        { Sold: Sold.Free } => "To try it. No card needed.",
        { Sold: Sold.Contract } => "Own limits, invoice, a person to call.",
        { BringsOwnKeys: true } => "Your own provider keys.",
        { Key: "starter" } => "One person, a few runs a week.",
        { Key: "pro" } => "A team that labels every day.",
        { Key: "team" } => "Several suites, all the time.",
        _ => $"{Words.Count(tier.Requests.RequestsPerMinute)} requests a minute.",
    };
}

/// <summary>What use beyond the plan costs.</summary>
internal sealed record RateView(string Meter, string Name, string Price, string Per)
{
    public static RateView Of(Rate rate, PriceList prices)
    {
        var meter = prices.Meters.First(m => string.Equals(m.Key, rate.Meter, StringComparison.Ordinal));
        var amount = rate.Price.ToString(rate.Price < 0.01m ? "0.00######" : "#,##0.00######", System.Globalization.CultureInfo.InvariantCulture);
        var price = string.Equals(prices.Currency, "USD", StringComparison.Ordinal) ? $"${amount}" : $"{amount} {prices.Currency}";
        var name = meter.Kind is MeterKind.Unit ? char.ToUpperInvariant(meter.Unit[0]) + meter.Unit[1..] : meter.Name;
        var per = meter.Kind is MeterKind.Unit && rate.Per == 1 ? "each" : rate.Per == 1 ? $"per {meter.Unit}" : $"per {Words.Count(rate.Per)}";
        return new RateView(rate.Meter, name, price, per);
    }
}

/// <summary>A line of a column.</summary>
internal sealed record Fact(string Label, string Value);
