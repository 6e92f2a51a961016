using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary><c>POST /v1/keys/verify</c>: the sold API's backend asks about a customer's key.</summary>
internal static class VerifyApi
{
    private const int MostAtOnce = 512;

    public static void MapVerify(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/v1/keys/verify", VerifyAsync).WithTags("Keys").WithName("verifyKey").RequireAuthorization(Policies.Service).AddEndpointFilter(new InFlight(MostAtOnce));

    /// <summary>Decide about a call: is the key good, may it do this, how many requests and how much of the meter are left. Counts one request against the key's limit and reserves nothing.</summary>
    internal static async Task<Results<Ok<VerifyAnswer>, ProblemAnswer>> VerifyAsync(VerifyRequest body, NamedKeys keys, RequestLimiter limiter, Affordability affordability, Catalogs catalogs, TimeProvider clock, CancellationToken cancel)
    {
        var meter = body.Meter is null ? null : catalogs.Current.Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, body.Meter, StringComparison.Ordinal));
        if (Wrong(body, meter, catalogs) is { Count: > 0 } wrong) return Problem.Invalid(wrong).ToResult();
        var (key, unavailable) = await keys.FindAsync(body.Key, cancel);
        if (unavailable is not null) return unavailable.ToResult();
        if (key is null) return TypedResults.Ok(VerifyAnswer.No(SentKey.NotValid));

        key.Use?.Count(clock.GetUtcNow());
        var requests = limiter.Take(key.Buckets, RequestKind.Other);
        var answer = new VerifyAnswer(Valid: true, null, null, null, key.OrganizationId, key.Id, [.. key.Permissions.Order(StringComparer.Ordinal)], key.Suites, key.ExpiresAt, requests, Quota: null);
        if (requests?.RetryAfter is { } seconds)
        {
            key.Use?.CountRefused(clock.GetUtcNow());
            return TypedResults.Ok(answer.But(Problem.TooMany($"The key has made its {requests.Limit} requests of this minute. Wait {seconds} s.", seconds)));
        }
        if (body.Permission is { } permission && !key.Permissions.Contains(permission)) return TypedResults.Ok(answer.But(Problem.Forbidden(permission, $"The key lacks the permission {permission}.")));
        if (body.SuiteId is { } suite && key.Suites is { } only && !only.Contains(suite, StringComparer.Ordinal)) return TypedResults.Ok(answer.But(Problem.Forbidden(suite, $"The key may not touch the suite {suite}.")));
        if (meter is null) return TypedResults.Ok(answer);
        var (refusal, left) = await affordability.AskAsync(key.OrganizationId, meter, body.Quantity ?? 1, cancel);
        answer = answer with { Quota = left };
        return TypedResults.Ok(refusal is null ? answer : answer.But(refusal));
    }

    private static Dictionary<string, object?> Wrong(VerifyRequest body, CatalogMeter? meter, Catalogs catalogs)
    {
        var wrong = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (body.Permission is { } permission && !Permissions.OfKeys.Contains(permission, StringComparer.Ordinal)) wrong["permission"] = $"There is no such permission: use one of {string.Join(", ", Permissions.OfKeys)}.";
        if (body.Meter is not null && meter is null) wrong["meter"] = $"There is no such meter: use one of {string.Join(", ", catalogs.Current.Prices.Meters.Select(m => m.Key))}.";
        if (body.Quantity is { } quantity)
        {
            if (body.Meter is null) wrong["meter"] = "Say of which meter the quantity is.";
            if (quantity is <= 0 or > 1_000_000_000_000m) wrong["quantity"] = "Write a number above 0.";
            else if (meter?.Kind is MeterKind.Unit && quantity != decimal.Truncate(quantity)) wrong["quantity"] = "This meter counts whole units.";
        }
        return wrong;
    }
}

/// <summary>Asks about a customer's key.</summary>
/// <param name="Key">As the customer sent it.</param>
/// <param name="Permission">What his call needs, such as <c>sessions:write</c>.</param>
/// <param name="SuiteId">The suite that his call touches.</param>
/// <param name="Meter">What his call will use.</param>
/// <param name="Quantity">How much of it; 1 unless said otherwise.</param>
public sealed record VerifyRequest([property: Required] string Key, string? Permission = null, string? SuiteId = null, string? Meter = null, decimal? Quantity = null);

/// <summary>The decision.</summary>
/// <param name="Valid">Whether the call may go on.</param>
/// <param name="Code"><c>unauthorized</c>, <c>rate_limited</c>, <c>forbidden</c> or <c>payment_required</c>; null when valid.</param>
/// <param name="Reason">Of <c>payment_required</c>: <c>quota_exhausted</c>, <c>spend_cap_reached</c>, <c>account_suspended</c> or <c>no_payment_method</c>.</param>
/// <param name="Message">For the customer.</param>
/// <param name="SuiteIds">The suites that the key may touch; null: all.</param>
/// <param name="RateLimit">Null: the plan has no limit.</param>
/// <param name="Quota">What is left of the meter that was asked about.</param>
internal sealed record VerifyAnswer(bool Valid, string? Code, string? Reason, string? Message, Guid? OrganizationId, Guid? KeyId, IReadOnlyList<string>? Permissions, IReadOnlyList<string>? SuiteIds,
    DateTimeOffset? ExpiresAt, RequestsLeft? RateLimit, QuotaLeft? Quota)
{
    public static VerifyAnswer No(Problem problem) => new VerifyAnswer(Valid: false, null, null, null, null, null, null, null, null, null, null).But(problem);

    public VerifyAnswer But(Problem problem) => this with { Valid = false, Code = problem.Code, Reason = problem.Details?.GetValueOrDefault("reason") as string, Message = problem.Message };
}
