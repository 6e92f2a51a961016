using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Npgsql;
using Tracepipe.Storefront.Keys;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a key that is kept in clear anywhere: in a table, in its hash's neighbourhood, in the log.</summary>
public sealed class SecrecyTests(LoudKeysApp app) : IClassFixture<LoudKeysApp>
{
    [Fact]
    public async Task No_table_and_no_log_line_holds_a_key_that_was_issued()
    {
        var owner = await app.NewOwnerAsync();
        var secrets = new List<string>();
        var (full, fullId) = await app.NewFullKeyAsync(owner);
        secrets.Add(full);
        for (var i = 0; i < 5; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.Address, "/v1/api-keys")) { Content = new StringContent("{}", Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("X-API-Key", full);
            request.Headers.TryAddWithoutValidation("Idempotency-Key", $"order {i}");
            using var made = await TestApp.Http.SendAsync(request);
            secrets.Add((await KeysApp.JsonAsync(made, 201)).GetProperty("key").GetString()!);
        }
        foreach (var secret in secrets)
        {
            (await app.CallAsync(secret, "/v1/users/me")).Dispose();
            (await app.CallAsync(secret, "/v1/users/me?api_key=" + secret)).Dispose();
            (await app.PostAsync(secret, "/v1/api-keys", $$"""{"unknown":"{{secret}}"}""")).Dispose();
        }
        (await app.CallAsync(full, $"/v1/api-keys/{fullId}", HttpMethod.Delete)).Dispose();

        var dump = await DumpAsync();
        Assert.Contains(fullId.ToString(), dump); // the search sees what is there
        Assert.Contains(Convert.ToHexStringLower(ApiKeyFormat.Hash(full).ToArray()), dump);
        var log = string.Join('\n', app.Log);
        foreach (var secret in secrets)
        {
            // The random part, and any half of it, in clear, in hex (bytea) and in Base64.
            foreach (var part in new[] { secret[8..24], secret[24..40] })
            {
                Assert.DoesNotContain(part, dump);
                Assert.DoesNotContain(part, log);
                Assert.DoesNotContain(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(part)), dump);
            }
            Assert.DoesNotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret))[..40], dump);
        }
    }

    /// <summary>Every row of every table as text, read as the superuser.</summary>
    private async Task<string> DumpAsync()
    {
        var dump = new StringBuilder();
        await using var connection = new NpgsqlConnection(app.ConnectionString);
        await connection.OpenAsync();
        var tables = new List<string>();
        await using (var list = new NpgsqlCommand("select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')", connection))
        await using (var reader = await list.ExecuteReaderAsync())
            while (await reader.ReadAsync()) tables.Add(reader.GetString(0));
        foreach (var table in tables)
        {
            await using var rows = new NpgsqlCommand($"select t::text from {table} t", connection);
            await using var reader = await rows.ExecuteReaderAsync();
            while (await reader.ReadAsync()) dump.AppendLine(reader.GetString(0));
        }
        return dump.ToString();
    }
}

/// <summary>Logs whatever it can.</summary>
public sealed class LoudKeysApp(TestServers servers) : KeysApp(servers)
{
    protected override LogLevel Loudness => LogLevel.Debug;
}
