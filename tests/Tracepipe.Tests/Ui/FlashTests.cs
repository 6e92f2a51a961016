using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Ui;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Ui;

/// <summary>Catches: a message that is said twice, lost to a page fetched ahead, or made up by somebody else.</summary>
public sealed class FlashTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task A_message_is_said_on_the_next_page_and_not_again()
    {
        using var browser = app.NewBrowser();
        Carry(browser, "Key revoked");
        var toast = (await browser.PageAsync("/")).QuerySelector("#toaster .toast")!;
        Assert.Equal("status", toast.GetAttribute("role"));
        Assert.Equal("Key revoked", toast.QuerySelector("[data-text]")!.TextContent);
        Assert.Null((await browser.PageAsync("/")).QuerySelector("#toaster .toast"));
    }

    [Theory]
    [InlineData("X-Sec-Purpose", "prefetch")]
    [InlineData("Sec-Purpose", "prefetch;prerender")]
    [InlineData("Turbo-Frame", "usage")]
    public async Task A_page_that_nobody_sees_yet_leaves_it(string header, string value)
    {
        using var browser = app.NewBrowser();
        Carry(browser, "Card added");
        using var ahead = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { header, value }, { "Accept", "text/html" } } };
        Assert.Null((await TestBrowser.ParseAsync(await browser.Http.SendAsync(ahead))).QuerySelector("#toaster .toast"));
        Assert.NotNull((await browser.PageAsync("/")).QuerySelector("#toaster .toast"));
    }

    [Fact]
    public async Task A_forged_message_is_not_said()
    {
        using var browser = app.NewBrowser();
        var (name, value) = Cookie("Everything is fine");
        browser.Cookies.Add(app.Address, new Cookie(name, value[..^6] + (value.EndsWith("AAAAAA", StringComparison.Ordinal) ? "BBBBBB" : "AAAAAA")));
        Assert.Null((await browser.PageAsync("/")).QuerySelector("#toaster .toast"));
        browser.Cookies.Add(app.Address, new Cookie(name, Uri.EscapeDataString("{\"Tone\":0,\"Text\":\"Send your password\"}")));
        Assert.Null((await browser.PageAsync("/")).QuerySelector("#toaster .toast"));
    }

    [Fact]
    public async Task Markup_in_a_message_stays_text()
    {
        using var browser = app.NewBrowser();
        Carry(browser, "<img src=x onerror=alert(1)>");
        var toast = (await browser.PageAsync("/")).QuerySelector("#toaster .toast")!;
        Assert.Equal("<img src=x onerror=alert(1)>", toast.QuerySelector("[data-text]")!.TextContent);
        Assert.Null(toast.QuerySelector("img"));
    }

    private void Carry(TestBrowser browser, string text)
    {
        var (name, value) = Cookie(text);
        browser.Cookies.Add(app.Address, new Cookie(name, value));
    }

    private (string Name, string Value) Cookie(string text)
    {
        var context = new DefaultHttpContext { RequestServices = app.Services };
        context.Connection.LocalPort = app.Address.Port;
        Flash.Set(context, Tone.Success, text);
        var parts = context.Response.Headers.SetCookie.ToString().Split(';')[0].Split('=', 2);
        return (parts[0], parts[1]);
    }
}
