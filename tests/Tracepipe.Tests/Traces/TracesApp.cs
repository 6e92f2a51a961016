using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;
using Tracepipe.Tests.Metering;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Traces;

/// <summary>The product, and what programs do with traces.</summary>
public class TracesApp(TestServers servers) : MeteringApp(servers)
{
    /// <summary>Everything on disk but the owner's mark, whole files and arriving ones.</summary>
    public IReadOnlyList<string> OnDisk => Directory.Exists(Folder) ? [.. Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories).Where(f => f != Path.Combine(Folder, FolderOwner.Mark))] : [];

    /// <summary>What all nodes of a derived app are told besides.</summary>
    protected virtual IReadOnlyDictionary<string, string?> Settings { get; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    /// <summary>A valid trace of exactly so many bytes, no two alike.</summary>
    public static byte[] Trace(int bytes)
    {
        var text = $$"""[{"ph":"X","ts":1000000,"dur":5,"name":"EventDispatch","cat":"devtools.timeline","pid":1,"tid":2,"args":{"data":{"type":"click","of":"{{Guid.CreateVersion7()}}"} } }]""";
        return Encoding.UTF8.GetBytes(text.PadRight(bytes));
    }

    public static byte[] Gzip(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(plain);
        return packed.ToArray();
    }

    /// <param name="at">Another node's address.</param>
    public Task<HttpResponseMessage> PostTraceAsync(string key, byte[] file, string suite = "checkout", string name = "trace.json", string? description = null, Uri? at = null)
    {
        var form = new MultipartFormDataContent { { new StringContent(suite), "suite_id" } };
        if (description is not null) form.Add(new StringContent(description), "description");
        form.Add(new ByteArrayContent(file), "trace", name);
        return CallAsync(key, new Uri(at ?? Address, "/v1/sessions").ToString(), HttpMethod.Post, form);
    }

    /// <summary>Uploads, and returns the session.</summary>
    public async Task<JsonElement> UploadAsync(string key, byte[] file, string suite = "checkout", string name = "trace.json", string? description = null)
    {
        using var answer = await PostTraceAsync(key, file, suite, name, description);
        return await JsonAsync(answer, 201);
    }

    public async Task DeleteSessionAsync(string key, JsonElement session)
    {
        using var answer = await CallAsync(key, $"/v1/sessions/{session.GetProperty("id").GetString()}", HttpMethod.Delete);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    /// <summary>Begins an upload in pieces.</summary>
    /// <param name="at">Another node's address.</param>
    public async Task<HttpResponseMessage> BeginAsync(string key, byte[] file, byte[]? sha256 = null, Uri? at = null)
    {
        static string Pair(string name, string value) => $"{name} {Convert.ToBase64String(Encoding.UTF8.GetBytes(value))}";
        var said = Pair("suite_id", "checkout") + "," + Pair("filename", "run.json") + "," + Pair("sha256", Convert.ToHexString(sha256 ?? SHA256.HashData(file)));
        return await TusAsync(key, HttpMethod.Post, new Uri(at ?? Address, "/v1/uploads").ToString(), content: null, ("Upload-Length", file.Length.ToString()), ("Upload-Metadata", said));
    }

    public Task<HttpResponseMessage> PieceAsync(string key, string address, long offset, byte[] piece, CancellationToken cancel = default) =>
        TusAsync(key, HttpMethod.Patch, address, new ByteArrayContent(piece) { Headers = { ContentType = new("application/offset+octet-stream") } }, cancel, ("Upload-Offset", offset.ToString()));

    public Task<HttpResponseMessage> TusAsync(string key, HttpMethod method, string path, HttpContent? content, params (string, string)[] headers) => TusAsync(key, method, path, content, CancellationToken.None, headers);

    private async Task<HttpResponseMessage> TusAsync(string key, HttpMethod method, string path, HttpContent? content, CancellationToken cancel, params (string, string)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path)) { Content = content };
        request.Headers.Add("X-API-Key", key);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await Http.SendAsync(request, cancel);
    }

    /// <summary>Keeps the product from making a session of this content, until it is disposed.</summary>
    public async Task<IAsyncDisposable> HoldContentAsync(Guid organization, byte[] file)
    {
        var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var hold = new NpgsqlCommand($"select pg_advisory_lock(hashtextextended('{organization:N}{Convert.ToHexStringLower(SHA256.HashData(file))}', 7))", connection);
        await hold.ExecuteNonQueryAsync();
        return new Held(connection);
    }

    private sealed class Held(NpgsqlConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await using (var letGo = new NpgsqlCommand("select pg_advisory_unlock_all()", connection)) await letGo.ExecuteNonQueryAsync();
            await connection.DisposeAsync();
        }
    }

    /// <summary>Another node of the same installation, as a process that can be killed.</summary>
    /// <param name="folder">Where it keeps traces; null: where this one does.</param>
    public ProductProcess StartNode(string? folder = null, params IReadOnlyList<string> under) => ProductProcess.Start(["--urls", "http://127.0.0.1:0"], new(Settings.Select(s => KeyValuePair.Create(s.Key.Replace(":", "__", StringComparison.Ordinal), s.Value)))
    {
        ["ConnectionStrings__Tracepipe"] = ConnectionString,
        ["Database__AllowUnsafeSettings"] = "true",
        ["Stripe__ApiBase"] = Servers.Sandbox.ToString().TrimEnd('/'),
        ["Stripe__ApiKey"] = StripeKey,
        ["Stripe__PublishableKey"] = StripePublishableKey,
        ["Stripe__WebhookSecret"] = WebhookSecret,
        ["Traces__Folder"] = folder ?? Folder,
        ["Keys__Limits__RequestsPerMinute"] = "1000000",
        ["Keys__Limits__UploadsPerMinute"] = "1000000",
        ["Keys__Limits__KeyChangesPerMinute"] = "1000000",
    }, under: under);

    public static string Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.Single() : "";

    /// <summary>A card on file that pays for use, up to a cap in cents.</summary>
    public Task CardAsync(Guid organization, long? cap = 10000) => ExecuteAsync($"""
        update billing_accounts set auto_billing_enabled = true, status = 'active', spend_cap_cents = {cap?.ToString() ?? "null"} where organization_id = '{organization}';
        insert into payment_methods (organization_id, id, type, is_default, attached_at) values ('{organization}', 'pm_{organization:N}', 'card', true, now());
        """);
}
