using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Metering;

namespace Tracepipe.Tests.Catalog;

/// <summary>Catches: a catalogue that is sold at another price than it says, made twice at Stripe, or changed under those who bought it.</summary>
public sealed class CatalogApplyTests(TestServers servers)
{
    /// <summary>The product with a catalogue file of its own and a public address.</summary>
    private sealed class Shop(TestServers servers) : MeteringApp(servers)
    {
        public string File { get; } = Path.GetTempFileName();

        public bool AtStart { get; init; }

        protected override void Configure(WebApplicationBuilder builder)
        {
            base.Configure(builder);
            System.IO.File.Copy(Path.Combine(Paths.Project, "catalog.json"), File, overwrite: true);
            builder.Configuration["Catalog:File"] = File;
            if (AtStart) builder.Configuration["Catalog:ApplyAtStart"] = "true";
            else builder.Configuration["Billing:AppUrl"] = "https://shop.example.com";
        }

        public void Change(Action<JsonNode> change)
        {
            var root = JsonNode.Parse(System.IO.File.ReadAllText(File), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip })!;
            change(root);
            System.IO.File.WriteAllText(File, root.ToJsonString());
        }

        public StripeCatalog Stripe => Services.GetRequiredService<StripeCatalog>();

        public Catalogs Catalogs => Services.GetRequiredService<Catalogs>();

        public async Task<List<JsonElement>> ListAsync(string path) => [.. (await StripeAsync(HttpMethod.Get, path + "?limit=100")).GetProperty("data").EnumerateArray()];

