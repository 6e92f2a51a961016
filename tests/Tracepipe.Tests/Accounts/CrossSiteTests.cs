using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts;

/// <summary>Catches: what another site, or a lying header, can make the product do in a person's name.</summary>
public sealed class CrossSiteTests(ProxiedApp app) : IClassFixture<ProxiedApp>
{
    // Seen to fail when the routes of the device list did not ask for the token.
    [Theory]
    [InlineData("/logout")]
    [InlineData("/settings/security/devices/end-others")]
    [InlineData("/settings/security/devices/0198c0de-0000-7000-8000-000000000000/end")]
    [InlineData("/login")]
    [InlineData("/register")]
    [InlineData("/settings/profile")]
    [InlineData("/settings/security")]
    public async Task A_form_without_the_token_of_its_page_is_refused(string path)
    {
        var person = await app.NewPersonAsync();
        foreach (var form in new Dictionary<string, string>[] { [], new() { ["_handler"] = "name", ["Name.Name"] = "x" }, new() { ["__RequestVerificationToken"] = "made-up", ["_handler"] = "password" } })
            Assert.Equal(HttpStatusCode.BadRequest, (await person.Browser.Http.PostAsync(path, new FormUrlEncodedContent(form))).StatusCode);
        Assert.True(await person.Browser.IsInAsync());
    }

    [Fact]
    public async Task A_token_of_somebody_else_is_refused()
    {
        var mallory = await app.NewPersonAsync();
        var victim = await app.NewPersonAsync();
        var token = await mallory.Browser.TokenAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await victim.Browser.Http.PostAsync("/logout", new FormUrlEncodedContent([new("__RequestVerificationToken", token)]))).StatusCode);
        Assert.True(await victim.Browser.IsInAsync());
    }

    // Seen to fail when only the token was asked for.
    [Theory]
    [InlineData("Origin", "https://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    public async Task A_form_that_another_site_sends_is_refused_even_with_a_token(string header, string value)
    {
        var person = await app.NewPersonAsync();
        var token = await person.Browser.TokenAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/logout") { Content = new FormUrlEncodedContent([new("__RequestVerificationToken", token)]) };
        request.Headers.TryAddWithoutValidation(header, value);
        Assert.Equal(HttpStatusCode.Forbidden, (await person.Browser.Http.SendAsync(request)).StatusCode);
        Assert.True(await person.Browser.IsInAsync());
    }

    [Fact]
    public async Task Over_https_the_cookies_are_bound_to_the_host_and_never_travel_in_the_clear()
    {
        using var browser = app.NewBrowser();
        browser.Http.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        browser.Http.DefaultRequestHeaders.Add("X-Forwarded-For", "192.0.2.9");
        var page = await browser.GetAsync("/register");
        var cookies = page.Headers.GetValues("Set-Cookie").ToList();
        Assert.NotEmpty(cookies);
        var document = await TestBrowser.ParseAsync(page);
        var fields = document.Forms.Single(f => f.QuerySelector("input[type=password]") is not null).Elements.Where(e => e.GetAttribute("name") is not null).ToDictionary(e => e.GetAttribute("name")!,
            e => e.GetAttribute("type") switch { "email" => AccountVerbs.NewEmail(), "password" => AccountVerbs.Password, "hidden" => e.GetAttribute("value") ?? "", _ => "Ada" });
        using var register = new HttpRequestMessage(HttpMethod.Post, "/register") { Content = new FormUrlEncodedContent(fields) };
        register.Headers.Add("Cookie", string.Join("; ", cookies.Select(c => c.Split(';')[0]))); // this browser itself would not send them in the clear
        var registered = await browser.Http.SendAsync(register);
        Assert.Equal(HttpStatusCode.SeeOther, registered.StatusCode);
        cookies.AddRange(registered.Headers.GetValues("Set-Cookie"));
        Assert.Contains(cookies, c => c.StartsWith("__Host-tracepipe-browser=", StringComparison.Ordinal));
        Assert.All(cookies, c => Assert.StartsWith("__Host-", c, StringComparison.Ordinal));
        foreach (var word in new[] { "secure", "httponly", "samesite=lax", "path=/" }) Assert.All(cookies, c => Assert.Contains(word, c, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Behind_a_known_proxy_the_visitors_address_is_the_one_it_names()
    {
        var person = await app.NewPersonAsync();
        using var browser = app.NewBrowserAt("6.6.6.6, 203.0.113.50, 10.1.2.3"); // the first was written by the visitor himself
        await browser.LogInAsync(person.Email, person.Password);
        Assert.Equal("203.0.113.50", await app.ScalarAsync<string>($"select address from signed_in_devices where person_id = '{person.Id}' order by id desc limit 1"));
    }

    [Theory]
    [InlineData("http://localhost:5080", null, "localhost 127.0.0.1 [::1] localhost")]
    [InlineData("http://0.0.0.0:5080", null, "*")]
    [InlineData("http://+:80", "https://app.example.com", "localhost 127.0.0.1 [::1] app.example.com")]
    [InlineData("http://10.0.0.7:80;http://localhost:80", null, "localhost 127.0.0.1 [::1] 10.0.0.7 localhost")]
    public void Names_of_this_installation_are_answered_and_no_others(string urls, string? appUrl, string hosts)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("urls", urls), new("Billing:AppUrl", appUrl)]).Build();
        Assert.Equal(hosts, string.Join(' ', Edge.Hosts(configuration)));
    }

    [Fact]
    public void A_proxy_that_is_no_address_stops_the_start()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection([new("Proxies:Known", "10.0.0.0/8, proxy.local")]);
        Assert.Contains("“proxy.local”", Assert.Throws<StartupException>(builder.AddEdge).Message, StringComparison.Ordinal);
    }
}
