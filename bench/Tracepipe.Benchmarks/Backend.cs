using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Benchmarks;

/// <summary>The sold API's backend: a service key, organizations whose use it reports, and its calls.</summary>
internal sealed class Backend : IDisposable
{
    private static int next;

    /// <param name="address">Where the product is.</param>
    /// <param name="service">A service key's secret.</param>
    /// <param name="connectionString">The product's database; empty in a program that asks it nothing.</param>
    public Backend(string address, string service, string connectionString, IReadOnlyList<Guid> organizations)
    {
        (Service, ConnectionString, Organizations) = (service, connectionString, organizations);
        Http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri(address) };
        Http.DefaultRequestHeaders.Add("X-API-Key", service);
    }

    public HttpClient Http { get; }

    public string Service { get; }

    public string ConnectionString { get; }

    public IReadOnlyList<Guid> Organizations { get; }

    public static async Task<Backend> StartAsync(Product product, int organizations)
    {
        for (var i = 0; i < organizations; i++) await product.NewKeyAsync();
        var database = product.Services.GetRequiredService<Database>();
        var service = (await product.Services.GetRequiredService<ServiceKeys>().CreateAsync("Bench", CancellationToken.None)).Secret;
        var all = await Sql.ListAsync<Guid>(database.ConnectionString, "select id from organizations order by id");
        return new Backend(product.Address, service, database.ConnectionString, all);
    }

    /// <summary>A request with so many events that nobody has sent before.</summary>
    public byte[] Events(int count)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
        var text = new StringBuilder(count * 220).Append('[');
        for (var i = 0; i < count; i++)
        {
            var number = Interlocked.Increment(ref next);
            if (i > 0) text.Append(',');
            text.Append(CultureInfo.InvariantCulture, $$"""{"specversion":"1.0","id":"e{{number}}","source":"/bench","type":"tokens","subject":"{{Organizations[number % Organizations.Count]}}","time":"{{now}}","data":{"quantity":17,"model":"model-{{number % 5}}"} }""");
        }
        return Encoding.UTF8.GetBytes(text.Append(']').ToString());
    }

    public async Task ReportAsync(byte[] events)
    {
        using var content = new ByteArrayContent(events);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await Http.PostAsync("/v1/events", content);
        if ((int)answer.StatusCode != 202) throw new BenchmarkException($"/v1/events answered {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public async Task PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await Http.PostAsync(path, content);
        if (!answer.IsSuccessStatusCode) throw new BenchmarkException($"{path} answered {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }

    public void Dispose() => Http.Dispose();
}

/// <summary>Statements beside the product, as the owner of its tables.</summary>
internal static class Sql
{
    public static async Task<NpgsqlConnection> OpenAsync(string connectionString)
    {
        var session = new NpgsqlConnection(connectionString);
        await session.OpenAsync();
        return session;
    }

    public static async Task ExecuteAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 900 };
        await command.ExecuteNonQueryAsync();
    }

    public static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var session = await OpenAsync(connectionString);
        await ExecuteAsync(session, sql);
    }

    public static async Task<IReadOnlyList<T>> ListAsync<T>(string connectionString, string sql)
    {
        await using var session = await OpenAsync(connectionString);
        await using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 900 };
        await using var reader = await command.ExecuteReaderAsync();
        var all = new List<T>();
        while (await reader.ReadAsync()) all.Add(reader.GetFieldValue<T>(0));
        return all;
    }
}
