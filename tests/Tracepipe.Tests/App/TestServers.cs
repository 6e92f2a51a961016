using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tracepipe.Postgres;
using Tracepipe.Storefront.Platform;
using Tracepipe.StripeSandbox;
using Xunit;

[assembly: AssemblyFixture(typeof(Tracepipe.Tests.App.TestServers))]

namespace Tracepipe.Tests.App;

/// <summary>What a whole test run shares: one PostgreSQL and one sandbox. Each test class gets a database of its own, copied from a migrated template, and an account of its own.</summary>
public sealed class TestServers : IAsyncLifetime
{
    private const string Template = "tracepipe_template";
    private readonly SemaphoreSlim copying = new(1);
    private readonly string folder = Scratch.NewPath();
    private EmbeddedPostgres postgres = null!;
    private SandboxServer sandbox = null!;
    private int databases;

    public Uri Sandbox => sandbox.Url;

    public async ValueTask InitializeAsync()
    {
        postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
        {
            DataDirectory = folder,
            BinariesDirectory = EmbeddedPostgresBinaries.Find(AppContext.BaseDirectory),
            Durable = false,
            // Databases that live for a minute need no cleaning up.
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_connections"] = "400", ["autovacuum_naptime"] = "10min" },
        }, NullLogger.Instance, CancellationToken.None);
        await ExecuteAsync(postgres.ConnectionString, $"create database {Template}");
        await Migrations.ApplyAsync(postgres.ConnectionStringFor(Template), NullLogger.Instance, CancellationToken.None);
        sandbox = await SandboxServer.StartAsync(new SandboxOptions { Urls = "http://127.0.0.1:0", StrictResponses = true }, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
    }

    /// <summary>A fresh, migrated database; returns its connection string (superuser).</summary>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"t{Interlocked.Increment(ref databases)}";
        await copying.WaitAsync();
        try
        {
            await ExecuteAsync(postgres.ConnectionString, $"create database {name} template {Template} strategy file_copy");
        }
        finally
        {
            copying.Release();
        }
        return postgres.ConnectionStringFor(name);
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        var violations = sandbox.ContractViolations;
        await sandbox.DisposeAsync();
        await postgres.DisposeAsync();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        copying.Dispose();
        if (violations.Count > 0) throw new InvalidOperationException("The sandbox broke its contract: " + string.Join(Environment.NewLine, violations));
    }

    internal static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
