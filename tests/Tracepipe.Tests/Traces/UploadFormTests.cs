using System.Net;
using System.Text;
using System.Text.Json;
using AngleSharp.Html.Dom;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: an upload whose media type, form or headers are wrong that is taken, called an error of ours, or leaves something on disk; a good one that is refused because of how it is labelled.</summary>
public sealed class UploadFormTests(TracesApp app) : IClassFixture<TracesApp>
{
    private const string Plain = "multipart/form-data; boundary=b";
    private static readonly string Suite = Part("""form-data; name="suite_id" """, "checkout");

    /// <summary>A part of a form; bytes stand as Latin-1 characters.</summary>
    private static string Part(string disposition, string content, params string[] headers) =>
        $"--b\r\n{(disposition.Length > 0 ? $"Content-Disposition: {disposition.Trim()}\r\n" : "")}{string.Concat(headers.Select(h => h + "\r\n"))}\r\n{content}\r\n";

    private static string File(byte[]? content = null, string name = "trace", params string[] headers) => Part($"form-data; name=\"{name}\"; filename=\"run.json\"", Encoding.Latin1.GetString(content ?? TracesApp.Trace(300)), headers);

    private static byte[] Form(params string[] parts) => Encoding.Latin1.GetBytes(string.Concat(parts) + "--b--\r\n");

