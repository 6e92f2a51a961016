using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Ui;

/// <summary>
/// Catches: an answer without its protective headers, a policy that allows inline code, and markup that would need it.
/// </summary>
public sealed class SecurityHeaderTests(TestApp app) : IClassFixture<TestApp>
{
    public static TheoryData<string, HttpStatusCode> Answers => new()
    {
        { "/", HttpStatusCode.OK },
        { "/pricing", HttpStatusCode.OK },
        { "/docs/quickstart", HttpStatusCode.OK },
        { "/no-such-page", HttpStatusCode.NotFound },
        { "/assets/no-such-file.css", HttpStatusCode.NotFound },
        { "/favicon.ico", HttpStatusCode.OK },
        { "/health/live", HttpStatusCode.OK },
        { "/v1/users/me", HttpStatusCode.Unauthorized },
        { "/api/no-such-thing", HttpStatusCode.NotFound },
        { "/o/somebody/dashboard", HttpStatusCode.Found },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task Every_kind_of_answer_carries_the_headers(string path, HttpStatusCode status)
    {
        using var browser = app.NewBrowser();
        var answer = await browser.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain(" * ", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("base-uri 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Cross-Origin-Opener-Policy")));
        Assert.Equal("strict-origin-when-cross-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Contains("camera=()", Assert.Single(answer.Headers.GetValues("Permissions-Policy")), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("X-Frame-Options"));
        Assert.False(answer.Headers.Contains("blazor-enhanced-nav"));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task A_refused_post_carries_the_headers()
    {
        using var browser = app.NewBrowser();
        var answer = await browser.Http.PostAsync("/theme", new FormUrlEncodedContent([new("theme", "dark")]));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("object-src 'none'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_nonce_is_new_with_every_answer_and_the_page_knows_it()
    {
        using var browser = app.NewBrowser();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < 10; i++)
        {
            var answer = await browser.GetAsync("/");
            var page = await TestBrowser.ParseAsync(answer);
            var nonce = page.QuerySelector("meta[name=csp-nonce]")!.GetAttribute("content")!;
            Assert.True(nonce.Length >= 22, "128 bits");
            Assert.Contains($"'nonce-{nonce}'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
            Assert.True(seen.Add(nonce), "the same nonce twice");
        }
    }

    [Fact]
    public async Task Pages_allow_the_configured_Stripe_origin_and_data_allows_nothing()
    {
        using var browser = app.NewBrowser();
        var stripe = app.Servers.Sandbox.GetLeftPart(UriPartial.Authority);
        var policy = Policy(await browser.GetAsync("/"));
        foreach (var directive in new[] { "script-src", "frame-src", "connect-src", "form-action" })
            Assert.Equal(["'self'", stripe], policy[directive]);
        Assert.Equal(["'self'", "data:"], policy["img-src"]);
        Assert.Equal(["'none'"], Policy(await browser.GetAsync("/v1/users/me"))["default-src"]);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/pricing")]
    [InlineData("/docs")]
    [InlineData("/docs/quickstart")]
    [InlineData("/docs/capture")]
    [InlineData("/docs/capture?tool=perfetto")]
    [InlineData("/docs/capture?tool=tracing")]
    [InlineData("/docs/errors")]
    public async Task No_page_has_inline_script_or_style(string path)
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync(path);
        Assert.Empty(page.QuerySelectorAll("style, script:not([src]), [style]"));
        Assert.DoesNotContain(page.All, e => e.Attributes.Any(a => a.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase)));
    }

    private static Dictionary<string, string[]> Policy(HttpResponseMessage answer) => Assert.Single(answer.Headers.GetValues("Content-Security-Policy")).Split(';', StringSplitOptions.TrimEntries)
        .Select(d => d.Split(' ')).ToDictionary(d => d[0], d => d[1..], StringComparer.Ordinal);
}
