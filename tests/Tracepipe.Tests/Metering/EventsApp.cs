using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Metering;

/// <summary>The product with a backend that reports usage.</summary>
public class EventsApp(TestServers servers) : MeteringApp(servers)
{
    /// <summary>An event as a backend writes it.</summary>
    public string Event(Guid organization, string id, decimal quantity = 1, DateTimeOffset? time = null, string type = "tokens", string source = "/test", string more = "", string moreData = "") => string.Create(CultureInfo.InvariantCulture,
        $$"""{"specversion":"1.0","id":"{{id}}","source":"{{source}}","type":"{{type}}","subject":"{{organization}}","time":"{{(time ?? Clock.GetUtcNow()).UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}}"{{more}},"data":{"quantity":{{quantity}}{{moreData}} } }""");

    public static string List(IEnumerable<string> events) => $"[{string.Join(',', events)}]";

    /// <summary>Sends a body; gzip when asked.</summary>
    public async Task<(int Status, JsonElement Body)> ReportAsync(string json, string media = "application/json", bool isGzip = false, TestApp? on = null)
    {
        using var content = new ByteArrayContent(isGzip ? Gzip(Encoding.UTF8.GetBytes(json)) : Encoding.UTF8.GetBytes(json));
        return await SendAsync(content, media, isGzip ? "gzip" : null, on);
    }

    public async Task<(int Status, JsonElement Body)> SendAsync(HttpContent content, string media = "application/json", string? encoding = null, TestApp? on = null)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue(media);
        if (encoding is not null) content.Headers.ContentEncoding.Add(encoding);
        using var response = await (on ?? this).CallAsync(Service, "/v1/events", HttpMethod.Post, content);
        return ((int)response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    /// <summary>The four numbers of an answer.</summary>
    public static (int Accepted, int Duplicates, int Conflicts, int Rejected) Counts((int Status, JsonElement Body) answer)
    {
        Assert.True(answer.Status == 202, $"{answer.Status} {answer.Body}");
        return (answer.Body.GetProperty("accepted").GetInt32(), answer.Body.GetProperty("duplicates").GetInt32(), answer.Body.GetProperty("conflicts").GetInt32(), answer.Body.GetProperty("rejected").GetInt32());
    }

    /// <summary>Index and reason of what was not counted.</summary>
    public static string Reasons((int Status, JsonElement Body) answer) =>
        string.Join(' ', answer.Body.GetProperty("items").EnumerateArray().Select(i => $"{i.GetProperty("index").GetInt32()}:{i.GetProperty("reason").GetString()}"));

    /// <summary>Events, sum over events, and sum over hours, as they are in the database.</summary>
    public async Task<(long Events, decimal OfEvents, decimal OfHours, long Ids)> StoredAsync(Guid organization) => (
        await ScalarAsync<long>($"select count(*) from usage_events where organization_id = '{organization}'"),
        await ScalarAsync<decimal>($"select coalesce(sum(quantity), 0) from usage_events where organization_id = '{organization}'") / 1.000000000000m,
        await ScalarAsync<decimal>($"select coalesce(sum(quantity), 0) from usage_hours where organization_id = '{organization}'") / 1.000000000000m,
        await ScalarAsync<long>($"select count(*) from event_ids where organization_id = '{organization}'"));

    public static byte[] Gzip(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(plain);
        return packed.ToArray();
    }
}
