using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Catalog;

/// <summary>A tier as it was sold: which version of the catalogue says what it includes.</summary>
internal sealed record SoldTier(int Version, string Tier);

/// <summary>
/// The catalogue's other names: which price, meter and portal configuration at Stripe belong to it. Written by <c>catalog apply</c>; read when a plan is
/// bought, and when Stripe tells of a plan.
/// </summary>
internal sealed class StripeCatalog(Database database, Catalogs catalogs)
{
    /// <summary>The price that sells a tier of the version in force now; null when <c>catalog apply</c> has not made one, or the tier is not sold.</summary>
    public Task<string?> PriceOfAsync(string tier, CancellationToken cancel) => PriceOfAsync(catalogs.Current.Number, tier, cancel);

    /// <summary>The price that sells a tier of this version.</summary>
    public async Task<string?> PriceOfAsync(int version, string tier, CancellationToken cancel)
    {
        Answer<string?>? found = null;
        await database.WorkReadAsync(q => found = q.First(
            $"select price_id from stripe_prices where catalog_version = {version} and tier = {tier} order by applied_at desc limit 1", r => r.GetString(0)), cancel);
        return found!.Value;
    }

    /// <summary>
    /// What somebody has who pays this price since <paramref name="boughtAt"/>. Versions that left the price as it was share it: the one that was in force
    /// then counts. Null: the price is none of ours.
    /// </summary>
    public async Task<SoldTier?> TierOfAsync(string price, DateTimeOffset boughtAt, CancellationToken cancel)
    {
        Answer<SoldTier?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"""
            select p.catalog_version, p.tier from stripe_prices p join catalog_versions v on v.version = p.catalog_version where p.price_id = {price}
            order by (v.published_at <= {boughtAt}) desc, case when v.published_at <= {boughtAt} then -v.version else v.version end limit 1
            """, r => new SoldTier(r.GetInt32(0), r.GetString(1))), cancel);
        return found!.Value;
    }

    /// <summary>The portal configuration that <c>catalog apply</c> made; null: Stripe's default one.</summary>
    public Task<string?> PortalAsync(CancellationToken cancel) => ObjectAsync("portal", "default", cancel);

    /// <summary>The billing meter at Stripe that counts a meter of ours.</summary>
    public Task<string?> MeterOfAsync(string meter, CancellationToken cancel) => ObjectAsync("meter", meter, cancel);

    /// <summary>The name under which usage of a meter is reported to Stripe.</summary>
    public static string MeterEventName(string meter) => $"tracepipe_{meter}";

    private async Task<string?> ObjectAsync(string kind, string name, CancellationToken cancel)
    {
        Answer<string?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select object_id from stripe_objects where kind = {kind} and name = {name}", r => r.GetString(0)), cancel);
        return found!.Value;
    }

    /// <summary>Writes down which price sells a tier of this version.</summary>
    public static Task WritePriceAsync(int version, string tier, string price, DateTimeOffset now, Transaction transaction, CancellationToken cancel) => transaction.ExecuteAsync($"""
        insert into stripe_prices (catalog_version, tier, price_id, applied_at) values ({version}, {tier}, {price}, {now})
        on conflict (catalog_version, tier, price_id) do update set applied_at = excluded.applied_at
        """, cancel);

    /// <summary>Writes down what else was made: <paramref name="kind"/> is <c>product</c>, <c>meter</c> or <c>portal</c>.</summary>
    public static Task WriteObjectAsync(string kind, string name, string id, DateTimeOffset now, Transaction transaction, CancellationToken cancel) => transaction.ExecuteAsync($"""
        insert into stripe_objects (kind, name, object_id, applied_at) values ({kind}, {name}, {id}, {now})
        on conflict (kind, name) do update set object_id = excluded.object_id, applied_at = excluded.applied_at
        """, cancel);
}
