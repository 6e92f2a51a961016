using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>The buttons of the operator's page about Stripe.</summary>
internal static class DriftForms
{
    public static void MapDriftForms(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/admin/stripe/compare", (Reconciliation books, HttpContext http, CancellationToken cancel) => RunAsync(books, repair: false, http, cancel)).RequireAuthorization(Policies.Operator).RequireAntiforgery().ExcludeFromDescription();
        routes.MapPost("/admin/stripe/repair", (Reconciliation books, HttpContext http, CancellationToken cancel) => RunAsync(books, repair: true, http, cancel)).RequireAuthorization(Policies.Operator).RequireAntiforgery().ExcludeFromDescription();
    }

    private static async Task<IResult> RunAsync(Reconciliation books, bool repair, HttpContext http, CancellationToken cancel)
    {
        try
        {
            var found = await books.RunAsync(repair, cancel);
            Flash.Set(http, found.Differences.Count == 0 ? Tone.Success : Tone.Warning, repair ? "Repaired what can be. Stripe counts with a delay: compare again in a minute." : $"{Words.Several(found.Differences.Count, "difference", "differences")}, {Words.Count(found.Compared)} compared.");
        }
        catch (StripeException)
        {
            Flash.Set(http, Tone.Danger, "Stripe does not answer: nothing was compared. Try again in a minute.");
        }
        http.SeeOther("/admin/stripe");
        return Results.Empty;
    }
}
