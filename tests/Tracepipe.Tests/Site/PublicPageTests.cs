using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: links that lead nowhere, pages without the parts every page has, prices that are not the catalogue's.</summary>
public sealed class PublicPageTests(TestApp app) : IClassFixture<TestApp>
{
    [Theory]
    [InlineData("/", "Browser sessions in. Training data out.")]
    [InlineData("/pricing", "Pricing")]
    [InlineData("/docs", "Documentation")]
    [InlineData("/docs/quickstart", "Quickstart")]
    [InlineData("/docs/capture", "Capture a trace")]
    [InlineData("/docs/errors", "Errors")]
    public async Task A_page_has_one_title_a_skip_link_and_landmarks(string path, string title)
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync(path);
        Assert.Equal(title, string.Join(' ', Assert.Single(page.QuerySelectorAll("h1")).TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        Assert.EndsWith("· Tracepipe", page.Title, StringComparison.Ordinal);
        Assert.Equal("#main", page.QuerySelector("a.skip-link")!.GetAttribute("href"));
        Assert.Single(page.QuerySelectorAll("main#main"));
        Assert.All(page.QuerySelectorAll("nav"), nav => Assert.False(string.IsNullOrEmpty(nav.GetAttribute("aria-label"))));
        Assert.Equal(page.QuerySelectorAll("[id]").Select(e => e.Id).Distinct().Count(), page.QuerySelectorAll("[id]").Length);
    }

    [Fact]
    public async Task The_tiers_are_the_catalogues()
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/pricing");
        var tiers = page.QuerySelectorAll("section[aria-labelledby^='plan-']").ToDictionary(s => s.QuerySelector("h2")!.TextContent, s => s.QuerySelectorAll("dd").Select(d => d.TextContent).ToArray(), StringComparer.Ordinal);
        Assert.Equal(["Free", "Starter", "Pro", "Team", "BYO", "Lifetime", "Enterprise"], tiers.Keys);
        Assert.Equal(["100", "5", "50 GB", "5,000,000"], tiers["Pro"]);
        Assert.Equal(["Unlimited", "Unlimited", "50 GB", "Unlimited"], tiers["BYO"]);
        var rates = page.QuerySelectorAll("section[aria-labelledby='beyond'] dd").Select(d => string.Join(' ', d.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToArray();
        Assert.StartsWith("$10.00 each", rates[0], StringComparison.Ordinal);
        Assert.StartsWith("$10.00 per 1,000,000", rates[1], StringComparison.Ordinal);
        Assert.StartsWith("$0.0002 per GB-hour", rates[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_calculator_adds_what_goes_beyond_each_plan()
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/pricing?workflows=120&tokens=8,000,000&storage=60");
        var rows = page.QuerySelectorAll("table[aria-label='Monthly price per plan'] tbody tr").ToDictionary(r => r.QuerySelector("th")!.TextContent.Trim(), r => r.QuerySelector("td:last-child .num")!.TextContent, StringComparer.Ordinal);
        Assert.Equal("$1,237.47", rows["Free"]); // 115 × $10 + 7.9 × $10 + 58 GB × 730 h × $0.0002
        Assert.Equal("$1,106.30", rows["Starter"]);
        Assert.Equal("$310.46", rows["Pro"]);
        Assert.Equal("$199.00", rows["Team Lowest, tokens included"]);
        Assert.Equal("$20.46", rows["BYO"]);
        Assert.Equal("$730.00", rows["Lifetime"]);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("many")]
    [InlineData("1e9")]
    [InlineData("99999999999999999999999999999999")]
    [InlineData("<script>alert(1)</script>")]
    public async Task The_calculator_says_what_it_takes(string workflows)
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/pricing?workflows=" + Uri.EscapeDataString(workflows));
        var field = page.GetElementById("workflows")!;
        Assert.Equal("true", field.GetAttribute("aria-invalid"));
        Assert.Equal("Enter a whole number from 0 to 1,000,000.", page.GetElementById(field.GetAttribute("aria-describedby")!)!.TextContent.Trim());
        Assert.Equal(workflows, field.GetAttribute("value"));
    }
}
