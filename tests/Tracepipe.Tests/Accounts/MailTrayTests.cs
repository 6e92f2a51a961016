using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: a tray that a developer cannot use, or that the world can read; the operator command.</summary>
public sealed class MailTrayTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task The_newest_mail_stands_first_and_its_link_can_be_followed()
    {
        using var browser = app.NewBrowser();
        var (first, second) = (NewEmail(), NewEmail());
        await browser.RegisterAsync(first);
        await browser.RegisterAsync(second);
        var list = await browser.PageAsync("/dev/mail");
        Assert.Equal("Mail", list.QuerySelector("h1")!.TextContent);
        var rows = list.QuerySelectorAll("tbody tr").Select(r => r.TextContent).ToList();
        Assert.True(rows.FindIndex(r => r.Contains(second, StringComparison.Ordinal)) < rows.FindIndex(r => r.Contains(first, StringComparison.Ordinal)));
        var mail = await browser.PageAsync(list.QuerySelectorAll("tbody tr").First(r => r.TextContent.Contains(second, StringComparison.Ordinal)).QuerySelector("a")!.GetAttribute("href")!);
        var link = mail.QuerySelectorAll("a").Select(a => a.GetAttribute("href")!).Single(h => h.Contains("/verify-email?token=", StringComparison.Ordinal));
        await browser.FollowAsync(await browser.GetAsync(new Uri(link).PathAndQuery));
        Assert.True(await browser.IsInAsync());
    }

    [Fact]
    public async Task A_mail_that_is_not_there_is_not_found()
    {
        using var browser = app.NewBrowser();
        Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync("/dev/mail/999999999")).StatusCode);
    }

    // Seen to fail when the environment was not asked.
    [Fact]
    public async Task In_Production_there_is_no_tray()
    {
        await using var production = new ProductionApp(app.Servers);
        await production.InitializeAsync();
        using var browser = production.NewBrowser();
        foreach (var path in new[] { "/dev/mail", "/dev/mail/1", "/Dev/Mail" }) Assert.Equal(HttpStatusCode.NotFound, (await browser.GetAsync(path)).StatusCode);
        Assert.Null((await browser.PageAsync("/check-your-mail")).QuerySelector("a[href='/dev/mail']"));
    }

    [Fact]
    public async Task An_operator_is_made_on_the_command_line_by_address()
    {
        var person = await app.NewPersonAsync();
        var command = app.Services.GetServices<Subcommand>().Single(c => c.Usage == "operator add EMAIL");
        using var output = new StringWriter();
        Assert.Equal(0, await command.RunAsync(app.Services, [person.Email.ToUpperInvariant()], output, CancellationToken.None));
        Assert.Equal(0, await command.RunAsync(app.Services, [person.Email], output, CancellationToken.None));
        Assert.Equal(1, await app.CountAsync($"operators where person_id = '{person.Id}'"));
        Assert.Contains("is an operator now", output.ToString(), StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<StartupException>(() => command.RunAsync(app.Services, ["nobody@example.com"], output, CancellationToken.None));
        Assert.Contains("Nobody has an account with the address nobody@example.com", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StartupException>(() => command.RunAsync(app.Services, [], output, CancellationToken.None));
    }

    private sealed class ProductionApp(TestServers servers) : TestApp(servers)
    {
        protected override void Configure(WebApplicationBuilder builder)
        {
            builder.Environment.EnvironmentName = "Production";
            builder.Configuration.AddInMemoryCollection([new("Smtp:Host", "127.0.0.1"), new("Smtp:Port", "9")]);
        }
    }
}
