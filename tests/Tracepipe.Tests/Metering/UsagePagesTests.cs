using System.Globalization;
using System.Net;
using AngleSharp.Dom;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Traces;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a page whose numbers are not those of the invoice, a forecast that is not the rule's, a limit that is not seen coming, and somebody else's use.</summary>
public sealed class UsagePagesTests(UsageApp app) : IClassFixture<UsageApp>
{
    // Seen to fail when the mean was of seven days with the running one among them: 271.43 at the first instant of the 11th.
    [Fact]
    public async Task Ten_days_with_one_unit_each_are_forecast_as_300_in_a_month_of_30_days()
    {
        var month = Period.CalendarMonth(app.Clock.GetUtcNow());
        do month = Period.CalendarMonth(month.End); while ((month.End - month.Start).Days != 30);
        await using var back = app.At(month.Start.AddHours(1));
        var person = await app.NewPersonAsync();
        await app.CardAsync(person.OrganizationId, cap: 50_000);
        await app.WorkAsync(person.OrganizationId);
        for (var i = 0; i < 4; i++) await app.WorkAsync(person.OrganizationId); // the five that cost nothing
        for (var day = 0; day < 10; day++)
        {
            app.Clock.MoveTo(month.Start.AddDays(day).AddHours(12));
            await app.WorkAsync(person.OrganizationId);
        }
        async Task IsAsync(string total, string soFar)
        {
            var card = Section(await person.Browser.PageAsync($"/o/{person.Slug}/usage/breakdown"), "forecast");
            Assert.Equal((total, $"Forecast for {month.End.AddDays(-1).ToString("MMM d", CultureInfo.InvariantCulture)}"), (card.QuerySelector(".text-figure")!.TextContent, card.QuerySelector("h2")!.TextContent));
            Assert.Equal(soFar, Fact(card, "So far"));
        }
        await IsAsync("$300.00", "$100.00"); // on the 10th, after its unit
        app.Clock.MoveTo(month.Start.AddDays(10));
        await IsAsync("$300.00", "$100.00"); // on the 11th at its first instant: 100 + 10 × 20
        app.Clock.MoveTo(month.Start.AddDays(11));
        await IsAsync($"${100 + (60m / 7 * 19):0.00}", "$100.00"); // a day without any: the mean falls to 60 / 7
    }

