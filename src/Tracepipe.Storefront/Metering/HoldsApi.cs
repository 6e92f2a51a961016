using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>The routes of holds, for the sold API's backend.</summary>
internal static class HoldsApi
{
    private const int MostAtOnce = 512;

    public static void MapHolds(this IEndpointRouteBuilder routes)
    {
        var holds = routes.MapGroup("/v1/holds").WithTags("Holds").RequireAuthorization(Policies.Service).AddEndpointFilter(new InFlight(MostAtOnce));
        holds.MapPost("", HoldAsync).WithName("createHold");
        holds.MapPost("{id}/commit", CommitAsync).WithName("commitHold");
        holds.MapPost("{id}/release", ReleaseAsync).WithName("releaseHold");
        holds.MapPost("{id}/renew", RenewAsync).WithName("renewHold");
    }

    /// <summary>Hold units before the work begins: completely or not at all. The same id is answered the same and holds nothing twice.</summary>
    internal static async Task<Results<Created<HoldResponse>, ProblemAnswer>> HoldAsync(HoldRequest body, Holds holds, NamedKeys keys, CancellationToken cancel)
    {
        if (Wrong(body) is { Count: > 0 } wrong) return Problem.Invalid(wrong).ToResult();
        VerifiedKey? key = null;
        if (body.Key is { } text)
        {
            (key, var unavailable) = await keys.FindAsync(text, cancel);
            if (unavailable is not null) return unavailable.ToResult();
            if (key is null) return Problem.Invalid("key", "This key does not work: it is mistyped, unknown, revoked or expired.").ToResult();
        }
        var organization = key?.OrganizationId ?? body.OrganizationId!.Value;
        var lasts = Lasts(body.ExpiresIn);
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(null, $"{organization}\n{key?.LogicalId}\n{body.Meter}\n{body.Quantity}\n{lasts.Ticks}")));
        var (hold, refusal) = await holds.HoldAsync(new HoldWish(organization, body.Id, body.Meter, body.Quantity, lasts, key?.Id, digest), cancel);
        return refusal is not null ? refusal.ToResult() : TypedResults.Created((string?)null, Shown(hold!));
    }

    /// <summary>Count the units that succeeded, once however often it is told, and give the rest back.</summary>
    internal static async Task<Results<Ok<HoldResponse>, ProblemAnswer>> CommitAsync(string id, CommitRequest? body, Holds holds, CancellationToken cancel)
    {
        if (body?.Quantity < 1) return Problem.Invalid("quantity", "Write a whole number from 1, or leave it out for all that is held; release what failed.").ToResult();
        if (body?.UsageDetails is { ValueKind: not JsonValueKind.Object and not JsonValueKind.Null }) return Problem.Invalid("usage_details", "Write an object: { … }.").ToResult();
        return await OfAsync(id, holds, organization => holds.CommitAsync(organization, id, new CommitWish(body?.Quantity, body?.UsageDetails), cancel), cancel);
    }

    /// <summary>Give the units back: failed work is free.</summary>
    internal static Task<Results<Ok<HoldResponse>, ProblemAnswer>> ReleaseAsync(string id, Holds holds, CancellationToken cancel) =>
        OfAsync(id, holds, organization => holds.ReleaseAsync(organization, id, cancel), cancel);

    /// <summary>Give running work more time, counted from now.</summary>
    internal static async Task<Results<Ok<HoldResponse>, ProblemAnswer>> RenewAsync(string id, RenewRequest? body, Holds holds, CancellationToken cancel)
    {
        if (WrongTime(body?.ExpiresIn) is { } wrong) return Problem.Invalid("expires_in", wrong).ToResult();
        return await OfAsync(id, holds, organization => holds.RenewAsync(organization, id, Lasts(body?.ExpiresIn), cancel), cancel);
    }

    private static async Task<Results<Ok<HoldResponse>, ProblemAnswer>> OfAsync(string id, Holds holds, Func<Guid, Task<HoldAnswer>> verb, CancellationToken cancel)
    {
        if (WrongId(id) is not null || await holds.OrganizationOfAsync(id, cancel) is not { } organization) return Problem.NotFound("Hold").ToResult();
        var (hold, refusal) = await verb(organization);
        return refusal is not null ? refusal.ToResult() : TypedResults.Ok(Shown(hold!));
    }

    private static Dictionary<string, object?> Wrong(HoldRequest body)
    {
        var wrong = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (WrongId(body.Id) is { } id) wrong["id"] = id;
        if (body.Quantity is < 1 or > 1_000_000_000) wrong["quantity"] = "Write a whole number from 1 to 1000000000.";
        if (WrongTime(body.ExpiresIn) is { } time) wrong["expires_in"] = time;
        if (body.Key is null == body.OrganizationId is null) wrong["organization_id"] = "Say whose units: either organization_id or key.";
        return wrong;
    }

    // It stands in addresses: a dot alone or a slash would become another address on the way.
    private static string? WrongId(string id) => id is { Length: >= 1 and <= 255 } and not "." and not ".." && id.All(c => c is > ' ' and <= '~' and not '/' and not '\\' and not '?' and not '#' and not '%') ? null
        : "Write 1 to 255 printable ASCII characters without spaces and / \\ ? # %.";

    private static string? WrongTime(int? seconds) => seconds is null or (>= 1 and <= 86_400) ? null : "Write seconds, from 1 to 86400.";

    private static TimeSpan Lasts(int? seconds) => seconds is { } s ? TimeSpan.FromSeconds(s) : Hold.Lasts;

    private static HoldResponse Shown(Hold hold) => new(hold.Id, hold.OrganizationId, hold.Meter, hold.Quantity, hold.State, hold.Committed, hold.GrantedAt, hold.ExpiresAt,
        [.. hold.Parts.Select(p => new HoldPartResponse(p.Pocket, p.Quantity, p.UnitPrice))]);
}

