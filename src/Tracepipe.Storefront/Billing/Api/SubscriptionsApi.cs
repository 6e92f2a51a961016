using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The routes of the billing guide about plans and purchases, and of the billing rules, section 2.</summary>
internal static class SubscriptionsApi
{
    public static void MapSubscriptionsApi(this IEndpointRouteBuilder routes)
    {
        var account = routes.MapGroup("/api/billing/account/{organization_id}").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync);
        account.MapGet("/subscription", GetAsync).RequireAuthorization(Permissions.BillingRead);
        account.MapPost("/subscription/checkout", CheckoutAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/subscription/change/preview", PreviewAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/subscription/change", ChangeAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapDelete("/subscription/change", RevokeAsync).RequireAuthorization(Permissions.BillingWrite);
        account.MapPost("/subscription/cancel", CancelAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/subscription/reactivate", ReactivateAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/lifetime/checkout", LifetimeAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/credits/checkout", CreditsAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/portal", PortalAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapGet("/usage-summary", UsageAsync).RequireAuthorization(Permissions.BillingRead);
        account.MapPost("/check-execution", CheckAsync).RequireAuthorization(Permissions.BillingRead).TakesIdempotencyKey();
    }

    /// <summary>The plan, or null without one.</summary>
    internal static async Task<Results<Ok<SubscriptionResponse>, ContentHttpResult>> GetAsync(Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        SubscriptionResponse.Of(await subscriptions.GetAsync(caller.OrganizationId, caller.PersonId, cancel)) is { } plan ? TypedResults.Ok(plan) : TypedResults.Content("null", "application/json");

    /// <summary>Open Stripe's page to subscribe. 409 when there is a subscription: preview a change instead.</summary>
    internal static async Task<Results<Ok<CheckoutResponse>, ProblemAnswer>> CheckoutAsync(SubscriptionCheckoutRequest request, Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        Answer(await subscriptions.CheckoutAsync(caller.OrganizationId, request.Tier, request.PromoCode, request.SuccessUrl, request.CancelUrl, Actor.Of(caller), cancel));

    /// <summary>What a change of plan costs. Confirm it within 15 minutes.</summary>
    internal static async Task<Results<Ok<ChangePreviewResponse>, ProblemAnswer>> PreviewAsync(ChangePreviewRequest request, Caller caller, Subscriptions subscriptions, CancellationToken cancel)
    {
        var preview = await subscriptions.PreviewAsync(caller.OrganizationId, request.Tier, cancel);
        return preview.IsDone ? TypedResults.Ok(ChangePreviewResponse.Of(preview.Value)) : preview.Problem.ToResult();
    }

    /// <summary>Make the change that was previewed: an upgrade is charged first, a downgrade waits for the period's end.</summary>
    internal static async Task<Results<Ok<SubscriptionResponse>, ProblemAnswer>> ChangeAsync(ChangeRequest request, Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        await AnswerAsync(await subscriptions.ChangeAsync(caller.OrganizationId, request.Tier, request.PreviewId, Actor.Of(caller), cancel), caller, subscriptions, cancel);

    /// <summary>Take a scheduled downgrade back.</summary>
    internal static async Task<Results<Ok<SubscriptionResponse>, ProblemAnswer>> RevokeAsync(Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        await AnswerAsync(await subscriptions.RevokeChangeAsync(caller.OrganizationId, Actor.Of(caller), cancel), caller, subscriptions, cancel);

    /// <summary>Cancel the subscription: it ends with its period.</summary>
    internal static async Task<Results<Ok<SubscriptionResponse>, ProblemAnswer>> CancelAsync(NoParameters? request, Caller caller, Subscriptions subscriptions, CancellationToken cancel)
    {
        _ = request; // read so that unknown members are refused
        return await AnswerAsync(await subscriptions.CancelAsync(caller.OrganizationId, Actor.Of(caller), cancel), caller, subscriptions, cancel);
    }

    /// <summary>Take the cancellation back, before the period has ended.</summary>
    internal static async Task<Results<Ok<SubscriptionResponse>, ProblemAnswer>> ReactivateAsync(NoParameters? request, Caller caller, Subscriptions subscriptions, CancellationToken cancel)
    {
        _ = request; // read so that unknown members are refused
        return await AnswerAsync(await subscriptions.ReactivateAsync(caller.OrganizationId, Actor.Of(caller), cancel), caller, subscriptions, cancel);
    }

    /// <summary>Open Stripe's page to buy the lifetime tier.</summary>
    internal static async Task<Results<Ok<CheckoutResponse>, ProblemAnswer>> LifetimeAsync(LifetimePurchaseRequest? request, Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        Answer(await subscriptions.LifetimeCheckoutAsync(caller.OrganizationId, request?.SuccessUrl, request?.CancelUrl, Actor.Of(caller), cancel));

    /// <summary>Open Stripe's page to buy prepaid credits.</summary>
    internal static async Task<Results<Ok<CheckoutResponse>, ProblemAnswer>> CreditsAsync(CreditPurchaseRequest request, Caller caller, Subscriptions subscriptions, CancellationToken cancel) =>
        Answer(await subscriptions.CreditsCheckoutAsync(caller.OrganizationId, request.AmountUsd, request.SuccessUrl, request.CancelUrl, Actor.Of(caller), cancel));

    /// <summary>Open Stripe's portal: cards, invoices, details, cancelling.</summary>
    internal static async Task<Results<Ok<PortalResponse>, ProblemAnswer>> PortalAsync(PortalRequest? request, Caller caller, Subscriptions subscriptions, HttpContext http, CancellationToken cancel)
    {
        http.Response.Headers.CacheControl = "no-store";
        var opened = await subscriptions.PortalAsync(caller.OrganizationId, request?.ReturnUrl, Actor.Of(caller), cancel);
        return opened.IsDone ? TypedResults.Ok(new PortalResponse(opened.Value.ToString())) : opened.Problem.ToResult();
    }

    /// <summary>What is used and what is left of the quota period.</summary>
    internal static async Task<Ok<UsageSummaryResponse>> UsageAsync(Caller caller, UsageSummaries summaries, CancellationToken cancel) =>
        TypedResults.Ok(UsageSummaryResponse.Of(await summaries.GetAsync(caller.OrganizationId, caller.PersonId, cancel)));

    /// <summary>Whether work could begin now. Nothing is reserved: hold units to be sure.</summary>
    internal static async Task<Results<Ok<CheckExecutionResponse>, ProblemAnswer>> CheckAsync(CheckExecutionRequest request, Caller caller, UsageSummaries summaries, CancellationToken cancel)
    {
        var check = await summaries.CheckAsync(caller.OrganizationId, caller.PersonId, request.Meter, request.Quantity, cancel);
        return check.IsDone ? TypedResults.Ok(new CheckExecutionResponse(check.Value.CanExecute, check.Value.Reason)) : check.Problem.ToResult();
    }

    private static Results<Ok<CheckoutResponse>, ProblemAnswer> Answer(Tried<CheckoutStart> begun) =>
        begun.IsDone ? TypedResults.Ok(CheckoutResponse.Of(begun.Value)) : begun.Problem.ToResult();

    private static async Task<Results<Ok<SubscriptionResponse>, ProblemAnswer>> AnswerAsync(Tried<PlanView> changed, Caller caller, Subscriptions subscriptions, CancellationToken cancel)
    {
        if (!changed.IsDone) return changed.Problem.ToResult();
        return SubscriptionResponse.Of(await subscriptions.GetAsync(caller.OrganizationId, caller.PersonId, cancel)) is { } plan ? TypedResults.Ok(plan) : BillingProblems.NoSubscription.ToResult();
    }
}
