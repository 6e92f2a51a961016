using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product with payments switched off by its operator.</summary>
public sealed class UnpaidApp(TestServers servers) : BillingApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder) =>
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["Stripe:Disabled"] = "true" });
}

/// <summary>The product whose keys need a card first.</summary>
public sealed class CardFirstApp(TestServers servers) : BillingApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder) =>
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["Keys:RequirePaymentMethod"] = "true" });
}

/// <summary>Catches: an installation without payments that breaks, and one that takes money anyway.</summary>
public sealed class PaymentsSwitchedOffTests(UnpaidApp app) : IClassFixture<UnpaidApp>
{
    [Fact]
    public async Task Everything_but_payments_works_and_each_route_about_cards_says_why()
    {
        var config = JsonElement.Parse(await TestApp.Http.GetStringAsync(new Uri(app.Address, "/api/billing/config")));
        Assert.False(config.GetProperty("is_configured").GetBoolean());
        Assert.Equal(JsonValueKind.Null, config.GetProperty("publishable_key").ValueKind);

        var buyer = new Buyer(app, await app.NewPersonAsync());
        Assert.Equal("pending", (await buyer.AccountAsync()).GetProperty("status").GetString());
        Assert.Empty(await buyer.CardsAsync());
        foreach (var (method, path, json) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Post, "/setup-intent", "{}"), (HttpMethod.Post, "/payment-method", """{"payment_method_id":"pm_card_visa"}"""),
            (HttpMethod.Put, "/payment-methods/pm_1/default", null), (HttpMethod.Delete, "/payment-methods/pm_1", null),
        })
            Assert.Equal("billing_not_configured", (await buyer.CallAsync(method, buyer.Account + path, 503, json)).GetProperty("code").GetString());
        Assert.Equal(503, await app.DeliverAsync(BillingApp.Event("evt_1", "customer.updated", "cus_1")));

        var page = await buyer.Person.Browser.PageAsync(buyer.Page);
        Assert.Contains("Payments are not configured", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Null(page.QuerySelector("[data-add-card-open]"));
        foreach (var path in (string[])["dashboard", "keys"]) Assert.Equal(HttpStatusCode.OK, (await buyer.Person.Browser.GetAsync($"/o/{buyer.Person.Slug}/{path}")).StatusCode);
    }
}

