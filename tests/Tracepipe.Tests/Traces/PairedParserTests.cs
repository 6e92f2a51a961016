using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Formats;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a trace that two parsers read with another result than one, be it a count, a name, or the place of a fault.</summary>
public sealed class PairedParserTests : IDisposable
{
    private readonly QuietThreads threads = new();

    public void Dispose() => threads.Dispose();

    // Seen to fail when what the second parser counted was not added, and when it counted although the first one stood within an event.
    [Fact]
    public async Task Two_parsers_count_what_one_counts()
    {
        for (var seed = 0; seed < 90; seed++)
        {
            var file = Encoding.UTF8.GetBytes(new Trace(seed).Text);
            var expected = await OneAsync(file);
            foreach (var piece in (int[])[200, 3_000, 50_000]) Assert.True(expected == await TwoAsync(file, piece), $"Seed {seed}, pieces of {piece} bytes: {expected} became {await TwoAsync(file, piece)}");
        }
    }

    [Fact]
    public async Task They_refuse_a_damaged_trace_at_the_place_where_one_does()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var file = Encoding.UTF8.GetBytes(new Trace(seed % 30).Text);
            if (random.Next(3) == 0) file = file[..random.Next(1, file.Length)];
            else file[random.Next(file.Length)] ^= (byte)(1 << random.Next(8));
            var expected = await OneAsync(file);
            foreach (var piece in (int[])[300, 4_000]) Assert.True(expected == await TwoAsync(file, piece), $"Seed {seed}, pieces of {piece} bytes: {expected} became {await TwoAsync(file, piece)}");
        }
    }

    // More names, categories, threads and seconds than are kept: those that came first are, whoever read them.
    [Fact]
    public async Task They_keep_the_names_that_one_keeps()
    {
        var file = Encoding.UTF8.GetBytes("[" + string.Join(",\n", Enumerable.Range(0, 30_000).Select(i => $$"""{"cat":"c{{i % 6_000}},all","name":"n{{(i * 7) % 25_000}}","ph":"X","ts":{{i * 9_000_000L}},"pid":1,"tid":{{(i * 3) % 5_000}}}""")) + "]");
        Assert.Equal(await OneAsync(file), await TwoAsync(file, 200_000));
    }

    private static Task<string> OneAsync(byte[] file) => OutcomeAsync(() =>
    {
        var parser = new TraceParser(new TraceLimits(), TraceCounts.OfWhole());
        return Task.FromResult(parser.Complete(file.AsSpan(parser.Read(file, isEnd: false))));
    });

    private Task<string> TwoAsync(byte[] file, int piece) =>
        OutcomeAsync(() => UnpackedTrace.ReadAsync(new MemoryStream(file), new TraceLimits { PieceBytes = piece }, threads, TestContext.Current.CancellationToken));

    private static async Task<string> OutcomeAsync(Func<Task<TraceSummary>> read)
    {
        try
        {
            return JsonSerializer.Serialize(await read(), TracesJson.Default.TraceSummary);
        }
        catch (MalformedTraceException refused)
        {
            return $"{refused.ByteOffset} {refused.EventIndex} {refused.Message}";
        }
    }

    /// <summary>A trace in any of the formats, most of its events a line each, with what looks like the border of two events inside of some.</summary>
    private sealed class Trace(int seed)
    {
        private static readonly string Nested = string.Join(",\n", Enumerable.Repeat("""{"ph":"Z","ts":1}""", 60));
        private readonly Random random = new(seed);

        public string Text => random.Next(3) switch
        {
            0 => $"[{Events(",\n")}\n]",
            1 => $$"""{"metadata":{"list":[{},{{"\n"}}{}]},"traceEvents":[{{"\n"}}{{Events(",\n")}}],{{"\n"}}"samples":[{},{{"\n"}}{},{{"\n"}}{}]}""",
            _ => Lines(),
        };

        private string Events(string border)
        {
            var text = new StringBuilder();
            var isStrange = random.Next(2) == 0;
            var number = random.Next(1, 400);
            for (var i = 0; i < number; i++) text.Append(i == 0 ? "" : random.Next(12) == 0 ? "," : border).Append(Event(isStrange && random.Next(20) == 0));
            return text.ToString();
        }

        private string Event(bool isStrange) => random.Next(isStrange ? 7 : 5) switch
        {
            0 => $$"""{"args":{"name":"T{{random.Next(9)}}"},"name":"{{(random.Next(2) == 0 ? "thread_name" : "process_name")}}","ph":"M","pid":{{random.Next(3)}},"tid":{{random.Next(9)}}}""",
            1 => $$$"""{"args":{"data":{"type":"click"}},"cat":"input,x","name":"EventDispatch","ph":"X","pid":1,"tid":{{{random.Next(9)}}},"ts":{{{At()}}},"dur":{{{random.Next(5_000_000)}}}}""",
            2 => $$"""{"args":{"stack":[{"line":1},{"line":2},{{"\n"}}{"line":3}]},"cat":"v8","name":"n{{random.Next(40)}}","ph":"I","pid":2,"tid":1,"ts":{{At()}}}""".Replace(random.Next(10) == 0 ? "\r" : "\n", "", StringComparison.Ordinal),
            3 => $$"""{"cat":"t","name":"a},\n{\"b\u00e9{{random.Next(4)}}","ph":"B","pid":2,"tid":1,"ts":{{At()}}}""",
            4 => $$"""{"cat":"c{{random.Next(6)}}","name":"{{new string('ü', random.Next(300))}}","ph":"E","pid":2,"tid":1,"ts":{{At()}}}""",
            5 => $$"""{"args":[{"ph":"X","ts":1},{{"\n"}}{"ph":"X","ts":2},{{"\n"}}{"ph":"X","ts":3}],"ph":"X","ts":{{At()}}}""",
            _ => $$"""{"args":[{{Nested}}],"ph":"X","ts":{{At()}}}""",
        };

        private string Lines()
        {
            var text = new StringBuilder();
            for (var i = random.Next(1, 400); i > 0; i--)
                text.Append(random.Next(3) == 0 ? $$"""{"type":"keydown","time":{{random.Next(90_000)}},"key":"a"}""" : $$"""{"type":"mousemove","time":{{random.Next(90_000)}},"x":1,"y":2,"path":[{},{{(random.Next(15) == 0 ? "\n" : "")}} {}] }""").Append('\n');
            return text.ToString();
        }

        private long At() => random.Next(60_000_000);
    }
}
