using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Ui;

/// <summary>Catches: a person who sees a blank page, a program that gets HTML, an error page that says too much or loses its protection.</summary>
public sealed class ErrorPageTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task An_unknown_address_has_a_page()
    {
        using var browser = app.NewBrowser();
        var answer = await browser.GetAsync("/no-such-page");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        var page = await TestBrowser.ParseAsync(answer);
        Assert.Equal("Page not found", page.QuerySelector("h1")!.TextContent);
        Assert.Equal("Page not found · Tracepipe", page.Title);
        Assert.Single(page.QuerySelectorAll("h1"));
        Assert.NotNull(page.QuerySelector("main#main"));
    }

    [Theory]
    [InlineData("/v1/users/me", HttpStatusCode.Unauthorized, "application/json")]
    [InlineData("/api/no-such-thing", HttpStatusCode.NotFound, "application/problem+json")]
    public async Task Programs_get_their_own_kind_of_error(string path, HttpStatusCode status, string type)
    {
        using var browser = app.NewBrowser();
        var answer = await browser.GetAsync(path);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Who_asks_for_something_else_than_a_page_gets_none()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/no-such-page")) { Headers = { { "Accept", "application/json" } } };
        var answer = await TestApp.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("/broken", HttpStatusCode.InternalServerError, "Something failed on our side")]
    [InlineData("/away", HttpStatusCode.ServiceUnavailable, "Not available right now")]
    [InlineData("/forbidden", HttpStatusCode.Forbidden, "Not allowed")]
    public async Task A_failure_has_a_page_that_asks_for_nothing(string path, HttpStatusCode status, string title)
    {
        // A host without database, keys or people: the page must not need them.
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddUi();
        await using var host = builder.Build();
        host.UseMiddleware<ProblemMiddleware>();
        host.MapGet("/broken", string () => throw new InvalidOperationException("the secret reason"));
        host.MapGet("/away", string () => throw new TimeoutException());
        host.MapGet("/forbidden", () => Results.StatusCode(403));
        await host.StartAsync();

        using var request = new HttpRequestMessage(HttpMethod.Get, host.Urls.Single() + path) { Headers = { { "Accept", "text/html" } } };
        var answer = await TestApp.Http.SendAsync(request);
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains("default-src 'self'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        var page = await TestBrowser.ParseAsync(answer);
        Assert.Equal(title, page.QuerySelector("h1")!.TextContent);
        Assert.DoesNotContain("secret reason", page.DocumentElement.OuterHtml, StringComparison.Ordinal);
        if ((int)status >= 500) Assert.Contains(answer.Headers.GetValues("X-Request-Id").Single(), page.Body!.TextContent, StringComparison.Ordinal);
        else Assert.DoesNotContain("Request ", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
    }
}
