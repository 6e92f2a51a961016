using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// What is used. Owns: holds, usage records, events and their sums, what calls of models have cost. Does not own: which pocket has room (Ledger), what it costs (Catalog), how it is collected (Billing).
/// </summary>
internal static class MeteringModule
{
    public static WebApplicationBuilder AddMetering(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Pockets>();
        builder.Services.AddSingleton<UsageNews>().AddHostedService(s => s.GetRequiredService<UsageNews>());
        builder.Services.AddSingleton<UsageReader>();
        builder.Services.AddSingleton(new NavItem(NavSection.Main, "Usage", "/usage", Lucide.ChartNoAxesColumn, 20, Permissions.UsageRead));
        builder.Services.AddSingleton<Holds>().AddSingleton<LatestHolds>();
        builder.Services.AddPlanLimits();
        builder.Services.AddHostedService<EventMonths>();
        builder.Services.AddSingleton<EventWriter>().AddHostedService(s => s.GetRequiredService<EventWriter>());
        builder.Services.AddSingleton<EventRules>();
        builder.Services.AddSingleton<Affordability>();
        builder.Services.AddSingleton<CostRecorder>();
        builder.Services.AddSingleton<StorageUse>();
        builder.Services.AddSingleton<StorageSettler>().AddHostedService(s => s.GetRequiredService<StorageSettler>());
        builder.Services.AddSingleton<UsageSettler>().AddHostedService(s => s.GetRequiredService<UsageSettler>());
        builder.Services.AddHostedService<HoldSweeper>();
        builder.Services.AddSingleton(s => new StatusPart("Metering", 1, s.GetRequiredService<UsageSettler>().StatusAsync));
        return builder;
    }

    public static WebApplication MapMetering(this WebApplication app)
    {
        app.MapHolds();
        app.MapEvents();
        app.MapVerify();
        app.MapUsageApi();
        app.MapCostsIntake();
        app.MapUsageExport();
        return app;
    }
}

/// <summary>Releases expired holds of organizations that ask for nothing: the clock of <see cref="Holds.SweepAsync"/>.</summary>
internal sealed partial class HoldSweeper(Holds holds, TimeProvider clock, ILogger<HoldSweeper> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromSeconds(10), clock, holds.SweepAsync, reason => NotSwept(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Expired holds wait for the database: {Reason}")]
    private static partial void NotSwept(ILogger log, string reason);
}
