using Microsoft.AspNetCore.Antiforgery;

namespace Tracepipe.Storefront.Organizations;

/// <summary>
/// A filter for JSON routes that take both a member's cookie and an API key: a browser sends the cookie by itself, so a change needs the antiforgery
/// header, too; a key is never sent by itself.
/// </summary>
internal static class CookieCalls
{
    /// <exception cref="AntiforgeryValidationException">The header is missing or not this session's.</exception>
    public static async ValueTask<object?> CheckAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var isSafe = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        if (!isSafe && http.RequestServices.GetRequiredService<Caller>().KeyId is null)
            await http.RequestServices.GetRequiredService<IAntiforgery>().ValidateRequestAsync(http);
        return await next(context);
    }
}
