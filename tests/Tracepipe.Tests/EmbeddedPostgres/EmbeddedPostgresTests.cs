using System.Globalization;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tracepipe.Postgres;
using Xunit;
using static Tracepipe.Tests.Postgres.ScratchFolder;

namespace Tracepipe.Tests.Postgres;

/// <summary>Catches a server that loses data between starts, that two owners share, that anyone may open, or that outlives its owner's goodbye.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class EmbeddedPostgresTests
{
    [Fact]
    public async Task Data_survives_a_restart()
    {
        await using var folder = new ScratchFolder();
        await using (var first = await folder.StartAsync()) await DoAsync(first.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS n");

        await using var second = await folder.StartAsync();

        Assert.Equal(42, await AskAsync<int>(second.ConnectionString, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task Dispose_leaves_no_process_no_socket_and_a_free_folder()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        var server = await folder.StartAsync();
        var socket = new NpgsqlConnectionStringBuilder(server.ConnectionString).Host!;
        await using var busy = await Adoption.ConnectAsync(server.ConnectionString, default);
        var sleeps = new NpgsqlCommand("SELECT pg_sleep(600)", busy).ExecuteNonQueryAsync();
        Assert.True(Directory.Exists(socket));

        await server.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));

        Assert.False(Lives(server.ProcessId));
        Assert.False(Directory.Exists(socket));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => sleeps);
        await server.DisposeAsync(); // twice is once
        await using var next = await folder.StartAsync();
    }

    [Fact]
    public async Task Two_owners_of_one_folder_are_refused_in_this_process_and_in_another()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var owner = await folder.StartAsync();

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => folder.StartAsync());
        using var other = PostgresHost.Begin(folder.Path);

        Assert.Contains(folder.Path, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("stop that one", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--data DIR", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(refusal.Message, (await other.StopAsync()).Trim());
        Assert.Equal(1, await AskAsync<int>(owner.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task A_restart_keeps_the_address_and_the_data()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var server = await folder.StartAsync(durable: true);
        var address = server.ConnectionString;
        await DoAsync(address, "CREATE TABLE kept AS SELECT 1 AS n");

        foreach (var how in Enum.GetValues<PostgresStop>())
        {
            var before = server.ProcessId;
            await server.RestartAsync(how, async () => await Assert.ThrowsAnyAsync<NpgsqlException>(() => DoAsync(address, "SELECT 1")));
            Assert.NotEqual(before, server.ProcessId);
            await DoAsync(address, "UPDATE kept SET n = n + 1");
        }

        Assert.Equal(address, server.ConnectionString);
        Assert.Equal(3, await AskAsync<int>(address, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task Nobody_enters_without_the_password_and_only_its_owner_reads_the_password()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var server = await folder.StartAsync();

        foreach (var password in new[] { null, "", "postgres" })
        {
            var guess = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Password = password };
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => DoAsync(guess.ConnectionString, "SELECT 1"));
        }

        Assert.DoesNotContain("trust", string.Concat(File.ReadLines(Path.Combine(folder.Cluster, "pg_hba.conf")).Where(line => !line.StartsWith('#'))), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(server.Folder.Password));
        var socket = new NpgsqlConnectionStringBuilder(server.ConnectionString).Host!;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(socket));
    }

    [Fact]
    public async Task What_is_acknowledged_is_durable_unless_a_test_says_otherwise()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        const string ask = "SELECT concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'))";

        await using (var durable = await folder.StartAsync(durable: true)) Assert.Equal("on on on", await AskAsync<string>(durable.ConnectionString, ask));
        await using (var fast = await folder.StartAsync(durable: false)) Assert.Equal("off off off", await AskAsync<string>(fast.ConnectionString, ask));
        Assert.True(new EmbeddedPostgresOptions { DataDirectory = "", BinariesDirectory = "" }.Durable);
    }

    [Fact]
    public async Task The_cluster_is_UTF8_sorts_by_code_point_knows_other_alphabets_and_checks_its_pages()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var server = await folder.StartAsync();

        Assert.Equal("UTF8 on UTC", await AskAsync<string>(server.ConnectionString,
            "SELECT concat_ws(' ', current_setting('server_encoding'), current_setting('data_checksums'), current_setting('timezone'))"));
        Assert.Equal("ÉCOLE ПРИВЕТ", await AskAsync<string>(server.ConnectionString, "SELECT upper('école привет')"));
        Assert.True(await AskAsync<bool>(server.ConnectionString, "SELECT 'Z' < 'a'"));
    }

    [Fact]
    public async Task A_setting_may_be_overridden_and_its_value_may_hold_quotes()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        await using var server = await folder.StartAsync(settings: [("max_connections", "17"), ("cluster_name", @"it's a \ name")]);

        Assert.Equal("17", await AskAsync<string>(server.ConnectionString, "SHOW max_connections"));
        Assert.Equal(@"it's a \ name", await AskAsync<string>(server.ConnectionString, "SHOW cluster_name"));
        var wrong = await Assert.ThrowsAsync<EmbeddedPostgresException>(async () =>
        {
            await using var other = await ScratchFolder.WithClusterAsync();
            await using var never = await other.StartAsync(settings: [("max_connections", "many")]);
        });
        Assert.Contains("postgres.log", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_refused()
    {
        // Modes do not bind root, a kernel file system does.
        await using var folder = new ScratchFolder();
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var closed = Environment.IsPrivilegedProcess ? "/sys/kernel/tracepipe" : folder.Path;

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(PostgresHost.Options(closed),
            NullLogger.Instance));

        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.StartsWith($"The data folder {closed} cannot be written", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--data DIR", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_binaries_are_refused_and_leave_the_folder_free()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        var nothing = new EmbeddedPostgresOptions { DataDirectory = folder.Path, BinariesDirectory = Path.Combine(folder.Path, "none") };

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(nothing,
            NullLogger.Instance));
        var lost = Assert.Throws<EmbeddedPostgresException>(() => EmbeddedPostgresBinaries.Find(folder.Path));

        Assert.Contains("run npm ci", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("run npm ci", lost.Message, StringComparison.Ordinal);
        await using var server = await folder.StartAsync();
    }

    [Fact]
    public async Task Data_of_another_major_version_is_refused_and_left_alone()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        var written = Path.Combine(folder.Cluster, "PG_VERSION");
        await File.WriteAllTextAsync(written, "15\n");

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => folder.StartAsync());

        Assert.Contains("written by PostgreSQL 15 and the binaries are version 18", refusal.Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(written, "18\n");
        await using var server = await folder.StartAsync();
    }

    [Fact]
    public async Task A_folder_may_have_an_unusual_name()
    {
        await using var folder = new ScratchFolder();
        folder.MoveTo(folder.Path + " with 'quote' & (more); #1 ünïcödé");

        await using (var server = await folder.StartAsync()) await DoAsync(server.ConnectionString, "CREATE TABLE kept ()");

        await using var again = await folder.StartAsync();
        Assert.Equal(0L, await AskAsync<long>(again.ConnectionString, "SELECT count(*) FROM kept"));
    }

    [Theory]
    [InlineData("$HOME")]
    [InlineData("`id`")]
    [InlineData("\"")]
    public async Task A_folder_whose_name_a_shell_would_interpret_is_refused(string name)
    {
        await using var folder = new ScratchFolder();
        folder.MoveTo(folder.Path + name);

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => folder.StartAsync());

        Assert.Contains("choose another one with --data DIR", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_or_strange_temporary_folder_does_not_matter()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        var far = Directory.CreateDirectory(Path.Combine(folder.Path, new string('x', 100), "with space")).FullName;
        using var host = PostgresHost.Begin(folder.Path, ("TMPDIR", far));

        var (_, address) = await host.ReadyAsync();

        Assert.Equal(1, await AskAsync<int>(address, "SELECT 1"));
        await host.StopAsync();
    }

    [Fact]
    public async Task The_server_has_a_session_of_its_own_and_none_of_our_environment()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        await using var folder = await ScratchFolder.WithClusterAsync();
        using var host = PostgresHost.Begin(folder.Path, ("STRIPE_SECRET_KEY", "sk_test_planted"), ("PGPORT", "1"), ("PGDATA", "/nowhere"));

        var (server, _) = await host.ReadyAsync();

        // Ctrl+C goes to the terminal's session; field 6 of stat, counted after the name in brackets.
        var fields = (await File.ReadAllTextAsync($"/proc/{server}/stat")).Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(server.ToString(CultureInfo.InvariantCulture), fields[3]);
        if (Environment.IsPrivilegedProcess) Assert.DoesNotContain("planted", await File.ReadAllTextAsync($"/proc/{server}/environ"), StringComparison.Ordinal);
        await host.StopAsync();
        Assert.False(Lives(server));
    }
}
