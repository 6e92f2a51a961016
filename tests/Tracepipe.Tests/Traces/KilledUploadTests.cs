using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: an upload that is lost, half, doubled, or billed without being stored when the process that takes it is killed.</summary>
public sealed class KilledUploadTests(TracesApp app) : IClassFixture<TracesApp>
{
    private const int Bytes = 1_500_000;

    [Fact]
    public async Task Kills_at_any_moment_of_an_upload_lose_nothing_that_was_acknowledged_and_leave_nothing_else()
    {
        const int atOnce = 2;
        var kills = Long.Or(shortly: 10, atLength: 100);
        var random = new Random(20261124);
        var owner = await app.NewOwnerAsync();
        var key = (await app.NewFullKeyAsync(owner)).Secret;
        var before = app.OnDisk.ToHashSet(StringComparer.Ordinal);
        var waiting = new Queue<ProductProcess>();
        var finished = new List<(string Session, byte[] File)>();
        (string Address, byte[] File)? upload = null;
        for (var kill = 0; kill < kills; kill++)
        {
            while (waiting.Count < atOnce) waiting.Enqueue(app.StartNode());
            await using var node = waiting.Dequeue();
            var at = await node.ReadyAsync();
            upload ??= await BeginUploadAsync(at, key);
            await app.ExecuteAsync($"update trace_uploads set leased_until = null where organization_id = '{owner.OrganizationId}'"); // half a minute later
            var (address, file) = upload.Value;
            var offset = await OffsetAsync(at, key, address);
            // Half of the kills come somewhere in the bytes, half around the end, where the file gets its name and the session is made.
            var body = new StoppingContent(file, offset, kill % 2 == 0 ? offset + random.Next(Math.Max(1, file.Length - offset)) : file.Length);
            var sending = SendAsync(at, key, address, offset, body);
            await Task.WhenAny(body.Reached, sending);
            if (kill % 2 == 1) await Task.WhenAny(sending, Task.Delay(random.Next(60)));
            await node.KillAsync();
            body.Release();
            if (await sending is { } session)
            {
                finished.Add((session, file));
                upload = null;
            }
        }
        foreach (var spare in waiting) await spare.DisposeAsync();

        // What was not finished goes on at a node that lives: this one.
        if (upload is { } open)
        {
            await app.ExecuteAsync("update trace_uploads set leased_until = null");
            var offset = await OffsetAsync(app.Address, key, open.Address);
            var session = await SendAsync(app.Address, key, open.Address, offset, new ByteArrayContent(open.File[offset..]));
            finished.Add((session ?? throw new InvalidOperationException("The last upload did not end."), open.File));
        }
        foreach (var file in Directory.EnumerateFiles(Path.Combine(app.Folder, "incoming"))) File.SetLastWriteTimeUtc(file, app.Clock.GetUtcNow().UtcDateTime.AddHours(-1));
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        await app.Services.GetRequiredService<TraceSessions>().SweepAsync(CancellationToken.None);

        foreach (var (session, file) in finished)
        {
            using var download = await app.CallAsync(key, $"/v1/sessions/{session}/file");
            Assert.Equal(SHA256.HashData(file), SHA256.HashData(await download.Content.ReadAsByteArrayAsync()));
        }
        Assert.NotEmpty(finished);
        Assert.Equal((finished.Count, finished.Count), (app.OnDisk.Count(f => !before.Contains(f)), await app.ScalarAsync<int>($"select count(*)::int from trace_sessions where organization_id = '{owner.OrganizationId}'")));
        Assert.Equal((long)finished.Count * Bytes, await app.ScalarAsync<long>($"select current_bytes from storage_levels where organization_id = '{owner.OrganizationId}'"));
        Assert.Equal(finished.Count, (int)await app.ScalarAsync<decimal>($"select sum(quantity) from usage_hours where organization_id = '{owner.OrganizationId}' and meter = 'sessions_uploaded'"));
    }

    [Fact]
    public async Task After_a_kill_at_most_eight_megabytes_are_sent_again()
    {
        const int piece = 8 * 1024 * 1024, bytes = 20_000_000, sent = 19_000_000;
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        await using var node = app.StartNode();
        var at = await node.ReadyAsync();
        var (address, file) = await BeginUploadAsync(at, key, bytes);
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

    private static async Task<(string Address, byte[] File)> BeginUploadAsync(Uri at, string key, int bytes = Bytes)
    {
        var file = TracesApp.Trace(bytes);
        using var request = Request(at, key, HttpMethod.Post, "/v1/uploads");
        request.Headers.Add("Upload-Length", file.Length.ToString());
        request.Headers.Add("Upload-Metadata", "suite_id Y2hlY2tvdXQ=");
        using var begun = await TestApp.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, begun.StatusCode);
        return (begun.Headers.Location!.ToString(), file);
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
            if (stop == file.Length) return;
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
