using System.Net;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>Exists to catch: a dashboard that shows secrets or runs markup from an object, and switches that do nothing.</summary>
public sealed class DashboardTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    private static readonly string[] Sections = ["Objects", "Events", "Deliveries", "Clock", "Faults", "Coverage"];

    [Theory]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    public async Task Every_section_is_accessible_and_fits(int width, ColorScheme scheme)
    {
        await shop.NewIntentAsync(("confirm", "true"), ("payment_method", "pm_card_visa"), ("return_url", $"{shop.Url}done"));
        await shop.CallAsync(HttpMethod.Post, "/v1/webhook_endpoints", [("url", "http://127.0.0.1:9/nobody"), ("enabled_events[]", "*")]);
        var page = await OpenPageAsync(new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme });
        await page.GotoAsync(shop.Sandbox.Url.AbsoluteUri);
        foreach (var section in Sections)
        {
            await page.GetByRole(AriaRole.Navigation, new() { Name = "Dashboard" }).GetByRole(AriaRole.Link, new() { Name = section }).ClickAsync();
            await LooksRightAsync(page, section, width);
            if (section == "Events")
            {
                await page.GetByRole(AriaRole.Cell).GetByRole(AriaRole.Link).First.ClickAsync();
                await LooksRightAsync(page, null, width);
            }
        }
    }

    [Fact]
    public async Task An_object_is_shown_as_text_without_its_secret()
    {
        var intent = await shop.NewIntentAsync();
        await shop.CallAsync(HttpMethod.Post, $"/v1/customers/{intent.Customer}", [("name", "<img src=x onerror=alert(1)>"), ("description", "</pre><script>alert(1)</script>")]);
        var page = await OpenDashboardAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = "<img src=x onerror=alert(1)>" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = intent.Customer }).ClickAsync();
        await Assertions.Expect(page.GetByText("</pre><script>alert(1)</script>")).ToBeVisibleAsync();
        await page.GotoAsync($"{page.Url.Split("/objects")[0]}/objects/{intent.Id}");
        await Assertions.Expect(page.GetByText("(hidden)")).ToBeVisibleAsync();
        Assert.DoesNotContain(intent.ClientSecret, await page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_clock_moves_the_time_of_what_is_made_next()
    {
        var page = await OpenDashboardAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Clock" }).ClickAsync();
        await page.GetByLabel("Move ahead by").FillAsync("3");
        await page.GetByRole(AriaRole.Button, new() { Name = "Move" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Moved ahead by 3 d 0 h.")).ToBeVisibleAsync();
        using var customer = await shop.CallAsync(HttpMethod.Post, "/v1/customers");
        var made = DateTimeOffset.FromUnixTimeSeconds(customer.RootElement.GetProperty("created").GetInt64());
        Assert.InRange(made - TimeProvider.System.GetUtcNow(), TimeSpan.FromDays(2.99), TimeSpan.FromDays(3.01));
    }

    [Fact]
    public async Task An_ordered_fault_hits_the_call_it_is_for()
    {
        var page = await OpenDashboardAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Faults" }).ClickAsync();
        await page.GetByLabel("What happens").SelectOptionAsync("rate_limit");
        await page.GetByLabel("To which call").SelectOptionAsync("GET /v1/events");
        await page.GetByRole(AriaRole.Button, new() { Name = "Order fault" }).ClickAsync();
        await Assertions.Expect(page.GetByText("rate_limit × 1")).ToBeVisibleAsync();
        Assert.Equal(HttpStatusCode.TooManyRequests, await shop.AnswerAsync("/v1/events"));
        Assert.Equal(HttpStatusCode.OK, await shop.AnswerAsync("/v1/events"));
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByText("None.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_form_of_another_site_changes_nothing()
    {
        await shop.NewIntentAsync();
        using var browser = new HttpClient { BaseAddress = shop.Sandbox.Url };
        var dashboard = (await browser.GetAsync("/")).RequestMessage!.RequestUri!;
        using var request = new HttpRequestMessage(HttpMethod.Post, dashboard.AbsolutePath + "/reset");
        request.Headers.Add("Sec-Fetch-Site", "cross-site");
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync(request)).StatusCode);
    }

    private async Task<IPage> OpenDashboardAsync()
    {
        await shop.NewIntentAsync();
        var page = await OpenPageAsync();
        await page.GotoAsync(shop.Sandbox.Url.AbsoluteUri);
        return page;
    }

    private static async Task LooksRightAsync(IPage page, string? title, int width)
    {
        if (title is not null) await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = title, Level = 1 })).ToBeVisibleAsync();
        await IsSoundAsync(page, $"sandbox/dashboard-{title ?? "event"}-{width}");
    }
}
