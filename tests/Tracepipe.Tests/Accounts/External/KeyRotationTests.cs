using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.External.SignInApp;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: a provider that rolls its keys and locks everybody out, one that is asked for its keys by every visitor, one that is away and takes the log-in page with it.</summary>
public sealed class KeyRotationTests(TestServers servers) : IAsyncLifetime
{
    private readonly SignInApp app = new(servers);

    public ValueTask InitializeAsync() => app.InitializeAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Fact]
    public async Task Keys_are_asked_for_once_and_once_more_when_they_have_changed()
    {
        await MustEnterAsync();
        await MustEnterAsync();
        Assert.Equal((1, 1), await AskedAsync());
        await app.Provider.RotateAsync();
        await MustEnterAsync();
        await MustEnterAsync();
        Assert.Equal((1, 2), await AskedAsync());
        await app.Provider.RotateAsync("RS256", keep: true); // the new one beside the old ones
        await MustEnterAsync();
        Assert.Equal((1, 3), await AskedAsync());
    }

    [Fact]
    public async Task A_key_name_that_nobody_knows_is_looked_up_once_a_token_and_five_times_a_minute()
    {
        await MustEnterAsync();
        for (var tries = 1; tries <= 8; tries++)
        {
            using var browser = app.NewBrowser();
            var (account, _) = await app.NewcomerAsync();
            await app.Provider.SpoilNextAsync(new { header = new { kid = "made-up" } });
            Assert.Equal("untrusted", ReasonOf(await app.SignInAsync(browser, account)));
            Assert.Equal((1, 1 + Math.Min(tries, 5)), await AskedAsync());
        }
        await MustEnterAsync();
    }

    [Fact]
    public async Task A_provider_that_signs_with_ES256_is_believed_and_one_with_HS256_never()
    {
        await app.Provider.RegisterAsync(Signing("ES256"));
        await MustEnterAsync();
        await app.Provider.RegisterAsync(Signing("HS256"));
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        Assert.Equal("untrusted", ReasonOf(await app.SignInAsync(browser, account)));
        Assert.False(await browser.IsInAsync());
        Assert.Contains(app.Log, l => l.Contains("the check Algorithm,", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_provider_that_is_away_has_its_page_and_passwords_work_as_always()
    {
        var person = await app.NewPersonAsync();
        await app.Provider.BeAwayAsync(true);
        using var browser = app.NewBrowser();
        var page = await browser.FollowAsync(await browser.GetAsync("/login/with/sso"));
        Assert.Equal("unreachable", ReasonOf(page));
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, page.StatusCode);
        Assert.Contains("log in with your email and password", await page.BodyAsync(), StringComparison.Ordinal);
        await browser.LogInAsync(person.Email, person.Password);
        Assert.True(await browser.IsInAsync());

        await app.Provider.BeAwayAsync(false);
        using var later = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await TestApp.EventuallyAsync(async () => (await later.GetAsync("/login/with/sso")).Headers.Location!.OriginalString, to => !to.Contains("unreachable", StringComparison.Ordinal));
        await app.SignInAsync(later, account);
        Assert.True(await later.IsInAsync());
    }

    [Fact]
    public async Task A_provider_that_leaves_in_the_middle_has_its_page_too()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(browser, account);
        await app.Provider.BeAwayAsync(true);
        Assert.Equal("unreachable", ReasonOf(await browser.FollowAsync(await browser.GetAsync(back.PathAndQuery))));
        await app.Provider.BeAwayAsync(false);
        Assert.False(await browser.IsInAsync());
    }

    [Fact]
    public async Task What_is_known_is_renewed_from_time_to_time_and_kept_while_the_provider_is_away()
    {
        await using var brief = new BriefApp(servers);
        await brief.InitializeAsync();
        using var browser = brief.NewBrowser();
        var started = await TestApp.EventuallyAsync(async () =>
        {
            await browser.GetAsync("/login/with/sso");
            return await brief.Provider.RequestsAsync("/.well-known/openid-configuration");
        }, asked => asked >= 3);
        Assert.True(started >= 3);
        await brief.Provider.BeAwayAsync(true);
        await TestApp.EventuallyAsync(async () =>
        {
            var response = await browser.GetAsync("/login/with/sso");
            Assert.StartsWith(brief.Provider.Issuer, response.Headers.Location!.OriginalString, StringComparison.Ordinal);
            return brief.Log.Any(l => l.Contains("was not renewed", StringComparison.Ordinal));
        }, told => told);
    }

    [Fact]
    public async Task A_discovery_document_of_another_issuer_is_not_used()
    {
        await using var other = new MistakenApp(servers);
        await other.InitializeAsync();
        using var browser = other.NewBrowser();
        Assert.Equal("unreachable", ReasonOf(await browser.FollowAsync(await browser.GetAsync("/login/with/sso"))));
        Assert.Contains(other.Log, l => l.Contains("names another issuer", StringComparison.Ordinal));
    }

    private object Signing(string algorithm) => new
    {
        client_id = ClientId,
        client_secret = ClientSecret,
        redirect_uris = new[] { new Uri(app.Address, "/signin-oidc/sso").ToString() },
        id_token_signed_response_alg = algorithm,
    };

    private async Task MustEnterAsync()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        Assert.True(await browser.IsInAsync());
    }

    private async Task<(int Documents, int Keys)> AskedAsync() => (await app.Provider.RequestsAsync("/.well-known/openid-configuration"), await app.Provider.RequestsAsync("/jwks"));

    private sealed class BriefApp(TestServers servers) : SignInApp(servers)
    {
        protected override void Configure(WebApplicationBuilder builder)
        {
            base.Configure(builder);
            builder.Configuration.AddInMemoryCollection([new("Oidc:RefreshEvery", "00:00:00.5")]);
        }
    }

    private sealed class MistakenApp(TestServers servers) : SignInApp(servers)
    {
        protected override Dictionary<string, string?> Settings => new(base.Settings, StringComparer.Ordinal) { ["Issuer"] = "https://login.contoso.example" };
    }
}
