using System.Net;
using System.Security.Cryptography;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: an upload that is acknowledged while it only lies in memory, so that a power cut takes it away. A killed process does not show this: what it wrote outlives it.</summary>
public sealed class PowerCutTests(TracesApp app) : IClassFixture<TracesApp>
{
    // Seen to fail without the flush of an upload in one piece, of a piece, of a name, of the first folders' names.
    [Fact]
    public async Task What_is_acknowledged_is_flushed_to_disk_with_its_name_before_the_answer()
    {
        Assert.SkipUnless(Syscalls.WhyNot is null, Syscalls.WhyNot ?? "");
        var owner = await app.NewOwnerAsync();
        var key = (await app.NewFullKeyAsync(owner)).Secret;
        var root = Directory.CreateTempSubdirectory("tracepipe-power-").FullName;
        var (log, folder) = (Path.Combine(root, "strace"), Path.Combine(root, "new", "traces")); // a folder that it makes itself
        var (small, large, pieces) = (TracesApp.Trace(5_000), TracesApp.Trace(3_000_000), TracesApp.Trace(2_000_000));
        var expected = new List<(int Status, string? Path)>();
        await using (var node = app.StartNode(folder, [.. Syscalls.Watching(log)]))
        {
            var at = await node.ReadyAsync();
            foreach (var file in (byte[][])[small, large, small])
            {
                using var posted = await app.PostTraceAsync(key, file, at: at);
                expected.Add(((int)posted.StatusCode, PathOf(file)));
            }
            using var begun = await app.BeginAsync(key, pieces, at: at);
            expected.Add(((int)begun.StatusCode, null));
            var address = new Uri(at, begun.Headers.Location!).ToString();
            using (var first = await app.PieceAsync(key, address, 0, pieces[..1_000_000])) expected.Add(((int)first.StatusCode, Path.Combine(folder, "incoming", Guid.Parse(address[^36..]).ToString("N"))));
            using (var second = await app.PieceAsync(key, address, 1_000_000, pieces[1_000_000..])) expected.Add(((int)second.StatusCode, PathOf(pieces)));
            node.Interrupt();
            await node.ExitAsync();
            await TestApp.EventuallyAsync(() => Task.FromResult(File.ReadLines(log).Any(l => l.StartsWith($"{node.Id} ", StringComparison.Ordinal) && l.Contains("+++ exited", StringComparison.Ordinal))), ended => ended);
        }
        Assert.Equal([201, 201, 201, 201, 204, 204], expected.Select(e => e.Status));
        var answers = new Syscalls().Read(File.ReadLines(log), root, [.. expected.Select(e => e.Path)]);
        Directory.Delete(root, recursive: true);
        Assert.Equal(expected.Select(e => (e.Status, (string?)null)), answers);

        string PathOf(byte[] file)
        {
            var name = Convert.ToHexStringLower(SHA256.HashData(file));
            return Path.Combine(folder, "files", owner.OrganizationId.ToString("N"), name[..2], name);
        }
    }
}
