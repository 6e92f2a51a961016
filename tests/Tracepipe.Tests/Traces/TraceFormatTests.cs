using System.IO.Compression;
using System.Text;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Formats;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a trace that Chrome's viewer opens but we refuse, a damaged one that we take, and a summary that miscounts.</summary>
public sealed class TraceFormatTests
{
    private static readonly QuietThreads Threads = new();

    private const string Events = """
        {"args":{"name":"Browser"},"cat":"__metadata","name":"process_name","ph":"M","pid":7,"tid":0,"ts":0},
        {"args":{"name":"CrBrowserMain"},"cat":"__metadata","name":"thread_name","ph":"M","pid":7,"tid":9,"ts":0},
        {"args":{"data":{"type":"mousedown"}},"cat":"devtools.timeline","dur":500,"name":"EventDispatch","ph":"X","pid":7,"tid":9,"ts":1000000},
        {"args":{"data":{"type":"load"}},"cat":"devtools.timeline","name":"EventDispatch","ph":"X","pid":7,"tid":9,"ts":1500000},
        {"args":{},"cat":"input,benchmark","name":"Latency","ph":"b","pid":7,"tid":8,"ts":3000000.5}
        """;

    [Fact]
    public async Task An_object_an_array_and_a_packed_array_have_the_same_summary()
    {
        var asObject = await ReadAsync("{\"metadata\":{\"type\":\"x\",\"traceEvents2\":[1]},\"traceEvents\":[" + Events + "],\"stackFrames\":{}}");
        var asArray = await ReadAsync($"[{Events}]\n");
        var packed = await ReadAsync(Gzip($"\uFEFF[{Events}]"));
        Assert.Equal((TraceFormat.ChromeObject, TraceFormat.ChromeArray, TraceFormat.ChromeArray), (asObject.Format, asArray.Format, packed.Format));
        foreach (var summary in (TraceSummary[])[asObject, asArray, packed])
        {
            Assert.Equal((5, false, 2000.0), (summary.Events, summary.Truncated, summary.DurationMs));
            Assert.Equal([new("__metadata", 2), new("devtools.timeline", 2), new("benchmark", 1), new("input", 1)], summary.Categories);
            Assert.Equal([new("M", 2), new("X", 2), new("b", 1)], summary.Phases);
            Assert.Equal([new("mousedown", 1)], summary.InputEvents);
            Assert.Equal([2L, 0, 1], summary.Activity.Counts);
            var process = Assert.Single(summary.Processes);
            Assert.Equal((7, "Browser", 3), (process.Pid, process.Name, process.Events));
            Assert.Equal([new(9, "CrBrowserMain", 2), new(8, "", 1)], process.Threads);
        }
    }

    [Fact]
    public async Task Lines_of_input_are_counted_by_kind()
    {
        var summary = await ReadAsync("""
            {"type":"keydown","time":0,"key":"a","code":"KeyA"}
            {"time":1500.25,"type":"mousemove","x":10,"y":20.5,"target":{"id":"q"}}

            {"type":"touchstart","time":2000,"x":1,"y":2}
            """);
        Assert.Equal((TraceFormat.InputLines, 3, 2000.0), (summary.Format, summary.Events, summary.DurationMs));
        Assert.Equal([new("keyboard", 1), new("mouse", 1), new("touch", 1)], summary.Categories);
        Assert.Equal([1L, 1, 1], summary.Activity.Counts);
    }

