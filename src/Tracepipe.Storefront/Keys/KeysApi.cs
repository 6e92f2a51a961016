using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>The routes of keys: <c>/v1/api-keys</c> and <c>/v1/users/me</c>.</summary>
internal static class KeysApi
{
    public static void MapKeysApi(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/users/me", ShowMe).RequireAuthorization(Policies.SignedIn).WithMetadata(new ServesFromKey())
            .WithTags("Keys").WithName("getMe").WithSummary("Whose key this is").WithMetadata(new ProducesResponseTypeMetadata(200, typeof(Me), ["application/json"]), ((Delegate)ShowMe).Method); // the method: a bare request delegate is not described otherwise

        var keys = routes.MapGroup("/v1/api-keys").WithTags("Keys");
        keys.MapPost("", CreateAsync).RequireAuthorization(Permissions.KeysWrite).CountsAs(RequestKind.KeyChange).TakesIdempotencyKey().WithName("createKey");
        keys.MapGet("", ListAsync).RequireAuthorization(Permissions.KeysRead).WithName("listKeys");
        keys.MapDelete("{id:guid}", RevokeAsync).RequireAuthorization(Policies.SignedIn).CountsAs(RequestKind.KeyChange).WithName("revokeKey"); // a key may always revoke itself
    }

    private static async Task ShowMe(HttpContext context)
    {
        var me = context.Features.Get<VerifiedKey>()?.Me ?? await MeOfAsync(context.RequestServices.GetRequiredService<Caller>().Member, context);
        var response = context.Response;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = me.Length;
        await response.Body.WriteAsync(me);
    }

    // Somebody with an access token.
    private static async Task<ReadOnlyMemory<byte>> MeOfAsync(Membership member, HttpContext context)
    {
        Answer<string?>? name = null;
        await context.RequestServices.GetRequiredService<Database>().ReadAsPersonAsync(member.PersonId, q => name = q.First($"select display_name from people where id = {member.PersonId}", r => r.GetString(0)), context.RequestAborted);
        return VerifiedKey.MeOf(member.PersonId, name!.Value, member.OrganizationId, member.Slug, member.Name);
    }

    /// <summary>Make a key. The answer is the only place where it ever appears.</summary>
    internal static async Task<Results<Created<CreatedKey>, ProblemAnswer>> CreateAsync(NewKeyRequest? body, Caller caller, KeyRing ring, HttpContext context, CancellationToken cancel)
    {
        DateTimeOffset? expiresAt = null;
        if (body?.ExpiresAt is { } text)
        {
            if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant))
                return Problem.Invalid("expires_at", "Write the instant in ISO 8601, such as 2027-01-31T00:00:00Z.").ToResult();
            expiresAt = instant.ToUniversalTime();
        }
        var own = context.Features.Get<VerifiedKey>()?.Suites;
        if (own is not null && (body?.SuiteIds ?? []).Except(own, StringComparer.Ordinal).FirstOrDefault() is { } foreign)
            return Problem.Forbidden(foreign, "You can only give a key the suites that yours has.").ToResult();
        var wish = new KeyWish(Id: null, body?.Name, expiresAt, body?.Permissions, body?.SuiteIds ?? own);
        var (made, refused) = await ring.CreateAsync(wish, caller, context.Connection.RemoteIpAddress?.ToString(), cancel);
        if (refused is not null) return refused.ToResult();
        var key = made!.Key;
        return TypedResults.Created((string?)null, new CreatedKey(key.Id, made.Secret, key.Prefix, key.Name, key.CreatedAt, key.ExpiresAt, key.LastUsedAt));
    }

    /// <summary>List the keys of the organization that are not revoked, newest first.</summary>
    internal static async Task<Results<Ok<KeyList>, ProblemAnswer>> ListAsync(Caller caller, KeyRing ring, CancellationToken cancel, [Description("From 1.")] int page = 1, [Description("1 to 100.")] int per_page = 20)
    {
        if (page < 1) return Problem.Invalid("page", "Pages count from 1.").ToResult();
        if (per_page is < 1 or > 100) return Problem.Invalid("per_page", "Ask for 1 to 100 a page.").ToResult();
        var (keys, total) = await ring.ListAsync(caller.OrganizationId, revokedSince: null, (page, per_page), cancel);
        return TypedResults.Ok(new KeyList([.. keys.Select(k => new ListedKey(k.Id, k.Masked, k.Prefix, k.Name, k.Permissions, k.Suites, k.CreatedAt, k.ExpiresAt, k.LastUsedAt))], total, page, per_page));
    }

    /// <summary>Revoke a key. Calls that use it are refused from now on. A key may always revoke itself.</summary>
    internal static async Task<Results<NoContent, ProblemAnswer>> RevokeAsync(Guid id, Caller caller, KeyRing ring, HttpContext context, CancellationToken cancel)
    {
        if (id != caller.KeyId && !caller.May(Permissions.KeysWrite)) return Problem.Forbidden(Permissions.KeysWrite, $"This key can revoke itself only: it lacks the permission {Permissions.KeysWrite}.").ToResult();
        return await ring.RevokeAsync(id, caller, context.Connection.RemoteIpAddress?.ToString(), cancel) is null ? Problem.NotFound("API key").ToResult() : TypedResults.NoContent();
    }
}

/// <param name="Name">What people call it, at most 100 characters. Without it: “API key”.</param>
/// <param name="ExpiresAt">ISO 8601, UTC; never when left out.</param>
/// <param name="Permissions">Those of the calling key or fewer; sessions:read, sessions:write and usage:read when left out.</param>
/// <param name="SuiteIds">The suites it may touch; all that the calling key may when left out.</param>
public sealed record NewKeyRequest(string? Name = null, string? ExpiresAt = null, IReadOnlyList<string>? Permissions = null, IReadOnlyList<string>? SuiteIds = null);

/// <param name="Key">The whole key. It is shown this one time.</param>
/// <param name="Prefix">Its beginning, by which lists show it.</param>
internal sealed record CreatedKey(Guid Id, string Key, string Prefix, string Name, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);

internal sealed record KeyList(IReadOnlyList<ListedKey> Items, int Total, int Page, int PerPage);

/// <param name="Key">Masked: <c>tp_live_a1b2…o5p6</c>.</param>
/// <param name="LastUsedAt">Up to a few seconds old.</param>
internal sealed record ListedKey(Guid Id, string Key, string Prefix, string Name, IReadOnlyList<string> Permissions, IReadOnlyList<string>? SuiteIds, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, DateTimeOffset? LastUsedAt);
