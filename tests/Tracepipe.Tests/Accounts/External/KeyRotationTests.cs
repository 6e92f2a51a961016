using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;
using static Tracepipe.Tests.Accounts.External.SignInApp;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>
/// Catches: a provider that rolls its keys and locks everybody out, one that is asked for its keys by every visitor, a key believed that is none, one that is
/// away and takes the log-in page with it. Each test takes a provider of the configuration that no other has asked for its documents.
/// </summary>
public sealed class KeyRotationTests(RollingApp app) : IClassFixture<RollingApp>
{
    // Seen to fail when nothing was kept, when keys were never asked for again, and when only named keys were.
    [Fact]
    public async Task Keys_are_asked_for_once_and_once_more_when_they_have_changed()
    {
        var asked = await AskedAsync();
        await MustEnterAsync("rolling");
        await MustEnterAsync("rolling");
        Assert.Equal(asked = (asked.Documents + 1, asked.Keys + 1), await AskedAsync());
        await app.Provider.RotateAsync();
        await MustEnterAsync("rolling");
        await MustEnterAsync("rolling");
        Assert.Equal(asked = (asked.Documents, asked.Keys + 1), await AskedAsync());
        await app.Provider.RotateAsync("RS256", keep: true); // the new one beside the old ones
        await MustEnterAsync("rolling");
        Assert.Equal(asked = (asked.Documents, asked.Keys + 1), await AskedAsync());
        await app.Provider.RotateAsync();
        await app.Provider.SpoilNextAsync(new { removeHeader = new[] { "kid" } });
        await MustEnterAsync("rolling"); // a token that names no key may be signed with a new one
        Assert.Equal((asked.Documents, asked.Keys + 1), await AskedAsync());
    }

    // Seen to fail without the limit.
    [Fact]
    public async Task A_key_name_that_nobody_knows_is_looked_up_once_a_token_and_five_times_a_minute()
    {
        await MustEnterAsync("made-up");
        var (documents, keys) = await AskedAsync();
        for (var tries = 1; tries <= 7; tries++)
        {
            Assert.Contains("the check UnknownKey,", await RefusalAsync("made-up", new { header = new { kid = "made-up" } }), StringComparison.Ordinal);
            Assert.Equal((documents, keys + Math.Min(tries, 5)), await AskedAsync());
        }
        await MustEnterAsync("made-up");
    }

    [Fact]
    public async Task A_provider_that_signs_with_ES256_is_believed_and_one_with_HS256_never()
    {
        await MustEnterAsync("es256");
        Assert.Contains("the check Algorithm,", await RefusalAsync("hs256", fault: null), StringComparison.Ordinal);
    }

    // What stands in the key set is believed only as far as it says itself, and only when it is strong enough. Seen to fail without each check of length, use, algorithm and curve.
    [Theory]
    [InlineData("RSA-1024", null, null)]
    [InlineData("RSA", "use", "enc")]
    [InlineData("RSA", "alg", "RS512")]
    [InlineData("RSA", "alg", "PS256")]
    [InlineData("RSA", "kty", "oct")]
    [InlineData("EC", "crv", "P-384")]
    [InlineData("EC", "alg", "ES384")]
    [InlineData("EC", "use", "enc")]
    public async Task A_key_that_is_not_for_this_signs_nothing(string kind, string? member, string? value)
    {
        var name = $"key-{kind}-{member}-{value}".ToLowerInvariant().TrimEnd('-');
        await app.Provider.PublishAsync(new { kind, shown = member is null ? [] : new Dictionary<string, string?>(StringComparer.Ordinal) { [member] = value } });
        Assert.Contains("the check UnknownKey,", await RefusalAsync(name, new { sign = "published", header = new { alg = kind == "EC" ? "ES256" : "RS256" } }), StringComparison.Ordinal);
        // The same key, strong and shown as what it is, is believed.
        await app.Provider.PublishAsync(new { kind = kind[..2] == "EC" ? "EC" : "RSA" });
        await app.Provider.SpoilNextAsync(new { sign = "published", header = new { alg = kind == "EC" ? "ES256" : "RS256" } });
        await MustEnterAsync(name);
        await app.Provider.PublishAsync();
    }

