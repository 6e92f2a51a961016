using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using Tracepipe.Postgres;
using Xunit;
using static Tracepipe.Tests.Postgres.ScratchFolder;

namespace Tracepipe.Tests.Postgres;

/// <summary>Catches what a kill at the wrong moment would break: acknowledged data, the next start, or two servers on one cluster.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class KilledPostgresTests
{
    [Fact]
    public async Task The_server_of_a_killed_owner_is_taken_over()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path);
        var (process, address) = await host.ReadyAsync();
        await DoAsync(address, "CREATE TABLE kept AS SELECT 42 AS n");
        await host.KillAsync();
        Assert.True(Lives(process));

        await using (var heir = await folder.StartAsync(durable: true))
        {
            Assert.Equal(process, heir.ProcessId);
            Assert.Equal(address, heir.ConnectionString);
            Assert.Equal(42, await AskAsync<int>(heir.ConnectionString, "SELECT n FROM kept"));
        }

        Assert.False(Lives(process));
    }

    [Fact]
    public async Task An_orphan_with_other_settings_is_started_anew()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path);
        var (process, _) = await host.ReadyAsync();
        await host.KillAsync();

        await using var heir = await folder.StartAsync(durable: true, ("max_connections", "17"));

        Assert.NotEqual(process, heir.ProcessId);
        Assert.False(Lives(process));
        Assert.Equal("17", await AskAsync<string>(heir.ConnectionString, "SHOW max_connections"));
    }

    [Fact]
    public async Task An_orphan_whose_socket_was_cleaned_away_is_started_anew()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path);
        var (process, address) = await host.ReadyAsync();
        await DoAsync(address, "CREATE TABLE kept AS SELECT 42 AS n");
        await host.KillAsync();
        Directory.Delete(new Npgsql.NpgsqlConnectionStringBuilder(address).Host!, recursive: true);

        await using var heir = await folder.StartAsync(durable: true);

        Assert.False(Lives(process));
        Assert.Equal(42, await AskAsync<int>(heir.ConnectionString, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task What_was_acknowledged_survives_when_owner_and_server_are_killed()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path);
        var (process, address) = await host.ReadyAsync();
        await DoAsync(address, "CREATE TABLE kept (n int)");
        await DoAsync(address, "INSERT INTO kept SELECT generate_series(1, 1000)");
        await host.KillAsync();
        Process.GetProcessById(process).Kill();

        await using var heir = await folder.StartAsync(durable: true);

        Assert.Equal(1000L, await AskAsync<long>(heir.ConnectionString, "SELECT count(*) FROM kept"));
    }

    [Fact]
    public async Task A_stale_pid_file_whose_number_another_program_has_got_does_not_stop_the_start()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        string account, content;
        await using (var server = await folder.StartAsync())
        {
            account = server.Folder.Account?.Name ?? "";
            content = await File.ReadAllTextAsync(folder.PidFile);
        }

        var start = new ProcessStartInfo("sleep", ["600"]);
        if (account.Length > 0) start.UserName = account; // PostgreSQL itself disbelieves only other accounts' processes
        using var stranger = Process.Start(start)!;
        await File.WriteAllTextAsync(folder.PidFile, stranger.Id.ToString(CultureInfo.InvariantCulture) + content[content.IndexOf('\n', StringComparison.Ordinal)..]);

        await using (var server = await folder.StartAsync()) Assert.NotEqual(stranger.Id, server.ProcessId);

        Assert.False(stranger.HasExited);
        stranger.Kill();
    }

    [Fact]
    public async Task A_pid_file_cut_off_by_a_power_failure_does_not_stop_the_start()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();

        foreach (var content in new[] { "", "\0\0\0\0\0\0\0\0", "4711\n/somewhere", "4711\n\n\n\n\n\n" })
        {
            await File.WriteAllTextAsync(folder.PidFile, content);
            await using var server = await folder.StartAsync();
            Assert.Equal(1, await AskAsync<int>(server.ConnectionString, "SELECT 1"));
        }
    }

    [Fact]
    public async Task A_copy_of_a_folder_in_use_does_not_take_over_the_other_folders_server()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var server = await folder.StartAsync();
        await using var copy = new ScratchFolder();
        await CopyAsync(folder.Path + "/.", copy.Path);

        await using var other = await copy.StartAsync();

        Assert.NotEqual(server.ProcessId, other.ProcessId);
        Assert.Equal(copy.Cluster, await AskAsync<string>(other.ConnectionString, "SHOW data_directory"));
        Assert.Equal(folder.Cluster, await AskAsync<string>(server.ConnectionString, "SHOW data_directory"));
    }

    [Fact]
    public async Task A_folder_moved_under_its_running_server_never_gets_a_second_one()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path);
        var (process, _) = await host.ReadyAsync();
        await host.KillAsync();
        var before = folder.Path;
        folder.MoveTo(before + "-moved");

        try
        {
            var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => folder.StartAsync());
            Assert.Contains("shared memory block", refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.MoveTo(before);
            Process.GetProcessById(process).Kill();
        }
    }

    [Fact]
    public async Task A_kill_during_initialisation_leaves_nothing_broken()
    {
        await using var folder = new ScratchFolder();
        using (var host = PostgresHost.Begin(folder.Path))
        {
            await UntilAsync(() => Directory.EnumerateFiles(folder.Path, "PG_VERSION", SearchOption.AllDirectories).Any(path => path.Contains("postgres.new-", StringComparison.Ordinal)));
            await host.KillAsync();
        }

        Assert.False(Directory.Exists(folder.Cluster));

        await using var server = await folder.StartAsync();

        Assert.Equal(1, await AskAsync<int>(server.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task Leftovers_of_an_interrupted_start_are_replaced()
    {
        await using var folder = new ScratchFolder();
        var draft = Directory.CreateDirectory(folder.Cluster + ".new-0badcafe");
        await File.WriteAllTextAsync(Path.Combine(draft.FullName, "PG_VERSION"), "18\n");
        Directory.CreateDirectory(Path.Combine(folder.Path, "binaries.new", "bin"));
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "superuser.password.new"), "half");

        await using var server = await folder.StartAsync();

        Assert.False(Directory.Exists(draft.FullName));
        Assert.False(Directory.Exists(Path.Combine(folder.Path, "binaries.new")));
        Assert.Equal(1, await AskAsync<int>(server.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task A_server_on_a_loopback_port_is_found_taken_over_and_stopped_like_one_on_a_socket()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        ServerFolder place;
        await using (var server = await folder.StartAsync()) place = server.Folder;
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        var orphan = await Postmaster.StartAsync(place, new Endpoint("127.0.0.1", port), NullLogger.Instance);

        await using (var heir = await folder.StartAsync())
        {
            Assert.Equal(orphan.ProcessId, heir.ProcessId);
            Assert.Contains($"Host=127.0.0.1;Port={port}", heir.ConnectionString, StringComparison.Ordinal);
            Assert.Equal(1, await AskAsync<int>(heir.ConnectionString, "SELECT 1"));
        }

        Assert.False(Lives(orphan.ProcessId));
    }
}
