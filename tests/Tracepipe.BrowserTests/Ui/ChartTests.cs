using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Storefront.Ui;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Ui;

/// <summary>
/// Catches: a chart that the content security policy stops, that keeps the old theme's colours, stays empty after Back, or leaves readers without its numbers.
/// The chart stands in a page of the product, in the place of what that page says.
/// </summary>
public sealed class ChartTests(BrowserFixture browser, TestApp app) : ProductTest(browser, app), IClassFixture<TestApp>
{
    private const string Plot = "[data-chart-plot]";

    [Theory]
    [InlineData(1440)]
    [InlineData(390)]
    public async Task A_chart_shows_its_table_in_both_themes_and_after_going_back(int width)
    {
        var page = await OpenPageAsync(Window(width));
        await ShowChartAsync(page);
        await Expect(page.GetByRole(AriaRole.Img, new() { Name = "Most tokens went to claude-sonnet" })).ToBeVisibleAsync();
        await Expect(page.Locator($"{Plot} canvas")).ToHaveCountAsync(2);
        await IsFlawlessAsync(page, $"ui/chart-{width}");
        await HasColorAsync(page, "--chart-2");
        await page.EmulateMediaAsync(new() { ColorScheme = ColorScheme.Dark });
        await HasColorAsync(page, "--chart-2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Dark theme" }).Or(page.GetByRole(AriaRole.Button, new() { Name = "Light theme" })).First.ClickAsync();
        await HasColorAsync(page, "--chart-2");

        var table = page.GetByRole(AriaRole.Group, new() { Name = "Tokens per day, table" });
        await Expect(table).ToBeHiddenAsync();
        await page.Locator("#tokens summary").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Expect(table.GetByRole(AriaRole.Row).Nth(1)).ToHaveTextAsync("Nov 3030,0003,0000");
        await IsFlawlessAsync(page, $"ui/chart-table-{width}");

        // The pointer on a day tells its numbers. A chart is drawn anew after a change of width: then the day lies elsewhere.
        var plot = page.Locator($"#tokens {Plot} .u-over");
        await TestApp.EventuallyAsync(async () =>
        {
            if (await plot.BoundingBoxAsync() is not { } box) return null;
            await page.Mouse.MoveAsync(box.X + (box.Width * 0.985f), box.Y + (box.Height / 2));
            return await page.Locator($"#tokens {Plot} [data-row]").First.TextContentAsync();
        }, told => told?.Trim() == "claude-sonnet30,000");

        await page.GotoAsync(Url("/docs"));
        await page.GoBackAsync();
        await Expect(page.Locator($"{Plot} canvas")).ToHaveCountAsync(2);
    }

    [Fact]
    public async Task Turbo_brings_a_chart_and_brings_it_back()
    {
        var page = await OpenPageAsync(Window(1440));
        await PutChartsAsync(page);
        await page.GotoAsync(Url("/docs"));
        await page.GetByRole(AriaRole.Link, new() { Name = "Pricing", Exact = true }).First.ClickAsync();
        await Expect(page.Locator($"{Plot} canvas")).ToHaveCountAsync(2);
        await page.GetByRole(AriaRole.Link, new() { Name = "Docs", Exact = true }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Documentation");
        await page.GoBackAsync();
        await Expect(page.Locator($"{Plot} canvas")).ToHaveCountAsync(2); // one each: a picture kept of the page would make it two
        await HasColorAsync(page, "--chart-1");
    }

    [Fact]
    public async Task Without_script_the_chart_is_its_table()
    {
        var page = await OpenPageAsync(new BrowserNewContextOptions { JavaScriptEnabled = false });
        await ShowChartAsync(page);
        await Expect(page.GetByRole(AriaRole.Group, new() { Name = "Tokens per day, table" }).GetByRole(AriaRole.Row)).ToHaveCountAsync(31);
        await Expect(page.GetByRole(AriaRole.Row, new() { Name = "Nov 7" }).First).ToBeVisibleAsync();
        await Expect(page.Locator($"#tokens {Plot}")).ToBeHiddenAsync();
    }

    private async Task ShowChartAsync(IPage page)
    {
        await PutChartsAsync(page);
        await page.GotoAsync(Url("/pricing"));
    }

    /// <summary>The pricing page says charts instead, with its own headers.</summary>
    private async Task PutChartsAsync(IPage page)
    {
        var charts = await RenderAsync();
        await page.RouteAsync(Url("/pricing"), async route =>
        {
            var response = await route.FetchAsync();
            var html = await response.TextAsync();
            var main = html.IndexOf('>', html.IndexOf("<main", StringComparison.Ordinal)) + 1;
            await route.FulfillAsync(new() { Response = response, Body = html[..main] + "<div class=\"mx-auto w-full max-w-app px-4 pt-7\"><h1>Charts</h1>" + charts + "</div>" + html[html.IndexOf("</main>", StringComparison.Ordinal)..] });
        });
    }

    /// <summary>Two charts, as a page writes them.</summary>
    private static async Task<string> RenderAsync()
    {
        var labels = Enumerable.Range(1, 30).Select(day => $"Nov {day}").ToList();
        IReadOnlyList<ChartSeries> series = ChartSeries.Largest([
            new("gpt-4-turbo", [.. labels.Select((_, i) => i * 0m + (i + 1) * 100m)]), new("claude-sonnet", [.. labels.Select((_, i) => (i + 1) * 1000m)]), new("embed-small", [.. labels.Select((_, i) => i == 4 ? 12_345m : 0m)]),
        ]);
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        Task<string> OfAsync(Dictionary<string, object?> parameters) => renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<Chart>(ParameterView.FromDictionary(parameters))).ToHtmlString());
        return await OfAsync(new()
        {
            ["Id"] = "tokens", ["Title"] = "Tokens per day", ["Description"] = "By model", ["Story"] = "Most tokens went to claude-sonnet", ["Labels"] = labels, ["Series"] = series, ["IsTall"] = true,
        }) + await OfAsync(new()
        {
            ["Id"] = "storage", ["Title"] = "Storage", ["Story"] = "Grew to 31.4 GB", ["Labels"] = labels, ["Kind"] = ChartKind.Line, ["Unit"] = ChartUnit.Gigabytes, ["Limit"] = 50m, ["LimitName"] = "Included",
            ["Series"] = new List<ChartSeries> { new("GB", [.. labels.Select((_, i) => 22.4m + (i * 0.31m))]) },
        });
    }

    /// <summary>Waits until a colour of the theme, as it is now, stands in the first chart.</summary>
    private static Task HasColorAsync(IPage page, string token) => page.WaitForFunctionAsync("""
        token => {
          const canvas = document.querySelector("[data-chart-plot] canvas");
          if (!canvas) return false;
          const sample = document.createElement("canvas").getContext("2d");
          sample.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(token).trim();
          sample.fillRect(0, 0, 1, 1);
          const [r, g, b] = sample.getImageData(0, 0, 1, 1).data;
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let hits = 0;
          for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) <= 3) hits++;
          return hits > 50;
        }
        """, token);
}