/// <summary>Catches: a key without a card where the operator wants a card first, by the page or by the API.</summary>
public sealed class CardBeforeKeyTests(CardFirstApp app) : IClassFixture<CardFirstApp>
{
    [Fact]
    public async Task Without_a_card_no_key_is_made_and_with_one_it_is()
    {
        var buyer = new Buyer(app, await app.NewPersonAsync());
        var form = $"/o/{buyer.Person.Slug}/keys/new";
        var refused = await TestBrowser.ParseAsync(await buyer.Person.Browser.SubmitAsync(form, new() { ["Name"] = "First" }));
        Assert.Contains("A key needs a payment method first", refused.Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal(0L, await KeysAsync(buyer));

        var card = await buyer.AddCardAsync();
        var made = await buyer.Person.Browser.SubmitAsync(form, new() { ["Name"] = "First" });
        Assert.True((int)made.StatusCode < 400, made.StatusCode.ToString());
        Assert.Equal(1L, await KeysAsync(buyer));

        // A key that may make keys meets the same rule once the card is gone.
        var caller = new Caller();
        caller.Is(new Membership(buyer.Organization, buyer.Person.Slug, buyer.Person.Name, IsPersonal: true, Role.Owner, buyer.Person.Id));
        var (full, no) = await app.Services.GetRequiredService<KeyRing>().CreateAsync(new KeyWish(null, "Maker", null, [.. Permissions.OfKeys], null), caller, null, CancellationToken.None);
        Assert.Null(no);
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{card}", 204);
        using var answer = await app.CallAsync(full!.Secret, "/v1/api-keys", HttpMethod.Post, new StringContent("{}", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.PaymentRequired, answer.StatusCode);
        var error = JsonElement.Parse(await answer.Content.ReadAsStringAsync()).GetProperty("error");
        Assert.Equal("no_payment_method", error.GetProperty("details").GetProperty("reason").GetString());
        Assert.Equal(2L, await KeysAsync(buyer));
    }

    private Task<long> KeysAsync(Buyer buyer) => app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{buyer.Organization}'");
}

/// <summary>Catches: a program that reads or changes an account its key does not open, and one that is asked for a browser's token.</summary>
public sealed class KeysAtBillingTests(BillingApp app) : IClassFixture<BillingApp>
{
    [Fact]
    public async Task A_key_reads_and_changes_what_its_permissions_say()
    {
        var (buyer, stranger) = (new Buyer(app, await app.NewPersonAsync()), new Buyer(app, await app.NewPersonAsync()));
        await app.CustomerAsync(buyer.Organization);
        var usual = await KeyAsync(buyer);
        var reads = await KeyAsync(buyer, Permissions.BillingRead);
        var writes = await KeyAsync(buyer, Permissions.BillingRead, Permissions.BillingWrite);

        foreach (var path in (string[])["", "/payment-methods"])
        {
            await AnswersAsync(reads, HttpMethod.Get, buyer.Account + path, 200);
            Assert.Equal(Permissions.BillingRead, Missing(await AnswersAsync(usual, HttpMethod.Get, buyer.Account + path, 403)));
            await AnswersAsync(reads, HttpMethod.Get, stranger.Account + path, 404);
            await AnswersAsync("tp_live_nonsense", HttpMethod.Get, buyer.Account + path, 401);
        }
        foreach (var (method, path, json) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Post, "/setup-intent", "{}"), (HttpMethod.Post, "/payment-method", """{"payment_method_id":"pm_card_visa"}"""),
            (HttpMethod.Put, "/payment-methods/pm_1/default", null), (HttpMethod.Delete, "/payment-methods/pm_1", null),
        })
        {
            foreach (var key in (string[])[usual, reads]) Assert.Equal(Permissions.BillingWrite, Missing(await AnswersAsync(key, method, buyer.Account + path, 403, json)));
            await AnswersAsync(writes, method, stranger.Account + path, 404, json);
        }

        await AnswersAsync(writes, HttpMethod.Post, $"{buyer.Account}/setup-intent", 200, "{}");
        var card = (await AnswersAsync(writes, HttpMethod.Post, $"{buyer.Account}/payment-method", 200, """{"payment_method_id":"pm_card_visa"}""")).GetProperty("id").GetString();
        await AnswersAsync(writes, HttpMethod.Put, $"{buyer.Account}/payment-methods/{card}/default", 200);
        await AnswersAsync(writes, HttpMethod.Delete, $"{buyer.Account}/payment-methods/{card}", 204);
        Assert.Equal("key", await app.ScalarAsync<string>($"select actor_kind from audit_entries where organization_id = '{buyer.Organization}' and action = 'payment_method.removed' and target = '{card}'"));
        Assert.Empty(await stranger.CardsAsync());
    }

    private async Task<string> KeyAsync(Buyer buyer, params string[] permissions)
    {
        var caller = new Caller();
        caller.Is(new Membership(buyer.Organization, buyer.Person.Slug, buyer.Person.Name, IsPersonal: true, Role.Owner, buyer.Person.Id));
        var (made, no) = await app.Services.GetRequiredService<KeyRing>().CreateAsync(new KeyWish(null, "A key", null, permissions.Length == 0 ? null : permissions, null), caller, null, CancellationToken.None);
        Assert.Null(no);
        return made!.Secret;
    }

    private async Task<JsonElement> AnswersAsync(string key, HttpMethod method, string path, int status, string? json = null)
    {
        using var content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await app.CallAsync(key, path, method, content);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(status == (int)answer.StatusCode, $"{method} {path}: {(int)answer.StatusCode} instead of {status}: {body}");
        return body.Length == 0 ? default : JsonElement.Parse(body);
    }

    private static string? Missing(JsonElement problem) => problem.GetProperty("details").GetProperty("missing").GetString();
}
