using System.Net;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Ui;

/// <summary>Catches: a switch that other sites can press or that sends people away, and a cookie whose text reaches the markup.</summary>
public sealed class ThemeTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task The_switch_is_remembered()
    {
        using var browser = app.NewBrowser();
        Assert.Null((await browser.PageAsync("/")).DocumentElement.GetAttribute("class"));
        var answer = await browser.SubmitAsync("/pricing?workflows=3", [], "Dark theme");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal("/pricing?workflows=3", answer.Headers.Location!.ToString());
        Assert.Equal("dark", (await browser.PageAsync("/docs")).DocumentElement.ClassName);
        await browser.SubmitAsync("/docs", [], "Light theme");
        Assert.Equal("light", (await browser.PageAsync("/")).DocumentElement.ClassName);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("/%09/evil.example")]
    [InlineData("~//evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/\r\nSet-Cookie: a=b")]
    [InlineData("")]
    public async Task It_leads_back_to_pages_of_ours_only(string address)
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/");
        page.QuerySelector("form[action='/theme'] input[name=returnUrl]")!.SetAttribute("value", address);
        var answer = await browser.SubmitAsync(page, app.Address, [], "Dark theme");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        var location = new Uri(app.Address, answer.Headers.Location!);
        Assert.Equal(app.Address.Authority, location.Authority);
    }

    [Fact]
    public async Task Without_the_forms_token_nothing_changes()
    {
        using var browser = app.NewBrowser();
        await browser.PageAsync("/");
        var answer = await browser.Http.PostAsync("/theme", new FormUrlEncodedContent([new("theme", "dark"), new("returnUrl", "/")]));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.False(answer.Headers.TryGetValues("Set-Cookie", out var cookies) && cookies.Any(c => c.StartsWith("theme=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_cookie_of_somebody_elses_making_is_ignored()
    {
        using var browser = app.NewBrowser();
        browser.Cookies.Add(app.Address, new Cookie("theme", "dark%22%20onload%3D%22alert(1)"));
        Assert.Null((await browser.PageAsync("/")).DocumentElement.GetAttribute("class"));
    }
}
