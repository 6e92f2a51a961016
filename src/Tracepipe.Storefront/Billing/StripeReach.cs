using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Whether Stripe answers. It is asked once in half a minute at most, however many want to know, and given three seconds.</summary>
internal sealed class StripeReach(StripeConnection stripe, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan Believed = TimeSpan.FromSeconds(30);
    private static readonly ReadOptions Once = new() { Timeout = TimeSpan.FromSeconds(3), MaxRetries = 0 };

    private readonly SemaphoreSlim asking = new(1);
    private (StatusNow Status, long At)? seen;

    public async Task<StatusNow> AskAsync(CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return new StatusNow(IsWell: true, "This installation runs without payments.");
        await asking.WaitAsync(cancel);
        try
        {
            if (seen is not { } last || clock.GetElapsedTime(last.At) > Believed) seen = (await LookAsync(cancel), clock.GetTimestamp());
            return seen.Value.Status;
        }
        finally
        {
            asking.Release();
        }
    }

    public void Dispose() => asking.Dispose();

    private async Task<StatusNow> LookAsync(CancellationToken cancel)
    {
        try
        {
            await stripe.Client.Events.ListAsync(new EventListParams { Limit = 1 }, Once, cancel);
            return new StatusNow(IsWell: true, "Stripe answers. Cards, plans and invoices can be paid.");
        }
        catch (StripeException)
        {
            return new StatusNow(IsWell: false, "Stripe does not answer. Everything else works; paying and adding cards must wait.");
        }
    }
}
