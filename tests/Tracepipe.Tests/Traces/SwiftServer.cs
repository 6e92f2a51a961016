using System.Diagnostics;
using System.Globalization;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>OpenStack Swift, an object storage that speaks S3, as a process that can be killed and started again where it was.</summary>
public sealed class SwiftServer : IAsyncDisposable
{
    public const string AccessKey = "test:tester", SecretKey = "testing";

    private const string Python = "/usr/bin/python3"; // the one that the packages are made for
    private static readonly Lazy<Task<string?>> Fetched = new(FetchAsync);
    private readonly string folder = Scratch.NewPath();
    private Process? process;

    public string Url { get; private set; } = "";

    /// <summary>Why this machine cannot have one; null: it can.</summary>
    public static Task<string?> WhyNotAsync() => Fetched.Value;

    public async Task StartAsync()
    {
        var packages = Path.Combine(Root, "root", "usr", "lib");
        var start = new ProcessStartInfo(Python, [Path.Combine(Paths.Root, "tests", "swift", "serve.py"), folder]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PYTHONPATH"] = Path.Combine(packages, "python3", "dist-packages");
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["LD_LIBRARY_PATH"] = string.Join(':', Directory.EnumerateDirectories(packages, "*-linux-gnu*"));
        Directory.CreateDirectory(folder);
        process = Process.Start(start)!;
        var complaints = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var line = await process.StandardOutput.ReadLineAsync(limit.Token);
        if (line?.Split(' ') is not ["ready", var port]) throw new InvalidOperationException("Swift did not start:\n" + await complaints);
        Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
    }

    public async Task KillAsync()
    {
        if (process is null) return;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static string Root => Path.Combine(Paths.Root, "artifacts", "swift");

    private static async Task<string?> FetchAsync()
    {
        if (!File.Exists(Python)) return "This machine has no Python of its system, which the object storage of the tests needs.";
        using var fetch = Process.Start(new ProcessStartInfo("bash", [Path.Combine(Paths.Root, "tests", "swift", "fetch"), Root]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (said, complained) = (fetch.StandardOutput.ReadToEndAsync(), fetch.StandardError.ReadToEndAsync());
        await fetch.WaitForExitAsync();
        return fetch.ExitCode == 0 ? null : $"The object storage of the tests could not be brought: {await said}{await complained}";
    }
}