    [Fact]
    public async Task Cards_charts_and_dashboard_say_what_was_used_and_what_it_costs()
    {
        var month = Period.CalendarMonth(app.Clock.GetUtcNow());
        await using var back = app.At(month.End.AddDays(12).AddHours(12));
        var person = await app.NewPersonAsync("Ada Byron");
        await app.CardAsync(person.OrganizationId, cap: 2_000);
        var (key, keyId) = await KeyAsync(person, "=1+1");
        await app.UseTokensAsync(person.OrganizationId, 400_000, "gpt-4o", keyId, "checkout", app.Clock.GetUtcNow().AddDays(-2));
        await app.UseTokensAsync(person.OrganizationId, 700_000, "claude-sonnet-4", at: app.Clock.GetUtcNow().AddDays(-1));
        for (var i = 0; i < 6; i++) await app.WorkAsync(person.OrganizationId, key: key, suite: "checkout");
        var session = await app.UploadAsync(key, TracesApp.Trace(5_000_000));
        app.Clock.Advance(TimeSpan.FromDays(1));

        var page = await person.Browser.PageAsync($"/o/{person.Slug}/usage");
        Assert.Equal("Usage", page.QuerySelector("h1")!.TextContent);
        Assert.Equal(("1,100,000of 100,000", "1,000,000 beyond the plan. Upgrade", "full"), Card(page, "Tokens"));
        Assert.Equal(("6of 5", "full"), (Card(page, "Workflows").Value, Card(page, "Workflows").Level));
        Assert.Equal(("5 MBof 2 GB", "0.12 GB-hours", "normal"), Card(page, "Storage"));
        Assert.Equal(("$20.00cap $20.00", "$20.00 on your card. Raise the cap", "full"), Card(page, "Beyond the plan"));
        foreach (var frame in page.QuerySelectorAll("turbo-frame")) Assert.Equal("lazy", frame.GetAttribute("loading"));
        Assert.Equal(2, page.QuerySelectorAll("noscript a").Count(a => a.GetAttribute("href")!.StartsWith($"/o/{person.Slug}/usage/", StringComparison.Ordinal)) + page.QuerySelectorAll("noscript").Count(n => n.QuerySelector("a") is null && n.TextContent.Contains("/usage/", StringComparison.Ordinal)));

        var charts = await person.Browser.PageAsync($"/o/{person.Slug}/usage/over-time");
        var (before, yesterday) = (Day(-3), Day(-2));
        Assert.Equal("claude-sonnet-4, gpt-4o", string.Join(", ", charts.QuerySelectorAll("#tokens thead th").Skip(1).Select(h => h.TextContent)));
        Assert.Equal(("0 400000", "700000 0"), (Row(charts, "tokens", before), Row(charts, "tokens", yesterday)));
        Assert.Equal(("6", "0"), (Row(charts, "workflows", Day(-1)), Row(charts, "workflows", Day(0))));
        Assert.Equal(("0", "0.005", "0.005"), (Row(charts, "storage", Day(-2)), Row(charts, "storage", Day(-1)), Row(charts, "storage", Day(0)))); // the level goes on

        var split = await person.Browser.PageAsync($"/o/{person.Slug}/usage/breakdown");
        Assert.Equal(("$10.00", "$0.00", "$10.00"), (Fact(Section(split, "cost-split"), "Tokens"), Fact(Section(split, "cost-split"), "Storage"), Fact(Section(split, "cost-split"), "Workflows")));
        Assert.Equal(["No key 700,000 0 $6.36", "=1+1 400,000 6 $13.64"], Section(split, "by-key").QuerySelectorAll("tbody tr").Select(r => string.Join(' ', r.Children.Select(c => c.TextContent).Where(t => t.Length > 0))));
        Assert.Equal("$20.00", Section(split, "by-key").QuerySelector("tfoot td:last-child")!.TextContent); // the cents add up

        var home = await person.Browser.PageAsync($"/o/{person.Slug}/dashboard");
        Assert.Equal("1,100,000of 100,000", Card(home, "Tokens").Value);
        Assert.Equal("1uploaded", Card(home, "Sessions").Value);
        var cost = Section(home, "cost");
        Assert.Equal(("$20.00", "$10.00", "$10.00", "$20.00 of $20.00"), (cost.QuerySelector(".text-figure")!.TextContent, Fact(cost, "Tokens"), Fact(cost, "Workflows"), Fact(cost, "Spend cap")));

        var csv = (await (await person.Browser.GetAsync($"/o/{person.Slug}/usage/export?period=7d")).Content.ReadAsStringAsync()).Split("\r\n");
        Assert.Equal("date,meter,model,key,suite,quantity,unit", csv[0]);
        Assert.Contains($"{Date(-3)},tokens,gpt-4o,'=1+1,checkout,400000,tokens", csv); // a name that a spreadsheet would compute
        Assert.Contains($"{Date(-1)},workflow,,'=1+1,checkout,6,workflow", csv);
        Assert.Contains($"{Date(0)},storage,,,,0.005,GB at the end of the day", csv);
        Assert.Contains($"{Date(-2)},beyond the plan,,,,7,USD", csv);

        await app.DeleteSessionAsync(key, session);
        Assert.Equal("0", Row(await person.Browser.PageAsync($"/o/{person.Slug}/usage/over-time"), "storage", Day(0)));
        foreach (var period in (string[])["last", "7d", "30d", "90d", "nonsense"]) Assert.Contains("1,100,000", period == "last" ? "1,100,000" : Card(await person.Browser.PageAsync($"/o/{person.Slug}/usage?period={period}"), "Tokens").Value, StringComparison.Ordinal);
        Assert.Equal("0", Card(await person.Browser.PageAsync($"/o/{person.Slug}/usage?period=last"), "Tokens").Value);
    }

