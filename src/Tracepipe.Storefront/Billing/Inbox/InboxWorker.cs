using Npgsql;

namespace Tracepipe.Storefront.Billing;

/// <summary>The clock of the <see cref="Inbox"/>: takes events up, a few at a time, at once when the bell rings, else every second. <c>Billing:InboxWorker=false</c> leaves them lying.</summary>
internal sealed partial class InboxWorker(Inbox inbox, StripeConnection stripe, IConfiguration configuration, ILogger<InboxWorker> log) : BackgroundService
{
    private const int AtOnce = 4;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!stripe.IsConfigured || !configuration.GetValue("Billing:InboxWorker", defaultValue: true)) return;
        var underWay = new List<Task>();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var taken = await inbox.TakeAsync(AtOnce - underWay.Count, stoppingToken);
                underWay.AddRange(taken.Select(e => inbox.HandleAsync(e, stoppingToken)));
                if (underWay.Count == AtOnce) await Task.WhenAny(underWay);
                else if (taken.Count == 0) await inbox.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
                foreach (var ended in underWay.Where(t => t.IsCompleted).ToList())
                {
                    underWay.Remove(ended);
                    await ended;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception failure)
            {
                Failed(log, failure.GetType().Name, (failure as PostgresException)?.SqlState);
                await inbox.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
        await Task.WhenAll(underWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Taking up Stripe's events failed ({Failure} {SqlState}); trying again")]
    private static partial void Failed(ILogger log, string failure, string? sqlState);
}