    // Seen to fail when a key that is none was an error.
    [Fact]
    public async Task Keys_that_cannot_be_read_do_not_spoil_those_beside_them()
    {
        var nothing = new string('A', 43);
        await app.Provider.PublishAsync(
            new { kind = "EC", shown = new { x = nothing, y = nothing } }, // no point of the curve
            new { kind = "EC", shown = new { x = "!" } },
            new { kind = "RSA", shown = new { e = "" } },
            new { kind = "RSA", shown = new { n = 7 } });
        try
        {
            foreach (var algorithm in new[] { "RS256", "ES256" })
            {
                if (algorithm == "ES256") await app.Provider.SpoilNextAsync(new { sign = algorithm });
                await MustEnterAsync("unreadable");
                // With no name the token is held against each of them.
                await app.Provider.SpoilNextAsync(new { sign = algorithm == "ES256" ? algorithm : null, removeHeader = new[] { "kid" } });
                await MustEnterAsync("unreadable");
            }
        }
        finally
        {
            await app.Provider.PublishAsync();
        }
    }

    [Fact]
    public async Task A_provider_that_is_away_has_its_page_and_passwords_work_as_always()
    {
        var person = await app.NewPersonAsync();
        using var browser = app.NewBrowser();
        await app.Provider.BeAwayAsync(true);
        try
        {
            var page = await browser.FollowAsync(await browser.GetAsync("/login/with/away"));
            Assert.Equal("unreachable", ReasonOf(page));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, page.StatusCode);
            Assert.Contains("log in with your email and password", await page.BodyAsync(), StringComparison.Ordinal);
            await browser.LogInAsync(person.Email, person.Password);
            Assert.True(await browser.IsInAsync());
        }
        finally
        {
            await app.Provider.BeAwayAsync(false);
        }
        using var later = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await TestApp.EventuallyAsync(async () => (await later.GetAsync("/login/with/away")).Headers.Location!.OriginalString, to => !to.Contains("unreachable", StringComparison.Ordinal));
        await app.SignInAsync(later, account, "/login/with/away");
        Assert.True(await later.IsInAsync());
    }

    [Fact]
    public async Task A_provider_that_leaves_in_the_middle_has_its_page_too()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var back = await app.GoAsync(browser, account);
        await app.Provider.BeAwayAsync(true);
        try
        {
            Assert.Equal("unreachable", ReasonOf(await browser.FollowAsync(await browser.GetAsync(back.PathAndQuery))));
        }
        finally
        {
            await app.Provider.BeAwayAsync(false);
        }
        Assert.False(await browser.IsInAsync());
    }

    // Seen to fail when what was known was forgotten.
    [Fact]
    public async Task What_is_known_is_renewed_from_time_to_time_and_kept_while_the_provider_is_away()
    {
        await using var brief = new BriefApp(app);
        await brief.InitializeAsync();
        using var browser = brief.NewBrowser();
        var before = (await AskedAsync()).Documents;
        await TestApp.EventuallyAsync(async () =>
        {
            await browser.GetAsync("/login/with/sso");
            return (await AskedAsync()).Documents - before;
        }, asked => asked >= 3); // and the answer to the third has come, too: the browser waited for it
        await app.Provider.BeAwayAsync(true);
        try
        {
            await TestApp.EventuallyAsync(async () =>
            {
                var response = await browser.GetAsync("/login/with/sso");
                Assert.StartsWith(app.Provider.Issuer, response.Headers.Location!.OriginalString, StringComparison.Ordinal);
                return brief.Log.Any(l => l.Contains("was not renewed", StringComparison.Ordinal));
            }, told => told);
        }
        finally
        {
            await app.Provider.BeAwayAsync(false);
        }
    }

    // Seen to fail when the issuer was not compared.
    [Fact]
    public async Task A_discovery_document_of_another_issuer_is_not_used()
    {
        using var browser = app.NewBrowser();
        var page = await browser.FollowAsync(await browser.GetAsync("/login/with/mistaken"));
        Assert.Equal("unreachable", ReasonOf(page));
        Assert.Contains("names another issuer", app.WhyOf(page), StringComparison.Ordinal);
    }

    // Seen to fail when the issuer was not compared, and when any address would do.
    [Theory]
    [InlineData("issuer", "https://evil.example", "names another issuer")]
    [InlineData("authorization_endpoint", "http://login.contoso.example/auth", "no usable authorization_endpoint")]
    [InlineData("token_endpoint", "http://login.contoso.example/token", "no usable token_endpoint")]
    [InlineData("jwks_uri", "http://login.contoso.example/jwks", "no usable jwks_uri")]
    [InlineData("jwks_uri", "/jwks", "no usable jwks_uri")]
    public async Task A_discovery_document_that_leads_astray_is_not_used(string member, string value, string why)
    {
        await app.Provider.DiscoverAsync(new Dictionary<string, string>(StringComparer.Ordinal) { [member] = value });
        try
        {
            using var browser = app.NewBrowser();
            // An entry of the configuration that failed is asked again after two seconds, so each case has its own.
            var page = await browser.FollowAsync(await browser.GetAsync($"/login/with/astray-{member.Replace('_', '-')}{(value[0] == '/' ? "-path" : "")}"));
            Assert.Equal("unreachable", ReasonOf(page));
            Assert.Contains(why, app.WhyOf(page), StringComparison.Ordinal);
        }
        finally
        {
            await app.Provider.DiscoverAsync(new { });
        }
    }

    // Nobody has set ApiAudience here.
    // Seen to fail when a provider without an audience was asked and the audience not compared; either alone is enough.
    [Fact]
    public async Task Without_an_audience_in_the_configuration_no_access_token_is_taken()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        Assert.True(await browser.IsInAsync());
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/v1/users/me")) { Headers = { { "Authorization", "Bearer " + await app.Provider.AccessTokenAsync(account, ClientId) } } };
        Assert.Equal(HttpStatusCode.Unauthorized, (await TestApp.Http.SendAsync(request)).StatusCode);
    }

    private async Task MustEnterAsync(string name)
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        var landed = await app.SignInAsync(browser, account, "/login/with/" + name);
        Assert.True(landed.StatusCode is HttpStatusCode.OK && await browser.IsInAsync(), landed.RequestMessage!.RequestUri!.PathAndQuery);
    }

    /// <summary>Why the log says that a token with this fault let nobody in.</summary>
    private async Task<string> RefusalAsync(string name, object? fault)
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        if (fault is not null) await app.Provider.SpoilNextAsync(fault);
        var page = await app.SignInAsync(browser, account, "/login/with/" + name);
        Assert.Equal("untrusted", ReasonOf(page));
        Assert.False(await browser.IsInAsync());
        return app.WhyOf(page);
    }

    private async Task<(int Documents, int Keys)> AskedAsync() => (await app.Provider.RequestsAsync("/.well-known/openid-configuration"), await app.Provider.RequestsAsync("/jwks"));

    private sealed class BriefApp : SignInApp
    {
        public BriefApp(SignInApp app) : base(app.Servers) => SharesProviderWith = app;

        protected override void Configure(WebApplicationBuilder builder)
        {
            base.Configure(builder);
            builder.Configuration.AddInMemoryCollection([new("Oidc:RefreshEvery", "00:00:00.2")]);
        }
    }
}

