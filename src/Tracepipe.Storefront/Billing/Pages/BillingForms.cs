using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>Where the forms of the billing pages are posted to, and how they lead back.</summary>
internal static class BillingForms
{
    /// <summary>Routes under <c>/o/{org}/settings/billing</c> for who may change billing, each with the token of its form.</summary>
    public static RouteGroupBuilder MapBillingForms(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/o/{org}/settings/billing").RequireAuthorization(Permissions.BillingWrite).RequireAntiforgery().ExcludeFromDescription();

    /// <summary>A billing page of the organization, below its overview.</summary>
    public static string Address(string org, string page) => $"/o/{Uri.EscapeDataString(org)}/settings/billing{page}";

    /// <summary>Leads back to that page, which says what happened.</summary>
    public static IResult Back(HttpContext http, string org, string page, Tone tone, string text)
    {
        Flash.Set(http, tone, text);
        http.SeeOther(Address(org, page));
        return Results.Empty;
    }
}
