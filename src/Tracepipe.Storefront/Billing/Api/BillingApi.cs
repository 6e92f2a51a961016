using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The routes of the billing guide. A member comes with the cookie (changes need the antiforgery header), a program with an API key.</summary>
internal static class BillingApi
{
    public static void MapBillingApi(this IEndpointRouteBuilder routes)
    {
        var billing = routes.MapGroup("/api/billing").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync);
        billing.MapGet("/config", Config).AllowAnonymous();

        var account = billing.MapGroup("/account/{organization_id}");
        account.MapGet("", AccountAsync).RequireAuthorization(Permissions.BillingRead);
        account.MapGet("/payment-methods", ListAsync).RequireAuthorization(Permissions.BillingRead);
        account.MapPost("/payment-method", AttachAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPost("/setup-intent", SetUpAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        account.MapPut("/payment-methods/{payment_method_id}/default", MakeDefaultAsync).RequireAuthorization(Permissions.BillingWrite);
        account.MapPatch("/payment-methods/{payment_method_id}", ChangeExpiryAsync).RequireAuthorization(Permissions.BillingWrite);
        account.MapPut("/auto-billing", SwitchAsync).RequireAuthorization(Permissions.BillingWrite);
        account.MapDelete("/payment-methods/{payment_method_id}", RemoveAsync).RequireAuthorization(Permissions.BillingWrite);
    }

    /// <summary>Stripe's publishable key. Public.</summary>
    internal static Ok<StripeConfigResponse> Config(StripeConnection stripe) => TypedResults.Ok(new StripeConfigResponse(stripe.PublishableKey, stripe.IsConfigured));

    /// <summary>The billing account of an organization.</summary>
    internal static async Task<Ok<BillingAccountResponse>> AccountAsync(Caller caller, BillingAccounts accounts, CancellationToken cancel)
    {
        var (account, hasMethod, free, until, completed, credits, spent) = await accounts.OverviewAsync(caller.OrganizationId, caller.PersonId, cancel);
        return TypedResults.Ok(new BillingAccountResponse(account.Id.ToString(), account.OrganizationId.ToString(), account.StripeCustomerId, hasMethod, account.Status.Stored(), free, until,
            credits.Available.Amount, account.AutoBilling, account.BillingEmail, account.IsTaxExempt, completed, spent.Amount, account.CreatedAt, account.UpdatedAt));
    }

    /// <summary>All payment methods: the default first, then the newest.</summary>
    internal static async Task<Ok<IReadOnlyList<PaymentMethodResponse>>> ListAsync(Caller caller, PaymentMethods methods, CancellationToken cancel)
    {
        var (_, cards) = await methods.ListAsync(caller.OrganizationId, caller.PersonId, cancel);
        return TypedResults.Ok<IReadOnlyList<PaymentMethodResponse>>([.. cards.Select(PaymentMethodResponse.Of)]);
    }

    /// <summary>Put a payment method on file. Repeating it changes nothing.</summary>
    internal static async Task<Results<Ok<PaymentMethodResponse>, ProblemAnswer>> AttachAsync(PaymentMethodRequest request, Caller caller, PaymentMethods methods, CancellationToken cancel)
    {
        var attached = await methods.AttachAsync(caller.OrganizationId, request.PaymentMethodId, request.SetAsDefault, Actor.Of(caller), cancel);
        return attached.IsDone ? TypedResults.Ok(PaymentMethodResponse.Of(attached.Value)) : attached.Problem.ToResult();
    }

    /// <summary>Begin saving a card in the browser: give the secret to Stripe.js.</summary>
    internal static async Task<Results<Ok<SetupIntentResponse>, ProblemAnswer>> SetUpAsync(SetupIntentRequest? request, Caller caller, PaymentMethods methods, HttpContext http, CancellationToken cancel)
    {
        _ = request; // read so that unknown members are refused
        http.Response.Headers.CacheControl = "no-store";
        var begun = await methods.BeginAsync(caller.OrganizationId, Actor.Of(caller), cancel);
        return begun.IsDone ? TypedResults.Ok(new SetupIntentResponse(begun.Value.ClientSecret, begun.Value.Id)) : begun.Problem.ToResult();
    }

    /// <summary>Make a payment method the one that pays.</summary>
    internal static async Task<Results<Ok<PaymentMethodResponse>, ProblemAnswer>> MakeDefaultAsync(string payment_method_id, Caller caller, PaymentMethods methods, CancellationToken cancel)
    {
        var chosen = await methods.MakeDefaultAsync(caller.OrganizationId, payment_method_id, Actor.Of(caller), cancel);
        return chosen.IsDone ? TypedResults.Ok(PaymentMethodResponse.Of(chosen.Value)) : chosen.Problem.ToResult();
    }

    /// <summary>Write the expiry of a new plastic with the same number.</summary>
    internal static async Task<Results<Ok<PaymentMethodResponse>, ProblemAnswer>> ChangeExpiryAsync(string payment_method_id, ExpiryChangeRequest request, Caller caller, PaymentMethods methods, CancellationToken cancel)
    {
        var changed = await methods.ChangeExpiryAsync(caller.OrganizationId, payment_method_id, request.ExpMonth, request.ExpYear, Actor.Of(caller), cancel);
        return changed.IsDone ? TypedResults.Ok(PaymentMethodResponse.Of(changed.Value)) : changed.Problem.ToResult();
    }

    /// <summary>Let cards on file pay for use beyond plan and credits, or stop it. Plans are paid by card either way.</summary>
    internal static async Task<Ok<BillingAccountResponse>> SwitchAsync(AutoBillingRequest request, Caller caller, BillingAccounts accounts, CancellationToken cancel)
    {
        await accounts.SetAutoBillingAsync(caller.OrganizationId, request.Enabled, Actor.Of(caller), cancel);
        return await AccountAsync(caller, accounts, cancel);
    }

    /// <summary>Remove a payment method. When it was the default, the newest other pays from now on.</summary>
    internal static async Task<Results<NoContent, ProblemAnswer>> RemoveAsync(string payment_method_id, Caller caller, PaymentMethods methods, CancellationToken cancel) =>
        await methods.RemoveAsync(caller.OrganizationId, payment_method_id, Actor.Of(caller), cancel) is { } problem ? problem.ToResult() : TypedResults.NoContent();
}
