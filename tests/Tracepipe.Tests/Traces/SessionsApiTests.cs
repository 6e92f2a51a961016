using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a session that cannot be read back, bytes stored twice, something left on disk by what was refused, another organization's or suite's session.</summary>
public sealed class SessionsApiTests(KeysApp app) : IClassFixture<KeysApp>
{
    private const string Trace = """[{"ph":"X","ts":1000000,"dur":5,"name":"EventDispatch","cat":"devtools.timeline","pid":1,"tid":2,"args":{"data":{"type":"click"}}}]""";

    [Fact]
    public async Task A_trace_is_uploaded_listed_summarised_downloaded_and_deleted()
    {
        var key = await NewKeyAsync();
        var file = Gzip(Trace + new string(' ', 40));
        var session = await UploadAsync(key, file, "checkout", "../../etc/run 1.json.gz", "Two retries");
        Assert.Equal(("checkout", "run 1.json.gz", "Two retries", "chrome_array"), (Text(session, "suite_id"), Text(session, "file_name"), Text(session, "description"), Text(session, "format")));
        Assert.Equal((file.Length, Convert.ToHexStringLower(SHA256.HashData(file)), 1), (session.GetProperty("bytes").GetInt32(), Text(session, "sha256"), session.GetProperty("events").GetInt32()));

        using var list = await app.CallAsync(key, "/v1/sessions?suite_id=checkout");
        Assert.Equal(Text(session, "id"), Text((await KeysApp.JsonAsync(list)).GetProperty("items")[0], "id"));
        using var summary = await app.CallAsync(key, $"/v1/sessions/{Text(session, "id")}/summary");
        Assert.Equal("click", Text((await KeysApp.JsonAsync(summary)).GetProperty("input_events")[0], "name"));
        using var download = await app.CallAsync(key, $"/v1/sessions/{Text(session, "id")}/file");
        Assert.Equal(file, await download.Content.ReadAsByteArrayAsync());
        Assert.Equal("attachment", download.Content.Headers.ContentDisposition!.DispositionType);

        using var deleted = await app.CallAsync(key, $"/v1/sessions/{Text(session, "id")}", HttpMethod.Delete);
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using var gone = await app.CallAsync(key, $"/v1/sessions/{Text(session, "id")}");
        await KeysApp.ErrorAsync(gone, 404, "not_found");
        using var again = await app.CallAsync(key, $"/v1/sessions/{Text(session, "id")}", HttpMethod.Delete);
        await KeysApp.ErrorAsync(again, 404, "not_found");
    }

    [Fact]
    public async Task The_same_file_is_stored_once_until_its_last_session_is_deleted()
    {
        var key = await NewKeyAsync();
        var file = Encoding.UTF8.GetBytes(Trace + "\n ");
        var first = await UploadAsync(key, file, "search");
        var second = await UploadAsync(key, file, "browsing");
        Assert.Equal(JsonValueKind.Null, first.GetProperty("duplicate_of").ValueKind);
        Assert.Equal(Text(first, "id"), Text(second, "duplicate_of"));
        Assert.Equal(1, await app.ScalarAsync<int>($"select count(*)::int from trace_files where sha256 = '\\x{Text(first, "sha256")}'"));
        using (var one = await app.CallAsync(key, $"/v1/sessions/{Text(first, "id")}", HttpMethod.Delete)) Assert.Equal(HttpStatusCode.NoContent, one.StatusCode);
        using (var still = await app.CallAsync(key, $"/v1/sessions/{Text(second, "id")}/file")) Assert.Equal(file, await still.Content.ReadAsByteArrayAsync());
        using (var other = await app.CallAsync(key, $"/v1/sessions/{Text(second, "id")}", HttpMethod.Delete)) Assert.Equal(HttpStatusCode.NoContent, other.StatusCode);
        Assert.Equal(0, await app.ScalarAsync<int>($"select count(*)::int from trace_files where sha256 = '\\x{Text(first, "sha256")}'"));
    }

