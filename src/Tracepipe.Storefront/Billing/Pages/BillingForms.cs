using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>Where the forms of the billing pages are posted to.</summary>
internal static class BillingForms
{
    /// <summary>Routes under <c>/o/{org}/settings/billing</c> for who may change billing, each with the token of its form.</summary>
    public static RouteGroupBuilder MapBillingForms(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/o/{org}/settings/billing").RequireAuthorization(Permissions.BillingWrite).RequireAntiforgery().ExcludeFromDescription();
}