/// <summary>Asks for units of work before the work begins. Either <c>organization_id</c> or <c>key</c> says whose.</summary>
/// <param name="Id">The caller's id of the unit, 1 to 255 characters; the same id is the same hold.</param>
/// <param name="Meter">A meter of whole units, such as <c>workflow</c>.</param>
/// <param name="Quantity">Whole units, at least 1.</param>
/// <param name="ExpiresIn">Seconds until the hold is released by itself; 900 unless said otherwise, at most 86,400.</param>
public sealed record HoldRequest([property: Required] string Id, [property: Required] string Meter, long Quantity, Guid? OrganizationId = null, string? Key = null, int? ExpiresIn = null);

/// <summary>Counts what succeeded.</summary>
/// <param name="Quantity">Units that succeeded; all held unless said otherwise.</param>
/// <param name="UsageDetails">Kept with the usage record; <c>ticket_id</c> and <c>suite_id</c> are read out of it.</param>
public sealed record CommitRequest(long? Quantity = null, JsonElement? UsageDetails = null);

/// <summary>Gives running work more time.</summary>
/// <param name="ExpiresIn">Seconds from now; 900 unless said otherwise, at most 86,400.</param>
public sealed record RenewRequest(int? ExpiresIn = null);

/// <summary>A share of a hold.</summary>
/// <param name="Pocket"><c>free</c>, <c>included</c>, <c>credits</c> or <c>metered</c>.</param>
/// <param name="UnitPrice">Dollars per unit.</param>
public sealed record HoldPartResponse(string Pocket, long Quantity, decimal UnitPrice);

/// <summary>A hold.</summary>
/// <param name="State"><c>open</c>, <c>committed</c>, <c>released</c> or <c>expired</c>.</param>
public sealed record HoldResponse(string Id, Guid OrganizationId, string Meter, long Quantity, string State, long? Committed, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt, IReadOnlyList<HoldPartResponse> Parts);
