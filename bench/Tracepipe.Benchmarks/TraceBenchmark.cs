using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Traces;
using Tracepipe.Storefront.Traces.Formats;
using Tracepipe.Storefront.Traces.Storage;

namespace Tracepipe.Benchmarks;

/// <summary>
/// What taking a trace in costs: parsing, hashing and storing 1 GB, against a bare pass of the JSON reader over the same file (floor: half its speed, 64 MB of memory), and
/// 200 MB against Node's and Python's JSON parsers (floor: three times their speed).
/// </summary>
internal static class TraceBenchmark
{
    private const long Large = 1_000_000_000, Small = 200_000_000;
    private const int Rounds = 5;

    public static async Task RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("tracepipe-bench-").FullName;
        try
        {
            var (large, small) = (Path.Combine(folder, "large.json"), Path.Combine(folder, "small.json"));
            await GenerateAsync(large, Large);
            await GenerateAsync(small, Small);
            using var threads = new QuietThreads();
            var intake = new Intake(new TraceFiles(Path.Combine(folder, "traces"), threads), threads, Options.Create(new TracesOptions()));
            await TakeAsync(intake, small, folder); // the compiler is warm, the pools are filled
            await BareAsync(small);

            Console.WriteLine("1 GB: parse, SHA-256 and store, against a bare pass of Utf8JsonReader");
            var ratios = new List<double>();
            var growth = 0L;
            for (var round = 0; round < Rounds; round++)
            {
                var bare = await TimedAsync(() => BareAsync(large));
                var product = await TimedAsync(() => TakeAsync(intake, large, folder));
                growth = Math.Max(growth, product.Grew);
                ratios.Add(bare.Seconds / product.Seconds);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  bare {Large / 1e6 / bare.Seconds,6:0} MB/s   product {Large / 1e6 / product.Seconds,6:0} MB/s   ratio {bare.Seconds / product.Seconds:0.00}   of processor time {bare.Processor:0.0} s and {product.Processor:0.0} s   memory grew {product.Grew / 1e6:0} MB"));
            }
            ratios.Sort();
            Report("ratio, median", ratios[Rounds / 2], 0.5);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  memory of the product grew by at most {growth / 1e6:0} MB (at most 64): {(growth <= 64_000_000 ? "ok" : "MISSED")}"));

            var parse = await TimedAsync(() => ParseAsync(threads, large));
            var hash = await TimedAsync(() => HashAsync(large));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  of this, each alone, by processor time: parse {Large / 1e6 / parse.Processor:0} MB/s ({Large / 1e6 / parse.Seconds:0} by the clock), SHA-256 {Large / 1e6 / hash.Processor:0} MB/s"));

            Console.WriteLine("200 MB: parse, SHA-256 and store, against other JSON parsers");
            var ours = (await TimedAsync(() => TakeAsync(intake, small, folder))).Seconds;
            Report("times as fast as Node's JSON.parse", await OtherAsync("node", "-e", "const t=process.hrtime.bigint();JSON.parse(require('fs').readFileSync(process.argv[1],'utf8'));console.log(Number(process.hrtime.bigint()-t)/1e9)", small) / ours, 3);
            Report("times as fast as Python's json.load", await OtherAsync("python3", "-c", "import json,sys,time;t=time.perf_counter();json.load(open(sys.argv[1]));print(time.perf_counter()-t)", small) / ours, 3);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Report(string what, double value, double floor) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what}: {value:0.00} (floor {floor}): {(value >= floor ? "ok" : "MISSED")}"));

    /// <param name="Seconds">By the clock.</param>
    /// <param name="Processor">Seconds of processors: what a busy machine does not distort.</param>
    /// <param name="Grew">By so many bytes the process grew meanwhile.</param>
    private sealed record Measured(double Seconds, double Processor, long Grew);

