using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Storefront.Demo;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Demo;

/// <summary>The demo as <c>--demo</c> makes it.</summary>
public sealed class WholeDemo(TestServers servers) : FilledDemo(servers)
{
    protected override int Days => 90;
}

/// <summary>
/// Pictures of every page with the demo's data, for people to look at, and those of the README: <c>TRACEPIPE_PICTURES=1 ./test -explicit only -class "*DemoPictures"</c> writes artifacts/browser/demo and docs/images.
/// </summary>
public sealed class DemoPictures(BrowserFixture browser) : BrowserTest(browser)
{
    private static readonly (string Name, string Path)[] Pages =
    [
        ("dashboard", "/dashboard"), ("keys", "/keys"), ("usage", "/usage"), ("usage-30d", "/usage?period=30d"), ("usage-90d", "/usage?period=90d"), ("sessions", "/sessions"),
        ("billing", "/settings/billing"), ("plans", "/settings/billing/plans"), ("payment-methods", "/settings/billing/payment-methods"), ("credits", "/settings/billing/credits"),
        ("invoices", "/settings/billing/invoices"), ("usage-records", "/settings/billing/usage"), ("costs", "/settings/billing/costs"), ("spend-cap", "/settings/billing/spend-cap"),
    ];

    /// <summary>What the README shows, at the size of a laptop's window.</summary>
    private static readonly string[] OfReadme = ["dashboard", "usage-30d", "invoice", "session"];

    [Fact(Explicit = true)]
    public async Task Pictures_of_the_demo()
    {
        await using var servers = new TestServers();
        await servers.InitializeAsync();
        await using var demo = new WholeDemo(servers);
        await demo.InitializeAsync();
        ExpectedComplaints.Add("AbortError"); // a live part that is left while it loads
        foreach (var width in (int[])[1440, 390])
        {
            var page = await OpenPageAsync(new BrowserNewContextOptions { ViewportSize = new() { Width = width, Height = width < 800 ? 844 : 900 }, ColorScheme = ColorScheme.Light, ReducedMotion = ReducedMotion.Reduce });
            await page.GotoAsync(new Uri(new Uri(demo.App.Address), "/login").ToString());
            await page.GetByLabel("Email").FillAsync(DemoFill.Email);
            await page.GetByLabel("Password", new() { Exact = true }).FillAsync(demo.Password);
            await page.GetByRole(AriaRole.Button, new() { Name = "Log in", Exact = true }).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Dashboard");
            var home = page.Url[..^"/dashboard".Length];
            var session = (await demo.RowsAsync("select id::text from trace_sessions order by (summary->>'events')::bigint desc limit 1"))[0];
            var invoice = (await demo.RowsAsync("select id::text from invoices where kind = 'usage' order by total_cents desc limit 1"))[0];
            var plan = (await demo.RowsAsync("select id::text from invoices where kind = 'plan' order by created_at limit 1"))[0];
            (string Name, string Path)[] details = [("session", $"/sessions/{session}"), ("invoice", $"/settings/billing/invoices/{invoice}"), ("invoice-plan", $"/settings/billing/invoices/{plan}")];
            foreach (var (name, path) in Pages.Concat(details)) await LookAsync(page, home + path, name, width);
            foreach (var (name, path) in new[] { ("profile", "/settings/profile"), ("security", "/settings/security") }) await LookAsync(page, new Uri(new Uri(demo.App.Address), path).ToString(), name, width);
        }
    }

    private async Task LookAsync(IPage page, string address, string name, int width)
    {
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            await page.GotoAsync(address);
            foreach (var frame in await page.Locator("turbo-frame[loading=lazy]").AllAsync()) await frame.ScrollIntoViewIfNeededAsync();
            await Expect(page.Locator("turbo-frame[src]:not([complete]), turbo-frame[busy]")).ToHaveCountAsync(0);
            foreach (var chart in await page.Locator("[data-chart]").AllAsync()) await Expect(chart.Locator("canvas")).ToBeVisibleAsync();
            await page.EvaluateAsync("scrollTo(0, 0)");
            var theme = scheme is ColorScheme.Light ? "light" : "dark";
            await PictureAsync(page, $"demo/{name}-{width}-{theme}");
            if (width < 1440 || !OfReadme.Contains(name, StringComparer.Ordinal) || (scheme is ColorScheme.Dark && name is not "dashboard")) continue;
            var file = name switch { "dashboard" => $"dashboard-{theme}", "usage-30d" => "usage", _ => name };
            await page.ScreenshotAsync(new() { Path = Path.Combine(Paths.Root, "docs", "images", file + ".png"), Animations = ScreenshotAnimations.Disabled });
        }
    }
}
