using Microsoft.Extensions.Options;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// A started Tracepipe with everything it runs on: database, sandbox when no Stripe is configured, web host. The program, the self-test and the tests
/// start it the same way; disposing stops all of it.
/// </summary>
internal sealed class StorefrontApp : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> owned;
    private readonly SandboxHost? sandbox;

    private StorefrontApp(WebApplication web, List<IAsyncDisposable> parts, SandboxHost? beside)
    {
        Web = web;
        owned = parts;
        sandbox = beside;
    }

    public WebApplication Web { get; }

    public IServiceProvider Services => Web.Services;

    /// <summary>The first address it listens on, such as <c>http://localhost:5080</c>.</summary>
    public string Address => Web.Urls.First();

    /// <summary>Builds and starts the product.</summary>
    /// <param name="command">Flags and configuration arguments.</param>
    /// <param name="compose">The modules: <see cref="Composition"/>.</param>
    /// <param name="configure">What a test changes: configuration, clock.</param>
    /// <param name="listen">False for subcommands: services exist, no port is opened, no background work runs.</param>
    /// <exception cref="StartupException">Something outside prevents the start; the message says what to do.</exception>
    public static Task<StorefrontApp> StartAsync(CommandLine command, Composition compose, Action<WebApplicationBuilder>? configure, bool listen, CancellationToken cancel) =>
        StartAsync(command, compose, configure, listen, isServing: listen, cancel);

    /// <summary>Builds the product with its database and its sandbox, and opens no port and does no background work: whoever calls has all of it to himself.</summary>
    /// <exception cref="StartupException">Something outside prevents the start; the message says what to do.</exception>
    public static Task<StorefrontApp> PrepareAsync(CommandLine command, Composition compose, Action<WebApplicationBuilder> configure, CancellationToken cancel) =>
        StartAsync(command, compose, configure, listen: false, isServing: true, cancel);

    private static async Task<StorefrontApp> StartAsync(CommandLine command, Composition compose, Action<WebApplicationBuilder>? configure, bool listen, bool isServing, CancellationToken cancel)
    {
        var parts = new List<IAsyncDisposable>();
        try
        {
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
            {
                Args = command.Rest,
                ContentRootPath = Paths.Project,
                WebRootPath = Path.Combine(Paths.Project, "wwwroot"),
                ApplicationName = typeof(StorefrontApp).Assembly.GetName().Name,
            });
            builder.WebHost.UseKestrelHttpsConfiguration(); // the slim builder leaves it out, with IIS, QUIC and what a hosting environment may inject
            builder.Configuration.AddEnvironmentAliases();
            configure?.Invoke(builder);
            builder.Services.AddSingleton(command);
            if (!builder.Services.Any(s => s.ServiceType == typeof(TimeProvider))) builder.Services.AddSingleton(TimeProvider.System);
            ConfigurationRules.Check(builder, isServing);
            if (isServing)
            {
                if (Ports.AreTaken(Urls(builder.Configuration))) throw Taken(builder.Configuration, null);
                SandboxHost.CheckPort(builder.Configuration);
            }

            using var bootLogs = LoggerFactory.Create(logging => logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddConsole());
            var database = await DatabaseHost.StartAsync(builder, bootLogs.CreateLogger("Tracepipe.Database"), isServing, cancel);
            parts.Add(database);
            var sandbox = isServing ? await SandboxHost.StartAsync(builder, listen, cancel) : null;
            if (sandbox is not null) parts.Add(sandbox);

            compose.Add(builder);
            var app = builder.Build();
            compose.Map(app);
            if (listen) await ListenAsync(app, cancel);
            if (listen) sandbox?.DeliverTo(app.Urls.First());
            return new StorefrontApp(app, parts, sandbox);
        }
        catch (Exception failure)
        {
            await StopAsync(parts);
            if (failure is OptionsValidationException wrong) throw new StartupException(string.Join(Environment.NewLine, wrong.Failures), wrong);
            throw;
        }
    }

    /// <summary>The clock that this start was given has been moved: the sandbox, when there is one, does what has become due by it.</summary>
    public Task PassAsync(CancellationToken cancel) => sandbox?.PassAsync(cancel) ?? Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await Web.StopAsync();
        await Web.DisposeAsync();
        await StopAsync(owned);
    }

    private static async Task ListenAsync(WebApplication app, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (IOException failure) when (Ports.IsAbout(failure))
        {
            throw Taken(app.Configuration, failure);
        }
    }

    private static string Urls(IConfiguration configuration) => configuration["urls"] ?? "http://localhost:5000";

    private static StartupException Taken(IConfiguration configuration, Exception? failure) =>
        new($"The address {Urls(configuration)} is in use: stop the other program or choose one with --urls http://localhost:PORT.", failure);

    private static async Task StopAsync(List<IAsyncDisposable> owned)
    {
        for (var i = owned.Count - 1; i >= 0; i--) await owned[i].DisposeAsync();
    }
}

/// <summary>Which modules make the product: how they register and how they map.</summary>
internal sealed record Composition(Action<WebApplicationBuilder> Add, Action<WebApplication> Map)
{
    /// <summary>What <c>--demo</c> does before the product serves; null: there is no demo.</summary>
    public Func<CommandLine, Composition, TextWriter, CancellationToken, Task>? Demo { get; init; }

    /// <summary>Commands that need neither database nor configuration, by their first word.</summary>
    public IReadOnlyDictionary<string, Func<IReadOnlyList<string>, TextWriter, CancellationToken, Task<int>>> Offline { get; init; } = new Dictionary<string, Func<IReadOnlyList<string>, TextWriter, CancellationToken, Task<int>>>(StringComparer.Ordinal);
}
