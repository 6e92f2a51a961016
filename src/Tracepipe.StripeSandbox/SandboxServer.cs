using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using Tracepipe.StripeSandbox.Api;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Js;
using Tracepipe.StripeSandbox.Pages;
using Tracepipe.StripeSandbox.Webhooks;

namespace Tracepipe.StripeSandbox;

/// <summary>A running billing sandbox: its HTTP API, hosted pages, Stripe.js stand-in and webhook deliveries.</summary>
public sealed class SandboxServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SandboxServer(WebApplication app, Uri url)
    {
        _app = app;
        Url = url;
        Accounts = app.Services.GetRequiredService<Accounts>();
    }

    /// <summary>Where it listens, without a trailing path.</summary>
    public Uri Url { get; }

    /// <summary>Answers that broke the published description (only with <see cref="SandboxOptions.StrictResponses"/>). Tests assert that there are none.</summary>
    public IReadOnlyList<string> ContractViolations => Accounts.Violations.All;

    internal Accounts Accounts { get; }

    public Task StopAsync() => _app.StopAsync();

    /// <summary>Moves the configured webhook endpoint: the receiver may know its own address only once it listens.</summary>
    public void DeliverTo(Uri webhookUrl)
    {
        ArgumentNullException.ThrowIfNull(webhookUrl);
        var options = Accounts.Options;
        options.WebhookUrl = webhookUrl;
        if (options.ApiKey is { } key) Accounts.ForKey(key).Write(null, work => Configure(work, options));
    }

    /// <summary>Whoever gave the clock has moved it: what has become due by it is done when this completes.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        if (Accounts.All.All(a => a.IsSettled)) return;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        do
        {
            foreach (var account in Accounts.All.Where(a => !a.IsSettled)) Accounts.Committed?.Invoke(account);
        }
        while (await timer.WaitForNextTickAsync(cancel) && !Accounts.All.All(a => a.IsSettled));
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    /// <summary>Starts a sandbox. It listens when the task completes.</summary>
    public static async Task<SandboxServer> StartAsync(SandboxOptions options, TimeProvider time, ILoggerFactory? log = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(time);
        var app = Build(options, time, log);
        var accounts = app.Services.GetRequiredService<Accounts>();
        if (options.ApiKey is { } key) accounts.ForKey(key).Write(null, work => Configure(work, options));
        await app.StartAsync(cancel);
        var listening = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var url = new Uri(listening.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "127.0.0.1", StringComparison.Ordinal));
        accounts.Origin = (options.PublicUrl ?? url).GetLeftPart(UriPartial.Authority);
        return new SandboxServer(app, url);
    }

    private static WebApplication Build(SandboxOptions options, TimeProvider time, ILoggerFactory? log)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ApplicationName = typeof(SandboxServer).Assembly.GetName().Name });
        builder.WebHost.UseUrls(options.Urls);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(new QuietLoggerFactory(log ?? NullLoggerFactory.Instance)));
        // Whoever starts the sandbox decides when it stops; signals are theirs.
        builder.Services.Replace(ServiceDescriptor.Singleton<IHostLifetime, NoLifetime>());
        builder.Services.AddSingleton(options).AddSingleton(time)
            .AddSingleton<Accounts>().AddSingleton<Pipeline>()
            .AddHostedService<DeliveryWorker>().AddHostedService<AgendaWorker>().AddHostedPages();
        var app = builder.Build();
        app.Map("/v1/{**path}", (HttpContext http, Pipeline pipeline) => http.Request.Method == HttpMethods.Options
            ? Task.Run(() => BrowserCalls.Preflight(http)) : pipeline.HandleAsync(http));
        app.MapSandbox();
        app.MapStandIn();
        app.MapHostedPages();
        return app;
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>The endpoint of the configuration is there from the start, with the configuration's secret. Without an address one of an earlier start is told nothing, and nothing waits for it.</summary>
    private static void Configure(UnitOfWork work, SandboxOptions options)
    {
        var before = work.All(WebhookEndpoints.Kind).FirstOrDefault(e => e.Hidden.Flag("configured"));
        if (options.WebhookUrl is not { } url)
        {
            if (before is not null) before.Status = "disabled";
            return;
        }
        var endpoint = before ?? WebhookEndpoints.Make(work, url.AbsoluteUri, options.WebhookSecret);
        endpoint.Status = "enabled";
        endpoint["url"] = url.AbsoluteUri;
        endpoint["description"] = "From the configuration";
        endpoint.Set("enabled_events", new System.Text.Json.Nodes.JsonArray("*"));
        endpoint.Hidden.Set("configured", true);
        if (options.WebhookSecret is { } secret) endpoint.Hidden["secret"] = secret;
    }
}
