using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a full disk that becomes an error of ours, keeps half a file, or ends uploads that would still fit.</summary>
public sealed class FullDiskTests(FullDiskTests.SmallDisk app) : IClassFixture<FullDiskTests.SmallDisk>
{
    /// <summary>Four megabytes for traces, where the machine lets a test mount them.</summary>
    public sealed class SmallDisk(TestServers servers) : TracesApp(servers)
    {
        public bool IsMounted { get; private set; }

        public override async ValueTask InitializeAsync()
        {
            Directory.CreateDirectory(Folder);
            IsMounted = OperatingSystem.IsLinux() && await RunAsync("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", Folder) == 0;
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            if (IsMounted) await RunAsync("umount", "-l", Folder);
            await base.DisposeAsync();
        }

        private static async Task<int> RunAsync(string program, params string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_with_507_and_leaves_room_for_what_does()
    {
        Assert.SkipUnless(app.IsMounted, "This machine does not let a test mount a small disk.");
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var large = Encoding.UTF8.GetBytes($$$"""[{"ph":"X","ts":1,"name":"a","args":{"data":"{{{Convert.ToBase64String(RandomNumberGenerator.GetBytes(4_500_000))}}}"} }]""");
        using (var posted = await app.PostTraceAsync(key, large)) await KeysApp.ErrorAsync(posted, 507, "unavailable");
        Assert.Empty(app.OnDisk);
        using (var begun = await app.BeginAsync(key, large))
        {
            using var piece = await app.PieceAsync(key, begun.Headers.Location!.ToString(), 0, large);
            await KeysApp.ErrorAsync(piece, 507, "unavailable");
            using var ended = await app.TusAsync(key, HttpMethod.Delete, begun.Headers.Location!.ToString(), content: null);
            Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        }
        Assert.Empty(app.OnDisk);
        var file = TracesApp.Trace(1_000_000);
        var session = await app.UploadAsync(key, file);
        using var download = await app.CallAsync(key, $"/v1/sessions/{session.GetProperty("id").GetString()}/file");
        Assert.Equal(file, await download.Content.ReadAsByteArrayAsync());
    }
}
