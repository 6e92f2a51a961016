using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Back pressure for the sold API's backend, which has no request limit: so many of its calls are at work at once, and one more is told to come back
/// before it has waited for anything.
/// </summary>
internal sealed class InFlight(int most) : IEndpointFilter
{
    private int now;

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (Interlocked.Increment(ref now) > most)
        {
            Interlocked.Decrement(ref now);
            return Problem.TooMany("More calls are at work than the database can carry. Come back in a second: nothing was changed.", 1).ToResult();
        }
        try
        {
            return await next(context);
        }
        finally
        {
            Interlocked.Decrement(ref now);
        }
    }
}
