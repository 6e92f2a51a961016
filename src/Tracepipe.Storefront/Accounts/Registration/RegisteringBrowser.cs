using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Registration;

/// <summary>The cookie that ties a pending registration to the browser in which its password was typed.</summary>
internal static class RegisteringBrowser
{
    private const string Cookie = "tracepipe-browser";

    public static string? Find(HttpContext http) => http.Request.Cookies[SiteCookie.NameFor(http, Cookie)] is { Length: 43 } secret ? secret : null;

    /// <summary>The browser's secret, made when it has none; kept as long as a mailed link works.</summary>
    public static string Keep(HttpContext http)
    {
        var secret = Find(http) ?? Secret.New();
        SiteCookie.Append(http, Cookie, secret, TimeSpan.FromHours(24));
        return secret;
    }
}
