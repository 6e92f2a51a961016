using Microsoft.AspNetCore.Http.HttpResults;

namespace Tracepipe.Storefront.Accounts.External.Pages;

/// <summary>Pages that go on by themselves, without script: the browser follows the <c>Refresh</c> header.</summary>
internal static class LeavingPage
{
    /// <summary>Answers with the page of a log-out that goes on at a provider.</summary>
    public static Task WriteAsync(HttpContext http, string address, string label)
    {
        Refresh(http, address);
        return new RazorComponentResult<LeavingDocument>(new { Address = address, Label = label }).ExecuteAsync(http);
    }

    /// <summary>Makes the browser go on as soon as it shows this answer, which no cache keeps.</summary>
    public static void Refresh(HttpContext http, string address)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["Refresh"] = $"0;url={address}";
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
    }
}
