using System.Collections.Concurrent;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>A price at Stripe and the tier that it sells.</summary>
/// <param name="CatalogVersion">The first version that sold at this price.</param>
internal sealed record PlanPrice(string Id, string Tier, int CatalogVersion);

/// <summary>
/// The prices at Stripe of what the catalogue sells, found by their lookup keys (<c>pro_monthly</c>, <c>lifetime</c>) and made, once, where they are missing.
/// A price never changes its amount, so what it sells is remembered for good.
/// </summary>
internal sealed class PlanPrices(Database database, StripeConnection stripe, Catalogs catalogs, TimeProvider clock)
{
    private readonly ConcurrentDictionary<(int Version, string Tier), PlanPrice> sold = new();
    private readonly ConcurrentDictionary<string, PlanPrice> known = new(StringComparer.Ordinal);

    /// <summary>The price to sell a tier at.</summary>
    /// <exception cref="StripeException">Stripe did not answer, or refused.</exception>
    public async Task<PlanPrice> EnsureAsync(CatalogVersion version, Tier tier, Patience patience, CancellationToken cancel)
    {
        if (sold.TryGetValue((version.Number, tier.Key), out var price)) return price;
        var key = tier.LookupKey ?? throw new ArgumentException($"The tier “{tier.Key}” is not sold.", nameof(tier));
        var found = await stripe.Client.Prices.ListAsync(new PriceListParams { LookupKeys = [key], Active = true, Limit = 10 }, patience.Read, cancel);
        var id = found.Data.FirstOrDefault(p => Sells(p, version.Prices, tier))?.Id ?? (await CreateAsync(version, tier, key, found.Data.Count > 0, patience, cancel)).Id;
        return sold[(version.Number, tier.Key)] = await RememberAsync(new PlanPrice(id, tier.Key, version.Number), tier.PriceCents, version.Prices.Currency, cancel);
    }

    /// <summary>What a price sells; null when it is none of ours.</summary>
    public async Task<PlanPrice?> OfAsync(Price price, CancellationToken cancel)
    {
        if (await FindAsync(price.Id, cancel) is { } there) return there;
        var current = catalogs.Current;
        var tier = current.Prices.Tiers.FirstOrDefault(t => t.LookupKey is { } key && string.Equals(key, price.LookupKey, StringComparison.Ordinal))
            ?? (price.Metadata.TryGetValue("tier", out var named) ? current.Prices.TryTier(named) : null);
        return tier is null || price.UnitAmount is not { } amount ? null : await RememberAsync(new PlanPrice(price.Id, tier.Key, current.Number), amount, price.Currency.ToUpperInvariant(), cancel);
    }

    /// <summary>The same for a price of which only the id is at hand.</summary>
    public async Task<PlanPrice?> OfAsync(string id, Patience patience, CancellationToken cancel) =>
        await FindAsync(id, cancel) ?? await OfAsync(await stripe.Client.Prices.GetAsync(id, options: patience.Read, cancel: cancel), cancel);

    private static bool Sells(Price price, PriceList list, Tier tier) => price.UnitAmount == tier.PriceCents && string.Equals(price.Currency, list.Currency, StringComparison.OrdinalIgnoreCase)
        && (tier.Sold is Sold.Once ? price.Recurring is null : price.Recurring is { Interval: "month", IntervalCount: 1, UsageType: "licensed" });

    // The keys follow from the catalogue's immutable version: whoever makes the price, and however often, makes one.
    private async Task<Price> CreateAsync(CatalogVersion version, Tier tier, string lookupKey, bool movesKey, Patience patience, CancellationToken cancel)
    {
        var product = $"tracepipe_{tier.Key}";
        try
        {
            await stripe.Client.Products.GetAsync(product, options: patience.Read, cancel: cancel);
        }
        catch (StripeException missing) when (missing.IsNotFound)
        {
            var made = new ProductCreateParams { Id = product, Name = tier.Name, Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["tier"] = tier.Key } };
            await stripe.Client.Products.CreateAsync(made, patience.Write($"product:{product}"), cancel);
        }
        return await stripe.Client.Prices.CreateAsync(new PriceCreateParams
        {
            Product = product,
            Currency = version.Prices.Currency.ToLowerInvariant(),
            UnitAmount = tier.PriceCents,
            Recurring = tier.Sold is Sold.Once ? null : new PriceRecurringParams { Interval = "month" },
            LookupKey = lookupKey,
            TransferLookupKey = movesKey ? true : null,
            Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["tier"] = tier.Key },
        }, patience.Write($"price:{lookupKey}:{version.Number}:{tier.PriceCents}"), cancel);
    }

    private async Task<PlanPrice?> FindAsync(string id, CancellationToken cancel)
    {
        if (known.TryGetValue(id, out var price)) return price;
        Answer<PlanPrice?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select price_id, tier, catalog_version from plan_prices where price_id = {id}", r => new PlanPrice(r.GetString(0), r.GetString(1), r.GetInt32(2))), cancel);
        return found!.Value is { } there ? known[id] = there : null;
    }

    private async Task<PlanPrice> RememberAsync(PlanPrice price, long amount, string currency, CancellationToken cancel)
    {
        Answer<PlanPrice?>? stored = null;
        await database.WorkReadAsync(q =>
        {
            q.Execute($"insert into plan_prices (price_id, tier, catalog_version, amount_cents, currency, found_at) values ({price.Id}, {price.Tier}, {price.CatalogVersion}, {amount}, {currency}, {clock.GetUtcNow()}) on conflict do nothing");
            stored = q.First($"select price_id, tier, catalog_version from plan_prices where price_id = {price.Id}", r => new PlanPrice(r.GetString(0), r.GetString(1), r.GetInt32(2)));
        }, cancel);
        return known[price.Id] = stored!.Value!;
    }
}
