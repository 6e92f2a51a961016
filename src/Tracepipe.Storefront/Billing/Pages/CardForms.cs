using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the forms of the page Payment methods post to, and where the browser comes back from Stripe. Each leads to the page, which says what happened.</summary>
internal static class CardForms
{
    private const string Page = "/payment-methods";

    public static void MapCardForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapBillingForms();
        forms.MapPost("/payment-methods/{id}/default", MakeDefaultAsync);
        forms.MapPost("/payment-methods/{id}/remove", RemoveAsync);
        forms.MapPost("/payment-methods/{id}/expiry", ChangeExpiryAsync);
        forms.MapPost("/auto-billing", SwitchAsync);
        routes.MapGet("/o/{org}/settings/billing/payment-methods/return", ReturnAsync).RequireAuthorization(Permissions.BillingWrite).ExcludeFromDescription();
    }

    private static async Task<IResult> MakeDefaultAsync(string org, string id, Caller caller, PaymentMethods methods, HttpContext http, CancellationToken cancel)
    {
        var chosen = await methods.MakeDefaultAsync(caller.OrganizationId, id, Actor.Of(caller), cancel);
        return Back(http, org, chosen.Problem, () => $"{chosen.Value!.Spoken} is the default now.");
    }

    private static async Task<IResult> RemoveAsync(string org, string id, Caller caller, PaymentMethods methods, HttpContext http, CancellationToken cancel) =>
        Back(http, org, await methods.RemoveAsync(caller.OrganizationId, id, Actor.Of(caller), cancel), () => "Card removed.");

    private static async Task<IResult> ChangeExpiryAsync(string org, string id, [FromForm] string? month, [FromForm] string? year, Caller caller, PaymentMethods methods, HttpContext http, CancellationToken cancel)
    {
        _ = int.TryParse(month, out var m); // what is no number is 0, which no card has
        _ = int.TryParse(year, out var y);
        var changed = await methods.ChangeExpiryAsync(caller.OrganizationId, id, m, y is > 0 and < 100 ? 2000 + y : y, Actor.Of(caller), cancel);
        return Back(http, org, changed.Problem, () => $"{changed.Value!.Spoken} expires {changed.Value.Expiry} now.");
    }

    private static async Task<IResult> SwitchAsync(string org, [FromForm] bool enabled, [FromForm] string? back, Caller caller, BillingAccounts accounts, HttpContext http, CancellationToken cancel)
    {
        await accounts.SetAutoBillingAsync(caller.OrganizationId, enabled, Actor.Of(caller), cancel);
        return BillingForms.Back(http, org, back is "billing" ? "" : Page, Tone.Success,
            enabled ? "Auto-billing is on: use beyond plan and credits is charged to the default card." : "Auto-billing is off: no card pays for use any more.");
    }

    // The query is a hint only: what became of the card is asked of Stripe, and whose it is, too.
    private static async Task<IResult> ReturnAsync(string org, string? setup_intent, Caller caller, PaymentMethods methods, HttpContext http, CancellationToken cancel)
    {
        var finished = await methods.FinishAsync(caller.OrganizationId, setup_intent ?? "", Actor.Of(caller), cancel);
        if (finished.Problem is { Status: 502 }) return BillingForms.Back(http, org, Page, Tone.Warning, "Stripe cannot be reached right now. If the card was saved, it appears here as soon as Stripe answers.");
        if (!finished.IsDone) return Refused(http, org, finished.Problem);
        var (tone, text) = finished.Value.Progress switch
        {
            SetupProgress.Saved => (Tone.Success, "Card saved."),
            SetupProgress.StillChecking => (Tone.Info, "Your bank is still checking the card. It appears here when that is done."),
            _ => (Tone.Danger, $"The card was not saved: {finished.Value.Reason ?? "it was not confirmed."} Try again, or use another card."),
        };
        return BillingForms.Back(http, org, Page, tone, text);
    }

    private static IResult Back(HttpContext http, string org, Problem? problem, Func<string> done) =>
        problem is null ? BillingForms.Back(http, org, Page, Tone.Success, done()) : Refused(http, org, problem);

    private static IResult Refused(HttpContext http, string org, Problem problem) =>
        problem.Status == StatusCodes.Status404NotFound ? TypedResults.NotFound() : BillingForms.Back(http, org, Page, Tone.Danger, problem.Message);
}
