using System.Diagnostics;
using Npgsql;

namespace Tracepipe.Postgres;

/// <summary>Whether a server that outlived its owner can be used as it is.</summary>
internal static class Adoption
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The server accepts our password and says it serves our cluster. One that is still recovering is waited for; one that ends meanwhile,
    /// stays silent or serves other data is not ours to use.
    /// </summary>
    public static async Task<bool> ServesAsync(Postmaster server, ServerFolder folder, string password, CancellationToken cancel)
    {
        var began = Stopwatch.GetTimestamp();
        while (server.IsAlive(folder))
        {
            try
            {
                await using var connection = await ConnectAsync(server.Endpoint.ConnectionString("postgres", password), cancel);
                await using var ask = new NpgsqlCommand("SHOW data_directory", connection);
                var serves = (string)(await ask.ExecuteScalarAsync(cancel))!;
                return Directory.Exists(serves) && ServerFolder.SamePath(Posix.RealPath(serves), folder.Cluster);
            }
            catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.CannotConnectNow)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancel);
            }
            catch (NpgsqlException silent)
            {
                if (silent is PostgresException || Stopwatch.GetElapsedTime(began) > Patience) return false;
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancel);
            }
        }

        return false;
    }

    /// <summary>A connection outside any pool: a pool would keep it open after the server has gone.</summary>
    public static async Task<NpgsqlConnection> ConnectAsync(string connectionString, CancellationToken cancel)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = 5 }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancel);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
