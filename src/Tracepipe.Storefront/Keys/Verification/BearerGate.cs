using System.Collections.Concurrent;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts.External;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// The door for people who call <c>/v1</c> and <c>/api/billing</c> with an access token of their provider instead of a key. The header
/// <c>X-Organization</c> (slug or id) says for whom; their role there says what they may. Everything else goes on to the door of keys.
/// </summary>
internal sealed class BearerGate(RequestDelegate next, AccessTokens tokens, Memberships memberships, RequestLimiter limiter, LimitsOf limits, Idempotency idempotency)
{
    public const string OrganizationHeader = "X-Organization";
    private const string Bearer = "Bearer ";

    private static readonly Problem NotValid = Problem.Unauthorized("This access token is not valid: it is expired, not for this API, or its person has no account here. Log in once, or link the identity on the page Security.");
    private static readonly Problem NeedsOrganization = Problem.BadRequest("You belong to several organizations: say which one in the X-Organization header, by its slug or id.");

    private readonly ConcurrentDictionary<Endpoint, RouteRule> rules = new();

    public Task InvokeAsync(HttpContext context)
    {
        var isApi = context.Request.Path.StartsWithSegments("/v1", StringComparison.Ordinal);
        if (!isApi && !context.Request.Path.StartsWithSegments("/api/billing", StringComparison.Ordinal)) return next(context);
        if (!tokens.AreTaken || TokenOf(context.Request) is not { } token) return next(context);
        context.Request.Headers.Remove("Authorization"); // nothing behind this door needs it
        return ServeAsync(context, token, isApi);
    }

    /// <summary>What looks like a token; keys have no dots.</summary>
    private static string? TokenOf(HttpRequest request) =>
        !request.Headers.ContainsKey(SentKey.Header) && request.Headers.Authorization is [{ } sent] && sent.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) && sent.AsSpan().Count('.') == 2
            ? sent[Bearer.Length..].Trim() : null;

    private async Task ServeAsync(HttpContext context, string token, bool isApi)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        var (member, no) = await FindAsync(context, token);
        if (no is not null) { await no.WriteAsync(context); return; }

        var endpoint = context.GetEndpoint();
        var kind = endpoint?.Metadata.GetMetadata<RequestKindMetadata>()?.Kind ?? RequestKind.Other;
        no = limiter.Take(response, limiter.Of(member!.PersonId, member.OrganizationId, await limits(member.OrganizationId, context.RequestAborted)), kind);
        if (isApi && no is null) no = endpoint is null ? Problem.NotFound("The address") : rules.GetOrAdd(endpoint, RouteRule.Of).RefusalOf(member);
        if (no is not null) { await no.WriteAsync(context); return; }

        context.Features.Set(new BearerPerson(member));
        if (!isApi) { await next(context); return; } // authorized there like a person's other calls
        context.User = new BearerPerson(member).Principal;
        context.RequestServices.GetRequiredService<Caller>().Is(member);
        await (context.IsIdempotentCall() ? idempotency.RunAsync(context, member.OrganizationId, member.PersonId, endpoint!.RequestDelegate!) : endpoint!.RequestDelegate!(context));
    }

    private async Task<(Membership? Member, Problem? No)> FindAsync(HttpContext context, string token)
    {
        var cancel = context.RequestAborted;
        var bearer = await tokens.FindAsync(token, cancel);
        if (bearer.IsAway) return (null, Problem.Unavailable("The sign-in provider cannot be reached, so the token could not be checked. Try again in a few seconds."));
        if (bearer.Person is not { } person)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
            return (null, limiter.TakeWithoutKey(context.Response, context.Connection.RemoteIpAddress) ?? NotValid);
        }
        var wish = context.Request.Headers[OrganizationHeader].ToString();
        if (wish.Length == 0 && context.GetRouteValue("organization_id") is string route) wish = route;
        if (wish.Length == 0)
        {
            var all = await memberships.OfAsync(person, cancel);
            return all.Count == 1 ? (all[0], null) : (null, NeedsOrganization);
        }
        var found = Guid.TryParse(wish, out var id) ? await memberships.FindAsync(id, person, cancel) : await memberships.FindAsync(wish, person, cancel);
        return found is null ? (null, Problem.NotFound("Organization")) : (found, null);
    }
}

/// <summary>The person of this request, who came with an access token, and the organization he chose.</summary>
internal sealed record BearerPerson(Membership Member)
{
    public ClaimsPrincipal Principal => new(new ClaimsIdentity(
        [new(ClaimTypes.NameIdentifier, Member.PersonId.ToString()), new(BearerClaims.Organization, Member.OrganizationId.ToString())], BearerClaims.Scheme));
}

/// <summary>Tells the framework's authentication what <see cref="BearerGate"/> has found.</summary>
internal sealed class BearerScheme(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Context.Features.Get<BearerPerson>() is { } bearer
        ? AuthenticateResult.Success(new AuthenticationTicket(bearer.Principal, BearerClaims.Scheme))
        : AuthenticateResult.NoResult());
}
