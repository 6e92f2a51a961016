using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Storefront.Traces.Uploads;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a damaged, hostile or stalled upload that ends in an error of ours, harms others, stays on disk, or is billed.</summary>
public sealed class UploadFaultTests(TracesApp app) : IClassFixture<TracesApp>
{
    private async Task<(Owner Owner, string Key)> NewAsync()
    {
        var owner = await app.NewOwnerAsync();
        return (owner, (await app.NewFullKeyAsync(owner)).Secret);
    }

    /// <summary>What Chromium recorded: packed, and the first of its events plain.</summary>
    private static (byte[] Packed, byte[] Plain) Recorded()
    {
        var packed = File.ReadAllBytes(Path.Combine(Paths.Root, "tests", "fixtures", "chromium.trace.json.gz"));
        using var unpacked = JsonDocument.Parse(new GZipStream(new MemoryStream(packed), CompressionMode.Decompress));
        var events = unpacked.RootElement.GetProperty("traceEvents").EnumerateArray().Take(40).Select(e => e.GetRawText());
        return (packed, Encoding.UTF8.GetBytes($"[{string.Join(",\n", events)}]"));
    }

    /// <summary>Sends many files, a few at once, and looks afterwards: no error of ours, all that was taken reads back as it was sent, nothing else is there or billed.</summary>
    private async Task SurvivesAsync(IEnumerable<byte[]> files)
    {
        var (owner, key) = await NewAsync();
        var others = app.OnDisk.ToHashSet(StringComparer.Ordinal);
        var taken = new List<(string Id, byte[] File)>();
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (file, _) =>
        {
            using var answer = await app.PostTraceAsync(key, file);
            Assert.True((int)answer.StatusCode is 201 or (>= 400 and < 500), $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
            if (answer.StatusCode != HttpStatusCode.Created) return;
            var session = JsonElement.Parse(await answer.Content.ReadAsStringAsync());
            lock (taken) taken.Add((session.GetProperty("id").GetString()!, file));
        });
        foreach (var (id, file) in taken)
        {
            using var download = await app.CallAsync(key, $"/v1/sessions/{id}/file");
            Assert.Equal(file, await download.Content.ReadAsByteArrayAsync());
        }
        var distinct = taken.DistinctBy(t => Convert.ToHexString(SHA256.HashData(t.File))).ToList();
        Assert.Equal(distinct.Count, app.OnDisk.Count(f => !others.Contains(f)));
        Assert.Equal(distinct.Sum(t => (long)t.File.Length), await app.ScalarAsync<long>($"select coalesce(sum(current_bytes), 0)::bigint from storage_levels where organization_id = '{owner.OrganizationId}'"));
    }

    [Fact]
    public async Task Cut_and_flipped_recordings_are_taken_whole_or_refused_and_leave_nothing()
    {
        var (packed, plain) = Recorded();
        var (random, many) = (new Random(20261123), Long.Or(shortly: 40, atLength: 500));
        byte[] Cut(byte[] file) => file[..random.Next(file.Length)];
        byte[] Flipped(byte[] file)
        {
            byte[] copy = [.. file];
            copy[random.Next(copy.Length)] ^= (byte)(1 << random.Next(8));
            return copy;
        }
        await SurvivesAsync([.. Enumerable.Range(0, many).SelectMany(_ => (byte[][])[Cut(packed), Cut(plain), Flipped(packed), Flipped(plain)])]);
    }

