using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// <c>tracepipe catalog diff | apply</c>, and the same at the start when <c>Catalog:ApplyAtStart</c> asks for it, so that an installation that is started for
/// the first time can sell at once.
/// </summary>
internal sealed partial class CatalogueCommands(CatalogueAtStripe catalogue, IConfiguration configuration, ILogger<CatalogueCommands> log) : IHostedLifecycleService
{
    public static Task<int> DiffAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel) => RunAsync(services, words, output, isApplied: false, cancel);

    public static Task<int> ApplyAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel) => RunAsync(services, words, output, isApplied: true, cancel);

    /// <summary>Before the first request.</summary>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (!configuration.GetValue<bool>("Catalog:ApplyAtStart")) return;
        // The endpoint of the webhook stays whose it is: its secret is configured already.
        var report = await GuardedAsync(() => catalogue.ApplyAsync(withWebhook: false, cancellationToken));
        foreach (var line in report.Lines) Applied(log, line);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task<int> RunAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, bool isApplied, CancellationToken cancel)
    {
        if (words.Count > 0) throw new StartupException($"“{words[0]}” is too much: write catalog diff or catalog apply.");
        await services.GetRequiredService<Catalog.Catalogs>().LoadAsync(cancel);
        var catalogue = services.GetRequiredService<CatalogueAtStripe>();
        var report = await GuardedAsync(() => isApplied ? catalogue.ApplyAsync(withWebhook: true, cancel) : catalogue.CompareAsync(withWebhook: true, cancel));
        foreach (var line in report.Lines) await output.WriteLineAsync(line);
        foreach (var note in report.Notes) await output.WriteLineAsync(note);
        var version = report.IsNew ? $"Catalogue version {report.Version} is {(isApplied ? "in force now" : "not published yet")}." : $"Catalogue version {report.Version} is in force.";
        var rest = (report.Lines.Count, isApplied) switch
        {
            (0, _) => "Stripe has everything that it sells.",
            (_, true) => "Stripe has everything that it sells now.",
            _ => "Nothing was changed: catalog apply does it.",
        };
        await output.WriteLineAsync($"{version} {rest}");
        return 0;
    }

    private static async Task<CatalogueReport> GuardedAsync(Func<Task<CatalogueReport>> work)
    {
        try
        {
            return await work();
        }
        catch (StripeException failure)
        {
            throw new StartupException($"Stripe refused a part of the catalogue ({failure.Kind} {failure.Code}): {failure.Message} What was made before stays; apply again when it is repaired.", failure);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Catalogue: {Line}")]
    private static partial void Applied(ILogger log, string line);
}
