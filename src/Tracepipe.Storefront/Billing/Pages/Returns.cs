using System.Security.Claims;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>The addresses <c>/billing/success</c> and <c>/billing/cancel</c> without an organization: they lead to the one that the purchase is of, else to the last one used.</summary>
internal static class Returns
{
    public static void MapReturns(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/billing/success", LeadAsync).RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
        routes.MapGet("/billing/cancel", LeadAsync).RequireAuthorization(Policies.SignedIn).ExcludeFromDescription();
    }

    private static async Task<IResult> LeadAsync(HttpContext context, string? session_id, Memberships memberships, Subscriptions subscriptions, CancellationToken cancel)
    {
        var all = await memberships.OfAsync(Guid.Parse(context.User.FindFirstValue(ClaimTypes.NameIdentifier)!), cancel);
        if (all.Count == 0) return TypedResults.NotFound();
        var wish = LastOrganization.Wish(context);
        var chosen = all.FirstOrDefault(m => string.Equals(m.Slug, wish, StringComparison.Ordinal)) ?? all[0];
        if (session_id is { Length: > 0 and < 200 })
            foreach (var member in all.Where(m => m.May(Permissions.BillingRead)))
                if (await subscriptions.BoughtAsync(member.OrganizationId, session_id, cancel) is not null) chosen = member;
        return TypedResults.LocalRedirect($"/o/{chosen.Slug}{context.Request.Path}{context.Request.QueryString}");
    }
}
