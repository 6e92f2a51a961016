using System.Diagnostics;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>A billing sandbox in a process of its own, with a journal: it can be killed, and started again where it was.</summary>
internal sealed class SandboxProcess : IAsyncDisposable
{
    private const string Ready = "Billing sandbox: http";

    private readonly Process process;
    private readonly List<string> lines = [];
    private Task<string> rest = Task.FromResult("");

    private SandboxProcess(Process process) => this.process = process;

    public Uri Url { get; private set; } = null!;

    /// <summary>Starts one and waits until it listens.</summary>
    /// <param name="folder">Of its journal.</param>
    /// <param name="port">0 takes a free one.</param>
    public static async Task<SandboxProcess> StartAsync(string folder, int port = 0, params (string Name, string Value)[] environment)
    {
        var sandbox = Run(folder, port, environment);
        while (await sandbox.process.StandardOutput.ReadLineAsync() is { } line)
        {
            sandbox.lines.Add(line);
            if (!line.StartsWith(Ready, StringComparison.Ordinal)) continue;
            sandbox.rest = sandbox.process.StandardOutput.ReadToEndAsync();
            sandbox.Url = new Uri(line["Billing sandbox: ".Length..]);
            return sandbox;
        }
        throw new InvalidOperationException("The sandbox did not start: " + string.Join('\n', sandbox.lines) + await sandbox.process.StandardError.ReadToEndAsync());
    }

    /// <summary>Starts one that is not expected to listen.</summary>
    public static SandboxProcess Run(string folder, int port = 0, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", "--runtimeconfig", Path.Combine(AppContext.BaseDirectory, "Tracepipe.Tests.runtimeconfig.json"),
            typeof(Tracepipe.StripeSandbox.SandboxServer).Assembly.Location, "--urls", $"http://127.0.0.1:{port}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["Sandbox__JournalFolder"] = folder;
        start.Environment["Sandbox__Webhooks__RetrySchedule__0"] = "00:00:00.5";
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new SandboxProcess(Process.Start(start)!);
    }

    /// <summary><c>kill -9</c>, at once.</summary>
    public void Kill() => process.Kill();

    /// <summary><c>kill -9</c>, and it is gone.</summary>
    public Task KilledAsync()
    {
        Kill();
        return process.WaitForExitAsync();
    }

    /// <summary>Waits for its end.</summary>
    public async Task<(int Code, string Errors)> EndAsync()
    {
        await process.WaitForExitAsync();
        return (process.ExitCode, await process.StandardError.ReadToEndAsync());
    }

    /// <summary>All that it printed; once it has ended.</summary>
    public async Task<string> OutputAsync() => string.Join('\n', lines) + await rest;

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await KilledAsync();
        process.Dispose();
    }
}
