using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Tests.Traces;

/// <summary>What is written behind whoever reads a trace.</summary>
public sealed class RecorderTests
{
    // Seen to fail when the first piece that could not be kept ended the storing of all others.
    [Fact]
    public async Task Who_reads_ahead_of_a_disk_that_is_full_is_told_and_never_waits_for_it()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "This system has no file that is always full.");
        using var threads = new QuietThreads();
        for (var i = 0; i < 500; i++)
        {
            await using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            await using var recorder = new Recorder(new MemoryStream(new byte[64 * 1024]), full, 4096, threads);
            await Assert.ThrowsAsync<IOException>(() => ReadAsync(recorder).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        }
    }

    private static async Task ReadAsync(Recorder recorder)
    {
        await recorder.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        await recorder.FinishAsync();
    }
}
