using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>Behind authorization, which has named the caller: routes that take an <c>Idempotency-Key</c> are carried out once.</summary>
internal sealed class IdempotentCalls(RequestDelegate next, Idempotency idempotency)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (!context.IsIdempotentCall()) return next(context);
        var caller = context.RequestServices.GetRequiredService<Caller>();
        return idempotency.RunAsync(context, caller.OrganizationId, caller.KeyId ?? caller.Member.PersonId, next);
    }
}
