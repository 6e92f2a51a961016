using System.Globalization;
using System.Runtime.Versioning;
using Tracepipe.Postgres;
using Xunit;
using static Tracepipe.Tests.Postgres.ScratchFolder;

namespace Tracepipe.Tests.Postgres;

/// <summary>Catches what only root meets: PostgreSQL refuses to be root, and its other account may not get where root may.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PostgresAsRootTests
{
    public PostgresAsRootTests() => Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root can give up being root");

    [Fact]
    public async Task The_server_runs_as_another_account_which_owns_the_cluster_and_not_the_data_folder()
    {
        await using var folder = new ScratchFolder();
        await using var server = await folder.StartAsync();

        var status = await File.ReadAllLinesAsync($"/proc/{server.ProcessId}/status");
        var ids = Array.Find(status, line => line.StartsWith("Uid:", StringComparison.Ordinal))!.Split('\t')[1..];
        var account = server.Folder.Account!;

        Assert.All(ids, id => Assert.Equal(account.Uid.ToString(CultureInfo.InvariantCulture), id));
        Assert.NotEqual(0u, account.Uid);
        Assert.True(await account.OwnsAsync(folder.Cluster, default));
        Assert.False(await account.OwnsAsync(folder.Path, default));
        Assert.False(await account.OwnsAsync(server.Folder.Configuration, default));
    }

    [Fact]
    public async Task Below_a_private_folder_the_cluster_is_kept_elsewhere_and_found_there_again()
    {
        await using var home = new ScratchFolder();
        File.SetUnixFileMode(home.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var options = PostgresHost.Options(Path.Combine(home.Path, "repository", "data"));
        var log = new Remembering();
        string elsewhere;
        await using (var server = await EmbeddedPostgres.StartAsync(options, log))
        {
            elsewhere = server.Folder.Path;
            await DoAsync(server.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS n");
        }

        try
        {
            Assert.StartsWith("/var/lib/tracepipe/", elsewhere, StringComparison.Ordinal);
            Assert.Contains(log.Lines, line => line.Contains(elsewhere, StringComparison.Ordinal) && line.Contains("cannot get into", StringComparison.Ordinal));

            // Opened later, the data does not seem lost.
            File.SetUnixFileMode(home.Path, File.GetUnixFileMode(home.Path) | UnixFileMode.OtherExecute);
            await using var again = await EmbeddedPostgres.StartAsync(options, log);
            Assert.Equal(42, await AskAsync<int>(again.ConnectionString, "SELECT n FROM kept"));
        }
        finally
        {
            Directory.Delete(elsewhere, recursive: true);
        }
    }

    [Fact]
    public async Task A_data_folder_that_became_unreachable_is_refused_and_not_begun_anew_elsewhere()
    {
        await using var home = new ScratchFolder();
        File.SetUnixFileMode(home.Path, File.GetUnixFileMode(home.Path) | UnixFileMode.OtherExecute);
        var options = PostgresHost.Options(Path.Combine(home.Path, "data"));
        var log = new Remembering();
        await using (await EmbeddedPostgres.StartAsync(options, log)) { }
        File.SetUnixFileMode(home.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        var refusal = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(options, log));

        Assert.Contains("cannot get into", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("chmod o+x", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_files_follow_an_account_whose_number_has_changed()
    {
        await using var folder = await ScratchFolder.WithClusterAsync();
        string password;
        await using (var server = await folder.StartAsync())
        {
            password = server.Folder.Password;
            await DoAsync(server.ConnectionString, "CREATE TABLE kept AS SELECT 42 AS n");
        }

        new ServerAccount("of another machine", 54321, 54321).OwnTree(folder.Cluster);
        Posix.ChangeOwner(password, 54321, 54321);

        await using var again = await folder.StartAsync();

        Assert.Equal(42, await AskAsync<int>(again.ConnectionString, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task Giving_files_away_does_not_follow_symbolic_links()
    {
        await using var folder = new ScratchFolder();
        var outside = Directory.CreateDirectory(Path.Combine(folder.Path, "outside"));
        var inside = Directory.CreateDirectory(Path.Combine(folder.Path, "inside"));
        await File.WriteAllTextAsync(Path.Combine(outside.FullName, "ours"), "");
        Directory.CreateSymbolicLink(Path.Combine(inside.FullName, "link"), outside.FullName);
        var nobody = new ServerAccount("nobody", Posix.Account("nobody")!.Value.Uid, Posix.Account("nobody")!.Value.Gid);
        File.SetUnixFileMode(folder.Path, File.GetUnixFileMode(folder.Path) | UnixFileMode.OtherExecute);

        nobody.OwnTree(inside.FullName);

        Assert.True(await nobody.OwnsAsync(inside.FullName, default));
        Assert.False(await nobody.OwnsAsync(outside.FullName, default));
        Assert.False(await nobody.OwnsAsync(Path.Combine(outside.FullName, "ours"), default));
    }
}
