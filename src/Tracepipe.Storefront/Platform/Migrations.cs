using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Brings the schema up to date: numbered SQL files of this assembly, each applied once in a transaction of its own, under an advisory lock, so that
/// two nodes that start together do not meet. A file that was changed after it had been applied stops the start.
/// </summary>
internal static class Migrations
{
    private const long AdvisoryLock = 0x7472_6163_6570;

    private sealed record Script(string Name, string Sql)
    {
        public string Digest => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));
    }

    /// <summary>Applies what is missing.</summary>
    /// <returns>The names of the files that were applied now.</returns>
    /// <exception cref="StartupException">An applied file differs from ours, or the database is newer than this program.</exception>
    public static async Task<IReadOnlyList<string>> ApplyAsync(string connectionString, ILogger log, CancellationToken cancel)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, ApplicationName = "tracepipe_migrations", CommandTimeout = 0 };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(cancel);
        await ExecuteAsync(connection, $"select pg_advisory_lock({AdvisoryLock})", cancel);
        await ExecuteAsync(connection, "create table if not exists public.schema_migrations (name text primary key, digest text not null, applied_at timestamptz not null)", cancel);

        var applied = new Dictionary<string, string>(StringComparer.Ordinal);
        await using (var command = new NpgsqlCommand("select name, digest from public.schema_migrations", connection))
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel)) applied[reader.GetString(0)] = reader.GetString(1);
        }

        var scripts = Scripts();
        if (applied.Keys.Except(scripts.Select(s => s.Name), StringComparer.Ordinal).FirstOrDefault() is { } unknown)
            throw new StartupException($"The database has migration {unknown}, which this version of Tracepipe does not know: start the newer version.");

        var done = new List<string>();
        foreach (var script in scripts)
        {
            if (applied.TryGetValue(script.Name, out var digest))
            {
                if (!string.Equals(digest, script.Digest, StringComparison.Ordinal))
                    throw new StartupException($"Migration {script.Name} was changed after it had been applied to this database: restore the file and put the change into a new one.");
                continue;
            }
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await ExecuteAsync(connection, script.Sql, cancel);
            await using (var insert = new NpgsqlCommand("insert into public.schema_migrations (name, digest, applied_at) values ($1, $2, clock_timestamp())", connection))
            {
                insert.Parameters.AddWithValue(script.Name);
                insert.Parameters.AddWithValue(script.Digest);
                await insert.ExecuteNonQueryAsync(cancel);
            }
            await transaction.CommitAsync(cancel);
            MigrationLog.Applied(log, script.Name);
            done.Add(script.Name);
        }
        return done;
    }

    private static List<Script> Scripts()
    {
        const string folder = "Migrations/";
        var assembly = typeof(Migrations).Assembly;
        var scripts = new List<Script>();
        foreach (var name in assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            using var reader = new StreamReader(stream, Encoding.UTF8);
            scripts.Add(new Script(name[folder.Length..], reader.ReadToEnd()));
        }
        return scripts;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}

internal static partial class MigrationLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Migration {Name} applied")]
    public static partial void Applied(ILogger log, string name);
}

/// <summary>Why the program cannot start: one sentence that says what to do. It is printed without a stack and the exit code is 1.</summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
