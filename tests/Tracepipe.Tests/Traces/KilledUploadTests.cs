using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: an upload that is lost, half, doubled, or billed without being stored when the process that takes it is killed.</summary>
public sealed class KilledUploadTests(TracesApp app) : IClassFixture<TracesApp>
{
    private const int Bytes = 1_500_000;

    /// <summary>An upload in pieces that goes on after each kill, at the next node.</summary>
    private sealed class InPieces(string address, byte[] file)
    {
        public string Address => address;

        public byte[] File => file;

        /// <summary>Where it stood when it was asked last: what has been told once is never taken back.</summary>
        public int Stood { get; set; }
    }

    // Each kill strikes five uploads, each at a point of its own: two somewhere in their bytes, three after their last byte, where the file gets its name and the session is made.
    [Fact]
    public async Task Kills_at_any_moment_of_uploads_lose_nothing_that_was_acknowledged_and_leave_nothing_else()
    {
        const int atOnce = 2, arriving = 2, ending = 3;
        var kills = Long.Or(shortly: 3, atLength: 100);
        var random = new Random(20261124 + Long.From);
        var owner = await app.NewOwnerAsync();
        var key = (await app.NewFullKeyAsync(owner)).Secret;
        var before = app.OnDisk.ToHashSet(StringComparer.Ordinal);
        var waiting = new Queue<ProductProcess>();
        var sent = new Dictionary<string, byte[]>(StringComparer.Ordinal); // by SHA-256
        var acknowledged = new HashSet<string>(StringComparer.Ordinal);
        var open = new List<InPieces>();
        for (var kill = 0; kill < kills; kill++)
        {
            while (waiting.Count < Math.Min(atOnce, kills - kill)) waiting.Enqueue(app.StartNode());
            await using var node = waiting.Dequeue();
            var at = await node.ReadyAsync();
            await app.ExecuteAsync($"update trace_uploads set leased_until = null where organization_id = '{owner.OrganizationId}'"); // half a minute later
            while (open.Count < 3) open.Add(await BeginUploadAsync(at, key));
            List<(StoppingContent Body, Task<string?> Session, InPieces? Upload)> running = [];
            for (var i = 0; i < arriving + ending; i++)
            {
                var isInPieces = i % 2 == 0; // three of them, two in one piece
                var upload = isInPieces ? open[i / 2] : null;
                var (file, from) = upload is null ? (TracesApp.Trace(Bytes), 0) : (upload.File, await GoesOnAsync(at, key, upload));
                sent[Hash(file)] = file;
                var stop = i < arriving ? from + random.Next(Math.Max(1, file.Length - from)) : Math.Max(from, file.Length - 1);
                var body = new StoppingContent(file, from, stop);
                running.Add((body, upload is null ? PostAsync(at, key, body) : SendAsync(at, key, upload.Address, from, body), upload));
            }
            foreach (var (body, session, _) in running) await Task.WhenAny(body.Reached, session);
            var last = running[arriving..].Select(r => ReleaseAsync(r.Body, random.Next(40))).ToList();
            var ends = running[arriving..].Select(r => r.Session).ToList();
            for (var ended = random.Next(ending + 1); ended > 0; ended--) ends.Remove(await Task.WhenAny(ends)); // by what has come, not by time: how quick a program is that has just begun, nobody knows
            await Task.Delay(random.Next(40));
            await node.KillAsync();
            foreach (var (body, _, _) in running) body.Release();
            await Task.WhenAll(last);
            foreach (var (_, session, upload) in running)
            {
                if (await session is not { } id) continue;
                acknowledged.Add(id);
                if (upload is not null) open.Remove(upload);
            }
        }

        // What was not finished goes on at a node that lives: this one.
        await app.ExecuteAsync($"update trace_uploads set leased_until = null where organization_id = '{owner.OrganizationId}'");
        foreach (var upload in open)
        {
            var from = await GoesOnAsync(app.Address, key, upload);
            acknowledged.Add(await SendAsync(app.Address, key, upload.Address, from, new ByteArrayContent(upload.File[from..])) ?? throw new InvalidOperationException("An upload did not end."));
        }
        foreach (var file in Directory.EnumerateFiles(Path.Combine(app.Folder, "incoming"))) File.SetLastWriteTimeUtc(file, app.Clock.GetUtcNow().UtcDateTime.AddHours(-1));
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        await app.Services.GetRequiredService<TraceErasures>().SweepAsync(CancellationToken.None);

        // A session whose answer was lost may be there. All that are there read back, are on disk once, and are billed; nothing else is.
        var sessions = (await app.ScalarAsync<string[]>($"select array_agg(id || ' ' || encode(sha256, 'hex')) from trace_sessions where organization_id = '{owner.OrganizationId}'")).Select(s => s.Split(' ')).ToList();
        Assert.Subset(sessions.Select(s => s[0]).ToHashSet(StringComparer.Ordinal), acknowledged);
        foreach (var session in sessions)
        {
            using var download = await app.CallAsync(key, $"/v1/sessions/{session[0]}/file");
            Assert.Equal((session[1], true), (Hash(await download.Content.ReadAsByteArrayAsync()), sent.ContainsKey(session[1])));
        }
        Assert.Equal(sessions.Select(s => s[1]).Order(StringComparer.Ordinal), app.OnDisk.Where(f => !before.Contains(f)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Equal((long)sessions.Count * Bytes, await app.ScalarAsync<long>($"select current_bytes from storage_levels where organization_id = '{owner.OrganizationId}'"));
        Assert.Equal(sessions.Count, (int)await app.ScalarAsync<decimal>($"select sum(quantity) from usage_hours where organization_id = '{owner.OrganizationId}' and meter = 'sessions_uploaded'"));
        TestContext.Current.SendDiagnosticMessage($"{kills} kills of {kills * (arriving + ending)} uploads: {acknowledged.Count} acknowledged, {sessions.Count - acknowledged.Count} there whose answer was lost");
    }

    [Fact]
    public async Task After_a_kill_at_most_eight_megabytes_are_sent_again()
    {
        const int piece = 8 * 1024 * 1024, bytes = 20_000_000, sent = 19_000_000;
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        await using var node = app.StartNode();
        var at = await node.ReadyAsync();
        var upload = await BeginUploadAsync(at, key, bytes);
        var (address, file) = (upload.Address, upload.File);
        var body = new StoppingContent(file, 0, sent);
        var sending = SendAsync(at, key, address, 0, body);
        await body.Reached;
        await TestApp.EventuallyAsync(() => app.ScalarAsync<long>($"select received from trace_uploads where id = '{address[^36..]}'"), received => received >= sent - piece);
        await node.KillAsync();
        body.Release();
        Assert.Null(await sending);
        await app.ExecuteAsync("update trace_uploads set leased_until = null");
        var offset = await OffsetAsync(app.Address, key, address);
        Assert.InRange(offset, sent - piece, sent);
        var session = await SendAsync(app.Address, key, address, offset, new ByteArrayContent(file[offset..]));
        using var download = await app.CallAsync(key, $"/v1/sessions/{session}/file");
        Assert.Equal(SHA256.HashData(file), SHA256.HashData(await download.Content.ReadAsByteArrayAsync()));
    }

    private static string Hash(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file));

    private static async Task ReleaseAsync(StoppingContent body, int afterMilliseconds)
    {
        await Task.Delay(afterMilliseconds);
        body.Release();
    }

    /// <summary>Where an upload goes on.</summary>
    private static async Task<int> GoesOnAsync(Uri at, string key, InPieces upload)
    {
        var offset = await OffsetAsync(at, key, upload.Address);
        Assert.InRange(offset, upload.Stood, upload.File.Length);
        return upload.Stood = offset;
    }

    /// <summary>Sends a file in one piece; returns the session when the answer names it, null when there was none.</summary>
    private static async Task<string?> PostAsync(Uri at, string key, StoppingContent body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(at, "/v1/sessions")) { Content = new MultipartFormDataContent { { new StringContent("checkout"), "suite_id" }, { body, "trace", "trace.json" } } };
        request.Headers.Add("X-API-Key", key);
        try
        {
            using var answer = await TestApp.Http.SendAsync(request);
            return (await TracesApp.JsonAsync(answer, 201)).GetProperty("id").GetString();
        }
        catch (HttpRequestException)
        {
            return null; // killed
        }
    }

