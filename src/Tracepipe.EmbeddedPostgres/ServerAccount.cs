namespace Tracepipe.Postgres;

/// <summary>The account PostgreSQL runs as when we are root, because it refuses to be root itself.</summary>
internal sealed record ServerAccount(string Name, uint Uid, uint Gid)
{
    /// <summary>Chooses the account that has had this data folder before, else the first unprivileged one this machine has.</summary>
    /// <returns>Null when we are not root: then we run the server as ourselves.</returns>
    public static ServerAccount? For(DataFolder data)
    {
        if (OperatingSystem.IsWindows()) return null; // pg_ctl gives up an administrator's rights by itself
        var record = Path.Combine(data.Path, "postgres.account");
        var recorded = File.Exists(record) ? File.ReadAllText(record).Trim() : null;
        if (!Environment.IsPrivilegedProcess)
        {
            if (recorded is null) File.WriteAllText(record, Environment.UserName);
            else if (!string.Equals(recorded, Environment.UserName, StringComparison.Ordinal)) throw BelongsTo(data, recorded);
            return null;
        }

        string?[] names = [recorded, "tracepipe", Environment.GetEnvironmentVariable("SUDO_USER"), "postgres", "nobody"];
        var account = names.OfType<string>().Select(Find).FirstOrDefault(found => found is not null)
            ?? throw new EmbeddedPostgresException(
                "PostgreSQL refuses to run as root and this machine has no unprivileged account for it: run useradd --system tracepipe, or start as another user.");
        if (!string.Equals(recorded, account.Name, StringComparison.Ordinal)) File.WriteAllText(record, account.Name);
        return account;
    }

    /// <summary>Gives a file or folder to the account.</summary>
    public void Own(string path) => Posix.ChangeOwner(path, Uid, Gid);

    /// <summary>Gives a folder and all below it to the account.</summary>
    public void OwnTree(string folder)
    {
        Own(folder);
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", EveryEntry)) Own(entry);
    }

    /// <summary>Whether the account can walk into a folder.</summary>
    public Task<bool> ReachesAsync(string folder, CancellationToken cancel) => TestsAsync("-x", folder, cancel);

    /// <summary>Whether a file or folder is the account's.</summary>
    public Task<bool> OwnsAsync(string path, CancellationToken cancel) => TestsAsync("-O", path, cancel);

    /// <summary>Lets the account, through its group, walk into a folder that stays ours.</summary>
    public void Admit(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        Posix.ChangeOwner(folder, Posix.Unchanged, Gid);
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute);
    }

    private static readonly EnumerationOptions EveryEntry = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint, // a symbolic link must not lead us out of the folder
    };

    private async Task<bool> TestsAsync(string what, string path, CancellationToken cancel)
    {
        var test = new Command("/bin/sh", "-c", "test " + what + " \"$1\"", "sh", path) { Account = Name };
        return (await test.RunAsync(cancel)).Succeeded;
    }

    private static ServerAccount? Find(string name) =>
        Posix.Account(name) is var (uid, gid) && uid != 0 ? new ServerAccount(name, uid, gid) : null;

    private static EmbeddedPostgresException BelongsTo(DataFolder data, string account) => new(
        $"The database in {data.Path} belongs to the account {account}: start as root or as {account}, or choose another folder with --data DIR.");
}
