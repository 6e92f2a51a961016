using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the forms about held-back use and low credits post to. Each leads back to its page, which says what happened.</summary>
internal static class SpendForms
{
    public static void MapSpendForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapBillingForms();
        forms.MapPost("/held-back/raise", RaiseAsync);
        forms.MapPost("/held-back/pay", PayAsync);
        forms.MapPost("/credits/alert", AlertAsync);
    }

    /// <summary>What a saved cap has done, in words.</summary>
    public static string Said(Money? cap, Money paid) =>
        $"{(cap is { } money ? $"The spend cap is {money} a month." : "There is no spend cap.")}{(paid.Minor > 0 ? $" {paid} that was held back is paid for." : "")}";

    private static async Task<IResult> RaiseAsync(string org, [FromForm] string? amount, Caller caller, SpendCaps caps, HttpContext http, CancellationToken cancel)
    {
        if (DollarText.Read(amount) is not { } cap) return BillingForms.Back(http, org, "", Tone.Danger, DollarText.Rule);
        var set = await caps.SetAsync(caller.OrganizationId, cap, Actor.Of(caller), cancel);
        return set.IsDone ? BillingForms.Back(http, org, "", Tone.Success, Said(cap, set.Value)) : BillingForms.Back(http, org, "", Tone.Danger, set.Problem.Message);
    }

    private static async Task<IResult> PayAsync(string org, Caller caller, SpendCaps caps, HttpContext http, CancellationToken cancel)
    {
        var paid = await caps.PayHeldBackAsync(caller.OrganizationId, Actor.Of(caller), cancel);
        return paid.Minor > 0 ? BillingForms.Back(http, org, "", Tone.Success, $"{paid} that was held back is paid for.")
            : BillingForms.Back(http, org, "", Tone.Warning, "Nothing could pay for it now: raise the cap, buy credits, or add a card.");
    }

    private static async Task<IResult> AlertAsync(string org, [FromForm] string? level, Caller caller, LowCredits credits, HttpContext http, CancellationToken cancel)
    {
        Money? wanted = null;
        if (!string.IsNullOrWhiteSpace(level) && (wanted = DollarText.Read(level)) is null) return BillingForms.Back(http, org, "/credits", Tone.Danger, DollarText.Rule);
        if (wanted is { Minor: 0 }) wanted = null;
        if (await credits.SetAsync(caller.OrganizationId, wanted, Actor.Of(caller), cancel) is { } problem) return BillingForms.Back(http, org, "/credits", Tone.Danger, problem.Message);
        return BillingForms.Back(http, org, "/credits", Tone.Success, wanted is { } at ? $"We mail you when credits fall below {at}." : "No mail about low credits any more.");
    }
}
