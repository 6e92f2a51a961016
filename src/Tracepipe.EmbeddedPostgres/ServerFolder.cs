using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Postgres;

/// <summary>
/// The folder a cluster lives in with all that belongs to it: the data folder or, when the server's account cannot get there,
/// one under <c>/var/lib/tracepipe</c>.
/// </summary>
internal sealed record ServerFolder(string Path, ServerAccount? Account)
{
    private const string Elsewhere = "/var/lib/tracepipe";

    public string Cluster => System.IO.Path.Combine(Path, "postgres");
    public string Binaries => System.IO.Path.Combine(Path, "binaries");
    public string Configuration => System.IO.Path.Combine(Path, "postgresql.conf");
    public string Password => System.IO.Path.Combine(Path, "superuser.password");
    public string Log => System.IO.Path.Combine(Path, "postgres.log");

    public bool HasCluster => Directory.Exists(Cluster);

    /// <summary>Where the cluster of a data folder may live, for somebody who only looks.</summary>
    public static IReadOnlyList<ServerFolder> Candidates(string data) => [new(data, null), new(System.IO.Path.Combine(Elsewhere, NameOf(data)), null)];

    /// <summary>Decides where the cluster of a data folder lives. Where it began it stays.</summary>
    public static async Task<ServerFolder> ForAsync(DataFolder data, ILogger log, CancellationToken cancel)
    {
        var account = ServerAccount.For(data);
        var here = new ServerFolder(data.Path, account);
        if (account is null) return here;

        var elsewhere = new ServerFolder(System.IO.Path.Combine(Elsewhere, NameOf(data.Path)), account);
        var reached = await ReachedAsync(account, data.Path, cancel);
        if (!reached && here.HasCluster)
        {
            throw new EmbeddedPostgresException(
                $"The account {account.Name} that runs PostgreSQL cannot get into {data.Path}: allow it with chmod o+x on the folders above, or choose another folder with --data DIR.");
        }

        if (here.HasCluster || (reached && !elsewhere.HasCluster)) return await here.OwnedAsync(cancel);

        Directory.CreateDirectory(elsewhere.Path);
        foreach (var folder in (string[])[Elsewhere, elsewhere.Path])
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, Readable);
        log.LivesElsewhere(account.Name, data.Path, elsewhere.Path);
        return await elsewhere.OwnedAsync(cancel);
    }

    /// <summary>A program of our copy of PostgreSQL, to be run as the server's account on the cluster.</summary>
    public Command Command(string program, params string[] arguments) =>
        new(EmbeddedPostgresBinaries.Program(Binaries, program), arguments) { Account = Account?.Name, Cluster = Cluster };

    /// <summary>Writes a file at once or not at all.</summary>
    /// <param name="path">Where.</param>
    /// <param name="content">What.</param>
    /// <param name="readers">With none the file is the server account's own secret; with some it is ours, for that account to read and not to change.</param>
    public void Write(string path, string content, UnixFileMode readers = UnixFileMode.None)
    {
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | readers;
        using (var file = new FileStream(draft, options))
        {
            file.Write(Encoding.UTF8.GetBytes(content));
            file.Flush(flushToDisk: true);
        }

        if (readers is UnixFileMode.None) Account?.Own(draft);
        else if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | readers); // whatever our umask
        File.Move(draft, path, overwrite: true);
    }

    /// <summary>Compares two absolute paths as the system does.</summary>
    public static bool SamePath(string one, string other) =>
        string.Equals(System.IO.Path.GetFullPath(one), System.IO.Path.GetFullPath(other),
            OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>After a move to another machine the account of the same name has another id: its files follow.</summary>
    private async Task<ServerFolder> OwnedAsync(CancellationToken cancel)
    {
        if (HasCluster && !await Account!.OwnsAsync(Cluster, cancel))
        {
            Account.OwnTree(Cluster);
            if (File.Exists(Password)) Account.Own(Password);
            if (File.Exists(Log)) Account.Own(Log);
        }

        return this;
    }

    private static async Task<bool> ReachedAsync(ServerAccount account, string folder, CancellationToken cancel)
    {
        if (await account.ReachesAsync(folder, cancel)) return true;
        var above = System.IO.Path.GetDirectoryName(folder);
        if (above is null || !await account.ReachesAsync(above, cancel)) return false;
        account.Admit(folder);
        return await account.ReachesAsync(folder, cancel);
    }

    private static string NameOf(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..16];
}