    [Fact]
    public async Task Twenty_bombs_and_disguises_are_refused_and_leave_nothing()
    {
        static byte[] Gzip(Action<Stream> write)
        {
            using var packed = new MemoryStream();
            using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize)) write(gzip);
            return packed.ToArray();
        }
        static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
        static void Fill(Stream to, string head, char with, int megabytes)
        {
            to.Write(Text(head));
            var block = Text(new string(with, 1_000_000));
            for (var i = 0; i < megabytes; i++) to.Write(block);
        }
        const string open = """[{"ph":"X","ts":1,"name":"a"},{"ph":"X","ts":1,"args":""";
        List<byte[]> bombs =
        [
            .. new[] { 20, 40, 80 }.Select(mb => Gzip(s => Fill(s, "[", ' ', mb))),
            .. new[] { 20, 40 }.Select(mb => Gzip(s => Fill(s, """[{"ph":"X","ts":1,"name":"a"}""", ' ', mb))),
            .. new[] { 10, 30 }.Select(mb => Gzip(s => Fill(s, """[{"ph":"X","ts":1,"name":""" + "\"", 'x', mb))),
            .. new[] { 10, 30 }.Select(mb => Gzip(s => Fill(s, open, '[', mb))),
            .. new[] { 100, 10_000, 1_000_000 }.Select(n => Text(open + new string('[', n))),
            Gzip(s => Fill(s, open, '9', 20)),
            Gzip(s => s.Write(Gzip(inner => Fill(inner, "[", ' ', 10)))),
            Gzip(s => { s.Write(Text(open + "{")); for (var i = 0; i < 20_000; i++) s.Write(Text($"\"k{i}\":{i},")); }),
            Gzip(s => Fill(s, "", '\0', 20)),
            Text("<!doctype html><title>{\"traceEvents\":[]}</title>"),
            Text("{\"traceEvents\":\"none\"}"),
            Text("PK\u0003\u0004 not a trace"),
            [],
        ];
        Assert.Equal(20, bombs.Count);
        await SurvivesAsync(bombs);
    }

    [Theory]
    [InlineData("../../../etc/cron.d/job", "job")]
    [InlineData("C:\\Windows\\system.ini", "system.ini")]
    [InlineData("a\u202Egnp.json", "agnp.json")]
    [InlineData("..", "trace.json")]
    [InlineData("<script>x.json", "scriptx.json")]
    public async Task Tricks_in_names_stay_names(string sent, string kept)
    {
        var (_, key) = await NewAsync();
        var session = await app.UploadAsync(key, TracesApp.Trace(300), name: sent);
        Assert.Equal(kept, session.GetProperty("file_name").GetString());
        using var download = await app.CallAsync(key, $"/v1/sessions/{session.GetProperty("id").GetString()}/file");
        Assert.Equal(("application/octet-stream", "attachment"), (download.Content.Headers.ContentType!.MediaType, download.Content.Headers.ContentDisposition!.DispositionType));
        Assert.All(app.OnDisk, f => Assert.Matches("^[0-9a-f]+$", Path.GetFileName(f)));
    }

    [Fact]
    public async Task Bodies_that_stall_are_cut_and_others_are_served_meanwhile()
    {
        var (_, key) = await NewAsync();
        var file = TracesApp.Trace(4_000);
        using var begun = await app.BeginAsync(key, file);
        var stalled = new List<TcpClient>();
        for (var i = 0; i < 6; i++)
        {
            var line = new TcpClient();
            await line.ConnectAsync(app.Address.Host, app.Address.Port);
            var head = i % 2 == 0
                ? $"POST /v1/sessions HTTP/1.1\r\nHost: {app.Address.Authority}\r\nX-API-Key: {key}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"suite_id\"\r\n\r\ncheckout\r\n--b\r\nContent-Disposition: form-data; name=\"trace\"; filename=\"a\"\r\n\r\n["
                : $"PATCH {begun.Headers.Location} HTTP/1.1\r\nHost: {app.Address.Authority}\r\nX-API-Key: {key}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 4000\r\n\r\n";
            await line.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            stalled.Add(line);
        }
        await app.UploadAsync(key, TracesApp.Trace(2_000)); // another finds a place
        await Task.WhenAll(stalled.Select(async line =>
        {
            var buffer = new byte[4096];
            try
            {
                while (await line.GetStream().ReadAsync(buffer).AsTask().WaitAsync(TimeSpan.FromSeconds(40)) > 0) { }
            }
            catch (IOException)
            {
                // reset: cut as well
            }
            line.Dispose();
        }));
        // The places are free again, the stalled upload goes on from its offset.
        using var head2 = await app.TusAsync(key, HttpMethod.Head, begun.Headers.Location!.ToString(), content: null);
        var offset = int.Parse(TracesApp.Header(head2, "Upload-Offset"));
        using var rest = await TestApp.EventuallyAsync(() => app.PieceAsync(key, begun.Headers.Location!.ToString(), offset, file[offset..]), a => a.StatusCode is not HttpStatusCode.Locked);
        Assert.Equal(HttpStatusCode.NoContent, rest.StatusCode);
        var arriving = app.OnDisk.Where(f => f.Contains("incoming", StringComparison.Ordinal)).Select(f => Guid.Parse(Path.GetFileName(f))).ToList();
        foreach (var id in arriving) Assert.True(await app.ScalarAsync<bool>($"select true from trace_uploads where id = '{id}' and session_id is null"), $"{id} is nobody's");
    }

    [Fact]
    public async Task What_a_crash_left_on_disk_is_swept_and_what_is_needed_stays()
    {
        var (_, key) = await NewAsync();
        var session = await app.UploadAsync(key, TracesApp.Trace(700));
        using var begun = await app.BeginAsync(key, TracesApp.Trace(900));
        var address = begun.Headers.Location!.ToString();
        using (var piece = await app.PieceAsync(key, address, 0, new byte[100])) Assert.Equal(HttpStatusCode.NoContent, piece.StatusCode);
        var orphans = new[] { Path.Combine(app.Folder, "incoming", Guid.CreateVersion7().ToString("N")), Path.Combine(app.Folder, "files", Guid.CreateVersion7().ToString("N"), "aa", new string('a', 64)) };
        foreach (var orphan in orphans)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(orphan)!);
            await File.WriteAllTextAsync(orphan, "left");
            File.SetLastWriteTimeUtc(orphan, app.Clock.GetUtcNow().UtcDateTime.AddHours(-1));
        }
        File.SetLastWriteTimeUtc(Path.Combine(app.Folder, "incoming", Guid.Parse(address[^36..]).ToString("N")), app.Clock.GetUtcNow().UtcDateTime.AddHours(-1)); // paused for an hour
        using var finished = await app.BeginAsync(key, TracesApp.Trace(901));
        await app.ExecuteAsync($"update trace_uploads set session_id = '{session.GetProperty("id").GetString()}' where id = '{finished.Headers.Location!.ToString()[^36..]}'");
        var second = Path.Combine(app.Folder, "incoming", Guid.Parse(finished.Headers.Location!.ToString()[^36..]).ToString("N"));
        await File.WriteAllTextAsync(second, "killed after its commit, a moment ago");
        await app.Services.GetRequiredService<TraceUploads>().SweepAsync(CancellationToken.None);
        await app.Services.GetRequiredService<TraceErasures>().SweepAsync(CancellationToken.None);
        Assert.DoesNotContain([.. orphans, second], File.Exists);
        using var download = await app.CallAsync(key, $"/v1/sessions/{session.GetProperty("id").GetString()}/file");
        Assert.Equal(HttpStatusCode.OK, download.StatusCode);
        using var stands = await app.TusAsync(key, HttpMethod.Head, address, content: null);
        Assert.Equal("100", TracesApp.Header(stands, "Upload-Offset"));
    }
}
