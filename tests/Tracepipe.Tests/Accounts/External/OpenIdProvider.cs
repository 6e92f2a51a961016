using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>
/// The certified provider of <c>tests/oidc-provider</c> as a process of its own on loopback. What it issues is right unless a fault is asked for, which then
/// holds for one answer.
/// </summary>
public sealed class OpenIdProvider : IAsyncDisposable
{
    public const string Api = "urn:tracepipe:api";
    private static readonly SemaphoreSlim Installing = new(1);
    private static readonly HttpClient Http = new();
    private readonly Process process;

    private OpenIdProvider(Process process, Uri address) => (this.process, Address) = (process, address);

    public Uri Address { get; }

    /// <summary>As tokens and the configuration write it.</summary>
    public string Issuer => Address.ToString().TrimEnd('/');

    public static async Task<OpenIdProvider> StartAsync()
    {
        var folder = Path.Combine(Paths.Root, "tests", "oidc-provider");
        await InstallAsync(folder);
        var start = new ProcessStartInfo("node", ["server.mjs"]) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException("node did not start");
        var complaints = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var line = await process.StandardOutput.ReadLineAsync(limit.Token);
        return Uri.TryCreate(line, UriKind.Absolute, out var address) ? new OpenIdProvider(process, address) : throw new InvalidOperationException("The provider did not start:\n" + await complaints);
    }

    /// <summary>A program that may send people here.</summary>
    public Task RegisterAsync(object client) => ControlAsync("clients", client);

    /// <summary>Somebody with an account here.</summary>
    public Task AddAsync(string account, object claims) => ControlAsync("people", new Dictionary<string, object>(StringComparer.Ordinal) { [account] = claims });

    /// <summary>Makes the next answer wrong: claims set or removed, header members set, signed by whom.</summary>
    public Task SpoilNextAsync(object fault) => ControlAsync("fault", fault);

    public Task RotateAsync(string algorithm = "RS256", bool keep = false) => ControlAsync("rotate", new { alg = algorithm, keep });

    /// <summary>Whether scopes put their claims into the id_token, as Entra does, or leave them to userinfo.</summary>
    public Task PutClaimsIntoIdTokenAsync(bool into) => ControlAsync("settings", new { claimsInIdToken = into });

    /// <summary>What the discovery document says instead of the truth.</summary>
    public Task DiscoverAsync(object members) => ControlAsync("discovery", members);

    /// <summary>Puts keys into the key set before the provider's own: a kind (RSA, RSA-1024, EC) and what is shown of each instead of the truth.</summary>
    public Task PublishAsync(params object[] keys) => ControlAsync("publish", new { keys });

    /// <summary>Cuts every connection from now on, or answers again.</summary>
    public Task BeAwayAsync(bool away) => ControlAsync("down", new { down = away });

    /// <summary>How often an address was asked for.</summary>
    public async Task<int> RequestsAsync(string path) => (await ControlAsync("seen")).GetProperty("requests").TryGetProperty(path, out var count) ? count.GetInt32() : 0;

    /// <summary>Every token that was handed out by the token endpoint.</summary>
    public async Task<IReadOnlyList<string>> IssuedAsync() => [.. (await ControlAsync("seen")).GetProperty("issued").EnumerateArray().Where(t => t.ValueKind is JsonValueKind.String).Select(t => t.GetString()!)];

    /// <summary>An access token as a program of the client gets it for a person.</summary>
    public async Task<string> AccessTokenAsync(string account, string clientId, string audience = Api, object? fault = null, int? expiresIn = null) =>
        (await ControlAsync("token", new { sub = account, client_id = clientId, audience, fault, expiresIn })).GetProperty("token").GetString()!;

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close(); // it ends with its input
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
        process.Dispose();
    }

    private async Task<JsonElement> ControlAsync(string what, object? body = null)
    {
        using var answer = await Http.PostAsJsonAsync(new Uri(Address, "/control/" + what), body ?? new { });
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task InstallAsync(string folder)
    {
        await Installing.WaitAsync();
        try
        {
            var installed = new FileInfo(Path.Combine(folder, "node_modules", ".package-lock.json"));
            if (installed.Exists && installed.LastWriteTimeUtc >= File.GetLastWriteTimeUtc(Path.Combine(folder, "package-lock.json"))) return;
            var start = new ProcessStartInfo(OperatingSystem.IsWindows() ? "npm.cmd" : "npm", ["ci", "--no-audit", "--no-fund"]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start) ?? throw new InvalidOperationException("npm did not start");
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0) throw new InvalidOperationException($"npm ci ended with {process.ExitCode}:\n{await output}{await errors}");
            installed.LastWriteTimeUtc = TimeProvider.System.GetUtcNow().UtcDateTime;
        }
        finally
        {
            Installing.Release();
        }
    }
}