    [Theory]
    [InlineData("[{\"ph\":\"X\",\"ts\":1,\"name\":\"a\"}")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1,\"name\":\"a\"},")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1,\"name\":\"a\"},\n")]
    public async Task An_array_that_breaks_off_between_events_is_taken_with_a_warning(string text)
    {
        var summary = await ReadAsync(text);
        Assert.True(summary.Truncated);
        Assert.Single(summary.Warnings);
        Assert.Equal((1, Encoding.UTF8.GetByteCount(text)), (summary.Events, summary.UnpackedBytes));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("   ", "empty")]
    [InlineData("[", "at least one event")]
    [InlineData("[]", "at least one event")]
    [InlineData("{\"traceEvents\":[]}", "at least one event")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1},{\"ph\":\"X\"", "breaks off")]
    [InlineData("{\"traceEvents\":[{\"ph\":\"X\",\"ts\":1}", "breaks off")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1},,", "JSON")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1}]]", "JSON")]
    [InlineData("[{\"ph\":\"X\",\"ts\":1}] {}", "the end of the file")]
    [InlineData("[1]", "an event")]
    [InlineData("{\"traceEvents\":{}}", "an array")]
    [InlineData("{\"traceEvents\":[{\"ph\":\"X\",\"ts\":1}],\"traceEvents\":[]}", "once")]
    [InlineData("{\"traceEvents\":[{\"ts\":1}]}", "a phase")]
    [InlineData("{\"traceEvents\":[{\"ph\":\"X\"}]}", "a time")]
    [InlineData("{\"traceEvents\":[{\"ph\":\"XY\",\"ts\":1}]}", "a phase letter")]
    [InlineData("{\"traceEvents\":[{\"ph\":\"X\",\"ts\":\"1\"}]}", "microseconds")]
    [InlineData("{\"events\":[]}", "traceEvents")]
    [InlineData("{\"type\":\"keydown\",\"time\":0}", "key")]
    [InlineData("{\"type\":\"click\",\"time\":0,\"x\":1}", "CSS pixels")]
    [InlineData("{\"type\":\"click\",\"x\":1,\"y\":1}", "time")]
    [InlineData("{\"type\":\"scroll\",\"time\":0}", "type")]
    [InlineData("<!doctype html><title>x</title>", "JSON")]
    [InlineData("\"text\"", "a trace")]
    [InlineData("PK\u0003\u0004", "JSON")]
    public async Task What_is_not_a_trace_is_refused_with_the_place_and_what_was_expected(string text, string expected)
    {
        var refused = await Assert.ThrowsAsync<MalformedTraceException>(() => ReadAsync(text));
        Assert.Equal(TraceFault.Malformed, refused.Fault);
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.NotNull(refused.ByteOffset);
    }

    [Fact]
    public async Task The_place_of_a_fault_is_exact()
    {
        const string before = "[{\"ph\":\"X\",\"ts\":1},\n ";
        var refused = await Assert.ThrowsAsync<MalformedTraceException>(() => ReadAsync(before + "{\"ph\":7,\"ts\":1}]"));
        Assert.Equal((before.Length + 6L, 1L), (refused.ByteOffset, refused.EventIndex));
    }

    [Fact]
    public async Task A_deep_or_endless_event_and_a_bomb_are_refused()
    {
        await RefusedAsync(Bytes("[{\"ph\":\"X\",\"ts\":1,\"args\":" + new string('[', 100) + new string(']', 100) + "}]"), TraceFault.Malformed);
        await RefusedAsync(Bytes("[{\"ph\":\"X\",\"ts\":1," + string.Join(',', Enumerable.Range(0, 10_001).Select(i => $"\"m{i}\":0")) + "}]"), TraceFault.Malformed);
        await RefusedAsync(Bytes("[{\"ph\":\"X\",\"ts\":1,\"name\":\"" + new string('x', 9_000_000) + "\"}]"), TraceFault.TooLarge);
        await RefusedAsync(Gzip("[" + new string(' ', 50_000_000)), TraceFault.TooLarge);
        await RefusedAsync(Bytes($"[{Events}]"), TraceFault.TooLarge, new TraceLimits { FileBytes = 100 });
        await RefusedAsync(Gzip($"[{Events}]"), TraceFault.TooLarge, new TraceLimits { UnpackedBytes = 100 });
    }

    [Fact]
    public async Task A_damaged_gzip_file_is_refused()
    {
        var whole = Gzip($"[{Events}]");
        await RefusedAsync(whole[..^1], TraceFault.Malformed);
        await RefusedAsync(whole[..^8], TraceFault.Malformed);
        await RefusedAsync([.. whole, 0], TraceFault.Malformed);
        await RefusedAsync([.. whole[..^8], 1, 2, 3, 4, .. whole[^4..]], TraceFault.Malformed);
        await RefusedAsync([.. whole, .. whole], TraceFault.Malformed);
    }

    [Fact]
    public async Task Five_hundred_cuts_of_a_trace_are_refused_or_break_off_between_events()
    {
        var whole = Bytes($"[{Events}]");
        var random = new Random(20261121);
        for (var i = 0; i < 500; i++)
        {
            var cut = whole[..random.Next(whole.Length)];
            try
            {
                var summary = await ReadAsync(cut);
                Assert.True(summary.Truncated);
                Assert.Contains(Encoding.UTF8.GetString(cut).TrimEnd()[^1], "},");
            }
            catch (MalformedTraceException refused)
            {
                Assert.Equal(TraceFault.Malformed, refused.Fault);
            }
            var packed = Gzip($"[{Events}]");
            await RefusedAsync(packed[..random.Next(packed.Length)], TraceFault.Malformed);
        }
    }

    [Fact]
    public async Task Five_hundred_flipped_bits_end_in_a_summary_or_a_refusal()
    {
        var random = new Random(20261122);
        var (plain, packed) = (Bytes($"[{Events}]"), Gzip($"[{Events}]"));
        for (var i = 0; i < 500; i++)
        {
            foreach (var file in (byte[][])[[.. plain], [.. packed]])
            {
                file[random.Next(file.Length)] ^= (byte)(1 << random.Next(8));
                try
                {
                    await ReadAsync(file);
                }
                catch (MalformedTraceException refused)
                {
                    Assert.NotEmpty(refused.Message);
                }
            }
        }
    }

    [Fact]
    public async Task The_summary_does_not_depend_on_the_pieces_in_which_a_file_arrives()
    {
        var whole = await ReadAsync($"[{Events}]");
        foreach (var size in (int[])[1, 2, 3, 7, 64])
            Assert.Equivalent(whole, await UnpackedTrace.ReadAsync(new Dripping(Bytes($"[{Events}]"), size), new TraceLimits(), Threads, TestContext.Current.CancellationToken), strict: true);
    }

    // Seen to fail when each event made a string of its name.
    [Fact]
    public void A_long_trace_is_read_in_the_memory_of_a_short_one()
    {
        var parser = new TraceParser(new TraceLimits(), TraceCounts.OfWhole());
        parser.Read("""[{"ph":"X","ts":0}"""u8, isEnd: false);
        var some = Bytes(string.Concat(Enumerable.Range(0, 2_000).Select(i => $$$""",{"args":{"data":{"type":"click"}},"cat":"input,c{{{i % 9}}}","dur":5,"name":"n{{{i % 300}}}","ph":"X","pid":{{{i % 5}}},"tid":{{{i % 40}}},"ts":{{{i}}}}""")));
        Assert.Equal(some.Length, parser.Read(some, isEnd: false));
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 40; i++) parser.Read(some, isEnd: false);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 50_000);
        Assert.Equal(82_001, parser.Events);
    }

    [Fact]
    public async Task Events_count_alike_however_many_names_and_categories_there_are()
    {
        var summary = await ReadAsync("[" + string.Join(',', Enumerable.Range(0, 25_000).Select(i => $$"""{"cat":"c{{i % 6_000}},all","name":"n{{i}}","ph":"X","ts":{{i}},"pid":1,"tid":{{i % 5_000}}}""")) + "]");
        Assert.Equal((25_000L, 50_000L, 25_000L), (summary.Events, summary.Categories.Sum(c => c.Count), summary.TopNames.Sum(n => n.Count)));
        Assert.Equal(new NameCount("all", 25_000), summary.Categories[0]);
        Assert.Equal("(others)", summary.TopNames[^1].Name);
    }

    private static async Task RefusedAsync(byte[] file, TraceFault fault, TraceLimits? limits = null)
    {
        var refused = await Assert.ThrowsAsync<MalformedTraceException>(() => UnpackedTrace.ReadAsync(new MemoryStream(file), limits ?? new TraceLimits(), Threads, TestContext.Current.CancellationToken));
        Assert.Equal(fault, refused.Fault);
    }

    private static Task<TraceSummary> ReadAsync(string text) => ReadAsync(Bytes(text));

    private static Task<TraceSummary> ReadAsync(byte[] file) => UnpackedTrace.ReadAsync(new MemoryStream(file), new TraceLimits(), Threads, TestContext.Current.CancellationToken);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Gzip(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize)) gzip.Write(Bytes(text));
        return packed.ToArray();
    }

    /// <summary>A stream that gives a few bytes at a time, as a slow network does.</summary>
    private sealed class Dripping(byte[] all, int size) : MemoryStream(all)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => base.ReadAsync(buffer[..Math.Min(size, buffer.Length)], cancellationToken);
    }
}
