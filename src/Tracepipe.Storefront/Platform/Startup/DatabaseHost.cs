using Npgsql;
using Tracepipe.Postgres;

namespace Tracepipe.Storefront.Platform;

/// <summary>The database of this start: the PostgreSQL of a connection string, or one of our own in the data folder. Migrated before it is handed out.</summary>
internal sealed class DatabaseHost : IAsyncDisposable
{
    private readonly EmbeddedPostgres? embedded;

    private DatabaseHost(EmbeddedPostgres? embedded) => this.embedded = embedded;

    /// <summary>Starts or reaches the database, applies migrations and puts the connection string into the configuration as <c>Database:ConnectionString</c>.</summary>
    /// <param name="isServing">False for a subcommand, which uses the database of an instance that serves already.</param>
    /// <exception cref="StartupException">It cannot be reached, started or migrated.</exception>
    public static async Task<DatabaseHost> StartAsync(WebApplicationBuilder builder, ILogger log, bool isServing, CancellationToken cancel)
    {
        var configured = builder.Configuration.GetConnectionString("Tracepipe");
        EmbeddedPostgres? own = null;
        string connectionString;
        if (string.IsNullOrWhiteSpace(configured) && !isServing && await Visit.FindAsync(DataFolder(builder.Configuration), cancel) is { } running) connectionString = running;
        else if (string.IsNullOrWhiteSpace(configured))
        {
            own = await StartEmbeddedAsync(builder, log, cancel);
            connectionString = own.ConnectionString;
        }
        else connectionString = ConnectionStrings.Parse(configured);

        var host = new DatabaseHost(own);
        try
        {
            await CheckAsync(connectionString, !builder.Configuration.GetValue<bool>("Database:AllowUnsafeSettings"), cancel);
            await Migrations.ApplyAsync(connectionString, log, cancel);
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
        builder.Configuration.AddInMemoryCollection([new("Database:ConnectionString", connectionString)]);
        return host;
    }

    /// <summary>The data folder of this start: <c>--data DIR</c> relative to the shell's folder, else <c>data</c> at the repository's root.</summary>
    public static string DataFolder(IConfiguration configuration) =>
        configuration["data"] is { Length: > 0 } typed ? Paths.Typed(typed) : Path.Combine(Paths.Root, "data");

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (embedded is not null) await embedded.DisposeAsync();
    }

    private static async Task<EmbeddedPostgres> StartEmbeddedAsync(WebApplicationBuilder builder, ILogger log, CancellationToken cancel)
    {
        try
        {
            return await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
            {
                DataDirectory = DataFolder(builder.Configuration),
                BinariesDirectory = builder.Configuration["Postgres:Binaries"] ?? EmbeddedPostgresBinaries.Find(Paths.Project),
            }, log, cancel);
        }
        catch (EmbeddedPostgresException failure)
        {
            throw new StartupException(failure.Message, failure);
        }
    }

    /// <summary>One connection before all others: is it there, is it new enough, does it keep what it acknowledges.</summary>
    private static async Task CheckAsync(string connectionString, bool isDurabilityRequired, CancellationToken cancel)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = 5 };
        var place = $"{settings.Host}:{settings.Port}, database {settings.Database}, user {settings.Username}";
        try
        {
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync(cancel);
            if (connection.PostgreSqlVersion.Major < 15)
                throw new StartupException($"PostgreSQL {connection.PostgreSqlVersion} at {place} is too old: use 15 or newer.");
            await using var command = new NpgsqlCommand("select current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')", connection);
            await using var reader = await command.ExecuteReaderAsync(cancel);
            await reader.ReadAsync(cancel);
            if (!isDurabilityRequired) return;
            if (reader.GetString(0) is "off" || reader.GetString(1) is "off" || reader.GetString(2) is "off")
                throw new StartupException($"PostgreSQL at {place} does not keep what it acknowledges: switch fsync, synchronous_commit and full_page_writes on.");
        }
        catch (PostgresException refused)
        {
            throw new StartupException($"PostgreSQL at {place} refused the connection: {refused.MessageText}. Check ConnectionStrings__Tracepipe or DATABASE_URL.", refused);
        }
        catch (Exception unreachable) when (unreachable is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            throw new StartupException($"No PostgreSQL answers at {place}: start it, or correct ConnectionStrings__Tracepipe or DATABASE_URL.", unreachable);
        }
    }
}
