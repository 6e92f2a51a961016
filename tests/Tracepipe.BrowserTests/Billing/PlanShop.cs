using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>The product with everything it sells made at the sandbox account.</summary>
public sealed class PlanShop(TestServers servers) : TestApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder) =>
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["Catalog:ApplyAtStart"] = "true" });

    internal EventCatchUp CatchUp => Services.GetRequiredService<EventCatchUp>();

    /// <summary>Stripe tells nobody anything any more.</summary>
    public async Task SilenceAsync()
    {
        foreach (var endpoint in (await StripeAsync(HttpMethod.Get, "/v1/webhook_endpoints")).GetProperty("data").EnumerateArray())
            await StripeAsync(HttpMethod.Post, $"/v1/webhook_endpoints/{endpoint.GetProperty("id").GetString()}", new() { ["disabled"] = "true" });
    }

    /// <summary>Stripe takes every call and answers none.</summary>
    public Task HangAsync() => FaultsAsync(HttpMethod.Post, """{"kind":"hang","method":"*","count":1000000}""");

    /// <summary>It answers again.</summary>
    public Task HealAsync() => FaultsAsync(HttpMethod.Delete, "{}");

    private async Task FaultsAsync(HttpMethod method, string json)
    {
        using var request = new HttpRequestMessage(method, new Uri(StripeAddress, "/_sandbox/faults")) { Content = new StringContent(json) };
        request.Headers.Authorization = new("Bearer", StripeKey);
        using var response = await Http.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    public Task<string> CustomerAsync(TestPerson person) =>
        EventuallyAsync(() => ScalarAsync<string>($"select stripe_customer_id from billing_accounts where organization_id = '{person.OrganizationId}'"), c => c is not null);

    /// <summary>What a running plan is paid with from now on.</summary>
    public async Task PayWithAsync(TestPerson person, string card)
    {
        var customer = await CustomerAsync(person);
        var method = (await StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{card}/attach", new() { ["customer"] = customer })).GetProperty("id").GetString()!;
        await StripeAsync(HttpMethod.Post, $"/v1/customers/{customer}", new() { ["invoice_settings[default_payment_method]"] = method });
        var subscription = await ScalarAsync<string>($"select stripe_subscription_id from subscriptions where organization_id = '{person.OrganizationId}' and is_live");
        await StripeAsync(HttpMethod.Post, $"/v1/subscriptions/{subscription}", new() { ["default_payment_method"] = method });
    }

    /// <summary>What was charged at Stripe, less what went back, in cents.</summary>
    public async Task<long> ChargedAsync(TestPerson person) => (await StripeAsync(HttpMethod.Get, $"/v1/charges?customer={await CustomerAsync(person)}&limit=100")).GetProperty("data").EnumerateArray()
        .Where(c => c.GetProperty("status").GetString() == "succeeded").Sum(c => c.GetProperty("amount").GetInt64() - c.GetProperty("amount_refunded").GetInt64());
}

/// <summary>The billing pages and Stripe's pages behind them, as a person uses them.</summary>
internal sealed class PlanWalk(IPage page, Func<string, string> url)
{
    public const string Visa = "4242 4242 4242 4242";

    /// <summary>What the page says after something was done.</summary>
    public ILocator Toast => page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast");

    public ILocator Dialog(string name) => page.GetByRole(AriaRole.Dialog, new() { Name = name });

    public ILocator Button(string name) => page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    public ILocator Tier(string name) => page.GetByRole(AriaRole.Region, new() { Name = name, Exact = true });

    public async Task OpenPlansAsync()
    {
        await page.GotoAsync(url("/settings/billing/plans"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Plans", Level = 1, Exact = true })).ToBeVisibleAsync();
    }

    /// <summary>From our own button to Stripe's page.</summary>
    public async Task ChooseAsync(string button)
    {
        await OpenPlansAsync();
        await Button(button).ClickAsync();
        await Expect(page.GetByLabel("Card number").Or(page.GetByRole(AriaRole.Radio)).First).ToBeVisibleAsync();
    }

    /// <summary>Types a card into Stripe's page and presses its button.</summary>
    public async Task PayAsync(string number, string button)
    {
        var card = page.GetByRole(AriaRole.Radio, new() { Name = "Card", Exact = true });
        if (await card.CountAsync() > 0) await card.CheckAsync();
        await page.GetByLabel("Card number").FillAsync(number);
        await page.GetByLabel("MM / YY").FillAsync("12 / 40");
        await page.GetByLabel("CVC").FillAsync("123");
        await Button(button).ClickAsync();
    }

    public async Task IsThankedAsync(string heading)
    {
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Thank you", Level = 1 })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = heading })).ToBeVisibleAsync();
    }

    public async Task SubscribeAsync(string tier)
    {
        await ChooseAsync($"Choose {tier}");
        await PayAsync(Visa, "Subscribe");
        await IsThankedAsync($"Your plan is {tier}");
    }
}
