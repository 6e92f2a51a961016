using System.Net;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Billing;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Home;

/// <summary>Catches: steps that work one by one and lead nowhere together, from the landing page to the first call and back in the next day.</summary>
public sealed class FirstHour(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    private const string Password = "a long walk in the rain";

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task From_the_landing_page_to_the_first_call(int width)
    {
        var email = $"maya{width}@example.com";
        var page = await OpenPageAsync(Window(width));
        await RegisterAsync(page, email);
        await IsDashboardAsync(page, done: 0);
        await Expect(page.GetByText("Maya. Here is")).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Add card", Exact = true }).ClickAsync();
        await HasTitleAsync(page, "Payment methods");
        var cards = new PaymentMethodsWalk(page);
        await cards.IsOpenAsync();
        await cards.SaveAsync("4242 4242 4242 4242");
        await Expect(cards.Row("Visa ending in 4242")).ToBeVisibleAsync();

        await GoToAsync(page, "Dashboard", width);
        await IsDashboardAsync(page, done: 1);
        await Expect(Step(page, "Add a payment method, done")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Create key", Exact = true }).ClickAsync();
        await page.GetByLabel("Name").FillAsync("First program");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        var key = await page.GetByLabel("Your new API key").InputValueAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await HasTitleAsync(page, "API keys");

        await GoToAsync(page, "Dashboard", width);
        await IsDashboardAsync(page, done: 2);
        await Expect(Step(page, "Make your first call, to do")).ToBeVisibleAsync();
        using (var answer = await App.CallAsync(key, "/v1/users/me")) Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await TestApp.EventuallyAsync(() => App.ScalarAsync<bool>($"select last_used_at is not null from api_keys where name = 'First program' and organization_id = (select organization_id from members join people on people.id = person_id where email = '{email}')"), used => used);
        await page.ReloadAsync();
        await IsDashboardAsync(page, done: 3);
        await Expect(Step(page, "Make your first call, done")).ToBeVisibleAsync();

        await LogOutAsync(page, width);
        await page.GotoAsync(Url("/dashboard"));
        await HasTitleAsync(page, "Log in");
        await LogInAsync(page, email);
        await IsDashboardAsync(page, done: 3);
    }

    [Fact]
    public async Task Without_script_the_same_way_leads_to_a_key_and_its_end()
    {
        var page = await OpenPageAsync(new BrowserNewContextOptions { JavaScriptEnabled = false });
        await RegisterAsync(page, "noscript@example.com");
        await IsDashboardAsync(page, done: 0);
        await page.GetByRole(AriaRole.Link, new() { Name = "Create key", Exact = true }).ClickAsync();
        await page.GetByLabel("Name").FillAsync("No script");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create key" }).ClickAsync();
        var key = await page.GetByLabel("Your new API key").InputValueAsync();
        using (var answer = await App.CallAsync(key, "/v1/users/me")) Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await page.GetByRole(AriaRole.Button, new() { Name = "I have saved it" }).ClickAsync();
        await HasTitleAsync(page, "API keys");

        await page.GetByRole(AriaRole.Button, new() { Name = "Dark theme" }).ClickAsync();
        await Expect(page.Locator("html")).ToHaveClassAsync("dark");
        await HasTitleAsync(page, "API keys");

        await LogOutAsync(page, 1440);
        await page.GotoAsync(Url("/login"));
        await LogInAsync(page, "noscript@example.com");
        await GoToAsync(page, "API keys", 1440);
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke No script" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke key" }).ClickAsync();
        await HasTitleAsync(page, "API keys");
        await Expect(page.Locator(".toast")).ToContainTextAsync("Key revoked");
        using var refused = await App.CallAsync(key, "/v1/users/me");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);

        await GoToAsync(page, "Payment methods", 1440);
        await Expect(page.Locator("noscript h2")).ToBeVisibleAsync(); // Adding a card needs JavaScript: Playwright reads no text in there
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Add card" })).ToBeHiddenAsync();
    }

    private async Task RegisterAsync(IPage page, string email)
    {
        await page.GotoAsync(Url("/"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Get started", Exact = true }).First.ClickAsync();
        await HasTitleAsync(page, "Create your account");
        await page.GetByLabel("Name").FillAsync("Maya Okafor");
        await page.GetByLabel("Email").FillAsync(email);
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await HasTitleAsync(page, "Check your mail");
        await page.GetByRole(AriaRole.Link, new() { Name = "Open the mail tray" }).ClickAsync();
        await HasTitleAsync(page, "Mail");
        await page.GetByRole(AriaRole.Row).Filter(new() { HasText = email }).GetByRole(AriaRole.Link).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "verify-email" }).ClickAsync();
    }

    private async Task LogInAsync(IPage page, string email)
    {
        await page.GetByLabel("Email").FillAsync(email);
        await page.GetByLabel("Password", new() { Exact = true }).FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await HasTitleAsync(page, "Dashboard");
    }

    private static async Task LogOutAsync(IPage page, int width)
    {
        await page.GetByRole(AriaRole.Button, new() { Name = width < 768 ? "Open menu" : "Account menu" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Log out" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Dashboard" })).ToHaveCountAsync(0);
    }

    /// <summary>Follows the navigation, which on a phone is behind a button.</summary>
    private static async Task GoToAsync(IPage page, string name, int width)
    {
        if (width < 768) await page.GetByRole(AriaRole.Button, new() { Name = "Open menu" }).ClickAsync();
        await page.GetByRole(AriaRole.Navigation, new() { Name = width < 768 ? "Menu" : "Main" }).GetByRole(AriaRole.Link, new() { Name = name, Exact = true }).ClickAsync();
        await HasTitleAsync(page, name);
    }

    private static async Task IsDashboardAsync(IPage page, int done)
    {
        await HasTitleAsync(page, "Dashboard");
        await Expect(page.GetByText($"{done} of 4 done")).ToBeVisibleAsync();
        await page.WaitForLoadStateAsync(); // without its style there are two of some links
    }

    private static ILocator Step(IPage page, string name) => page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = name });

    private static Task HasTitleAsync(IPage page, string title) => Expect(page.GetByRole(AriaRole.Heading, new() { Name = title, Exact = true, Level = 1 })).ToBeVisibleAsync();
}
