using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Startup;

/// <summary>The product as its own process, as a person starts it: what it prints, its address, signals, its exit code.</summary>
public sealed class ProductProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly TaskCompletionSource<Uri> ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ProductProcess(Process process) => this.process = process;

    public ConcurrentQueue<string> Output { get; } = new();

    public ConcurrentQueue<string> Errors { get; } = new();

    /// <summary>The address it printed; fails with its output when it ended before.</summary>
    public Task<Uri> ReadyAsync() => ready.Task.WaitAsync(TimeSpan.FromSeconds(60));

    public int Id => process.Id;

    /// <summary>Starts the built program with these arguments and environment.</summary>
    /// <param name="under">A program and its arguments that run it, such as a tracer.</param>
    public static ProductProcess Start(IEnumerable<string> arguments, Dictionary<string, string?>? environment = null, string? folder = null, params IReadOnlyList<string> under)
    {
        var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
        var dll = Path.Combine(Paths.Root, "src", "Tracepipe.Storefront", "bin", configuration, "net10.0", "tracepipe.dll");
        string[] line = [.. under, "dotnet", dll, .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? Path.GetTempPath() };
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("STRIPE", StringComparison.OrdinalIgnoreCase) || k is "DATABASE_URL" or "ASPNETCORE_URLS").ToList()) start.Environment.Remove(name);
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["PWD"] = start.WorkingDirectory;
        foreach (var (name, value) in environment ?? []) start.Environment[name] = value;
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var product = new ProductProcess(process);
        process.OutputDataReceived += (_, line) => product.Heard(line.Data);
        process.ErrorDataReceived += (_, line) => { if (line.Data is not null) product.Errors.Enqueue(line.Data); };
        process.Exited += (_, _) => product.ready.TrySetException(new InvalidOperationException("It ended before it was ready."));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return product;
    }

    private void Heard(string? line)
    {
        const string marker = "Tracepipe is ready: ";
        if (line is null) return;
        Output.Enqueue(line);
        var at = line.IndexOf(marker, StringComparison.Ordinal);
        if (at >= 0) ready.TrySetResult(new Uri(line[(at + marker.Length)..].Trim()));
    }

    /// <summary>Ctrl+C.</summary>
    public void Interrupt() => Assert.Equal(0, Kill(process.Id, 2));

    /// <summary><c>kill -9</c>: nothing of it runs any more, nothing was said goodbye to.</summary>
    public async Task KillAsync()
    {
        Assert.Equal(0, Kill(process.Id, 9));
        await process.WaitForExitAsync();
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> ExitAsync(TimeSpan? within = null)
    {
        await process.WaitForExitAsync().WaitAsync(within ?? TimeSpan.FromSeconds(90));
        return process.ExitCode;
    }

    /// <summary>A port that nobody listens on. It lies below those that systems give to outgoing connections, of which a test run makes thousands: one of them may take such a port before the program does.</summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = RandomNumberGenerator.GetInt32(12_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException taken) when (taken.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
            {
            }
        }
    }

    /// <summary>Ctrl+C, when it still runs, and its end: nothing is left behind that the next one would have to take over.</summary>
    public async Task EndAsync()
    {
        if (!process.HasExited)
        {
            Interrupt();
            await ExitAsync();
        }
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: false);
            await process.WaitForExitAsync();
        }
        process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
