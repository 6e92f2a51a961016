using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>
/// The policies of routes. Each right of <see cref="Permissions"/> is one: it finds the organization in the route (<c>{org}</c>, a slug, or
/// <c>{organization_id}</c>) or in the key, checks that the caller belongs to it (else: not found) and has the right (else: forbidden), and fills
/// <see cref="Caller"/>.
/// </summary>
internal static class Policies
{
    /// <summary>Any signed-in person.</summary>
    public const string SignedIn = "signed-in";

    /// <summary>A person who runs this installation.</summary>
    public const string Operator = "operator";

    /// <summary>The sold API's backend, by a service key (<c>tp_svc_…</c>). It acts for every organization.</summary>
    public const string Service = "service";

    /// <summary>What use has cost: for those who look after use and those who look after money.</summary>
    public const string ReadCosts = $"{Permissions.UsageRead} or {Permissions.BillingRead}";

    /// <summary>Anybody, said explicitly.</summary>
    public const string Anyone = "anyone";
}

/// <summary>Claims of a principal that came in with an API key; the Keys module writes them.</summary>
internal static class KeyClaims
{
    public const string Scheme = "ApiKey";
    public const string Organization = "organization";
    public const string Key = "key";
    public const string Maker = "maker";
    public const string Permission = "permission";

    /// <summary>The one claim of a service key besides its id.</summary>
    public const string Service = "service";
}

/// <summary>Claims of a principal that came in with an access token of a sign-in provider.</summary>
internal static class BearerClaims
{
    public const string Scheme = "AccessToken";

    /// <summary>The id of the organization that the caller chose and belongs to.</summary>
    public const string Organization = "organization";
}

/// <param name="Or">Does as well.</param>
internal sealed record PermissionRequirement(string Permission, string? Or = null) : IAuthorizationRequirement;

/// <summary>Metadata of a route that names a thing and not its organization: says whose it is, null when nobody's.</summary>
internal sealed record FindsOrganization(Func<HttpContext, Task<Guid?>> Find);

/// <summary>The organizations of the person who opens a page, as far as they are read for the page anyway; null when they are not.</summary>
internal delegate ValueTask<IReadOnlyList<Membership>?> MembershipsAtHand(HttpContext http, CancellationToken cancel);

internal sealed record OperatorRequirement : IAuthorizationRequirement;

