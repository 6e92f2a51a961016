using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>
/// Refuses what another site makes a signed-in browser send. Forms of ours carry an antiforgery token besides; this looks at what the browser itself says
/// about the sender (<c>Sec-Fetch-Site</c>, <c>Origin</c>).
/// </summary>
internal sealed class CrossSite(RequestDelegate next, PublicAddress site)
{
    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var isSafe = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method) || HttpMethods.IsTrace(request.Method);
        // Programs call the API from wherever they are; what comes with a person's cookie comes from our own pages.
        var isOurs = !ProblemMiddleware.IsApi(request.Path) || context.User.SessionId() is not null;
        return isSafe || !isOurs || !IsForeign(request) ? next(context) : RefuseAsync(context);
    }

    private bool IsForeign(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } from && from is not ("same-origin" or "none")) return true;
        if (request.Headers.Origin.ToString() is not { Length: > 0 } origin) return false;
        return !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase)
            && !string.Equals(origin, new Uri(site.Base).GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        if (ProblemMiddleware.IsApi(context.Request.Path)) return new Problem(403, "forbidden", "The request came from another site.").WriteAsync(context);
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }
}