    // Seen to fail on a zero byte and on half a character, which were errors of ours, and on a coded body, which was read as if it were not.
    /// <summary>Everything that may be sent to <c>POST /v1/sessions</c>, and how it ends.</summary>
    private static IEnumerable<(string What, string? Type, byte[] Body, string Ends, (string, string)[] Headers)> Posts()
    {
        byte[] good = Form(Suite, File()), html = "<!doctype html><script>[{\"ph\":\"X\",\"ts\":1,\"name\":\"a\"}]</script>"u8.ToArray();
        const string no = "415 unsupported_media_type", broken = "400 bad_request", wrong = "422 validation_error";
        foreach (var type in new[] { null, "", "application/json", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded", "multipart/mixed; boundary=b", "multipart/form-data-x; boundary=b", "multipart", "/", "multipart/form-data;;; =", "multipart/form-data; boundary=b, text/plain", "application/gzip" })
            yield return ($"form sent as {type ?? "nothing"}", type, good, no, []);
        yield return ("a trace without a form", "application/json", TracesApp.Trace(300), no, []);
        yield return ("two media types", Plain, good, no, [("Content-Type", "text/plain")]);
        foreach (var type in new[] { "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"", "multipart/form-data; charset=utf-8", "multipart/form-data; boundary=" + new string('b', 201), "multipart/form-data; boundary=another" })
            yield return ($"form with {type[..Math.Min(60, type.Length)]}", type, good, broken, []);
        foreach (var type in new[] { "Multipart/Form-Data; Boundary=b", "multipart/form-data; charset=utf-8; boundary=b", "multipart/form-data; boundary=\"b\"; charset=\"x\"" })
            yield return ($"form with {type}", type, Form(Suite, File()), "201", []);

        foreach (var coding in new[] { "gzip", "br", "identity, gzip", "nonsense" }) yield return ($"coding {coding}", Plain, good, no, [("Content-Encoding", coding)]);
        yield return ("coding gzip, really", Plain, TracesApp.Gzip(good), no, [("Content-Encoding", "gzip")]);
        yield return ("a packed form that does not say so", Plain, TracesApp.Gzip(good), broken, []);
        yield return ("coding identity", Plain, Form(Suite, File()), "201", [("Content-Encoding", "identity")]);

        yield return ("file first", Plain, Form(File(), Suite), "201", []);
        yield return ("file in the middle", Plain, Form(Suite, File(), Part("form-data; name=\"description\"", "Later")), "201", []);
        yield return ("file first, suite unknown", Plain, Form(File(), Part("form-data; name=\"suite_id\"", "none")), wrong, []);
        yield return ("file first, no suite", Plain, Form(File()), broken, []);
        yield return ("no file", Plain, Form(Suite), broken, []);
        yield return ("nothing", Plain, Form(), broken, []);
        yield return ("no bytes", Plain, [], broken, []);
        yield return ("file twice", Plain, Form(Suite, File(), File()), broken, []);
        yield return ("file under both names", Plain, Form(Suite, File(), File(name: "input_events")), broken, []);
        yield return ("suite twice", Plain, Form(Suite, Suite, File()), broken, []);
        yield return ("suite again after the file", Plain, Form(Suite, File(), Suite), broken, []);
        yield return ("an unknown field after the file", Plain, Form(Suite, File(), Part("form-data; name=\"keep\"", "7")), broken, []);
        yield return ("a field with the wrong case", Plain, Form(Part("form-data; name=\"Suite_Id\"", "checkout"), File()), broken, []);
        yield return ("the other name", Plain, Form(Suite, File(name: "input_events")), "201", []);
        yield return ("file without a name of its own", Plain, Form(Suite, Part("form-data; name=trace", Encoding.Latin1.GetString(TracesApp.Trace(300)))), "201", []);
        yield return ("broken off in the file", Plain, Form(Suite, File())[..^30], broken, []);
        yield return ("broken off before the last dashes", Plain, Form(Suite, File())[..^6], broken, []);
        yield return ("empty file", Plain, Form(Suite, File([])), wrong, []);

        yield return ("part without disposition", Plain, Form(Suite, Part("", "x"), File()), broken, []);
        yield return ("part with a broken disposition", Plain, Form(Suite, Part("form-data; name=", "x"), File()), broken, []);
        yield return ("part that is an attachment", Plain, Form(Suite, Part("attachment; name=\"trace\"; filename=\"x\"", Encoding.Latin1.GetString(TracesApp.Trace(300)))), broken, []);
        yield return ("part with too many headers", Plain, Form(Suite, File(headers: [.. Enumerable.Range(0, 20).Select(i => $"X-{i}: 1")])), broken, []);
        yield return ("part with a long header", Plain, Form(Suite, File(headers: "X: " + new string('x', 9_000))), broken, []);
        yield return ("part with a header that is none", Plain, Form(Suite, File(headers: "no colon")), broken, []);

        // What the file is, its content says.
        foreach (var type in new[] { "text/html", "image/png", "application/json", "application/gzip", "multipart/mixed; boundary=c", "???", "application/json; charset=utf-16" })
        {
            yield return ($"trace that says {type}", Plain, Form(Suite, File(headers: $"Content-Type: {type}")), "201", []);
            yield return ($"packed trace that says {type}", Plain, Form(Suite, File(TracesApp.Gzip(TracesApp.Trace(300)), headers: $"Content-Type: {type}")), "201", []);
            yield return ($"HTML that says {type}", Plain, Form(Suite, File(html, headers: $"Content-Type: {type}")), wrong, []);
            yield return ($"packed HTML that says {type}", Plain, Form(Suite, File(TracesApp.Gzip(html), headers: $"Content-Type: {type}")), wrong, []);
        }
        yield return ("Base64 that says so", Plain, Form(Suite, File(Encoding.ASCII.GetBytes(Convert.ToBase64String(TracesApp.Trace(300))), headers: "Content-Transfer-Encoding: base64")), wrong, []);
        yield return ("UTF-16", Plain, Form(Suite, File(Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes("[]")).ToArray())), wrong, []);

        // Words that a database cannot keep.
        yield return ("a zero in the description", Plain, Form(Suite, Part("form-data; name=\"description\"", "a\0b"), File()), wrong, []);
        yield return ("a zero in the suite", Plain, Form(Part("form-data; name=\"suite_id\"", "check\0out"), File()), wrong, []);
        yield return ("bytes that are no text in the description", Plain, Form(Suite, Part("form-data; name=\"description\"", "\u00ff\u00fe\u00c0"), File()), "201", []);
        yield return ("a name that ends in half a character", Plain, Form(Suite, Part($"form-data; name=\"trace\"; filename*=UTF-8''{string.Concat(Enumerable.Repeat("%F0%9F%98%80", 130))}.trc", Encoding.Latin1.GetString(TracesApp.Trace(300)))), "201", []);
    }

    [Fact]
    public async Task A_form_is_taken_by_what_it_holds_and_refused_by_the_table_with_nothing_left_behind()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var (expected, seen, taken) = (new List<string>(), new List<string>(), 0);
        foreach (var (what, type, body, ends, headers) in Posts())
        {
            var before = app.OnDisk.ToHashSet(StringComparer.Ordinal);
            using var answer = await SendAsync(key, HttpMethod.Post, "/v1/sessions", type, body, headers);
            var left = app.OnDisk.Count(f => !before.Contains(f));
            expected.Add($"{what}: {ends}, {(ends == "201" ? 1 : 0)} on disk");
            seen.Add($"{what}: {await EndAsync(answer)}, {left} on disk");
            taken += answer.StatusCode is HttpStatusCode.Created ? 1 : 0;
        }
        Assert.Equal(expected, seen);
        using (var zero = await app.CallAsync(key, "/v1/sessions?suite_id=check%00out")) await KeysApp.ErrorAsync(zero, 400, "bad_request");
        using var list = await app.CallAsync(key, "/v1/sessions?per_page=100");
        var items = (await KeysApp.JsonAsync(list)).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(taken, items.Count);
        foreach (var item in items)
        {
            using var download = await app.CallAsync(key, $"/v1/sessions/{item.GetProperty("id").GetString()}/file");
            Assert.Equal(("application/octet-stream", "attachment", "nosniff"), (download.Content.Headers.ContentType!.ToString(), download.Content.Headers.ContentDisposition!.DispositionType, TracesApp.Header(download, "X-Content-Type-Options")));
        }
    }

    [Fact]
    public async Task An_upload_in_pieces_is_taken_in_its_own_media_type_only()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var file = TracesApp.Trace(400);
        const string offsets = "application/offset+octet-stream", no = "415 unsupported_media_type", broken = "400 bad_request", wrong = "422 validation_error";
        string Meta(string suite = "checkout", string? description = null) => $"suite_id {Convert.ToBase64String(Encoding.UTF8.GetBytes(suite))}" + (description is null ? "" : $",description {Convert.ToBase64String(Encoding.UTF8.GetBytes(description))}");
        var (expected, seen) = (new List<string>(), new List<string>());
        async Task ExpectAsync(string what, string ends, Func<Task<HttpResponseMessage>> ask, int onDisk = 0)
        {
            var before = app.OnDisk.ToHashSet(StringComparer.Ordinal);
            using var answer = await ask();
            expected.Add($"{what}: {ends}, {onDisk} on disk");
            seen.Add($"{what}: {await EndAsync(answer)}, {app.OnDisk.Count(f => !before.Contains(f))} on disk");
        }
        Task<HttpResponseMessage> BeginAsync(string? type, byte[] body, params (string, string)[] headers) => SendAsync(key, HttpMethod.Post, "/v1/uploads", type, body, [("Tus-Resumable", "1.0.0"), .. headers]);

        // It begins by headers alone: a body, whatever it is called, is not asked for and not kept.
        foreach (var type in new[] { null, "application/json", offsets, "???" })
            await ExpectAsync($"begun with {type}", "201", () => BeginAsync(type, type is null ? [] : file, ("Upload-Length", "400"), ("Upload-Metadata", Meta())));
        foreach (var length in new[] { null, "", "many", "4e2", "1.0", "99999999999999999999" })
            await ExpectAsync($"length {length}", broken, () => BeginAsync(null, [], [("Upload-Metadata", Meta()), .. length is null ? [] : new[] { ("Upload-Length", length) }]));
        foreach (var (length, ends) in new[] { ("0", wrong), ("-1", wrong), ("9000000000000", "413 payload_too_large") }) await ExpectAsync($"length {length}", ends, () => BeginAsync(null, [], ("Upload-Length", length), ("Upload-Metadata", Meta())));
        foreach (var said in new[] { "suite_id ???", "suite_id Y2hlY2tvdXQ=,suite_id Y2hlY2tvdXQ=", "suite_id Y2hlY2tvdXQ= x" }) await ExpectAsync($"metadata {said}", broken, () => BeginAsync(null, [], ("Upload-Length", "400"), ("Upload-Metadata", said)));
        foreach (var said in new[] { "", "filename eA==", Meta("none"), Meta(description: "a\0b"), Meta() + ",sha256 eA==" }) await ExpectAsync($"metadata {said}", wrong, () => BeginAsync(null, [], ("Upload-Length", "400"), ("Upload-Metadata", said)));
        await ExpectAsync("without the version", "412 bad_request", () => SendAsync(key, HttpMethod.Post, "/v1/uploads", null, [], ("Upload-Length", "400"), ("Upload-Metadata", Meta())));

        using var begun = await app.BeginAsync(key, file);
        var address = begun.Headers.Location!.ToString();
        Task<HttpResponseMessage> PieceAsync(string? type, byte[] piece, string? offset = "0", params (string, string)[] headers) =>
            SendAsync(key, HttpMethod.Patch, address, type, piece, [("Tus-Resumable", "1.0.0"), .. offset is null ? [] : new[] { ("Upload-Offset", offset) }, .. headers]);
        foreach (var type in new[] { null, "", "application/octet-stream", "application/json", "multipart/form-data; boundary=b", "application/offset+octet-stream-x", "/", offsets + ", text/plain" }) await ExpectAsync($"piece as {type}", no, () => PieceAsync(type, file));
        foreach (var coding in new[] { "gzip", "br", "nonsense" }) await ExpectAsync($"piece coded {coding}", no, () => PieceAsync(offsets, TracesApp.Gzip(file), "0", ("Content-Encoding", coding)));
        foreach (var offset in new[] { null, "", "start", "-1", "1e1", "99999999999999999999" }) await ExpectAsync($"offset {offset}", broken, () => PieceAsync(offsets, file, offset));
        await ExpectAsync("offset beyond what is there", "409 conflict", () => PieceAsync(offsets, file, "5"));
        await ExpectAsync("more than was announced", "413 payload_too_large", () => PieceAsync(offsets, [.. file, 1]));
        await ExpectAsync("POST to an upload", "405 method_not_allowed", () => SendAsync(key, HttpMethod.Post, address, offsets, file, ("Tus-Resumable", "1.0.0"), ("X-HTTP-Method-Override", "PATCH")));
        await ExpectAsync("a first piece with a character set", "204", () => PieceAsync("Application/Offset+Octet-Stream; charset=utf-8", file[..100]), onDisk: 1);
        await ExpectAsync("more than was announced, in a piece without a length", "413 payload_too_large", () => PieceAsync(offsets, [.. file[100..], 1], "100", ("Transfer-Encoding", "chunked")));
        await ExpectAsync("the rest, coded as it is", "204", () => PieceAsync(offsets, file[100..], "100", ("Content-Encoding", "identity")), onDisk: 1);
        Assert.Equal(expected, seen);

        // HTML in pieces, packed or not, is refused at its end, and what had arrived is erased.
        foreach (var html in (byte[][])["<!doctype html><p>trace"u8.ToArray(), TracesApp.Gzip("<!doctype html><p>trace"u8.ToArray())])
        {
            var before = app.OnDisk;
            using var other = await app.BeginAsync(key, html);
            using var refused = await app.PieceAsync(key, other.Headers.Location!.ToString(), 0, html);
            await KeysApp.ErrorAsync(refused, 422, "validation_error");
            Assert.Equal(before, app.OnDisk);
        }
    }

    [Fact]
    public async Task The_page_s_form_says_in_words_why_it_is_refused_and_is_not_read_without_its_token()
    {
        var person = await app.NewPersonAsync();
        var page = await person.Browser.PageAsync($"/o/{person.Slug}/sessions/upload");
        var token = Part("form-data; name=\"__RequestVerificationToken\"", ((IHtmlInputElement)page.QuerySelector("form[data-upload-form] input[name=__RequestVerificationToken]")!).Value);
        async Task<(string Ends, string Said, int OnDisk)> PostAsync(string? type, byte[] body, params (string, string)[] headers)
        {
            var before = app.OnDisk.ToHashSet(StringComparer.Ordinal);
            using var request = Request(HttpMethod.Post, new Uri(app.Address, $"/o/{person.Slug}/sessions/files"), type, body, [("Origin", app.Address.GetLeftPart(UriPartial.Authority)), .. headers]);
            using var answer = await person.Browser.Http.SendAsync(request);
            var left = app.OnDisk.Count(f => !before.Contains(f));
            if (answer.StatusCode is not HttpStatusCode.SeeOther) return ($"{(int)answer.StatusCode}", "", left);
            var shown = await TestBrowser.ParseAsync(await person.Browser.FollowAsync(answer));
            return ($"303 {answer.Headers.Location!.ToString().Split('/')[^1].Length switch { 36 => "session", _ => answer.Headers.Location.ToString().Split('/')[^1] }}", shown.Body!.TextContent, left);
        }
        foreach (var (type, body, word) in new[]
        {
            (null, Form(token, Suite, File()), "multipart/form-data"), ("application/json", Form(token, Suite, File()), "multipart/form-data"), ("multipart/form-data", Form(token, Suite, File()), "boundary"),
            (Plain, Form(token, Suite), "trace is missing"), (Plain, Form(token, File()), "suite_id is missing"), (Plain, Form(token, Suite, File(), File()), "each once"),
            (Plain, Form(token, Suite, File("<!doctype html>"u8.ToArray())), "trace"), (Plain, Form(token, Suite, File())[..^30], "breaks off"),
        })
        {
            var (ends, said, left) = await PostAsync(type, body);
            Assert.Equal(("303 upload", 0), (ends, left));
            Assert.Contains(word, said, StringComparison.Ordinal);
        }
        var (coded, why, _) = await PostAsync(Plain, TracesApp.Gzip(Form(token, Suite, File())), ("Content-Encoding", "gzip"));
        Assert.Equal("303 upload", coded);
        Assert.Contains("Content-Encoding", why, StringComparison.Ordinal);
        foreach (var parts in (string[][])[[Suite, File()], [File(), token, Suite], [Part("form-data; name=\"__RequestVerificationToken\"", "x"), Suite, File()]])
            Assert.Equal(("400", "", 0), await PostAsync(Plain, Form(parts)));
        var (taken, _, kept) = await PostAsync(Plain, Form(token, File(), Suite));
        Assert.Equal(("303 session", 1), (taken, kept));

        // In pieces, by the page's script: the token stands in a header.
        var before = app.OnDisk;
        using var begin = Request(HttpMethod.Post, new Uri(app.Address, $"/o/{person.Slug}/uploads"), null, [], [("Tus-Resumable", "1.0.0"), ("Upload-Length", "400"), ("Upload-Metadata", "suite_id Y2hlY2tvdXQ=")]);
        using var without = await person.Browser.Http.SendAsync(begin);
        Assert.Equal(HttpStatusCode.BadRequest, without.StatusCode);
        Assert.Equal(before, app.OnDisk);
    }

    private static async Task<string> EndAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode) return $"{(int)answer.StatusCode}";
        var said = await answer.Content.ReadAsStringAsync();
        return $"{(int)answer.StatusCode} {(said.Length > 0 ? JsonElement.Parse(said).GetProperty("error").GetProperty("code").GetString() : "")}";
    }

    private async Task<HttpResponseMessage> SendAsync(string key, HttpMethod method, string path, string? type, byte[] body, params (string, string)[] headers)
    {
        using var request = Request(method, new Uri(app.Address, path), type, body, [("X-API-Key", key), .. headers]);
        return await TestApp.Http.SendAsync(request);
    }

    private static HttpRequestMessage Request(HttpMethod method, Uri address, string? type, byte[] body, (string Name, string Value)[] headers)
    {
        var content = new ByteArrayContent(body);
        if (type is not null) content.Headers.TryAddWithoutValidation("Content-Type", type);
        var request = new HttpRequestMessage(method, address) { Content = content };
        foreach (var (name, value) in headers)
            if (!request.Headers.TryAddWithoutValidation(name, value)) content.Headers.TryAddWithoutValidation(name, value);
        return request;
    }
}
