using System.Diagnostics;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tracepipe.Postgres;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Postgres;

/// <summary>A data folder of one test's own; whatever the test left running in it is stopped with it.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class ScratchFolder : IAsyncDisposable
{
    private static readonly Lazy<Task<string>> Template = new(MakeTemplateAsync);

    public string Path { get; private set; } = Directory.CreateDirectory(Scratch.NewPath(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    /// <summary>A folder with a cluster already in it: a copy is four times as fast as a new one.</summary>
    public static async Task<ScratchFolder> WithClusterAsync()
    {
        var template = await Template.Value;
        var folder = new ScratchFolder();
        foreach (var entry in Directory.EnumerateFileSystemEntries(template))
        {
            var constant = entry.EndsWith("/binaries", StringComparison.Ordinal);
            await CopyAsync(entry, folder.Path, constant ? "-al" : "-a");
        }

        return folder;
    }

    public string Cluster => System.IO.Path.Combine(Path, "postgres");

    public string PidFile => System.IO.Path.Combine(Cluster, "postmaster.pid");

    public Task<EmbeddedPostgres> StartAsync(bool durable = false, params (string Name, string Value)[] settings) =>
        EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            DataDirectory = Path,
            BinariesDirectory = EmbeddedPostgresBinaries.Find(AppContext.BaseDirectory),
            Durable = durable,
            Settings = settings.ToDictionary(setting => setting.Name, setting => setting.Value),
        }, NullLogger.Instance);

    public void MoveTo(string path)
    {
        Directory.Move(Path, path);
        Path = path;
    }

    public async ValueTask DisposeAsync()
    {
        var folder = new ServerFolder(Path, File.Exists(Cluster + ".account") && Environment.IsPrivilegedProcess
            ? new ServerAccount(await File.ReadAllTextAsync(Cluster + ".account"), 0, 0)
            : null);
        if (await Postmaster.FindAsync(folder, default) is { } left) await left.StopAsync(folder, PostgresStop.Immediate, NullLogger.Instance);
        Directory.Delete(Path, recursive: true);
    }

    public static async Task CopyAsync(string from, string to, string how = "-a")
    {
        using var copying = Process.Start("cp", [how, from, to]);
        await copying.WaitForExitAsync();
        Assert.Equal(0, copying.ExitCode);
    }

    private static async Task<string> MakeTemplateAsync()
    {
        var template = new ScratchFolder();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(template.Path, recursive: true);
        await using (await template.StartAsync()) { }
        return template.Path;
    }

    public static async Task<T> AskAsync<T>(string connectionString, string sql)
    {
        await using var connection = await Adoption.ConnectAsync(connectionString, default);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public static async Task DoAsync(string connectionString, string sql)
    {
        await using var connection = await Adoption.ConnectAsync(connectionString, default);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Waits for what must become true; the test's own time limit ends the wait.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds()) await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    /// <summary>Runs, and is not just waiting for its parent to take notice of its end.</summary>
    public static bool Lives(int processId) => File.Exists($"/proc/{processId}/cmdline") && File.ReadAllText($"/proc/{processId}/cmdline").Length > 0;
}