    private static async Task<InPieces> BeginUploadAsync(Uri at, string key, int bytes = Bytes)
    {
        var file = TracesApp.Trace(bytes);
        using var request = Request(at, key, HttpMethod.Post, "/v1/uploads");
        request.Headers.Add("Upload-Length", file.Length.ToString());
        request.Headers.Add("Upload-Metadata", "suite_id Y2hlY2tvdXQ=");
        using var begun = await TestApp.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);
        return new InPieces(begun.Headers.Location!.ToString(), file);
    }

    private static async Task<int> OffsetAsync(Uri at, string key, string address)
    {
        using var request = Request(at, key, HttpMethod.Head, address);
        using var stands = await TestApp.Http.SendAsync(request);
        return int.Parse(TracesApp.Header(stands, "Upload-Offset"));
    }

    /// <summary>Sends the rest; returns the session when the answer names it, null when there was none.</summary>
    private static async Task<string?> SendAsync(Uri at, string key, string address, int offset, HttpContent content)
    {
        using var request = Request(at, key, HttpMethod.Patch, address);
        request.Headers.Add("Upload-Offset", offset.ToString());
        request.Content = content;
        request.Content.Headers.ContentType = new("application/offset+octet-stream");
        try
        {
            using var answer = await TestApp.Http.SendAsync(request);
            Assert.True((int)answer.StatusCode is 204 or 423, $"{answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            return TracesApp.Header(answer, "Tracepipe-Session") is { Length: > 0 } id ? id : null;
        }
        catch (HttpRequestException)
        {
            return null; // killed
        }
    }

    private static HttpRequestMessage Request(Uri at, string key, HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(at, path));
        request.Headers.Add("X-API-Key", key);
        request.Headers.Add("Tus-Resumable", "1.0.0");
        return request;
    }

    /// <summary>A body that stops at a place until it is let go on.</summary>
    private sealed class StoppingContent(byte[] file, int from, int stop) : HttpContent
    {
        private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => reached.Task;

        public void Release() => released.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(file.AsMemory(from, stop - from));
            await stream.FlushAsync();
            reached.TrySetResult();
            await released.Task;
            await stream.WriteAsync(file.AsMemory(stop));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = file.Length - from;
            return true;
        }
    }
}
