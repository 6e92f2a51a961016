using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace Tracepipe.Benchmarks;

/// <summary>50 uploads of 20 MB at once, and what other requests of the same organization notice of them: their 99th percentile is at most twice that of a quiet server.</summary>
internal static class UploadBenchmark
{
    private const int Uploads = 50, Bytes = 20_000_000, OthersPerSecond = 100, QuietSeconds = 5;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync(("Traces:ParallelUploads", "100"));
        using var http = new HttpClient { BaseAddress = new Uri(product.Address), Timeout = TimeSpan.FromMinutes(5) };
        http.DefaultRequestHeaders.Add("X-API-Key", await product.NewKeyAsync());
        var file = Recording();
        await SendAsync(http, file); // warms up
        await OthersAsync(http, Task.Delay(TimeSpan.FromSeconds(2)));

        var quiet = await OthersAsync(http, Task.Delay(TimeSpan.FromSeconds(QuietSeconds)));
        var watch = Stopwatch.StartNew();
        var uploads = Task.WhenAll(Enumerable.Range(0, Uploads).Select(_ => Task.Run(() => SendAsync(http, file))));
        var beside = await OthersAsync(http, uploads);
        var failed = (await uploads).Count(status => status != HttpStatusCode.Created);

        Console.WriteLine($"{"GET /v1/users/me, " + OthersPerSecond + "/s",-34}{"p50 ms",10}{"p99 ms",10}{"most ms",10}");
        Print("quiet", quiet);
        Print($"beside {Uploads} uploads of 20 MB", beside);
        var ratio = At(beside, 0.99) / At(quiet, 0.99);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{failed} of {Uploads} uploads failed (goal 0); {(double)Uploads * Bytes / 1e6 / watch.Elapsed.TotalSeconds:0} MB/s; p99 beside them is {ratio:0.0} times the quiet one (goal at most 2): {(ratio <= 2 && failed == 0 ? "ok" : "MISSED")}"));
    }

    private static async Task<HttpStatusCode> SendAsync(HttpClient http, byte[] file)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("checkout"), "suite_id" },
            { new OwnRecording(file), "trace", "recording.json" },
        };
        using var answer = await http.PostAsync(new Uri("/v1/sessions", UriKind.Relative), form);
        if (answer.StatusCode is not HttpStatusCode.Created) await Console.Error.WriteLineAsync(await answer.Content.ReadAsStringAsync());
        return answer.StatusCode;
    }

    /// <summary>Milliseconds of each other request until something is over, ascending; each begins when its time has come and is timed from that moment.</summary>
    private static async Task<IReadOnlyList<double>> OthersAsync(HttpClient http, Task until)
    {
        var times = new ConcurrentBag<double>();
        var running = new List<Task>();
        var watch = Stopwatch.StartNew();
        for (var i = 0; !until.IsCompleted; i++)
        {
            var begun = TimeSpan.FromSeconds((double)i / OthersPerSecond);
            var wait = begun - watch.Elapsed;
            if (wait > TimeSpan.Zero) await Task.Delay(wait);
            running.Add(Task.Run(async () =>
            {
                using var answer = await http.GetAsync(new Uri("/v1/users/me", UriKind.Relative));
                answer.EnsureSuccessStatusCode();
                times.Add((watch.Elapsed - begun).TotalMilliseconds);
            }));
        }
        await Task.WhenAll(running);
        await until;
        return [.. times.Order()];
    }

    private static double At(IReadOnlyList<double> times, double part) => times[(int)(times.Count * part)];

    private static void Print(string name, IReadOnlyList<double> times) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{At(times, 0.5),10:0.0}{At(times, 0.99),10:0.0}{times[^1],10:0.0}"));

    /// <summary>The recording under an id of its own, since what is stored already would be stored once; the bytes are everybody's.</summary>
    private sealed class OwnRecording(byte[] file) : HttpContent
    {
        private readonly byte[] head = Encoding.ASCII.GetBytes($"{{\"metadata\":{{\"run\":\"{Guid.CreateVersion7()}\"}},");

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(head);
            for (var at = 1; at < file.Length; at += 1 << 16) await stream.WriteAsync(file.AsMemory(at, Math.Min(1 << 16, file.Length - at)));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = head.Length + file.Length - 1;
            return true;
        }
    }

    private static byte[] Recording()
    {
        var text = new StringBuilder("{\"traceEvents\":[{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"tid\":1,\"args\":{\"name\":\"Renderer\"}}");
        for (var at = 0; text.Length < Bytes; at += 130)
            text.Append(CultureInfo.InvariantCulture, $",\n{{\"args\":{{}},\"cat\":\"devtools.timeline\",\"dur\":{at % 97},\"name\":\"RunTask\",\"ph\":\"X\",\"pid\":1,\"tid\":{at % 7},\"ts\":{at}}}");
        return Encoding.ASCII.GetBytes(text.Append("]}").ToString());
    }
}
