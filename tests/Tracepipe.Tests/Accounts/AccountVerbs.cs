using System.Net;
using System.Text.RegularExpressions;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts;

/// <summary>What people do with their accounts.</summary>
internal static partial class AccountVerbs
{
    public const string Password = "a long walk in the rain";

    private static int addresses;

    public static string NewEmail(string name = "visitor") => $"{name}{Interlocked.Increment(ref addresses):0000}@example.com";

    public static Task<HttpResponseMessage> RegisterAsync(this TestBrowser browser, string email, string password = Password, string name = "Ada Lovelace") =>
        browser.SubmitAsync("/register", new() { ["Name"] = name, ["Email"] = email, ["Password"] = password });

    public static Task<HttpResponseMessage> LogInAsync(this TestBrowser browser, string email, string password, string query = "") =>
        browser.SubmitAsync("/login" + query, new() { ["Email"] = email, ["Password"] = password });

    public static async Task<HttpResponseMessage> LogOutAsync(this TestBrowser browser) =>
        await browser.Http.PostAsync("/logout", new FormUrlEncodedContent([new("__RequestVerificationToken", await browser.TokenAsync())]));

    /// <summary>The antiforgery token of a page for the signed-in.</summary>
    public static async Task<string> TokenAsync(this TestBrowser browser) =>
        (await browser.PageAsync("/settings/security")).QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;

    /// <summary>Whether the browser gets to see pages for people.</summary>
    public static async Task<bool> IsInAsync(this TestBrowser browser)
    {
        var response = await browser.GetAsync("/settings/security");
        if (response.StatusCode is HttpStatusCode.OK) return true;
        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.StartsWith("/login?returnUrl=", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
        return false;
    }

    /// <summary>The cookies as somebody who stole them would send them.</summary>
    public static string Stolen(this TestBrowser browser, TestApp app) => browser.Cookies.GetCookieHeader(app.Address);

    /// <summary>Asks for a page with stolen cookies; true when it is shown.</summary>
    public static async Task<bool> OpensAsync(this TestApp app, string cookies, string path = "/settings/security")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, path));
        request.Headers.Add("Cookie", cookies);
        return (await TestApp.Http.SendAsync(request)).StatusCode is HttpStatusCode.OK;
    }

    /// <summary>What is kept of the secret in a mailed link, as SQL.</summary>
    public static string HashInMail(string link) => $"'\\x{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(link.Split("token=")[1])))}'";

    public static async Task<string> BodyAsync(this HttpResponseMessage response) => await response.Content.ReadAsStringAsync();

    /// <summary>The body without what differs between any two answers: antiforgery tokens and nonces.</summary>
    public static async Task<string> StableBodyAsync(this HttpResponseMessage response) => Varying().Replace(await response.BodyAsync(), "…");

    public static Task<long> CountAsync(this TestApp app, string fromWhere) => app.ScalarAsync<long>($"select count(*) from {fromWhere}");

    [GeneratedRegex("""(?<=__RequestVerificationToken" value=")[^"]+|(?<=csp-nonce" content=")[^"]+""", RegexOptions.None, 1000)]
    private static partial Regex Varying();
}
