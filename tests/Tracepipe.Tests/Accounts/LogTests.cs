using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.AccountVerbs;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: a password, a cookie, or the secret of a mailed link in the log, at any level and from any library.</summary>
public sealed class LogTests(TalkativeApp app) : IClassFixture<TalkativeApp>
{
    // Seen to fail without the filter on the framework's own log of requests.
    [Fact]
    public async Task The_log_at_Debug_holds_no_secret_of_any_journey()
    {
        using var browser = app.NewBrowser();
        var email = NewEmail();
        var secrets = new List<string> { Password, "the second pass sentence", "the third pass sentence" };
        await browser.RegisterAsync(email);
        var links = new List<string> { await app.LinkInMailAsync(email) };
        await browser.GetAsync(links[^1]);
        secrets.AddRange(browser.Cookies.GetCookies(app.Address).Select(c => c.Value));
        await browser.LogOutAsync();
        await browser.LogInAsync(email, Password);
        await browser.SubmitAsync("/settings/security", new() { ["Current password"] = Password, ["New password"] = secrets[1] });
        var address = NewEmail();
        await browser.SubmitAsync("/settings/profile", new() { ["New email"] = address, ["Current password"] = secrets[1] });
        links.Add(await app.LinkInMailAsync(address));
        using (var elsewhere = app.NewBrowser()) await elsewhere.FollowAsync(await elsewhere.GetAsync(links[^1]));
        await browser.SubmitAsync(links[^1], button: "Use this address");
        await browser.SubmitAsync("/forgot-password", new() { ["Email"] = address });
        links.Add(await app.LinkInMailAsync(address));
        await browser.SubmitAsync(links[^1], new() { ["New password"] = secrets[2] });
        secrets.AddRange(browser.Cookies.GetCookies(app.Address).Select(c => c.Value));
        secrets.AddRange(links.Select(l => l.Split("token=")[1]));
        await app.GetMailSettledAsync();

        var lines = app.Log.ToList();
        Assert.True(lines.Count(l => l.StartsWith("Debug ", StringComparison.Ordinal)) > 100, "The log is not at Debug.");
        Assert.Contains(lines, l => l.Contains("to the tray", StringComparison.Ordinal));
        foreach (var secret in secrets.Where(s => s.Length > 8))
            Assert.DoesNotContain(lines, l => l.Contains(secret, StringComparison.Ordinal) || l.Contains(Uri.EscapeDataString(secret), StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Contains("finish creating", StringComparison.Ordinal));
    }
}

/// <summary>Logs everything that any library has to say.</summary>
public sealed class TalkativeApp(TestServers servers) : TestApp(servers)
{
    protected override void Configure(WebApplicationBuilder builder)
    {
        var levels = builder.Configuration.GetSection("Logging:LogLevel").GetChildren().Select(c => new KeyValuePair<string, string?>(c.Path, "Debug")).ToList();
        builder.Configuration.AddInMemoryCollection(levels);
    }

    public Task GetMailSettledAsync() => EventuallyAsync(() => ScalarAsync<long>("select count(*) from mails where state = 'queued'"), queued => queued == 0);
}