    [Theory]
    [InlineData(79_999, "normal")]
    [InlineData(80_000, "warning")]
    [InlineData(99_999, "warning")]
    [InlineData(100_000, "full")]
    public async Task Limits_are_seen_coming(int tokens, string level)
    {
        var person = await app.NewPersonAsync();
        await app.UseTokensAsync(person.OrganizationId, tokens);
        foreach (var path in (string[])["usage", "dashboard", "settings/billing"])
        {
            var page = await person.Browser.PageAsync($"/o/{person.Slug}/{path}");
            var meter = page.QuerySelector("[role=meter][aria-label=Tokens]")!;
            Assert.True(level == meter.GetAttribute("data-level"), path);
            var words = meter.ParentElement!.TagName == "DIV" && path == "settings/billing" ? meter.ParentElement : meter.Closest("article")!;
            var upgrade = words.QuerySelectorAll("a").Count(a => a.TextContent == "Upgrade" && a.GetAttribute("href") == $"/o/{person.Slug}/settings/billing/plans");
            Assert.True((level == "full" ? 1 : 0) == upgrade, $"{path}: {words.OuterHtml}");
            var color = level switch { "warning" => "text-warning", "full" => "text-danger", _ => "text-muted-foreground" };
            Assert.Contains(words.QuerySelectorAll("p"), p => p.ClassList.Contains(color));
        }
    }

    // Seen to fail when a text that begins with = went out as it was.
    [Fact]
    public async Task Records_are_filtered_paged_and_exported()
    {
        var person = await app.NewPersonAsync();
        var organization = person.OrganizationId;
        await app.CardAsync(organization, cap: 100_000);
        await app.WorkAsync(organization, 5, ticket: "=cmd|' /C calc'!A0");
        await app.WorkAsync(organization, ticket: "T-7");
        await app.UseTokensAsync(organization, 350_000, "gpt-4o");
        var page = await person.Browser.PageAsync($"/o/{person.Slug}/settings/billing/usage");
        Assert.Equal("Usage records", page.QuerySelector("h1")!.TextContent);
        Assert.Equal(3, page.QuerySelectorAll("tbody tr").Length);
        async Task<string> OfAsync(string query) => string.Join(" | ", (await person.Browser.PageAsync($"/o/{person.Slug}/settings/billing/usage{query}")).QuerySelectorAll("tbody tr").Select(r => $"{r.Children[1].TextContent} {r.Children[3].TextContent} {r.Children[5].TextContent}").Order(StringComparer.Ordinal));
        Assert.Equal("Workflows 5 Free", await OfAsync("?status=free"));
        Assert.Equal("Tokens 250,000 $2.50Unbilled | Workflows 1 $10.00Unbilled", await OfAsync("?status=unbilled"));
        Assert.Equal("", await OfAsync("?status=billed"));
        Assert.Equal("", await OfAsync("?from=2020-01-01&to=2020-01-31"));
        Assert.Contains("It ends before it begins.", (await person.Browser.PageAsync($"/o/{person.Slug}/settings/billing/usage?from=2020-02-01&to=2020-01-31")).Body!.TextContent, StringComparison.Ordinal);

        var answer = await person.Browser.GetAsync($"/o/{person.Slug}/settings/billing/usage/export?status=free");
        var csv = (await answer.Content.ReadAsStringAsync()).Split("\r\n");
        Assert.Equal(("text/csv", "private, no-store"), (answer.Content.Headers.ContentType!.MediaType, answer.Headers.CacheControl!.ToString().Replace("no-store, private", "private, no-store", StringComparison.Ordinal)));
        Assert.Equal(3, csv.Length); // head, one record, the end of the last line
        Assert.Contains(",workflow,'=cmd|' /C calc'!A0,", csv[1], StringComparison.Ordinal);
        Assert.Contains(",5,0,0,true,false,", csv[1], StringComparison.Ordinal);

        for (var i = 0; i < 50; i++) await app.WorkAsync(organization);
        var first = await person.Browser.PageAsync($"/o/{person.Slug}/settings/billing/usage?status=unbilled");
        Assert.Equal(50, first.QuerySelectorAll("tbody tr").Length);
        var second = await person.Browser.PageAsync(first.QuerySelector("a[rel=next]")!.GetAttribute("href")!);
        Assert.Equal(2, second.QuerySelectorAll("tbody tr").Length);
        Assert.Equal(53, (await (await person.Browser.GetAsync($"/o/{person.Slug}/settings/billing/usage/export")).Content.ReadAsStringAsync()).Split("\r\n").Count(l => l.Length > 0) - 1);
    }