/// <summary>Has a provider for each test that counts what is asked of one, and takes no access tokens.</summary>
public sealed class RollingApp(TestServers servers) : SignInApp(servers)
{
    private static readonly string[] Names =
    [
        "rolling", "made-up", "es256", "hs256", "unreadable", "away", "key-rsa-1024", "key-rsa-use-enc", "key-rsa-alg-rs512", "key-rsa-alg-ps256", "key-rsa-kty-oct", "key-ec-crv-p-384",
        "key-ec-alg-es384", "key-ec-use-enc", "astray-issuer", "astray-authorization-endpoint", "astray-token-endpoint", "astray-jwks-uri", "astray-jwks-uri-path",
    ];

    protected override Dictionary<string, string?> Settings => new(StringComparer.Ordinal) { ["Label"] = "Contoso" };

    protected override Dictionary<string, Dictionary<string, string?>> Others =>
        new(Names.Select(name => new KeyValuePair<string, Dictionary<string, string?>>(name, [])), StringComparer.Ordinal) { ["mistaken"] = new(StringComparer.Ordinal) { ["Issuer"] = "https://login.contoso.example" } };

    protected override Dictionary<string, object> Client(string id, string name)
    {
        var client = base.Client(id, name);
        if (id is "es256" or "hs256") client["id_token_signed_response_alg"] = id.ToUpperInvariant();
        return client;
    }
}