        /// <summary>How many objects there are of each kind.</summary>
        public async Task<string> CountsAsync()
        {
            var counts = new List<int>();
            foreach (var path in new[] { "/v1/products", "/v1/prices", "/v1/billing/meters", "/v1/billing_portal/configurations", "/v1/webhook_endpoints" }) counts.Add((await ListAsync(path)).Count);
            return string.Join(' ', counts);
        }

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            System.IO.File.Delete(File);
        }
    }

    [Fact]
    public async Task Apply_makes_what_is_sold_once_and_a_second_time_nothing()
    {
        await using var shop = new Shop(servers);
        await shop.InitializeAsync();
        var before = await shop.CountsAsync();

        var diff = await shop.RunAsync("catalog diff");
        Assert.Contains("create price pro_monthly: $79.00 a month", diff, StringComparison.Ordinal);
        Assert.Contains("Nothing was changed", diff, StringComparison.Ordinal);
        Assert.Equal(before, await shop.CountsAsync());
        Assert.Null(await shop.Stripe.PriceOfAsync("pro", default));

        var first = await shop.RunAsync("catalog apply");
        Assert.Contains("STRIPE_WEBHOOK_SECRET=whsec_", first, StringComparison.Ordinal);
        Assert.Equal("5 5 3 1 2", await shop.CountsAsync());
        var prices = await shop.ListAsync("/v1/prices");
        foreach (var (key, cents, interval) in new[] { ("starter_monthly", 2900L, "month"), ("pro_monthly", 7900, "month"), ("team_monthly", 19900, "month"), ("byo_monthly", 1900, "month"), ("lifetime", 49900, null) })
        {
            var price = Assert.Single(prices, p => p.GetProperty("lookup_key").GetString() == key);
            Assert.Equal((cents, "usd", interval), (price.GetProperty("unit_amount").GetInt64(), price.GetProperty("currency").GetString(),
                price.GetProperty("recurring") is { ValueKind: JsonValueKind.Object } r ? r.GetProperty("interval").GetString() : null));
        }
        var endpoint = Assert.Single(await shop.ListAsync("/v1/webhook_endpoints"), e => e.GetProperty("url").GetString() == "https://shop.example.com/webhooks/stripe");
        Assert.Equal((36, "2026-07-29.dahlia"), (endpoint.GetProperty("enabled_events").GetArrayLength(), endpoint.GetProperty("api_version").GetString()));
        var features = (await shop.ListAsync("/v1/billing_portal/configurations"))[0].GetProperty("features");
        Assert.Equal((true, false), (features.GetProperty("subscription_cancel").GetProperty("enabled").GetBoolean(), features.GetProperty("subscription_update").GetProperty("enabled").GetBoolean()));
        Assert.NotNull(await shop.Stripe.PortalAsync(default));
        Assert.NotNull(await shop.Stripe.MeterOfAsync("tokens", default));

        var second = await shop.RunAsync("catalog apply");
        Assert.Equal("Catalogue version 1 is in force. Stripe has everything that it sells.", second.Trim());
        Assert.Equal("5 5 3 1 2", await shop.CountsAsync());
    }

    [Fact]
    public async Task A_new_price_is_a_new_version_and_takes_the_lookup_key_and_who_bought_the_old_one_keeps_it()
    {
        await using var shop = new Shop(servers);
        await shop.InitializeAsync();
        await shop.RunAsync("catalog apply");
        var (old, team) = (await shop.Stripe.PriceOfAsync("pro", default), await shop.Stripe.PriceOfAsync("team", default));
        var bought = shop.Clock.GetUtcNow();

        shop.Clock.Advance(TimeSpan.FromHours(1));
        shop.Change(root => root["tiers"]![2]!["price_cents"] = 8900);
        Assert.Contains("create price pro_monthly: $89.00 a month, instead of $79.00", await shop.RunAsync("catalog diff"), StringComparison.Ordinal);
        Assert.Equal(1, shop.Catalogs.Current.Number);
        var applied = await shop.RunAsync("catalog apply");
        Assert.Contains("Catalogue version 2 is in force now", applied, StringComparison.Ordinal);
        Assert.Equal("5 6 3 1 2", await shop.CountsAsync()); // one price more, nothing else

        var now = await shop.Stripe.PriceOfAsync("pro", default);
        Assert.NotEqual(old, now);
        Assert.Equal(team, await shop.Stripe.PriceOfAsync("team", default));
        Assert.Equal(now, Assert.Single(await shop.ListAsync("/v1/prices"), p => p.GetProperty("lookup_key").GetString() == "pro_monthly").GetProperty("id").GetString());
        Assert.Equal((new SoldTier(1, "pro"), new SoldTier(2, "pro")), (await shop.Stripe.TierOfAsync(old!, bought, default), await shop.Stripe.TierOfAsync(now!, shop.Clock.GetUtcNow(), default)));
        Assert.Equal((old, now), (await shop.Stripe.PriceOfAsync(1, "pro", default), await shop.Stripe.PriceOfAsync(2, "pro", default)));
        // A price that two versions share says what was in force when it was bought.
        Assert.Equal((new SoldTier(1, "team"), new SoldTier(2, "team")), (await shop.Stripe.TierOfAsync(team!, bought, default), await shop.Stripe.TierOfAsync(team!, shop.Clock.GetUtcNow(), default)));
        Assert.Null(await shop.Stripe.TierOfAsync("price_foreign", bought, default));

        shop.Change(root => root["tiers"]![2]!["price_cents"] = 7900); // back again: a third version
        Assert.Contains("Catalogue version 3 is in force now", await shop.RunAsync("catalog apply"), StringComparison.Ordinal);
        Assert.Equal(7900, shop.Catalogs.Current.Prices.Tier("pro").PriceCents);
    }

    [Fact]
    public async Task What_somebody_changed_at_Stripe_is_put_right()
    {
        await using var shop = new Shop(servers);
        await shop.InitializeAsync();
        await shop.RunAsync("catalog apply");
        var price = await shop.Stripe.PriceOfAsync("starter", default);
        await shop.StripeAsync(HttpMethod.Post, $"/v1/prices/{price}", new() { ["active"] = "false" });
        await shop.StripeAsync(HttpMethod.Post, "/v1/products/tracepipe_team", new() { ["name"] = "Something else" });
        var endpoint = Assert.Single(await shop.ListAsync("/v1/webhook_endpoints"), e => e.GetProperty("url").GetString()!.StartsWith("https://shop", StringComparison.Ordinal)).GetProperty("id").GetString();
        await shop.StripeAsync(HttpMethod.Post, $"/v1/webhook_endpoints/{endpoint}", new() { ["disabled"] = "true" });

        var done = await shop.RunAsync("catalog apply");
        Assert.Contains("create price starter_monthly", done, StringComparison.Ordinal);
        Assert.Contains("change product tracepipe_team: “Something else” → “Team”", done, StringComparison.Ordinal);
        Assert.Contains("enable it again", done, StringComparison.Ordinal);
        Assert.Contains("Stripe has everything that it sells.", await shop.RunAsync("catalog diff"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_installation_that_applies_at_the_start_can_sell_before_it_serves()
    {
        await using var shop = new Shop(servers) { AtStart = true };
        await shop.InitializeAsync();
        foreach (var tier in new[] { "starter", "pro", "team", "byo", "lifetime" }) Assert.NotNull(await shop.Stripe.PriceOfAsync(tier, default));
        foreach (var tier in new[] { "free", "enterprise", "bench" }) Assert.Null(await shop.Stripe.PriceOfAsync(tier, default));
        Assert.Equal("5 5 3 1 1", await shop.CountsAsync()); // the webhook's endpoint is left alone
    }
}
