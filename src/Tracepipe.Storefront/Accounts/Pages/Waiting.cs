using Microsoft.AspNetCore.Components.Forms;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Accounts.Pages;

/// <summary>How a form says that a try came too early.</summary>
internal static class Waiting
{
    public static void RefuseForNow(this EditContext form, HttpContext http, int seconds)
    {
        form.Refuse($"Too many tries. Try again in {Words.Several(seconds, "second", "seconds")}.");
        http.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        http.Response.Headers.RetryAfter = seconds.ToString();
    }
}
