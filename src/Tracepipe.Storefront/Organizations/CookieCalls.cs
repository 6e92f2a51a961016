using Microsoft.AspNetCore.Antiforgery;
using Tracepipe.Storefront.Accounts;

namespace Tracepipe.Storefront.Organizations;

/// <summary>
/// A filter for JSON routes that take a member's cookie as well as an API key or an access token: a browser sends the cookie by itself, so a change needs
/// the antiforgery header, too; the others are never sent by themselves.
/// </summary>
internal static class CookieCalls
{
    /// <exception cref="AntiforgeryValidationException">The header is missing or not this session's.</exception>
    public static async ValueTask<object?> CheckAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var isSafe = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        if (!isSafe && http.User.SessionId() is not null)
            await http.RequestServices.GetRequiredService<IAntiforgery>().ValidateRequestAsync(http);
        return await next(context);
    }
}
