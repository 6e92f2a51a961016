using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ui;

/// <summary>Gives an error that has a status and no body a page, when a person's browser asked; the API's surfaces have their own answers.</summary>
internal sealed class ErrorPages(RequestDelegate next, IServiceProvider services)
{
    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        var response = context.Response;
        if (response is not { HasStarted: false, StatusCode: >= 400, ContentLength: null or 0, ContentType: null } || !WantsPage(context.Request)) return;
        response.Headers.CacheControl = "no-store";
        response.Headers.Remove("blazor-enhanced-nav"); // set by the page that said 404; the result below adds it again
        // A scope of its own: the one of the request belongs to the page that failed.
        await using var scope = services.CreateAsyncScope();
        context.RequestServices = scope.ServiceProvider;
        await new RazorComponentResult<ErrorDocument>(new { Status = response.StatusCode, RequestId = context.TraceIdentifier }) { StatusCode = response.StatusCode }.ExecuteAsync(context);
    }

    private static bool WantsPage(HttpRequest request) =>
        !ProblemMiddleware.IsApi(request.Path) && !request.Path.StartsWithSegments("/assets", StringComparison.Ordinal)
        && (request.Headers.Accept.Count == 0 || request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase) || request.Headers.Accept.ToString().Contains("*/*", StringComparison.Ordinal));
}

/// <summary>What an error page says.</summary>
internal sealed record ErrorWords(string Title, string Text)
{
    public static ErrorWords Of(int status) => status switch
    {
        400 => new("This request cannot be read", "The form was too old or not complete. Go back, load the page again and repeat."),
        401 => new("You are not logged in", "Log in and open this page again."),
        403 => new("Not allowed", "Your role in this organization does not include this page. An owner or admin can change that."),
        404 => new("Page not found", "The address is wrong, or what stood here is gone or belongs to an organization you are not in."),
        405 => new("Not possible here", "This address does not take what was sent to it. Go back and use the page's own buttons."),
        413 => new("Too large", "What was sent is larger than this address takes. Send a smaller file or less text."),
        429 => new("Too many requests", "Wait a minute, then try again."),
        503 => new("Not available right now", "The database cannot be reached. Nothing is lost and nothing was changed. Try again in a few seconds."),
        >= 500 => new("Something failed on our side", "Try again. If it stays, tell us the request id below and we find what happened."),
        _ => new("This did not work", "Go back and try again."),
    };
}