    private static async Task<Measured> TimedAsync(Func<Task> act)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (before, most) = (Environment.WorkingSet, 0L);
        using var done = new CancellationTokenSource();
        var watching = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!done.IsCancellationRequested && await timer.WaitForNextTickAsync()) most = Math.Max(most, Environment.WorkingSet - before);
        });
        var (watch, worked) = (Stopwatch.StartNew(), Process.GetCurrentProcess().TotalProcessorTime);
        await act();
        var (seconds, processor) = (watch.Elapsed.TotalSeconds, (Process.GetCurrentProcess().TotalProcessorTime - worked).TotalSeconds);
        await done.CancelAsync();
        await watching;
        return new Measured(seconds, processor, most);
    }

    /// <summary>As an upload is taken: streamed, read once, hashed, stored and flushed.</summary>
    private static async Task TakeAsync(Intake intake, string path, string folder)
    {
        var id = Guid.CreateVersion7();
        await using (var body = new FileStream(path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan }))
        {
            var (_, refused) = await intake.ReceiveAsync(id, body, CancellationToken.None);
            if (refused is not null) throw new BenchmarkException(refused.Message);
        }
        File.Delete(Path.Combine(folder, "traces", "incoming", id.ToString("N")));
    }

    private static async Task ParseAsync(QuietThreads threads, string path)
    {
        await using var file = new FileStream(path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        await UnpackedTrace.ReadAsync(file, new TraceLimits(), threads, CancellationToken.None);
    }

    private static async Task HashAsync(string path)
    {
        await using var file = new FileStream(path, new FileStreamOptions { BufferSize = 1 << 19, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        await SHA256.HashDataAsync(file);
    }

    /// <summary>Every token, and nothing done with it.</summary>
    private static async Task BareAsync(string path)
    {
        await using var file = new FileStream(path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });
        var buffer = new byte[1 << 20];
        var (kept, state) = (0, new JsonReaderState());
        while (true)
        {
            var got = await file.ReadAsync(buffer.AsMemory(kept));
            var used = Pass(buffer.AsSpan(0, kept + got), got == 0, ref state);
            if (got == 0) return;
            kept = kept + got - used;
            buffer.AsSpan(used, kept).CopyTo(buffer);
        }

        static int Pass(ReadOnlySpan<byte> bytes, bool isLast, ref JsonReaderState state)
        {
            var reader = new Utf8JsonReader(bytes, isLast, state);
            while (reader.Read()) { }
            state = reader.CurrentState;
            return (int)reader.BytesConsumed;
        }
    }

    private static async Task<double> OtherAsync(string program, string flag, string code, string file)
    {
        var start = new ProcessStartInfo(program, [flag, code, file]) { RedirectStandardOutput = true };
        using var process = Process.Start(start) ?? throw new BenchmarkException($"{program} does not start.");
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? double.Parse(output.Trim(), CultureInfo.InvariantCulture) : throw new BenchmarkException($"{program} failed.");
    }

    /// <summary>A trace as Chrome's panel saves it: tasks, layouts, input, network and a few long arguments, in the order of time.</summary>
    private static async Task GenerateAsync(string path, long bytes)
    {
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 1 << 20 });
        var random = new Random(20261121);
        var text = new StringBuilder("{\"metadata\":{\"source\":\"DevTools\"},\"traceEvents\":[\n{\"ph\":\"M\",\"cat\":\"__metadata\",\"name\":\"process_name\",\"pid\":4211,\"tid\":1,\"ts\":0,\"args\":{\"name\":\"Renderer\"}}");
        var at = 1_000_000L;
        while (file.Length + text.Length < bytes)
        {
            at += random.Next(400);
            var tid = random.Next(1, 12);
            text.Append(random.Next(8) switch
            {
                0 => $",\n{{\"args\":{{\"data\":{{\"type\":\"mousemove\"}}}},\"cat\":\"devtools.timeline\",\"dur\":{random.Next(900)},\"name\":\"EventDispatch\",\"ph\":\"X\",\"pid\":4211,\"tdur\":{random.Next(900)},\"tid\":{tid},\"ts\":{at}}}",
                1 => $",\n{{\"args\":{{\"beginData\":{{\"dirtyObjects\":{random.Next(90)},\"frame\":\"E6FB{random.Next(9999)}\",\"partialLayout\":false,\"totalObjects\":{random.Next(4000)}}}}},\"cat\":\"devtools.timeline\",\"dur\":{random.Next(9000)},\"name\":\"Layout\",\"ph\":\"X\",\"pid\":4211,\"tid\":{tid},\"ts\":{at}}}",
                2 => $",\n{{\"args\":{{\"data\":{{\"requestId\":\"{random.Next(99999)}.12\",\"url\":\"https://shop.example/assets/{random.Next(99999)}.js?v={random.Next()}\",\"priority\":\"High\"}}}},\"cat\":\"loading,devtools.timeline\",\"name\":\"ResourceSendRequest\",\"ph\":\"I\",\"pid\":4211,\"s\":\"t\",\"tid\":{tid},\"ts\":{at}}}",
                _ => $",\n{{\"args\":{{}},\"cat\":\"disabled-by-default-devtools.timeline\",\"dur\":{random.Next(400)},\"name\":\"RunTask\",\"ph\":\"X\",\"pid\":4211,\"tdur\":{random.Next(400)},\"tid\":{tid},\"ts\":{at}}}",
            });
            if (text.Length < 1 << 20) continue;
            await file.WriteAsync(Encoding.ASCII.GetBytes(text.ToString()));
            text.Clear();
        }
        text.Append("\n]}");
        await file.WriteAsync(Encoding.ASCII.GetBytes(text.ToString()));
        file.Flush(flushToDisk: true); // what is measured does not wait for this to be written
    }
}
