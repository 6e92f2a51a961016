using Npgsql;

namespace Tracepipe.Postgres;

/// <summary>The way into a server that another process owns: for a command that is run beside a serving instance. A visitor starts nothing, stops nothing, repairs nothing.</summary>
public static class Visit
{
    /// <summary>How to connect to the running server of this data folder, as the superuser.</summary>
    /// <returns>Null when there is none that answers to the folder's own password.</returns>
    public static async Task<string?> FindAsync(string dataDirectory, CancellationToken cancel = default)
    {
        if (!Directory.Exists(dataDirectory)) return null;
        var path = Posix.RealPath(Path.GetFullPath(dataDirectory));
        foreach (var folder in ServerFolder.Candidates(path))
        {
            try
            {
                if (!File.Exists(folder.Password) || Postmaster.Peek(folder) is not { } server) continue;
                var password = await File.ReadAllTextAsync(folder.Password, cancel);
                if (await Adoption.ServesAsync(server, folder, password, cancel)) return server.Endpoint.ConnectionString(EmbeddedPostgres.Database, password);
            }
            catch (Exception closed) when (closed is IOException or UnauthorizedAccessException or NpgsqlException)
            {
                // not ours to read: taking the folder then says so
            }
        }

        return null;
    }
}
