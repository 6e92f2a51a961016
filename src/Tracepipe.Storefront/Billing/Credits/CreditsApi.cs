using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>The routes about credits and the spend cap (billing rules, section 2).</summary>
internal static class CreditsApi
{
    public static void MapCreditsApi(this IEndpointRouteBuilder routes)
    {
        var account = routes.MapGroup("/api/billing/account/{organization_id}").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync);
        account.MapGet("/credits/ledger", LedgerAsync).RequireAuthorization(Permissions.BillingRead);
        account.MapPut("/spend-cap", SetCapAsync).RequireAuthorization(Permissions.BillingWrite);
        account.MapPost("/held-back/pay", PayHeldBackAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
    }

    /// <summary>What changed the credits, newest first. The Link header names the next page.</summary>
    internal static async Task<Results<Ok<IReadOnlyList<CreditLineResponse>>, ProblemAnswer>> LedgerAsync(Caller caller, Database database, HttpContext http, CancellationToken cancel, string? cursor = null, int limit = 50)
    {
        if (limit is < 1 or > Paging.Most) return Paging.WrongLimit.ToResult();
        if (cursor is not null && !cursor.All(char.IsAsciiDigit)) return Paging.WrongCursor.ToResult();
        await using var transaction = await database.BeginAsync(caller.OrganizationId, caller.PersonId, cancel);
        var (lines, next) = await Book.StatementAsync(caller.OrganizationId, cursor, limit, transaction, cancel);
        if (next is not null) http.NameNext(next);
        return TypedResults.Ok<IReadOnlyList<CreditLineResponse>>([.. lines.Select(l => new CreditLineResponse(l.Id.ToString(), l.Kind, l.Memo, l.Amount.Amount, l.Balance.Amount, l.Amount.Currency, l.At))]);
    }

    /// <summary>Set what use may cost in a calendar month; null for no cap.</summary>
    internal static async Task<Results<Ok<SpendCapResponse>, ProblemAnswer>> SetCapAsync(SpendCapRequest request, Caller caller, SpendCaps caps, CancellationToken cancel)
    {
        Money? cap = null;
        if (request.AmountUsd is { } dollars)
        {
            if (!Money.TryExact(dollars, out var exact)) return Problem.Invalid("amount_usd", "Write an amount in dollars with at most two decimals, or null for no cap.").ToResult();
            cap = exact;
        }
        var set = await caps.SetAsync(caller.OrganizationId, cap, Actor.Of(caller), cancel);
        return set.Problem is { } problem ? problem.ToResult() : TypedResults.Ok(new SpendCapResponse(cap?.Amount, set.Value.Amount));
    }

    /// <summary>Pay for use that was held back: from credits, then within the cap.</summary>
    internal static async Task<Ok<HeldBackResponse>> PayHeldBackAsync(NoParameters? request, Caller caller, SpendCaps caps, CancellationToken cancel)
    {
        _ = request; // read so that unknown members are refused
        return TypedResults.Ok(new HeldBackResponse((await caps.PayHeldBackAsync(caller.OrganizationId, Actor.Of(caller), cancel)).Amount));
    }
}

/// <summary>A cap.</summary>
/// <param name="AmountUsd">Dollars per calendar month; null for none.</param>
public sealed record SpendCapRequest([property: Required, JsonRequired] decimal? AmountUsd);

/// <summary>The cap that holds now.</summary>
/// <param name="Paid">Held-back use that is paid for now, dollars.</param>
internal sealed record SpendCapResponse(decimal? AmountUsd, decimal Paid);

/// <summary>Held-back use that is paid for now, dollars.</summary>
internal sealed record HeldBackResponse(decimal Paid);

/// <summary>A line of the credit ledger.</summary>
/// <param name="Kind"><c>purchase</c>, <c>grant</c>, <c>expiry</c>, <c>hold_settled</c>, <c>settle</c>, <c>refund</c>, …</param>
/// <param name="Balance">Available and held together, after it.</param>
internal sealed record CreditLineResponse(string Id, string Kind, string? Description, decimal Amount, decimal Balance, string Currency, DateTimeOffset CreatedAt);