    [Fact]
    public async Task What_is_not_a_trace_is_refused_with_its_place_and_leaves_nothing()
    {
        var key = await NewKeyAsync();
        using var refused = await PostAsync(key, Form(Encoding.UTF8.GetBytes("""[{"ph":"X","ts":1},{"ph":"X"}]"""), "checkout"));
        var error = await KeysApp.ErrorAsync(refused, 422, "validation_error");
        Assert.Equal((19, 1), (error.GetProperty("details").GetProperty("byte_offset").GetInt32(), error.GetProperty("details").GetProperty("event_index").GetInt32()));
        using var html = await PostAsync(key, Form("<!doctype html>"u8.ToArray(), "checkout"));
        await KeysApp.ErrorAsync(html, 422, "validation_error");
        using var list = await app.CallAsync(key, "/v1/sessions");
        Assert.Equal(0, (await KeysApp.JsonAsync(list)).GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task A_form_with_something_wrong_says_what()
    {
        var key = await NewKeyAsync();
        var trace = Encoding.UTF8.GetBytes(Trace);
        using (var suite = await PostAsync(key, Form(trace, "nothing"))) await KeysApp.ErrorAsync(suite, 422, "validation_error");
        using (var missing = await PostAsync(key, new MultipartFormDataContent { { new StringContent("checkout"), "suite_id" } })) await KeysApp.ErrorAsync(missing, 400, "bad_request");
        using (var unknown = await PostAsync(key, new MultipartFormDataContent { { new StringContent("x"), "colour" } })) await KeysApp.ErrorAsync(unknown, 400, "bad_request");
        using (var json = await PostAsync(key, new StringContent("{}", Encoding.UTF8, "application/json"))) await KeysApp.ErrorAsync(json, 415, "unsupported_media_type");
        using (var cut = await PostAsync(key, new ByteArrayContent("--x\r\nContent-Disposition: form-data; name=\"suite_id\"\r\n\r\ncheck"u8.ToArray()) { Headers = { ContentType = MediaTypeHeaderValue.Parse("multipart/form-data; boundary=x") } })) await KeysApp.ErrorAsync(cut, 400, "bad_request");
    }

    [Fact]
    public async Task A_key_of_one_suite_sees_and_makes_only_its_sessions()
    {
        var owner = await app.NewOwnerAsync();
        var (full, _) = await app.NewFullKeyAsync(owner);
        var session = await UploadAsync(full, Encoding.UTF8.GetBytes(Trace), "checkout");
        using var made = await app.PostAsync(full, "/v1/api-keys", """{"name":"only search","suite_ids":["search"],"permissions":["sessions:read","sessions:write"]}""");
        var only = Text(await KeysApp.JsonAsync(made, 201), "key");
        using (var list = await app.CallAsync(only, "/v1/sessions")) Assert.Equal(0, (await KeysApp.JsonAsync(list)).GetProperty("total").GetInt32());
        foreach (var path in (string[])["", "/summary", "/file"])
            using (var hidden = await app.CallAsync(only, $"/v1/sessions/{Text(session, "id")}{path}")) await KeysApp.ErrorAsync(hidden, 404, "not_found");
        using (var kept = await app.CallAsync(only, $"/v1/sessions/{Text(session, "id")}", HttpMethod.Delete)) await KeysApp.ErrorAsync(kept, 404, "not_found");
        using (var foreign = await PostAsync(only, Form(Encoding.UTF8.GetBytes(Trace), "checkout"))) await KeysApp.ErrorAsync(foreign, 403, "forbidden");
        using (var filter = await app.CallAsync(only, "/v1/sessions?suite_id=checkout")) await KeysApp.ErrorAsync(filter, 403, "forbidden");
        using (var suites = await app.CallAsync(only, "/v1/suites")) Assert.Equal("search", Text(Assert.Single((await KeysApp.JsonAsync(suites)).GetProperty("items").EnumerateArray()), "id"));
    }

    [Fact]
    public async Task Another_organization_s_session_is_not_found()
    {
        var session = await UploadAsync(await NewKeyAsync(), Encoding.UTF8.GetBytes(Trace), "checkout");
        var stranger = await NewKeyAsync();
        foreach (var path in (string[])["", "/summary", "/file"])
            using (var hidden = await app.CallAsync(stranger, $"/v1/sessions/{Text(session, "id")}{path}")) await KeysApp.ErrorAsync(hidden, 404, "not_found");
        using var kept = await app.CallAsync(stranger, $"/v1/sessions/{Text(session, "id")}", HttpMethod.Delete);
        await KeysApp.ErrorAsync(kept, 404, "not_found");
    }

    [Fact]
    public async Task An_upload_in_pieces_survives_a_wrong_offset_and_becomes_a_session()
    {
        var key = await NewKeyAsync();
        var file = Encoding.UTF8.GetBytes(Trace + "\n\n\n");
        var address = await BeginAsync(key, file, SHA256.HashData(file));
        using (var first = await PieceAsync(key, address, 0, file[..50])) Assert.Equal((HttpStatusCode.NoContent, "50"), (first.StatusCode, Header(first, "Upload-Offset")));
        using (var wrong = await PieceAsync(key, address, 0, file)) await KeysApp.ErrorAsync(wrong, 409, "conflict");
        using (var head = await TusAsync(key, HttpMethod.Head, address)) Assert.Equal(("50", file.Length.ToString()), (Header(head, "Upload-Offset"), Header(head, "Upload-Length")));
        using var last = await PieceAsync(key, address, 50, file[50..]);
        Assert.Equal(HttpStatusCode.NoContent, last.StatusCode);
        using var download = await app.CallAsync(key, $"/v1/sessions/{Header(last, "Tracepipe-Session")}/file");
        Assert.Equal(file, await download.Content.ReadAsByteArrayAsync());
        using var repeated = await PieceAsync(key, address, file.Length, []);
        Assert.Equal(Header(last, "Tracepipe-Session"), Header(repeated, "Tracepipe-Session"));
    }

    [Fact]
    public async Task An_upload_whose_content_is_not_what_was_announced_is_refused_and_forgotten()
    {
        var key = await NewKeyAsync();
        var file = Encoding.UTF8.GetBytes(Trace);
        var address = await BeginAsync(key, file, new byte[32]);
        using (var refused = await PieceAsync(key, address, 0, file)) await KeysApp.ErrorAsync(refused, 422, "validation_error");
        using var gone = await TusAsync(key, HttpMethod.Head, address);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task An_upload_can_be_ended_and_is_nobody_else_s()
    {
        var key = await NewKeyAsync();
        var address = await BeginAsync(key, Encoding.UTF8.GetBytes(Trace), sha256: null);
        var stranger = await NewKeyAsync();
        using (var foreign = await TusAsync(stranger, HttpMethod.Head, address)) Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        using (var foreign = await TusAsync(stranger, HttpMethod.Delete, address)) Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        using (var ended = await TusAsync(key, HttpMethod.Delete, address)) Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        using (var piece = await PieceAsync(key, address, 0, "x"u8.ToArray())) Assert.Equal(HttpStatusCode.NotFound, piece.StatusCode);
        using var old = await app.CallAsync(key, "/v1/uploads", HttpMethod.Post);
        Assert.Equal((HttpStatusCode.PreconditionFailed, "1.0.0"), (old.StatusCode, Header(old, "Tus-Version")));
    }

    private async Task<string> NewKeyAsync() => (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;

    private async Task<JsonElement> UploadAsync(string key, byte[] file, string suite, string name = "trace.json", string? description = null)
    {
        using var answer = await PostAsync(key, Form(file, suite, name, description));
        Assert.True(answer.StatusCode is HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        return await KeysApp.JsonAsync(answer, 201);
    }

    private Task<HttpResponseMessage> PostAsync(string key, HttpContent content) => app.CallAsync(key, "/v1/sessions", HttpMethod.Post, content);

    private static MultipartFormDataContent Form(byte[] file, string suite, string name = "trace.json", string? description = null)
    {
        var form = new MultipartFormDataContent { { new StringContent(suite), "suite_id" } };
        if (description is not null) form.Add(new StringContent(description), "description");
        form.Add(new ByteArrayContent(file), "trace", name);
        return form;
    }

    private async Task<string> BeginAsync(string key, byte[] file, byte[]? sha256)
    {
        static string Pair(string name, string value) => $"{name} {Convert.ToBase64String(Encoding.UTF8.GetBytes(value))}";
        var said = Pair("suite_id", "checkout") + "," + Pair("filename", "run.json") + (sha256 is null ? "" : "," + Pair("sha256", Convert.ToHexString(sha256)));
        using var begun = await TusAsync(key, HttpMethod.Post, "/v1/uploads", ("Upload-Length", file.Length.ToString()), ("Upload-Metadata", said));
        Assert.True(begun.StatusCode is HttpStatusCode.Created, await begun.Content.ReadAsStringAsync());
        return begun.Headers.Location!.ToString();
    }

    private Task<HttpResponseMessage> PieceAsync(string key, string address, long offset, byte[] piece) =>
        TusAsync(key, HttpMethod.Patch, address, new ByteArrayContent(piece) { Headers = { ContentType = new("application/offset+octet-stream") } }, ("Upload-Offset", offset.ToString()));

    private Task<HttpResponseMessage> TusAsync(string key, HttpMethod method, string path, params (string, string)[] headers) => TusAsync(key, method, path, content: null, headers);

    private async Task<HttpResponseMessage> TusAsync(string key, HttpMethod method, string path, HttpContent? content, params (string, string)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(app.Address, path)) { Content = content };
        request.Headers.Add("X-API-Key", key);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await TestApp.Http.SendAsync(request);
    }

    private static string Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.Single() : "";

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static byte[] Gzip(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }
}
