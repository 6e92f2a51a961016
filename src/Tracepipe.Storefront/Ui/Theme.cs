using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ui;

/// <summary>Light, dark, or what the system says: a cookie that the server turns into a class of the document, so that nothing flashes and no script decides.</summary>
internal static class Theme
{
    private const string Cookie = "theme";

    /// <summary>The class of <c>&lt;html&gt;</c>: <c>light</c>, <c>dark</c>, or null to follow the system.</summary>
    public static string? Of(HttpContext? context) => context?.Request.Cookies[Cookie] is "light" or "dark" ? context.Request.Cookies[Cookie] : null;

    public static void MapTheme(this IEndpointRouteBuilder routes) => routes.MapPost("/theme", Set).AllowAnonymous().ExcludeFromDescription();

    private static IResult Set(HttpContext context, [FromForm] string? theme, [FromForm] string? returnUrl)
    {
        if (theme is not ("light" or "dark")) return Problem.Invalid("theme", "Choose light or dark.").ToResult();
        context.Response.Cookies.Append(Cookie, theme, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            MaxAge = TimeSpan.FromDays(365),
            IsEssential = true,
        });
        context.Response.Headers.Location = LocalPath.Or(returnUrl, "/");
        return TypedResults.StatusCode(StatusCodes.Status303SeeOther);
    }
}

/// <summary>Addresses that came from outside and may only lead to a page of ours.</summary>
internal static class LocalPath
{
    /// <summary>The address when it is a path on this host, else the other one.</summary>
    public static string Or(string? address, string otherwise) =>
        address is { Length: > 0 and <= 2000 } && address[0] == '/' && RedirectHttpResult.IsLocalUrl(address) && !address.Any(char.IsControl) ? address : otherwise;
}
