namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: two prices under one lookup key, and a price that asks for something else than its tiers say.</summary>
public sealed class CatalogueTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_lookup_key_belongs_to_one_price_and_can_be_taken_over()
    {
        var first = await _api.PriceAsync(1000, more: "&lookup_key=pro_monthly");
        var product = (await _api.GetAsync($"/v1/prices/{first}")).Ok()["product"];
        (await _api.PostAsync("/v1/prices", $"product={product}&currency=usd&unit_amount=2000&lookup_key=pro_monthly")).Refused(400, "resource_already_exists", "lookup_key");
        var second = (await _api.PostAsync("/v1/prices", $"product={product}&currency=usd&unit_amount=2000&lookup_key=pro_monthly&transfer_lookup_key=true")).Ok();
        Assert.Equal([second.Id], (await _api.GetAsync("/v1/prices?lookup_keys[]=pro_monthly&expand[]=data.product")).Ok().Data.Select(p => p["id"]!.ToString()));
        Assert.Null((await _api.GetAsync($"/v1/prices/{first}")).Ok()["lookup_key"]);
    }

    [Theory]
    [InlineData("", "unit_amount")]
    [InlineData("&unit_amount=1&unit_amount_decimal=1", "unit_amount")]
    [InlineData("&unit_amount=-1", "unit_amount")]
    [InlineData("&unit_amount=1&recurring[interval]=month&recurring[interval_count]=37", "recurring[interval_count]")]
    [InlineData("&unit_amount=1&recurring[interval]=month&recurring[usage_type]=metered", "recurring[meter]")]
    [InlineData("&billing_scheme=tiered", "tiers")]
    [InlineData("&billing_scheme=tiered&tiers_mode=volume&tiers[0][up_to]=5&tiers[0][unit_amount]=1", "tiers[0][up_to]")]
    [InlineData("&unit_amount=1&custom_unit_amount[enabled]=true", "custom_unit_amount")]
    public async Task A_price_that_makes_no_sense_is_refused(string more, string param)
    {
        var product = (await _api.PostAsync("/v1/products", "name=Pro")).Ok().Id;
        var refused = await _api.PostAsync("/v1/prices", $"product={product}&currency=usd{more}");
        Assert.Equal((400, param), (refused.Status, refused["error.param"]));
    }

    [Fact]
    public async Task Products_are_made_listed_changed_and_put_away()
    {
        var made = (await _api.PostAsync("/v1/products", "name=Pro&id=prod_pro&metadata[tier]=pro&default_price_data[currency]=usd&default_price_data[unit_amount]=100&expand[]=default_price")).Ok();
        Assert.Equal(("prod_pro", 100L), (made.Id, made.Number("default_price.unit_amount")));
        (await _api.PostAsync("/v1/products", "name=Pro&id=prod_pro")).Refused(400, "resource_already_exists", "id");
        Assert.Equal("false", (await _api.PostAsync("/v1/products/prod_pro", "active=false")).Ok()["active"]);
        Assert.Empty((await _api.GetAsync("/v1/products?active=true")).Ok().Data);
        Assert.Equal(["product.created", "price.created", "product.updated"], await _api.EventTypesAsync());
    }

    [Theory]
    [InlineData("graduated", 5, 500)]
    [InlineData("graduated", 12, 1120)]
    [InlineData("graduated", 10, 1000)]
    [InlineData("volume", 10, 1000)]
    [InlineData("volume", 12, 740)]
    public async Task Tiers_are_counted_as_their_mode_says(string mode, int quantity, long expected)
    {
        var (_, customer) = await _api.ClockedAsync();
        var price = (await _api.PostAsync("/v1/prices", $"product_data[name]=Seats&currency=usd&recurring[interval]=month&billing_scheme=tiered&tiers_mode={mode}&tiers[0][up_to]=10&tiers[0][unit_amount]=100&tiers[1][up_to]=inf&tiers[1][unit_amount]=10&tiers[1][flat_amount]={(mode == "volume" ? 620 : 100)}&expand[]=tiers")).Ok();
        Assert.Equal(2, price.At("tiers")!.AsArray().Count);
        Assert.Equal(expected, (await _api.SubscribeAsync(customer, price.Id, $"&items[0][quantity]={quantity}&expand[]=latest_invoice")).Ok().Number("latest_invoice.total"));
    }
}
