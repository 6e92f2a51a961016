using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>The stream that tells an organization's open pages what has changed; for every member, whatever the role, because it names topics only.</summary>
internal static class LiveRoute
{
    public static void MapLive(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/o/{org}/live", (HttpContext context, Caller caller, LiveStream stream, string? rendered) => stream.ServeAsync(context, caller.OrganizationId, caller.Member.PersonId, rendered))
            .RequireAuthorization(Permissions.OrganizationRead).ExcludeFromDescription();
}
