using Microsoft.AspNetCore.Antiforgery;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>
/// Refuses what another site makes a signed-in browser send. Forms of ours carry an antiforgery token besides; this looks at what the browser itself says
/// about the sender (<c>Sec-Fetch-Site</c>, <c>Origin</c>), and asks API calls that come with the cookie instead of a key for the antiforgery header.
/// </summary>
internal sealed class CrossSite(RequestDelegate next, PublicAddress site, IAntiforgery antiforgery)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method) || HttpMethods.IsTrace(request.Method))
        {
            await next(context);
            return;
        }
        var isApi = ProblemMiddleware.IsApi(request.Path);
        var hasSession = context.User.SessionId() is not null;
        if ((!isApi || hasSession) && IsForeign(request))
        {
            await RefuseAsync(context, new Problem(403, "forbidden", "The request came from another site."));
            return;
        }
        // A key in a header is something no other site can make a browser send.
        if (isApi && hasSession && !request.Headers.ContainsKey("X-API-Key") && !request.Headers.ContainsKey("Authorization") && !await antiforgery.IsRequestValidAsync(context))
        {
            await RefuseAsync(context, Problem.BadRequest("Calls with the session cookie need the antiforgery token of the page in the header RequestVerificationToken."));
            return;
        }
        await next(context);
    }

    private bool IsForeign(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } from && from is not ("same-origin" or "none")) return true;
        if (request.Headers.Origin.ToString() is not { Length: > 0 } origin) return false;
        return !string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase)
            && !string.Equals(origin, new Uri(site.Base).GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);
    }

    private static Task RefuseAsync(HttpContext context, Problem problem)
    {
        if (ProblemMiddleware.IsApi(context.Request.Path)) return problem.WriteAsync(context);
        context.Response.StatusCode = problem.Status;
        return Task.CompletedTask;
    }
}
