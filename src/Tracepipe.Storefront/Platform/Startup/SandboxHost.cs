using System.Security.Cryptography;
using System.Text.Json;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// The billing sandbox of this start, beside the product on an address of its own, when no Stripe is configured. Nothing else in the product knows of it:
/// to all other code it is the Stripe that the configuration names.
/// </summary>
internal sealed class SandboxHost : IAsyncDisposable
{
    private const string DefaultUrl = "http://127.0.0.1:5081";

    private readonly SandboxServer server;
    private readonly ILoggerFactory log;

    private SandboxHost(SandboxServer started, ILoggerFactory logs) => (server, log) = (started, logs);

    /// <summary>What makes this data folder's sandbox account the same after a restart.</summary>
    private sealed record Keys(string ApiKey, string PublishableKey, string WebhookSecret);

    /// <exception cref="StartupException">The address of a sandbox that is wanted is in use.</exception>
    public static void CheckPort(IConfiguration configuration)
    {
        if (IsWanted(configuration) && Ports.AreTaken(Urls(configuration))) throw Taken(configuration, null);
    }

    /// <summary>Whether a start with this configuration has a sandbox: it names no Stripe and does not switch payments off.</summary>
    public static bool IsWanted(IConfiguration configuration) => configuration["Stripe:ApiKey"] is null && configuration["Stripe:ApiBase"] is null && !configuration.GetValue<bool>("Stripe:Disabled");

    private static string Urls(IConfiguration configuration) => configuration["sandbox-urls"] ?? DefaultUrl;

    private static StartupException Taken(IConfiguration configuration, Exception? failure) =>
        new($"The payment sandbox's address {Urls(configuration)} is in use: stop the other program or choose one with --sandbox-urls http://127.0.0.1:PORT.", failure);

    /// <summary>Starts the sandbox and points the configuration at it; null when Stripe is configured or switched off.</summary>
    /// <param name="deliver">Whether somebody will listen for its webhooks.</param>
    /// <exception cref="StartupException">Its address is in use, or its folder cannot be written.</exception>
    public static async Task<SandboxHost?> StartAsync(WebApplicationBuilder builder, bool deliver, CancellationToken cancel)
    {
        var configuration = builder.Configuration;
        if (!IsWanted(configuration)) return null;

        var urls = Urls(configuration);
        var folder = Path.Combine(DatabaseHost.DataFolder(configuration), "sandbox");
        try
        {
            var keys = await ReadKeysAsync(folder, cancel);
            var logs = LoggerFactory.Create(logging => logging.AddConfiguration(configuration.GetSection("Logging")).AddConsole());
            var server = await SandboxServer.StartAsync(new SandboxOptions
            {
                Urls = urls,
                JournalFolder = folder,
                ApiKey = keys.ApiKey,
                WebhookUrl = deliver ? Webhook(PublicAddress.Reachable(configuration["urls"] ?? PublicAddress.Default)) : null,
                WebhookSecret = keys.WebhookSecret,
            }, TimeOf(builder), logs, cancel);
            var origin = server.Url.GetLeftPart(UriPartial.Authority);
            configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
            {
                ["Stripe:ApiKey"] = keys.ApiKey,
                ["Stripe:PublishableKey"] = keys.PublishableKey,
                ["Stripe:WebhookSecret"] = keys.WebhookSecret,
                ["Stripe:ApiBase"] = origin,
                ["Stripe:JsUrl"] = origin + "/js/dahlia/stripe.js",
                ["Stripe:CheckoutOrigins"] = origin,
                ["Catalog:ApplyAtStart"] = "true", // an empty account sells nothing
            });
            return new SandboxHost(server, logs);
        }
        catch (IOException taken) when (Ports.IsAbout(taken))
        {
            throw Taken(configuration, taken);
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The payment sandbox cannot keep its data in {folder}: make the folder writable or choose another with --data DIR.", unwritable);
        }
        catch (UriFormatException wrong)
        {
            throw new StartupException($"{urls} or {configuration["urls"]} is no address: write http://127.0.0.1:PORT.", wrong);
        }
    }

    /// <summary>The product listens: from now on its webhooks are delivered there, also when it had to be given a port.</summary>
    public void DeliverTo(string address) => server.DeliverTo(Webhook(PublicAddress.Reachable(address)));

    /// <summary>The clock of this start has been moved: what is due by it is done when this returns.</summary>
    public Task PassAsync(CancellationToken cancel) => server.PassAsync(cancel);

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        log.Dispose();
    }

    // Product and sandbox live by one clock.
    private static TimeProvider TimeOf(WebApplicationBuilder builder) => builder.Services.LastOrDefault(s => s.ServiceType == typeof(TimeProvider))?.ImplementationInstance as TimeProvider ?? TimeProvider.System;

    private static Uri Webhook(string address) => new(address + "/webhooks/stripe");

    private static async Task<Keys> ReadKeysAsync(string folder, CancellationToken cancel)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // the journal has the signing secret, too
        var path = Path.Combine(folder, "keys.json");
        if (File.Exists(path))
        {
            try
            {
                if (JsonSerializer.Deserialize<Keys>(await File.ReadAllTextAsync(path, cancel), JsonSerializerOptions.Web) is { ApiKey: not null, PublishableKey: not null, WebhookSecret: not null } kept) return kept;
            }
            catch (JsonException)
            {
                // told below, like a file with nothing in it
            }
            throw new StartupException($"{path} cannot be read: restore it, or delete {folder} to begin with an empty payment sandbox.");
        }
        var name = RandomNumberGenerator.GetString(Letters, 24);
        var made = new Keys($"sk_test_{name}", $"pk_test_{name}", $"whsec_{RandomNumberGenerator.GetString(Letters, 32)}");
        await WriteAsync(path, JsonSerializer.Serialize(made, JsonSerializerOptions.Web), cancel);
        return made;
    }

    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    // Whole or not at all, and never readable by others, not even for a moment.
    private static async Task WriteAsync(string path, string text, CancellationToken cancel)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var draft = path + ".new";
        File.Delete(draft);
        await using (var file = new FileStream(draft, options))
        {
            await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), cancel);
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
    }
}
