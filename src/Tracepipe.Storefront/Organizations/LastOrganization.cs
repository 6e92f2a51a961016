using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>
/// Remembers in a cookie which organization a browser acted in last, and leads addresses without <c>/o/{org}</c> there. The cookie is a wish: membership
/// is checked again on arrival.
/// </summary>
internal static class LastOrganization
{
    private static readonly string[] Roots = ["dashboard", "keys", "keys/new", "usage", "sessions", "sessions/upload", "settings/billing", "settings/billing/{**rest}", "settings/organization", "settings/audit"];

    public static void MapShortAddresses(this IEndpointRouteBuilder routes)
    {
        foreach (var root in Roots) routes.MapGet("/" + root, LeadAsync).RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
    }

    /// <summary>Cookies ignore ports, so over plain http the name ends in it: two instances on one machine do not mix.</summary>
    private static string Name(HttpContext context) => context.Request.IsHttps ? "tracepipe-org" : $"tracepipe-org-{context.Request.Host.Port ?? 80}";

    public static void Remember(HttpContext context, Membership member)
    {
        if (!HttpMethods.IsGet(context.Request.Method) || ProblemMiddleware.IsApi(context.Request.Path)) return;
        if (string.Equals(context.Request.Cookies[Name(context)], member.Slug, StringComparison.Ordinal)) return;
        context.Response.Cookies.Append(Name(context), member.Slug, new CookieOptions
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            MaxAge = TimeSpan.FromDays(365),
            IsEssential = true,
            Path = "/",
        });
    }

    /// <summary>The slug that this browser used last; null when it has none.</summary>
    public static string? Wish(HttpContext context) => context.Request.Cookies[Name(context)];

    private static async Task<IResult> LeadAsync(HttpContext context, Memberships memberships, CancellationToken cancel)
    {
        var person = context.User.PersonId();
        var all = await memberships.OfAsync(person, cancel);
        if (all.Count == 0) return Problem.NotFound("An organization of yours").ToResult();
        var wish = Wish(context);
        var member = all.FirstOrDefault(m => string.Equals(m.Slug, wish, StringComparison.Ordinal)) ?? all[0];
        return TypedResults.LocalRedirect($"/o/{member.Slug}{context.Request.Path}{context.Request.QueryString}");
    }
}
