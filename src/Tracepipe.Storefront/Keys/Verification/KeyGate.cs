using System.Collections.Concurrent;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// The door of <c>/v1</c>: checks the key, counts the request against its limits, checks the route's permission, and runs the route. Nothing that only pages
/// need (cookies, antiforgery, components) is touched. On <c>/api</c> it checks and counts a key that is sent and leaves the rest to the usual way.
/// </summary>
internal sealed class KeyGate(RequestDelegate next, KeyCache cache, RequestLimiter limiter, Idempotency idempotency, TimeProvider clock)
{
    private readonly ConcurrentDictionary<Endpoint, RouteRule> rules = new();

    public Task InvokeAsync(HttpContext context)
    {
        var path = context.Request.Path;
        if (path.StartsWithSegments("/v1", StringComparison.Ordinal)) return ServeAsync(context);
        if (path.StartsWithSegments("/api", StringComparison.Ordinal) && SentKey.IsThere(context.Request)) return PassOnAsync(context);
        return next(context);
    }

    private async Task ServeAsync(HttpContext context)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        var endpoint = context.GetEndpoint();
        var rule = endpoint is null ? RouteRule.AnyKey : rules.GetOrAdd(endpoint, RouteRule.Of);
        if (rule.IsPublic)
        {
            var refusal = SentKey.IsInAddress(context.Request) ? SentKey.InAddress : null;
            refusal = limiter.TakeWithoutKey(response, context.Connection.RemoteIpAddress) ?? refusal;
            await (refusal?.WriteAsync(context) ?? endpoint!.RequestDelegate!(context));
            return;
        }

        var (key, no) = await VerifyAsync(context);
        if (no is not null) { await no.WriteAsync(context); return; }
        no = Admit(response, key!, rule.Kind);
        no ??= rule.RefusalOf(key!);
        if (no is null && endpoint is null) no = Problem.NotFound("The address");
        if (no is not null) { await no.WriteAsync(context); return; }

        context.User = key!.Principal;
        context.Features.Set(key);
        if (!key.IsService && endpoint!.Metadata.GetMetadata<ServesFromKey>() is null)
            context.RequestServices.GetRequiredService<Caller>().IsKey(key.OrganizationId, key.Id, key.MakerId, key.Permissions);
        await (context.IsIdempotentCall() ? idempotency.RunAsync(context, key.OrganizationId, key.Id, endpoint!.RequestDelegate!) : endpoint!.RequestDelegate!(context));
    }

    private async Task PassOnAsync(HttpContext context)
    {
        var (key, no) = await VerifyAsync(context);
        no ??= Admit(context.Response, key!, context.GetEndpoint()?.Metadata.GetMetadata<RequestKindMetadata>()?.Kind ?? RequestKind.Other);
        if (no is null && key!.IsService) no = RouteRule.NeedsApiKey;
        if (no is not null) { await no.WriteAsync(context); return; }
        context.Features.Set(key);
        await next(context);
    }

    /// <summary>The key of the request, or why there is none. What fails is counted against the network it came from.</summary>
    private async ValueTask<(VerifiedKey? Key, Problem? No)> VerifyAsync(HttpContext context)
    {
        var no = SentKey.Read(context.Request, out var hash);
        if (SentKey.IsInAddress(context.Request)) no = SentKey.InAddress;
        VerifiedKey? key = null;
        if (no is null)
        {
            if (!cache.IsTrusted) no = Problem.Unavailable();
            else
            {
                key = await cache.FindAsync(hash, context.RequestAborted);
                if (key is null || key.ExpiresAt <= clock.GetUtcNow()) no = SentKey.NotValid;
            }
        }
        if (no is null) return (key, null);
        var flood = limiter.TakeWithoutKey(context.Response, context.Connection.RemoteIpAddress);
        if (no.Status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        return (null, no.Status == StatusCodes.Status503ServiceUnavailable ? no : flood ?? no); // nobody is too fast because our database is away
    }

    private Problem? Admit(HttpResponse response, VerifiedKey key, RequestKind kind)
    {
        Volatile.Write(ref key.SeenAt, clock.GetTimestamp());
        if (limiter.Take(response, key.Buckets, kind) is { } tooMany)
        {
            key.Use?.CountRefused(clock.GetUtcNow());
            return tooMany;
        }
        key.Use?.Count(clock.GetUtcNow());
        return null;
    }
}

/// <summary>Marks a route that answers from the key itself and needs nothing else made for the request.</summary>
internal sealed record ServesFromKey;