    [Fact]
    public async Task Every_role_sees_usage_and_nobody_sees_that_of_others()
    {
        var (person, stranger) = (await app.NewPersonAsync(), await app.NewPersonAsync());
        await app.WorkAsync(person.OrganizationId);
        string[] paths = ["usage", "usage/over-time", "usage/breakdown", "usage/export", "settings/billing/usage", "settings/billing/usage/export"];
        foreach (var path in paths) Assert.Equal(HttpStatusCode.NotFound, (await stranger.Browser.GetAsync($"/o/{person.Slug}/{path}")).StatusCode);
        foreach (var role in (string[])["viewer", "developer", "billing", "admin"])
        {
            await app.ExecuteAsync($"update members set role = '{role}' where organization_id = '{person.OrganizationId}'");
            foreach (var path in paths) Assert.True((await person.Browser.GetAsync($"/o/{person.Slug}/{path}")).StatusCode == HttpStatusCode.OK, $"{role}: {path}");
        }
    }

    [Fact]
    public async Task Who_has_used_nothing_is_led_to_the_first_call()
    {
        var person = await app.NewPersonAsync();
        var page = await person.Browser.PageAsync($"/o/{person.Slug}/usage");
        Assert.Equal("No usage yet", page.QuerySelector(".empty h2")!.TextContent);
        Assert.Equal($"/o/{person.Slug}/keys/new", page.QuerySelector(".empty section a:last-child")!.GetAttribute("href"));
        Assert.Null(page.QuerySelector("turbo-frame"));
    }

    private async Task<(string Secret, Guid Id)> KeyAsync(TestPerson person, string name)
    {
        var key = await app.NewFullKeyAsync(new(person.Id, person.Name, person.OrganizationId, person.Slug));
        await app.ExecuteAsync($"update api_keys set name = '{name}' where id = '{key.Id}'");
        return key;
    }

    private string Day(int days) => app.Clock.GetUtcNow().AddDays(days).ToString("MMM d", CultureInfo.InvariantCulture);

    private string Date(int days) => app.Clock.GetUtcNow().AddDays(days).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static (string Value, string Note, string Level) Card(IParentNode page, string title)
    {
        var card = page.QuerySelectorAll("article").Single(a => a.QuerySelector("h2")!.TextContent == title);
        return (card.QuerySelector(".text-figure")!.TextContent, card.QuerySelector("p:last-child")!.TextContent, card.QuerySelector("[role=meter]")?.GetAttribute("data-level") ?? "");
    }

    private static IElement Section(IParentNode page, string heading) => page.QuerySelector($"section[aria-labelledby={heading}]")!;

    private static string Fact(IElement of, string term) => of.QuerySelectorAll("dt").Single(t => t.TextContent.Trim() == term).NextElementSibling!.TextContent;

    private static string Row(IParentNode page, string chart, string day) => string.Join(' ', page.QuerySelectorAll($"#{chart} tbody tr").Single(r => r.QuerySelector("th")!.TextContent == day).QuerySelectorAll("data").Select(d => d.GetAttribute("value")));
}
