using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Tracepipe.Postgres;
using Xunit;

namespace Tracepipe.Tests.Postgres;

/// <summary>A process of its own that owns an embedded PostgreSQL, so that a test can kill it.</summary>
internal sealed class PostgresHost : IDisposable
{
    public const string Mode = "--postgres-host";
    private const string Ready = "ready ";

    private readonly Process _process;

    private PostgresHost(Process process) => _process = process;

    /// <summary>What the child does: serve until its standard input ends.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        try
        {
            await using var server = await EmbeddedPostgres.StartAsync(Options(arguments[0]), NullLogger.Instance);
            Console.WriteLine(Ready + server.ProcessId.ToString(CultureInfo.InvariantCulture) + " " + server.ConnectionString);
            await Console.In.ReadToEndAsync();
            return 0;
        }
        catch (EmbeddedPostgresException refused)
        {
            Console.WriteLine(refused.Message);
            return 1;
        }
    }

    /// <summary>Durable, because a killed server must not have lost what it acknowledged.</summary>
    public static EmbeddedPostgresOptions Options(string folder) => new()
    {
        DataDirectory = folder,
        BinariesDirectory = EmbeddedPostgresBinaries.Find(AppContext.BaseDirectory),
    };

    /// <summary>Starts the child without waiting for its server.</summary>
    public static PostgresHost Begin(string folder, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(PostgresHost).Assembly.Location, Mode, folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new PostgresHost(Process.Start(start)!);
    }

    /// <summary>Waits until the child's server answers.</summary>
    public async Task<(int ProcessId, string ConnectionString)> ReadyAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync();
        Assert.StartsWith(Ready, line, StringComparison.Ordinal);
        var parts = line![Ready.Length..].Split(' ', 2);
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), parts[1]);
    }

    /// <summary>kill -9 of the child alone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>The child stops its server and ends; what it printed.</summary>
    public async Task<string> StopAsync()
    {
        _process.StandardInput.Close();
        var said = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return said;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
