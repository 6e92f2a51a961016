using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: a status page that says well what is not, or that goes down with what it tells about.</summary>
public sealed class StatusTests(TestApp app, LonelyApp lonely) : IClassFixture<TestApp>, IClassFixture<LonelyApp>
{
    [Fact]
    public async Task Everything_that_works_is_said_to_work()
    {
        // the first answer of a payment provider may take longer than a page waits for it
        await TestApp.EventuallyAsync(async () => (await app.NewBrowser().PageAsync("/status")).QuerySelector("main .alert h2")!.TextContent, title => title is "Everything works");
        Assert.Equal([("API", true), ("Metering", true), ("Payments", true)], await AskAsync(app, "Everything works"));
    }

    [Fact]
    public async Task A_provider_that_does_not_answer_and_use_that_is_not_priced_are_told()
    {
        Assert.Equal([("API", true), ("Metering", true), ("Payments", false)], await AskAsync(lonely, "Payments does not work as it should"));
        var old = Guid.CreateVersion7(lonely.Clock.GetUtcNow().AddMinutes(-5)); // of nobody: it is never settled
        await lonely.ExecuteAsync($"insert into usage_pending (organization_id, meter, model, used_at, quantity, batch) values ('{Guid.CreateVersion7()}', 'tokens', '', now(), 1, '{old}')");
        Assert.Equal([("API", true), ("Metering", false), ("Payments", false)], await AskAsync(lonely, "2 parts do not work as they should"));
    }

    private static async Task<List<(string, bool)>> AskAsync(TestApp of, string title)
    {
        using var browser = of.NewBrowser();
        var page = await browser.PageAsync("/status");
        Assert.Equal("Status", page.QuerySelector("h1")!.TextContent);
        Assert.Equal(title, page.QuerySelector("main .alert h2")!.TextContent);
        return [.. page.QuerySelectorAll("main li").Select(li => (li.QuerySelector(".font-medium")!.TextContent, li.QuerySelector(".badge")!.TextContent == "Operational"))];
    }
}

/// <summary>The product with a payment provider where nobody listens.</summary>
public sealed class LonelyApp(TestServers servers) : TestApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder) => builder.Configuration.AddInMemoryCollection([new("Stripe:ApiBase", "http://127.0.0.1:9")]);
}
