using Npgsql;

namespace Tracepipe.Storefront.Billing;

/// <summary>The clock of <see cref="StripeOperations"/>: takes up what is due, at once when the bell rings, else every second.</summary>
internal sealed partial class OperationsWorker(StripeOperations operations, StripeConnection stripe, ILogger<OperationsWorker> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!stripe.IsConfigured) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await operations.ResumeDueAsync(stoppingToken) == 0) await operations.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                Failed(log, failure.GetType().Name, (failure as PostgresException)?.SqlState);
                await operations.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Taking up writes to Stripe failed ({Failure} {SqlState}); trying again")]
    private static partial void Failed(ILogger log, string failure, string? sqlState);
}
