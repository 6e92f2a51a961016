using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: uploads in pieces that pass a key's suites, that another client of the protocol cannot make, or of which one organization runs more than it may.</summary>
public sealed class UploadRulesTests(TracesApp app) : IClassFixture<TracesApp>
{
    // Seen to fail when the suites of the key were not asked for.
    [Fact]
    public async Task A_key_of_one_suite_uploads_in_pieces_for_that_suite_only_and_does_not_see_other_uploads()
    {
        var owner = await app.NewOwnerAsync();
        var full = (await app.NewFullKeyAsync(owner)).Secret;
        using var made = await app.PostAsync(full, "/v1/api-keys", """{"name":"only search","suite_ids":["search"],"permissions":["sessions:read","sessions:write"]}""");
        var only = (await KeysApp.JsonAsync(made, 201)).GetProperty("key").GetString()!;
        var file = TracesApp.Trace(400);
        using (var refused = await app.BeginAsync(only, file)) await KeysApp.ErrorAsync(refused, 403, "forbidden"); // for checkout
        using var begun = await app.BeginAsync(full, file);
        var address = begun.Headers.Location!.ToString();
        using (var head = await app.TusAsync(only, HttpMethod.Head, address, content: null)) Assert.Equal(HttpStatusCode.NotFound, head.StatusCode);
        using (var piece = await app.PieceAsync(only, address, 0, file)) await KeysApp.ErrorAsync(piece, 404, "not_found");
        using (var ended = await app.TusAsync(only, HttpMethod.Delete, address, content: null)) await KeysApp.ErrorAsync(ended, 404, "not_found");
        using var whole = await app.PieceAsync(full, address, 0, file);
        Assert.Equal(HttpStatusCode.NoContent, whole.StatusCode);
    }

    // Seen to fail when slots were never taken.
    [Fact]
    public async Task An_organization_has_eight_uploads_at_once_and_the_next_is_told_to_wait()
    {
        const int most = 8;
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var file = TracesApp.Trace(1_000);
        var held = new List<(Held Body, Task<HttpResponseMessage> Answer)>();
        for (var i = 0; i < most; i++)
        {
            using var begun = await app.BeginAsync(key, TracesApp.Trace(1_000));
            var body = new Held(file);
            held.Add((body, app.TusAsync(key, HttpMethod.Patch, begun.Headers.Location!.ToString(), body, ("Upload-Offset", "0"))));
        }
        using (var ninth = await TestApp.EventuallyAsync(() => app.PostTraceAsync(key, TracesApp.Trace(300)), a => a.StatusCode == HttpStatusCode.TooManyRequests))
        {
            var error = await KeysApp.ErrorAsync(ninth, 429, "rate_limited");
            Assert.Equal("parallel_uploads", error.GetProperty("details").GetProperty("reason").GetString());
            Assert.NotNull(ninth.Headers.RetryAfter);
        }
        await app.UploadAsync((await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret, TracesApp.Trace(300)); // another organization's places are its own
        foreach (var (body, _) in held) body.Release();
        foreach (var (_, answer) in held) using (var ended = await answer) Assert.True(ended.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.UnprocessableEntity, ended.StatusCode.ToString());
        await app.UploadAsync(key, TracesApp.Trace(300));
    }

    [Fact]
    public async Task The_usual_client_of_the_protocol_uploads_with_a_key_and_goes_on_where_it_stopped()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var file = TracesApp.Trace(3_000_000);
        var path = Path.Combine(app.Folder + ".large.json");
        await File.WriteAllBytesAsync(path, file);
        const string script = """
            import { createReadStream, statSync } from "node:fs";
            import { Upload } from "tus-js-client";
            const [, endpoint, key, path, sha256] = process.argv;
            const options = { endpoint, headers: { "X-API-Key": key }, chunkSize: 1_000_000, uploadSize: statSync(path).size, metadata: { suite_id: "checkout", filename: "large.json", sha256 }, retryDelays: null };
            const begun = await new Promise((done, fail) => {
              const first = new Upload(createReadStream(path), { ...options, onError: fail, onSuccess: () => fail(new Error("not stopped")), onChunkComplete: () => { void first.abort(); done(first.url); } });
              first.start();
            });
            const told = [];
            const session = await new Promise((done, fail) => {
              const second = new Upload(createReadStream(path), { ...options, uploadUrl: begun, onError: fail, onBeforeRequest: (r) => told.push(`${r.getMethod()} ${r.getHeader("Upload-Offset") ?? ""}`), onSuccess: ({ lastResponse }) => done(lastResponse.getHeader("Tracepipe-Session")) });
              second.start();
            });
            console.log(JSON.stringify({ session, told }));
            """;
        var start = new ProcessStartInfo("node", ["--input-type=module", "-e", script, "--", new Uri(app.Address, "/v1/uploads").ToString(), key, path, Convert.ToHexStringLower(SHA256.HashData(file))]) { WorkingDirectory = Paths.Project, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        File.Delete(path);
        Assert.True(process.ExitCode == 0, await errors);
        var said = JsonElement.Parse(output);
        Assert.Equal(["HEAD ", "PATCH 1000000", "PATCH 2000000"], said.GetProperty("told").EnumerateArray().Select(t => t.GetString()));
        using var download = await app.CallAsync(key, $"/v1/sessions/{said.GetProperty("session").GetString()}/file");
        Assert.Equal(file, await download.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Lists_come_in_pages_newest_first_and_wrong_pages_are_refused()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var ids = new List<string?>();
        foreach (var suite in (string[])["checkout", "search", "checkout"]) ids.Insert(0, (await app.UploadAsync(key, TracesApp.Trace(300), suite)).GetProperty("id").GetString());
        async Task<(int Total, IReadOnlyList<string?> Ids)> PageAsync(string query)
        {
            using var answer = await app.CallAsync(key, "/v1/sessions" + query);
            var list = await KeysApp.JsonAsync(answer);
            return (list.GetProperty("total").GetInt32(), [.. list.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString())]);
        }
        var (first, second, suites, beyond) = (await PageAsync("?per_page=2"), await PageAsync("?per_page=2&page=2"), await PageAsync("?suite_id=checkout"), await PageAsync("?page=2000000000&per_page=100"));
        Assert.Equal((3, 3, 2, 3), (first.Total, second.Total, suites.Total, beyond.Total));
        Assert.Equal(ids[..2], first.Ids);
        Assert.Equal(ids[2..], second.Ids);
        Assert.Equal([ids[0], ids[2]], suites.Ids);
        Assert.Empty(beyond.Ids);
        foreach (var wrong in (string[])["?page=0", "?per_page=101", "?per_page=0"])
            using (var refused = await app.CallAsync(key, "/v1/sessions" + wrong)) await KeysApp.ErrorAsync(refused, 422, "validation_error");
    }

    /// <summary>A piece whose end does not come until it is let go.</summary>
    private sealed class Held : HttpContent
    {
        private readonly byte[] file;
        private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Held(byte[] file)
        {
            this.file = file;
            Headers.ContentType = new("application/offset+octet-stream");
        }

        public void Release() => released.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(file.AsMemory(0, 10));
            await stream.FlushAsync();
            await released.Task;
            await stream.WriteAsync(file.AsMemory(10));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = file.Length;
            return true;
        }
    }
}
