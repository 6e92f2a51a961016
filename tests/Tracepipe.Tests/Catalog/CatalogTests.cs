using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Catalog;

/// <summary>Catches: a price list that is read differently from how it is written, or a mistake in it that nobody can find.</summary>
public sealed class CatalogTests(TestApp app) : IClassFixture<TestApp>
{
    private static readonly string Json = File.ReadAllText(Path.Combine(Paths.Project, "catalog.json"));

    [Theory]
    [InlineData("free", 0, 5, 1, 2, 100_000)]
    [InlineData("starter", 2900, 20, 2, 10, 1_000_000)]
    [InlineData("pro", 7900, 100, 5, 50, 5_000_000)]
    [InlineData("team", 19900, 500, 15, 200, 25_000_000)]
    [InlineData("enterprise", 0, -1, -1, -1, -1)]
    [InlineData("lifetime", 49900, 50, 5, 100, 5_000_000)]
    [InlineData("byo", 1900, -1, -1, 50, -1)]
    public void The_seven_tiers_are_those_of_the_price_list(string key, long cents, long workflows, int agents, long storage, long tokens)
    {
        var tier = CatalogReader.Read(Json).Tier(key);
        Assert.Equal((cents, new TierLimits(workflows, agents, storage, tokens)), (tier.PriceCents, tier.Limits));
    }

    [Fact]
    public void Rates_are_exact_per_unit()
    {
        var prices = CatalogReader.Read(Json);
        Assert.Equal(10m, prices.RateOf("workflow")!.Unit());
        Assert.Equal(0.00001m, prices.RateOf("tokens")!.Unit());
        Assert.Equal(0.0002m, prices.RateOf("storage")!.Unit());
        Assert.Null(prices.RateOf("examples"));
    }

    [Theory]
    [InlineData("currency", "\"dollars\"", "currency")]
    [InlineData("tiers[2].limits.workflows", "1.5", "tiers[2].limits.workflows")]
    [InlineData("tiers[2].limits.workflows", "\"100\"", "tiers[2].limits.workflows")]
    [InlineData("tiers[1].price_cents", "-1", "tiers[1].price_cents")]
    [InlineData("tiers[1].price_cents", "49", "tiers[1].price_cents")]
    [InlineData("tiers[0].sold", "\"gratis\"", "tiers[0].sold")]
    [InlineData("tiers[1].key", "\"free\"", "tiers[1]")]
    [InlineData("rates[0].meter", "\"flights\"", "rates[0].meter")]
    [InlineData("rates[0].price", "10.00", "rates[0].price")]
    [InlineData("rates[0].price", "\"10.005\"", "rates[0].price")]
    [InlineData("rates[1].per", "0", "rates[1].per")]
    [InlineData("llm_prices[0].input_per_million", "\"-1\"", "llm_prices[0].input_per_million")]
    [InlineData("meters", "[]", "meters")]
    [InlineData("tiers[0].colour", "\"green\"", "tiers[0].colour")]
    public void A_wrong_field_is_named_by_its_path(string field, string value, string path)
    {
        var wrong = Assert.Throws<CatalogException>(() => CatalogReader.Read(With(field, JsonNode.Parse(value))));
        Assert.Equal(path, wrong.Path);
    }

    [Fact]
    public void Every_missing_field_of_a_tier_is_named()
    {
        foreach (var field in new[] { "key", "name", "sold", "price_cents", "limits", "requests" })
        {
            var root = JsonNode.Parse(Json)!;
            root["tiers"]![3]!.AsObject().Remove(field);
            Assert.Equal($"tiers[3].{field}", Assert.Throws<CatalogException>(() => CatalogReader.Read(root.ToJsonString())).Path);
        }
    }

    [Fact]
    public async Task A_changed_file_becomes_a_new_version_and_the_old_one_stays()
    {
        var catalogs = app.Services.GetRequiredService<Catalogs>();
        var before = catalogs.Current;
        Assert.Equal((before.Number, false), (await catalogs.PublishAsync(CancellationToken.None)) is var (same, isNew) ? (same.Number, isNew) : default);

        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, With("tiers[2].price_cents", JsonValue.Create(8900)));
        var changed = new Catalogs(app.Services.GetRequiredService<Database>(), Configuration(file), TimeProvider.System);
        var (version, _) = await changed.PublishAsync(CancellationToken.None);

        Assert.Equal(8900, version.Prices.Tier("pro").PriceCents);
        Assert.Equal(7900, (await changed.GetAsync(before.Number, CancellationToken.None)).Prices.Tier("pro").PriceCents);
        Assert.Equal(version.Number, (await catalogs.GetAsync(version.Number, CancellationToken.None)).Number); // the other node finds it
        File.Delete(file);
    }

    [Fact]
    public async Task Published_versions_cannot_be_changed_by_the_program()
    {
        foreach (var role in new[] { Database.WebRole, Database.WorkRole })
        foreach (var sql in new[] { "update catalog_versions set document = '{}'", "delete from catalog_versions" })
            await Assert.ThrowsAsync<Npgsql.PostgresException>(() => app.ExecuteAsync($"set role {role}; {sql}"));
    }

    private static Microsoft.Extensions.Configuration.IConfiguration Configuration(string file)
    {
        var builder = new Microsoft.Extensions.Configuration.ConfigurationManager();
        builder["Catalog:File"] = file;
        return builder;
    }

    private static string With(string path, JsonNode? value)
    {
        var root = JsonNode.Parse(Json)!;
        var parts = path.Replace("]", "", StringComparison.Ordinal).Split('.', '[');
        var node = root;
        foreach (var part in parts[..^1]) node = int.TryParse(part, out var index) ? node[index]! : node[part]!;
        node[parts[^1]] = value;
        return root.ToJsonString();
    }
}
