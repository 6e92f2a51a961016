using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Metering;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Billing;

namespace Tracepipe.Tests.Simulation;

/// <summary>
/// The product whose time stands still unless a history moves it, and whose money workers work when a history says so: what happens depends on the history alone.
/// </summary>
public sealed class SimulationApp(TestServers servers) : TimedPlanApp(servers)
{
    /// <summary>Where every history begins; later ones begin where the one before has ended.</summary>
    private readonly StillClock still = new(new DateTimeOffset(2027, 1, 20, 12, 0, 0, TimeSpan.Zero));

    public DateTimeOffset Now => still.GetUtcNow();

    /// <summary>The backend's key.</summary>
    public string Service { get; private set; } = "";

    protected override void Configure(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<TimeProvider>(still); // the last one counts
        builder.Configuration.AddInMemoryCollection(new[] { "RequestsPerMinute", "UploadsPerMinute", "KeyChangesPerMinute" }.Select(n => new KeyValuePair<string, string?>($"Keys:Limits:{n}", "10000000")));
    }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        foreach (var worker in Services.GetServices<IHostedService>().Where(w => w is UsageInvoiceClock or HoldSweeper or UsageSettler or MeterClock or EventCatchUp)) await worker.StopAsync(default);
        Service = (await Services.GetRequiredService<ServiceKeys>().CreateAsync("Backend", default)).Secret;
        await PassAsync(Now - Clock.GetUtcNow());
    }

    /// <summary>Moves the product's time and the provider's.</summary>
    public async Task PassToAsync(DateTimeOffset at)
    {
        var by = at - Now;
        if (by == TimeSpan.Zero) return;
        still.MoveTo(at);
        await PassAsync(by);
    }

    private Task PassAsync(TimeSpan by) => AdvanceAsync(TimeSpan.FromSeconds(Math.Floor(by.TotalSeconds)));

    private sealed class StillClock(DateTimeOffset begin) : TimeProvider
    {
        private long ticks = begin.UtcTicks;

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref ticks), TimeSpan.Zero);

        public void MoveTo(DateTimeOffset at) => Interlocked.Exchange(ref ticks, at.UtcTicks);
    }
}
