using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Whether Stripe answers. It is asked once in half a minute at most, however many want to know. A page waits a moment for the answer, never for Stripe: what does not come by then is told
/// as it is, and known to the next one who asks.
/// </summary>
internal sealed class StripeReach(StripeConnection stripe, TimeProvider clock)
{
    private static readonly TimeSpan Believed = TimeSpan.FromSeconds(30), Moment = TimeSpan.FromMilliseconds(300);
    private static readonly ReadOptions Once = new() { Timeout = TimeSpan.FromSeconds(3), MaxRetries = 0 };

    private readonly Lock guard = new();
    private Task<StatusNow> look = Task.FromResult(new StatusNow(IsWell: true, ""));
    private long? lookedAt;

    public async Task<StatusNow> AskAsync(CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return new StatusNow(IsWell: true, "This installation runs without payments.");
        Task<StatusNow> asked;
        lock (guard)
        {
            if (look.IsCompleted && (lookedAt is not { } at || clock.GetElapsedTime(at) > Believed)) (look, lookedAt) = (LookAsync(), clock.GetTimestamp());
            asked = look;
        }
        await Task.WhenAny(asked, Task.Delay(Moment, clock, cancel));
        return asked.IsCompleted ? await asked : new StatusNow(IsWell: false, "Stripe has not answered yet. Everything else works; reload in a few seconds to see whether it does.");
    }

    private async Task<StatusNow> LookAsync()
    {
        try
        {
            await stripe.Client.Events.ListAsync(new EventListParams { Limit = 1 }, Once, CancellationToken.None);
            return new StatusNow(IsWell: true, "Stripe answers. Cards, plans and invoices can be paid.");
        }
        catch (StripeException)
        {
            return new StatusNow(IsWell: false, "Stripe does not answer. Everything else works; paying and adding cards must wait.");
        }
    }
}
