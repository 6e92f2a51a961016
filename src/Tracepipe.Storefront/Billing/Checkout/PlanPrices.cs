using System.Globalization;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>A price at Stripe and the tier that it sells.</summary>
/// <param name="CatalogVersion">The version in force when it was bought.</param>
internal sealed record PlanPrice(string Id, string Tier, int CatalogVersion);

/// <summary>Which price sells what. <c>catalog apply</c> makes them; a price that it does not know is recognized by its own marks, or not at all.</summary>
internal sealed class PlanPrices(StripeCatalog atStripe, StripeConnection stripe, Catalogs catalogs)
{
    /// <summary>The price to sell a tier at now; null when <c>catalog apply</c> has not been run.</summary>
    public Task<string?> ToSellAsync(CatalogVersion version, Tier tier, CancellationToken cancel) => atStripe.PriceOfAsync(version.Number, tier.Key, cancel);

    /// <summary>What a price sells to somebody who bought it then; null when it is none of ours.</summary>
    public async Task<PlanPrice?> OfAsync(Price price, DateTimeOffset boughtAt, CancellationToken cancel)
    {
        if (await atStripe.TierOfAsync(price.Id, boughtAt, cancel) is { } sold) return new PlanPrice(price.Id, sold.Tier, sold.Version);
        if (!price.Metadata.TryGetValue("tier", out var tier)) return null;
        var number = price.Metadata.TryGetValue("catalog_version", out var text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var made) && made > 0 && made <= catalogs.Current.Number
            ? made : catalogs.Current.Number;
        return (await catalogs.GetAsync(number, cancel)).Prices.TryTier(tier) is { Sold: Sold.Monthly } ? new PlanPrice(price.Id, tier, number) : null;
    }

    /// <summary>The same for a price of which only the id is at hand.</summary>
    public async Task<PlanPrice?> OfAsync(string id, DateTimeOffset boughtAt, Patience patience, CancellationToken cancel) =>
        await atStripe.TierOfAsync(id, boughtAt, cancel) is { } sold ? new PlanPrice(id, sold.Tier, sold.Version)
            : await OfAsync(await stripe.Client.Prices.GetAsync(id, options: patience.Read, cancel: cancel), boughtAt, cancel);
}
