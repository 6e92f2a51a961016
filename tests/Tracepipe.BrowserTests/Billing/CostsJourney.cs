using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Storefront.Metering;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: costs that cannot be read by days, downloaded or paged, and a chart of them that breaks in the dark, on a phone, or for a screen reader.</summary>
public sealed class CostsJourney(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    [Theory, InlineData(1440), InlineData(390)]
    public async Task Costs_are_read_by_days_provider_and_model(int width)
    {
        var person = await App.NewPersonAsync("Maya Okafor");
        var page = await OpenPageAsync(person, Window(width));
        await page.GotoAsync(Url(person, "/settings/billing/costs"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Costs", Level = 1, Exact = true })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No costs in these days" })).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"costs/none-{width}");

        string[] models = ["anthropic/claude-opus-4", "anthropic/claude-sonnet-4", "anthropic/claude-haiku-4", "openai/gpt-4-turbo", "openai/gpt-4o", "openai/gpt-4o-mini"];
        var sent = new List<(CostRecordRequest?, string?)>();
        for (var i = 0; i < 120; i++)
        {
            var model = models[i * 7 % models.Length].Split('/');
            sent.Add((new CostRecordRequest($"call-{i}", $"run-{i / 4}", model[0], model[1], 40_000 + (i * 977 % 30_000), 9_000 + (i * 613 % 7_000), person.OrganizationId, RecordedAt: App.Clock.GetUtcNow().AddHours(-i * 5.9)), null));
        }
        Assert.Equal(120, (await App.Services.GetRequiredService<CostRecorder>().RecordAsync(sent, default)).Accepted);

        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Cost by provider each day: anthropic" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Cost by model each day: claude-opus-4" })).ToBeVisibleAsync();
        await Expect(page.Locator("[data-chart-plot] canvas")).ToHaveCountAsync(2);
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Table of models" }).GetByRole(AriaRole.Row)).ToHaveCountAsync(7);
        await IsFlawlessAsync(page, $"costs/30-{width}");

        await page.GetByRole(AriaRole.Link, new() { Name = "Older" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Table of calls" }).GetByRole(AriaRole.Row).Nth(1)).ToContainTextAsync("$");
        await page.GetByRole(AriaRole.Link, new() { Name = "7 days", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "7 days", Exact = true })).ToHaveAttributeAsync("aria-current", "true");
        await page.GetByText("Show as table").First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Group, new() { Name = "Cost by provider, table" }).GetByRole(AriaRole.Row)).ToHaveCountAsync(8);
        await IsFlawlessAsync(page, $"costs/7-{width}");

        var today = App.Clock.GetUtcNow();
        await page.GetByLabel("From", new() { Exact = true }).FillAsync(today.AddDays(-3).ToString("yyyy-MM-dd"));
        await page.GetByLabel("To", new() { Exact = true }).FillAsync(today.AddDays(-2).ToString("yyyy-MM-dd"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Show", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Group, new() { Name = "Cost by provider, table", IncludeHidden = true }).GetByRole(AriaRole.Row, new() { IncludeHidden = true })).ToHaveCountAsync(3);
        var file = await page.Context.APIRequest.GetAsync(Url((await page.GetByRole(AriaRole.Link, new() { Name = "Export CSV", Exact = true }).GetAttributeAsync("href"))!));
        Assert.StartsWith("text/csv", file.Headers["content-type"], StringComparison.Ordinal);
        Assert.InRange((await file.TextAsync()).Split("\r\n").Length, 9, 11); // two days of a call each 5.9 hours, and the head

        await page.GotoAsync(Url(person, "/settings/billing"));
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Cost by provider in the last 30 days: anthropic" })).ToBeVisibleAsync();
        await Expect(page.Locator("[data-chart-plot] canvas")).ToHaveCountAsync(1);
        await IsFlawlessAsync(page, $"costs/overview-{width}");
        await page.GotoAsync(Url(person, "/settings/billing/costs?from=2026-02-30&to=x"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "These days cannot be shown" })).ToBeVisibleAsync();
    }
}
