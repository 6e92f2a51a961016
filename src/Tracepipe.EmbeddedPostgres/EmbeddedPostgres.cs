using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tracepipe.Postgres;

/// <summary>
/// A private PostgreSQL server for one data folder: made at the first start, taken over when an earlier owner was killed, stopped when disposed.
/// </summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    internal const string Database = "tracepipe";

    private readonly DataFolder _data;
    private readonly ServerFolder _folder;
    private readonly ILogger _log;
    private readonly string _version;
    private readonly string _password;
    private readonly SemaphoreSlim _turn = new(1);
    private Postmaster _server;
    private bool _disposed;

    private EmbeddedPostgres(DataFolder data, ServerFolder folder, ILogger log, string version, string password, Postmaster server) =>
        (_data, _folder, _log, _version, _password, _server) = (data, folder, log, version, password, server);

    /// <summary>Opens the database <c>tracepipe</c> as the superuser.</summary>
    public string ConnectionString => ConnectionStringFor(Database);

    /// <summary>The server's process, another one after a restart.</summary>
    internal int ProcessId => _server.ProcessId;

    /// <summary>Where the cluster lives.</summary>
    internal ServerFolder Folder => _folder;

    /// <summary>Opens a database of this server as the superuser.</summary>
    public string ConnectionStringFor(string database) => _server.Endpoint.ConnectionString(database, _password);

    /// <summary>Takes the data folder, and starts its server or takes over the one that runs.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot run here; the message says what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, ILogger log, CancellationToken cancel = default)
    {
        var data = DataFolder.Take(options.DataDirectory);
        try
        {
            return await OpenAsync(data, options, log, cancel);
        }
        catch (Exception failed)
        {
            data.Dispose();
            if (failed is not (IOException or UnauthorizedAccessException or NpgsqlException)) throw;
            throw new EmbeddedPostgresException(
                $"PostgreSQL cannot be set up in {data.Path} ({failed.Message.Split('\n')[0].TrimEnd('.')}): put that right, or choose another folder with --data DIR.", failed);
        }
    }

    /// <summary>Stops the server and starts it again at the same address: what clients see when a database server restarts.</summary>
    /// <param name="how">In order, or as in a crash.</param>
    /// <param name="meanwhile">Done while there is no server.</param>
    public async Task RestartAsync(PostgresStop how = PostgresStop.Fast, Func<Task>? meanwhile = null)
    {
        await _turn.WaitAsync();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            await _server.StopAsync(_folder, how, _log);
            if (meanwhile is not null) await meanwhile();
            _server = await BeginAsync(_folder, _server.Endpoint, _version, _log);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Stops the server in less than five seconds and gives the data folder free.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync();
        try
        {
            if (_disposed) return;
            _disposed = true;
            var began = Stopwatch.GetTimestamp();
            await _server.StopAsync(_folder, PostgresStop.Fast, _log);
            if (!_server.IsAlive(_folder)) _server.Endpoint.Remove();
            _log.Stopped((long)Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        finally
        {
            _data.Dispose();
            _turn.Release();
        }
    }

    private static async Task<EmbeddedPostgres> OpenAsync(DataFolder data, EmbeddedPostgresOptions options, ILogger log, CancellationToken cancel)
    {
        var folder = await ServerFolder.ForAsync(data, log, cancel);
        var binaries = await Binaries.OfAsync(options.BinariesDirectory, folder.Binaries, cancel);
        var configuration = Cluster.Configuration(options.Durable, options.Settings);
        var configured = File.Exists(folder.Configuration)
            && string.Equals(await File.ReadAllTextAsync(folder.Configuration, cancel), configuration, StringComparison.Ordinal);

        var running = await Postmaster.FindAsync(folder, cancel);
        if (running is not null && !(binaries.UpToDate && configured))
        {
            log.Replaces(running.ProcessId, "its program or its settings have changed");
            running = await EndAsync(running);
        }

        if (!binaries.UpToDate) await binaries.CopyAsync(cancel);
        await Cluster.EnsureAsync(folder, binaries.Version, options.Durable, log, cancel);
        if (!configured) folder.Write(folder.Configuration, configuration, readers: UnixFileMode.GroupRead | UnixFileMode.OtherRead);

        var password = Cluster.Password(folder);
        if (running is not null)
        {
            if (await Adoption.ServesAsync(running, folder, password, cancel)) log.Adopted(running.ProcessId, folder.Path);
            else
            {
                log.Replaces(running.ProcessId, "it does not answer as this folder's server");
                running = await EndAsync(running);
            }
        }

        cancel.ThrowIfCancellationRequested();
        running ??= await BeginAnewAsync();
        var server = new EmbeddedPostgres(data, folder, log, binaries.Version, password, running);
        try
        {
            await server.EnsureDatabaseAsync(cancel);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        async Task<Postmaster> BeginAnewAsync()
        {
            var endpoint = Endpoint.Make(folder.Account);
            try
            {
                return await BeginAsync(folder, endpoint, binaries.Version, log);
            }
            catch
            {
                endpoint.Remove();
                throw;
            }
        }

        async Task<Postmaster?> EndAsync(Postmaster old)
        {
            await old.StopAsync(folder, PostgresStop.Fast, log);
            old.Endpoint.Remove();
            await Postmaster.FindAsync(folder, cancel); // a killed one that nobody has taken note of yet still has its number: its file would stop the start
            return null;
        }
    }

    private static async Task<Postmaster> BeginAsync(ServerFolder folder, Endpoint endpoint, string version, ILogger log)
    {
        var began = Stopwatch.GetTimestamp();
        var server = await Postmaster.StartAsync(folder, endpoint, log);
        log.Started(version, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds, folder.Path);
        return server;
    }

    private async Task EnsureDatabaseAsync(CancellationToken cancel)
    {
        try
        {
            await using var there = await Adoption.ConnectAsync(ConnectionString, cancel);
        }
        catch (PostgresException missing) when (missing.SqlState is PostgresErrorCodes.InvalidCatalogName)
        {
            await using var connection = await Adoption.ConnectAsync(ConnectionStringFor("postgres"), cancel);
            await using var create = new NpgsqlCommand("CREATE DATABASE " + Database, connection);
            await create.ExecuteNonQueryAsync(cancel);
        }
    }
}
