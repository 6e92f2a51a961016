using Microsoft.Extensions.Options;
using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces.Pages;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Traces;

/// <summary>
/// Recorded sessions. Owns: what a trace is, upload, storage, summaries, retention. Does not own: what storage costs and who pays (Ledger, Metering), what is
/// made of sessions (the sold API's backend).
/// </summary>
internal static class TracesModule
{
    public static WebApplicationBuilder AddTraces(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<TracesOptions>().BindConfiguration("Traces").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IValidateOptions<TracesOptions>, TracesOptions.Check>();
        services.AddSingleton(s => new TraceFiles(s.GetRequiredService<IOptions<TracesOptions>>().Value.Folder is { Length: > 0 } typed
            ? Paths.Typed(typed) : Path.Combine(DatabaseHost.DataFolder(s.GetRequiredService<IConfiguration>()), "traces"), s.GetRequiredService<QuietThreads>()));
        if (builder.Configuration.GetSection("Traces:Bucket").Get<BucketOptions>() is { Name.Length: > 0 } bucket) services.AddSingleton(_ => new TraceBucket(bucket));
        services.AddSingleton<TraceObjects>();
        services.AddSingleton<TraceErasures>();
        services.AddSingleton<Suites>(s => () => [.. s.GetRequiredService<Catalogs>().Current.Prices.Suites.Select(c => new Suite(c.Id, c.Name))]);
        services.AddSingleton<QuietThreads>();
        services.AddSingleton<Intake>();
        services.AddSingleton<TraceSessions>();
        services.AddSingleton<TraceUploads>();
        services.AddSingleton<UploadSlots>();
        services.AddSingleton<TraceForm>();
        services.AddSingleton<SessionReader>();
        services.AddSingleton(new NavItem(NavSection.Main, "Sessions", "/sessions", Lucide.Layers, 30, Permissions.SessionsRead));
        services.AddHostedService<FolderOwner>(); // before anything is swept
        services.AddHostedService<BucketCheck>();
        services.AddHostedService<TraceSweeper>();
        return builder;
    }

    public static WebApplication MapTraces(this WebApplication app)
    {
        app.MapTracesApi();
        app.MapTus();
        app.MapSessionRoutes();
        return app;
    }
}

/// <summary>Erases what was deleted, expired or left behind: the clock of the sweeps.</summary>
internal sealed partial class TraceSweeper(TraceSessions sessions, TraceErasures erasures, TraceObjects objects, TraceUploads uploads, TimeProvider clock, ILogger<TraceSweeper> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(10), clock);
        var looked = DateTimeOffset.MinValue; // all that is stored is looked through at the start and hourly; what is deleted in between is known by name
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await sessions.ExpireAsync(stoppingToken);
                await erasures.EraseFreedAsync(stoppingToken);
                await objects.EraseDueAsync(stoppingToken);
                await uploads.SweepAsync(stoppingToken);
                if (clock.GetUtcNow() - looked < TimeSpan.FromHours(1)) continue;
                await erasures.SweepAsync(stoppingToken);
                looked = clock.GetUtcNow();
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or IOException or UnauthorizedAccessException)
            {
                NotSwept(log, failure.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Deleted traces wait for their erasure: {Reason}")]
    private static partial void NotSwept(ILogger log, string reason);
}
