using Npgsql;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What time itself does to plans: a grace that ends, a period or plan whose end has come, seen also when no webhook says so.</summary>
internal sealed partial class PlanUpkeep(Database database, StripeConnection stripe, SubscriptionProjection projection, PlanStandings plans, LifetimePlans lifetimes, IConfiguration configuration, TimeProvider clock, ILogger<PlanUpkeep> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5), Again = TimeSpan.FromMinutes(5);

    private sealed record Due(Guid Organization, Guid Id, PlanSource Source, DateTimeOffset? EndsAt);

    /// <summary>Looks after everything that is due.</summary>
    /// <returns>How many plans were due.</returns>
    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<Due>>? due = null;
        // Asked again in five minutes unless what it sees plans another moment: Stripe moves a period a little after its end.
        await database.WorkReadAsync(q => due = q.List($"""
            update subscriptions s set due_at = {now + Again}
            from (select organization_id, id from subscriptions where due_at <= {now} order by due_at limit 20 for update skip locked) d
            where s.organization_id = d.organization_id and s.id = d.id returning s.organization_id, s.id, s.source, s.ends_at
            """, r => new Due(r.GetGuid(0), r.GetGuid(1), Sources.Of(r.GetString(2)), r.IsDBNull(3) ? null : r.GetFieldValue<DateTimeOffset>(3))), cancel);
        foreach (var plan in due!.Value) await LookAfterAsync(plan, now, cancel);
        return due.Value.Count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!configuration.GetValue("Billing:PlanUpkeep", defaultValue: true)) return;
        using var timer = new PeriodicTimer(Every, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    while (await RunAsync(stoppingToken) > 0) { }
                }
                catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
                {
                    Failed(log, failure.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // the process ends
        }
    }

    private async Task LookAfterAsync(Due plan, DateTimeOffset now, CancellationToken cancel)
    {
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            if (plan.Source is not PlanSource.Stripe && plan.EndsAt <= now) await lifetimes.EndAsync(plan.Organization, plan.Source, "plan.ended", Actor.System, transaction, cancel);
            else if (await plans.ApplyAsync(plan.Organization, transaction, cancel)) await plans.RaiseAsync(plan.Organization, transaction, cancel);
            await transaction.CommitAsync(cancel);
        }
        if (plan.Source is not PlanSource.Stripe || !stripe.IsConfigured) return;
        try
        {
            await projection.SyncAsync(plan.Organization, Patience.OfWorker, cancel);
        }
        catch (StripeException away)
        {
            Away(log, plan.Organization, away.Kind);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Looking after plans failed ({Failure}); trying again")]
    private static partial void Failed(ILogger log, string failure);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The plan of {Organization} could not be compared with Stripe ({Kind}); again in five minutes")]
    private static partial void Away(ILogger log, Guid organization, StripeErrorKind kind);
}
