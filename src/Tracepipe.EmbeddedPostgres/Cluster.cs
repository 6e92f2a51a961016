using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Postgres;

/// <summary>The cluster on disk: made whole or not at all, readable by one major version of PostgreSQL.</summary>
internal static class Cluster
{
    public const string Superuser = "postgres";

    /// <summary>Makes the cluster when there is none, and refuses one that these binaries cannot read.</summary>
    public static async Task EnsureAsync(ServerFolder folder, string version, bool durable, ILogger log, CancellationToken cancel)
    {
        RemoveDrafts(folder, log);
        if (!folder.HasCluster)
        {
            var began = Stopwatch.GetTimestamp();
            await InitialiseAsync(folder, durable, cancel);
            log.Initialised(folder.Cluster, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        var written = Path.Combine(folder.Cluster, "PG_VERSION");
        if (!File.Exists(written))
        {
            throw new EmbeddedPostgresException(
                $"The folder {folder.Cluster} is not a PostgreSQL cluster: move it away, or choose another data folder with --data DIR.");
        }

        var major = (await File.ReadAllTextAsync(written, cancel)).Trim();
        if (!version.StartsWith(major + ".", StringComparison.Ordinal))
        {
            throw new EmbeddedPostgresException(
                $"The data in {folder.Cluster} was written by PostgreSQL {major} and the binaries are version {version}: install binaries of version {major}, or dump the data there and load it into a new folder given with --data DIR.");
        }
    }

    /// <summary>The superuser's password; made once, before the first cluster, and kept over an interrupted initialisation.</summary>
    public static string Password(ServerFolder folder)
    {
        if (File.Exists(folder.Password)) return File.ReadAllText(folder.Password);
        if (folder.HasCluster)
        {
            throw new EmbeddedPostgresException(
                $"The file {folder.Password} that opens the database is missing: restore it from a backup, or choose another data folder with --data DIR.");
        }

        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        folder.Write(folder.Password, password);
        return password;
    }

    private static async Task InitialiseAsync(ServerFolder folder, bool durable, CancellationToken cancel)
    {
        Password(folder);
        // A name of its own each time: an initdb that outlived the kill of its parent may still be writing into the last one.
        var draft = folder.Cluster + ".new-" + RandomNumberGenerator.GetHexString(8, lowercase: true);
        Directory.CreateDirectory(draft);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        folder.Account?.Own(draft);

        var made = await (folder.Command("initdb",
            "--username=" + Superuser, "--pwfile=" + folder.Password, "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--data-checksums", "--wal-segsize=4", "--no-instructions", durable ? "--sync-method=fsync" : "--no-sync") with { Cluster = draft }).RunAsync(cancel);
        if (!made.Succeeded)
        {
            Directory.Delete(draft, recursive: true);
            throw new EmbeddedPostgresException(
                $"PostgreSQL could not make a database in {folder.Path} ({made.Reason}): put that right, or choose another data folder with --data DIR.");
        }

        Directory.Move(draft, folder.Cluster);
        if (durable) Posix.SyncFolder(folder.Path);
    }

    private static void RemoveDrafts(ServerFolder folder, ILogger log)
    {
        foreach (var draft in Directory.EnumerateDirectories(folder.Path, Path.GetFileName(folder.Cluster) + ".new-*"))
        {
            try
            {
                Directory.Delete(draft, recursive: true);
            }
            catch (IOException stillWritten)
            {
                log.DraftStays(draft, stillWritten); // the next start meets it again; it is in nobody's way
            }
        }
    }

    /// <summary>
    /// The whole <c>postgresql.conf</c>. It lies outside the cluster and is written at every start, so that it follows the product's version;
    /// what an administrator sets by <c>ALTER SYSTEM</c> wins over it.
    /// </summary>
    public static string Configuration(bool durable, IReadOnlyDictionary<string, string> settings)
    {
        var safe = durable ? "on" : "off";
        var all = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            // What is acknowledged is on disk.
            ["fsync"] = safe,
            ["full_page_writes"] = safe,
            ["synchronous_commit"] = safe,
            // One small program's own server.
            ["max_connections"] = "100",
            ["shared_buffers"] = "128MB",
            ["huge_pages"] = "off",
            ["io_method"] = "sync",
            ["jit"] = "off",
            // After a checkpoint every page is logged whole once more, so under load they are minutes apart; and what was written once of the log is written again, since
            // a new file of it holds up every commit while it is made (a small one for milliseconds).
            ["max_wal_size"] = "2GB",
            ["min_wal_size"] = "512MB",
            ["max_logical_replication_workers"] = "0",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            ["lc_messages"] = "C",
            // A refused statement is told to who sent it. Statements and rows hold personal data, the log must not.
            ["log_min_messages"] = "log",
            ["log_checkpoints"] = "off",
        };
        foreach (var (name, value) in settings)
        {
            if (name.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('_' or '.')))
                throw new EmbeddedPostgresException($"'{name}' is not the name of a PostgreSQL setting: write it as in postgresql.conf.");
            all[name.ToLowerInvariant()] = value;
        }

        return string.Concat(all.Select(setting => string.Create(CultureInfo.InvariantCulture,
            $"{setting.Key} = '{setting.Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal).Replace('\n', ' ')}'\n")));
    }
}
