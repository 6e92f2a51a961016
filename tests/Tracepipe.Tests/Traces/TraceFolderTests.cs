using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: two installations in one folder of traces, where each sweeps away what the other one stored.</summary>
public sealed class TraceFolderTests(TracesApp app) : IClassFixture<TracesApp>
{
    // Seen to fail when the mark was not read.
    [Fact]
    public async Task A_product_with_another_database_does_not_start_on_this_folder_and_erases_nothing()
    {
        await app.UploadAsync((await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret, TracesApp.Trace(500));
        var before = app.OnDisk;
        await using var other = ProductProcess.Start(["--urls", "http://127.0.0.1:0"], new()
        {
            ["ConnectionStrings__Tracepipe"] = await app.Servers.NewDatabaseAsync(), ["Database__AllowUnsafeSettings"] = "true", ["Stripe__Disabled"] = "true", ["Traces__Folder"] = app.Folder,
        });
        Assert.Equal(1, await other.ExitAsync(TimeSpan.FromSeconds(45)));
        var said = Assert.Single(other.Errors, l => l.Length > 0);
        Assert.Contains(app.Folder, said, StringComparison.Ordinal);
        Assert.Contains("Traces__Folder", said, StringComparison.Ordinal);
        Assert.Equal(before, app.OnDisk);
    }

    // Seen to fail when every unmarked folder was taken.
    [Fact]
    public async Task A_folder_without_a_mark_is_taken_when_it_holds_nothing_or_something_that_the_database_knows()
    {
        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        await app.UploadAsync(key, TracesApp.Trace(600));
        using (var begun = await app.BeginAsync(key, TracesApp.Trace(700)))
        using (var piece = await app.PieceAsync(key, begun.Headers.Location!.ToString(), 0, new byte[100])) piece.EnsureSuccessStatusCode();
        var known = app.OnDisk.Single(f => f.Contains($"{Path.DirectorySeparatorChar}files{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && new FileInfo(f).Length == 600)[(app.Folder.Length + 1)..];
        var arriving = app.OnDisk.First(f => f.Contains("incoming", StringComparison.Ordinal))[(app.Folder.Length + 1)..];
        var foreign = Path.Combine("files", Guid.CreateVersion7().ToString("N"), "ab", "ab" + new string('0', 62));
        var left = Path.Combine("incoming", Guid.CreateVersion7().ToString("N"));

        Assert.True(await IsTakenAsync());
        Assert.True(await IsTakenAsync("notes.txt"));
        Assert.True(await IsTakenAsync(foreign, known));
        Assert.True(await IsTakenAsync(arriving));
        Assert.False(await IsTakenAsync(foreign));
        Assert.False(await IsTakenAsync(left));
        Assert.False(await IsTakenAsync(known, FolderOwner.Mark)); // a mark that names nobody
    }

    /// <summary>Whether this installation takes a folder with these files. Whatever the answer, they are still there.</summary>
    private async Task<bool> IsTakenAsync(params string[] held)
    {
        var folder = Directory.CreateTempSubdirectory("tracepipe-folder-").FullName;
        try
        {
            foreach (var file in held)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, file))!);
                await File.WriteAllTextAsync(Path.Combine(folder, file), "kept");
            }
            var owner = new FolderOwner(app.Services.GetRequiredService<Database>(), new TraceFiles(folder, app.Services.GetRequiredService<QuietThreads>()), app.Clock, NullLogger<FolderOwner>.Instance);
            var isTaken = true;
            try
            {
                await owner.StartAsync(CancellationToken.None);
                await owner.StartAsync(CancellationToken.None); // the next start finds the mark
            }
            catch (StartupException refused)
            {
                Assert.Contains("Traces__Folder", refused.Message, StringComparison.Ordinal);
                isTaken = false;
            }
            foreach (var file in held) Assert.Equal("kept", await File.ReadAllTextAsync(Path.Combine(folder, file)));
            Assert.Equal(isTaken ? held.Length + 1 : held.Length, Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Count());
            return isTaken;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
