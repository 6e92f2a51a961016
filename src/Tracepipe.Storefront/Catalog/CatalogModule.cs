namespace Tracepipe.Storefront.Catalog;

/// <summary>
/// What is for sale. Owns: tiers, meters, rates, request limits, LLM prices; their immutable versions and the names they have at
/// Stripe. Does not own: who bought what (Billing), what was used (Metering), making products and prices at Stripe (Billing).
/// </summary>
internal static class CatalogModule
{
    public static WebApplicationBuilder AddCatalog(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Catalogs>();
        builder.Services.AddSingleton<StripeCatalog>();
        builder.Services.AddHostedService<CatalogLoader>();
        return builder;
    }

    public static WebApplication MapCatalog(this WebApplication app) => app;
}

/// <summary>Loads the catalogue before the first request, then looks once a minute for a version that another node has published.</summary>
internal sealed class CatalogLoader(Catalogs catalogs, TimeProvider clock, ILogger<CatalogLoader> log) : BackgroundService, IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => catalogs.LoadAsync(cancellationToken);

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await catalogs.ReadAsync(stoppingToken);
            }
            catch (Exception failure) when (failure is Npgsql.NpgsqlException or TimeoutException)
            {
                CatalogLog.NotRead(log, failure.Message);
            }
        }
    }
}

internal static partial class CatalogLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "The catalogue's versions could not be read, the known ones stay in force: {Reason}")]
    public static partial void NotRead(ILogger log, string reason);
}