internal sealed class PermissionHandler(Memberships memberships, MembershipsAtHand atHand, Database database, TimeProvider clock, IHttpContextAccessor accessor) : AuthorizationHandler<PermissionRequirement>
{
    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        var http = accessor.HttpContext!;
        if (context.User.Identity is not ClaimsIdentity { IsAuthenticated: true } identity) return;
        var caller = http.RequestServices.GetRequiredService<Caller>();
        var reason = string.Equals(identity.AuthenticationType, KeyClaims.Scheme, StringComparison.Ordinal)
            ? await KeyAsync(http, identity, caller)
            : await PersonAsync(http, context.User, caller);
        if (reason is not null) { context.Fail(reason); return; }
        if (caller.May(requirement.Permission) || (requirement.Or is { } other && caller.May(other))) context.Succeed(requirement);
        else context.Fail(new AuthorizationFailureReason(this, requirement.Permission));
    }

    private async Task<AuthorizationFailureReason?> PersonAsync(HttpContext http, ClaimsPrincipal user, Caller caller)
    {
        var person = user.PersonId();
        var cancel = http.RequestAborted;
        Membership? found = null;
        if (http.GetRouteValue("org") is string slug)
            found = (await atHand(http, cancel))?.FirstOrDefault(m => string.Equals(m.Slug, slug, StringComparison.Ordinal)) ?? await memberships.FindAsync(slug, person, cancel);
        else if (http.GetRouteValue("organization_id") is string text && Guid.TryParse(text, out var id)) found = await memberships.FindAsync(id, person, cancel);
        else if (http.GetEndpoint()?.Metadata.GetMetadata<FindsOrganization>() is { } finds && await finds.Find(http) is { } owner) found = await memberships.FindAsync(owner, person, cancel);
        if (string.Equals(user.Identity!.AuthenticationType, BearerClaims.Scheme, StringComparison.Ordinal))
        {
            var chosen = Guid.Parse(user.FindFirst(BearerClaims.Organization)!.Value);
            if (!http.Request.RouteValues.ContainsKey("organization_id")) found = await memberships.FindAsync(chosen, person, cancel);
            else if (found?.OrganizationId != chosen) found = null;
        }
        if (found is null) return await RefusedAsync(http, person, cancel);
        caller.Is(found);
        LastOrganization.Remember(http, found);
        return null;
    }

    private async Task<AuthorizationFailureReason?> KeyAsync(HttpContext http, ClaimsIdentity identity, Caller caller)
    {
        var organization = Guid.Parse(identity.FindFirst(KeyClaims.Organization)!.Value);
        var key = Guid.Parse(identity.FindFirst(KeyClaims.Key)!.Value);
        var maker = identity.FindFirst(KeyClaims.Maker) is { } claim ? Guid.Parse(claim.Value) : (Guid?)null;
        caller.IsKey(organization, key, maker, identity.FindAll(KeyClaims.Permission).Select(c => c.Value).ToHashSet(StringComparer.Ordinal));
        if (http.GetRouteValue("organization_id") is not string text) return null;
        if (Guid.TryParse(text, out var asked) && asked == organization) return null;
        await WriteRefusalAsync(organization, Actor.Key(key), http, http.RequestAborted);
        return Hidden;
    }

    private AuthorizationFailureReason Hidden => new(this, AuthorizationAnswers.Hidden);

    private async Task<AuthorizationFailureReason> RefusedAsync(HttpContext http, Guid person, CancellationToken cancel)
    {
        var own = (await memberships.OfAsync(person, cancel)).FirstOrDefault(m => m.IsPersonal);
        if (own is not null) await WriteRefusalAsync(own.OrganizationId, Actor.Person(person), http, cancel);
        return Hidden;
    }

    // The attempt stands in the log of the one who tried; the other organization learns nothing and neither does he.
    private async Task WriteRefusalAsync(Guid organization, Actor actor, HttpContext http, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, actor.Id, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "access.refused", actor, http.Request.Path.Value, Address: http.Connection.RemoteIpAddress?.ToString()), clock.GetUtcNow(), cancel);
        await transaction.CommitAsync(cancel);
    }
}

internal sealed class OperatorHandler(Database database, IHttpContextAccessor accessor) : AuthorizationHandler<OperatorRequirement>
{
    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, OperatorRequirement requirement)
    {
        if (context.User.FindPersonId() is not { } person) return;
        Answer<bool>? found = null;
        await database.ReadAsPersonAsync(person, q => found = q.First($"select true from operators where person_id = {person}", r => r.GetBoolean(0)), accessor.HttpContext!.RequestAborted);
        if (found!.Value) context.Succeed(requirement);
        else context.Fail(new AuthorizationFailureReason(this, AuthorizationAnswers.Hidden));
    }
}

/// <summary>How a refused request is answered: API surfaces with their JSON and never a redirect, pages with the log-in page, 403 or 404.</summary>
internal sealed class AuthorizationAnswers : IAuthorizationMiddlewareResultHandler
{
    /// <summary>The reason that means: to this caller the thing does not exist.</summary>
    public const string Hidden = "hidden";

    private readonly AuthorizationMiddlewareResultHandler standard = new();

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded) { await next(context); return; }
        var isApi = ProblemMiddleware.IsApi(context.Request.Path);
        if (authorizeResult.Challenged)
        {
            if (!isApi) { await standard.HandleAsync(next, context, policy, authorizeResult); return; }
            var refusal = context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Failure?.Message;
            await Problem.Unauthorized(refusal ?? "Log in, or send an API key in the X-API-Key header.").WriteAsync(context);
            return;
        }
        var missing = authorizeResult.AuthorizationFailure?.FailureReasons.FirstOrDefault()?.Message;
        var problem = string.Equals(missing, Hidden, StringComparison.Ordinal) ? Problem.NotFound(Noun(context))
            : Problem.Forbidden(missing ?? "permission", missing is null ? "This is not allowed for you." : $"This needs the permission {missing}. Ask an owner or admin of the organization.");
        if (isApi) await problem.WriteAsync(context);
        else context.Response.StatusCode = problem.Status;
    }

    private static string Noun(HttpContext context) => context.Request.RouteValues.ContainsKey("organization_id") ? "Organization" : context.Request.RouteValues.ContainsKey("invoice_id") ? "Invoice" : "The page";
}
