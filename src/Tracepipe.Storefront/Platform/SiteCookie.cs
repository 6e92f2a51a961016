namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The name and shape of our cookies. Over https the name begins with <c>__Host-</c>, so that no other host can plant it; over plain http (which only a
/// developer's machine has) it ends in the port, because cookies ignore ports and two instances on one machine must not mix.
/// </summary>
internal sealed class SiteCookie(string name, IHttpContextAccessor accessor) : CookieBuilder
{
    public override string? Name
    {
        get => accessor.HttpContext is { } context ? NameFor(context, name) : name;
        set { /* it follows from the request */ }
    }

    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        var options = base.Build(context, expiresFrom);
        options.Secure = IsSecure(context);
        options.Path = "/";
        options.HttpOnly = true;
        options.SameSite = SameSiteMode.Lax;
        return options;
    }

    /// <summary>The cookie's name in this request.</summary>
    public static string NameFor(HttpContext context, string name) => IsSecure(context) ? "__Host-" + name : $"{name}-{context.Connection.LocalPort}";

    /// <summary>Writes a cookie that scripts cannot read.</summary>
    public static void Append(HttpContext context, string name, string value, TimeSpan lasts) => context.Response.Cookies.Append(NameFor(context, name), value, new CookieOptions
    {
        HttpOnly = true,
        IsEssential = true,
        MaxAge = lasts,
        Path = "/",
        SameSite = SameSiteMode.Lax,
        Secure = IsSecure(context),
    });

    // A site that is public under https never sends a cookie in the clear, even when its proxy has not been made known.
    private static bool IsSecure(HttpContext context) => context.Request.IsHttps || context.RequestServices.GetRequiredService<PublicAddress>().IsHttps;
}
