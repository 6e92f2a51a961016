using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the forms of the billing pages post to. Those that leave for Stripe answer with its address; the others lead back to the page, which says what happened.</summary>
internal static class PlanForms
{
    public static void MapPlanForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapBillingForms();
        forms.MapPost("/plans/checkout", CheckoutAsync);
        forms.MapPost("/plans/lifetime", LifetimeAsync);
        forms.MapPost("/plans/change", ChangeAsync);
        forms.MapPost("/plans/revoke", RevokeAsync);
        forms.MapPost("/plans/cancel", CancelAsync);
        forms.MapPost("/plans/reactivate", ReactivateAsync);
        forms.MapPost("/portal", PortalAsync);
    }

    private static async Task<IResult> CheckoutAsync(string org, [FromForm] string? tier, [FromForm(Name = "promo_code")] string? promoCode, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var opened = await subscriptions.CheckoutAsync(caller.OrganizationId, tier ?? "", promoCode, successUrl: null, cancelUrl: null, Actor.Of(caller), cancel);
        return opened.IsDone ? Leave(http, opened.Value.Url) : Refused(http, org, opened.Problem);
    }

    private static async Task<IResult> LifetimeAsync(string org, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var opened = await subscriptions.LifetimeCheckoutAsync(caller.OrganizationId, successUrl: null, cancelUrl: null, Actor.Of(caller), cancel);
        return opened.IsDone ? Leave(http, opened.Value.Url) : Refused(http, org, opened.Problem);
    }

    private static async Task<IResult> ChangeAsync(string org, [FromForm] string? tier, [FromForm] string? preview, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var changed = Guid.TryParse(preview, out var id) ? await subscriptions.ChangeAsync(caller.OrganizationId, tier ?? "", id, Actor.Of(caller), cancel) : (Tried<PlanView>)BillingProblems.StalePreview;
        // The bank wants to ask the person: Stripe's page of the invoice lets it.
        if (changed.Problem is { Code: "authentication_required", Details: { } details } && details.TryGetValue("payment_url", out var address) && address is string url) return Leave(http, url);
        if (!changed.IsDone) return Refused(http, org, changed.Problem);
        return Done(http, org, changed.Value.Next is { } next ? $"The plan changes to {next.Tier.Name} on {Words.Day(next.At)}." : $"Your plan is {changed.Value.Tier.Name} now.");
    }

    private static async Task<IResult> RevokeAsync(string org, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var kept = await subscriptions.RevokeChangeAsync(caller.OrganizationId, Actor.Of(caller), cancel);
        return kept.IsDone ? Done(http, org, $"Your plan stays {kept.Value.Tier.Name}.") : Refused(http, org, kept.Problem);
    }

    private static async Task<IResult> CancelAsync(string org, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var canceled = await subscriptions.CancelAsync(caller.OrganizationId, Actor.Of(caller), cancel);
        if (!canceled.IsDone) return Refused(http, org, canceled.Problem);
        return Done(http, org, canceled.Value.EndsAt is { } end ? $"Plan canceled. {canceled.Value.Tier.Name} stays until {Words.Day(end)}." : "Plan canceled.");
    }

    private static async Task<IResult> ReactivateAsync(string org, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var back = await subscriptions.ReactivateAsync(caller.OrganizationId, Actor.Of(caller), cancel);
        return back.IsDone ? Done(http, org, $"{back.Value.Tier.Name} goes on.") : Refused(http, org, back.Problem);
    }

    private static async Task<IResult> PortalAsync(string org, [FromForm] string? from, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        var page = from is "plans" or "payment-methods" ? "/" + from : "";
        var opened = await subscriptions.PortalAsync(caller.OrganizationId, BillingForms.Address(org, page), Actor.Of(caller), cancel);
        return opened.IsDone ? Leave(http, opened.Value.ToString()) : Refused(http, org, opened.Problem, page);
    }

    private static IResult Leave(HttpContext http, string address)
    {
        http.SeeOther(address);
        return Results.Empty;
    }

    private static IResult Done(HttpContext http, string org, string text) => BillingForms.Back(http, org, "/plans", Tone.Success, text);

    private static IResult Refused(HttpContext http, string org, Problem problem, string page = "/plans") => BillingForms.Back(http, org, page, Tone.Danger, problem.Message);
}
