using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Storefront.Demo;

/// <summary>What the product does by itself as time passes, in one row: its jobs, each by the method that its own clock calls.</summary>
internal sealed class DemoTurns(StorefrontApp app, DemoClock clock)
{
    /// <summary>A meter's count shows a little after it was told.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    private DateTimeOffset heardUntil = clock.GetUtcNow();

    /// <summary>Time goes on to this moment: at the payment provider first, whose events are heard and acted on.</summary>
    public async Task PassToAsync(DateTimeOffset at, CancellationToken cancel)
    {
        clock.MoveTo(at);
        await app.PassAsync(cancel);
        await HearAsync(cancel);
    }

    /// <summary>Sends what waits for the payment provider, and hears what it has to tell. Nobody listens for webhooks here, so its list of events is read.</summary>
    public async Task HearAsync(CancellationToken cancel)
    {
        while (await Get<StripeOperations>().ResumeDueAsync(cancel) > 0) { }
        await Get<EventCatchUp>().ReadAsync(heardUntil.AddMinutes(-1), cancel); // what is known is known by its id
        heardUntil = clock.GetUtcNow();
        var inbox = Get<Inbox>();
        while (await inbox.TakeAsync(4, cancel) is { Count: > 0 } taken)
            foreach (var one in taken) await inbox.HandleAsync(one, cancel);
    }

    /// <summary>Everything that is due at this moment.</summary>
    public async Task TakeAsync(CancellationToken cancel)
    {
        await Get<Holds>().SweepAsync(cancel);
        await Get<StorageSettler>().SettleAsync(cancel);
        await Get<UsageSettler>().SettleAsync(cancel);
        while (await Get<PlanUpkeep>().RunAsync(cancel) > 0) { }
        await Get<MonthlyClose>().CloseDueAsync(cancel);
        while (await Get<UsageInvoicePush>().PushDueAsync(cancel) > 0) { }
        await Get<Dunning>().RunDueAsync(cancel);
        await Get<SpendAlerts>().RunAsync(cancel);
        await Get<LowCredits>().RunAsync(cancel);
        await Get<CreditGrants>().ExpireAsync(cancel);
        await Get<MeterExports>().PlanAsync(cancel);
        await Get<MeterExports>().SendAsync(cancel);
        await Get<TraceSessions>().ExpireAsync(cancel);
        await Get<TraceErasures>().EraseFreedAsync(cancel);
        await HearAsync(cancel);
        clock.Pass(Settling);
        await Get<Reconciliation>().RunDueAsync(cancel);
    }

    /// <summary>The books are laid beside the provider's once more, whenever they were last.</summary>
    public Task CompareAsync(CancellationToken cancel) => Get<Reconciliation>().RunAsync(repair: false, cancel);

    private T Get<T>() where T : notnull => app.Services.GetRequiredService<T>();
}
