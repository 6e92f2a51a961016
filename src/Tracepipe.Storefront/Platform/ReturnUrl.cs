using Microsoft.AspNetCore.Http.HttpResults;

namespace Tracepipe.Storefront.Platform;

/// <summary>Says whether a <c>returnUrl</c> stays on this site: a path of ours, however it is dressed up.</summary>
internal static class ReturnUrl
{
    public static bool IsLocal(string? path) => path is ['/', ..] && path.Length <= 2000 && IsPlain(path) && IsPlain(Uri.UnescapeDataString(path));

    /// <summary>Refuses a request whose <c>returnUrl</c> leads away, before any page reads it.</summary>
    public static Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Query.TryGetValue("returnUrl", out var wishes) && wishes.Any(w => !IsLocal(w)))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return Task.CompletedTask;
        }
        return next(context);
    }

    // Browsers drop tabs and newlines and read a backslash as a slash: "/\t/evil" and "/\evil" would leave the site.
    private static bool IsPlain(string path) => RedirectHttpResult.IsLocalUrl(path) && !path.Contains('\\', StringComparison.Ordinal) && !path.AsSpan().ContainsAnyInRange('\0', '\x1f');
}
