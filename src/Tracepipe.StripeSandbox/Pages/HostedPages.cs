using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Tracepipe.StripeSandbox.Js;
using Tracepipe.StripeSandbox.Pages.Checkout;
using Tracepipe.StripeSandbox.Pages.CustomerPortal;
using Tracepipe.StripeSandbox.Pages.Dashboard;
using Tracepipe.StripeSandbox.Pages.HostedInvoice;

namespace Tracepipe.StripeSandbox.Pages;

/// <summary>
/// The pages a person sees: checkout, portal, invoice, the bank's question, and the dashboard.
/// Owns: markup, what a form post means. Does not own: what then happens to an object.
/// </summary>
internal static class HostedPages
{
    public static IServiceCollection AddHostedPages(this IServiceCollection services)
    {
        services.AddRazorComponents();
        // The components bring form tokens along, whose keys would be written to the home folder; these pages do not use them.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.Remove(services.Single(s => s.ImplementationType?.Name is "DataProtectionHostedService")); // makes such a key at the start, whoever protects
        return services;
    }

    public static void MapHostedPages(this IEndpointRouteBuilder routes)
    {
        foreach (var name in Asset.Names("Pages/Assets/"))
            routes.MapGet($"/_sandbox/assets/{Path.GetFileName(name)}", Asset.Embedded(name).Send);
        var pages = routes.MapGroup("").AddEndpointFilter(RefuseForeignPosts);
        pages.MapChallenge();
        pages.MapDashboard();
        pages.MapCheckout();
        pages.MapPortal();
        pages.MapInvoices();
    }

    /// <summary>A page of this server posts to it, no other page does: the addresses are all that protects these forms.</summary>
    private static async ValueTask<object?> RefuseForeignPosts(EndpointFilterInvocationContext call, EndpointFilterDelegate next)
    {
        var request = call.HttpContext.Request;
        var foreign = HttpMethods.IsPost(request.Method) && request.Headers["Sec-Fetch-Site"] is [{ Length: > 0 } site] && site is not ("same-origin" or "none");
        return foreign ? Results.Text("This form was sent from another site.", statusCode: StatusCodes.Status403Forbidden) : await next(call);
    }
}

/// <summary>A page as an answer: status, security headers, and what the page is allowed to do.</summary>
internal static class Page
{
    /// <param name="formTarget">Where a post of this page's form may lead in the end, besides this server.</param>
    /// <param name="frameHost">The origin that may show this page in a frame; none when null.</param>
    public static IResult Of<TPage>(HttpContext http, IReadOnlyDictionary<string, object?> parameters, int status = 200, string? formTarget = null, string? frameHost = null)
        where TPage : IComponent
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; " +
            $"form-action 'self'{Origin(formTarget)}; frame-ancestors {frameHost ?? "'none'"}";
        headers[HeaderNames.XContentTypeOptions] = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        http.Response.OnStarting(() => Task.FromResult(headers.Remove("blazor-enhanced-nav")));
        return new RazorComponentResult<TPage>(parameters) { StatusCode = status, PreventStreamingRendering = true };
    }

    public static IResult NotFound(HttpContext http, string title = "Nothing here", string text = "This address belongs to nothing in the sandbox. It may have been reset since.") =>
        Of<MessagePage>(http, new Dictionary<string, object?> { ["Title"] = title, ["Text"] = text }, StatusCodes.Status404NotFound);

    /// <summary>After a post: the browser fetches the next page.</summary>
    public static IResult SeeOther(HttpContext http, string location)
    {
        http.Response.Headers.Location = location;
        return Results.StatusCode(StatusCodes.Status303SeeOther);
    }

    private static string Origin(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var target) && target.Scheme is "http" or "https" ? " " + target.GetLeftPart(UriPartial.Authority) : "";
}
