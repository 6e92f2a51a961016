namespace Tracepipe.Storefront.Platform;

/// <summary>After a form: the browser goes on to another page with GET. The path stays relative, because the Host header is the caller's choice.</summary>
internal static class Redirection
{
    public static void SeeOther(this HttpContext context, string path)
    {
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = path;
    }

    /// <summary>Whether the browser, or Turbo, fetches a page that nobody has asked to see yet.</summary>
    public static bool IsPrefetch(this HttpRequest request) => new[] { "Sec-Purpose", "X-Sec-Purpose", "Purpose" }.Any(h => request.Headers[h].ToString().Contains("prefetch", StringComparison.OrdinalIgnoreCase));
}
