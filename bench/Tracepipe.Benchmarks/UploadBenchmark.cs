using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace Tracepipe.Benchmarks;

/// <summary>
/// 50 uploads of 20 MB at once, and what other requests of the same organization notice of them: their 99th percentile is at most twice that of a quiet server. Uploaders and
/// callers are programs of their own; in life they have machines of their own, so the uploaders take what the others leave of this one.
/// </summary>
internal static class UploadBenchmark
{
    private const int Uploads = 50, Bytes = 20_000_000, OthersPerSecond = 100, QuietSeconds = 10, Rounds = 5;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync(("Traces:ParallelUploads", "100"));
        var key = await product.NewKeyAsync();
        using var callers = SideProgram.Start(isBehind: false, "uploads", "others", product.Address, key);
        using var uploaders = SideProgram.Start(isBehind: true, "uploads", "uploaders", product.Address, key);
        for (var round = 0; round < 6; round++) // warms up: code is compiled anew a few times, with what was seen of its use
        {
            await CallAsync(callers, uploaders.AskAsync("send"));
            await uploaders.AskAsync("clean");
            await CallAsync(callers, Task.Delay(TimeSpan.FromSeconds(4)));
        }

        Console.WriteLine($"{"GET /v1/users/me, " + OthersPerSecond + "/s",-34}{"p50 ms",10}{"p99 ms",10}{"most ms",10}{"uploads/MB/s",16}{"times p99",12}");
        var ratios = new List<double>();
        var failed = 0;
        for (var round = 0; round < Rounds; round++)
        {
            await Task.Delay(TimeSpan.FromSeconds(12)); // what the last round stored is erased
            var quiet = await CallAsync(callers, Task.Delay(TimeSpan.FromSeconds(QuietSeconds)));
            Print("quiet", quiet);
            var watch = Stopwatch.StartNew();
            var uploading = uploaders.AskAsync("send");
            var beside = await CallAsync(callers, uploading);
            failed += int.Parse(await uploading, CultureInfo.InvariantCulture);
            var elapsed = watch.Elapsed.TotalSeconds;
            await uploaders.AskAsync("clean");
            ratios.Add(At(beside, 0.99) / At(quiet, 0.99));
            Print($"beside {Uploads} uploads of 20 MB", beside, string.Create(CultureInfo.InvariantCulture, $"{(double)Uploads * Bytes / 1e6 / elapsed,16:0}{ratios[^1],12:0.0}"));
        }
        var ratio = ratios.Order().ElementAt(Rounds / 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{failed} of {Rounds * Uploads} uploads failed (goal 0); p99 beside them is {ratio:0.0} times the quiet one (median; goal at most 2): {(ratio <= 2 && failed == 0 ? "ok" : "MISSED")}"));
    }

    /// <summary>A program of its own that does what it is told, a line at a time, until its input ends.</summary>
    public static async Task ServeAsync(string role, string address, string key)
    {
        using var http = new HttpClient(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5) }) { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(5) };
        http.DefaultRequestHeaders.Add("X-API-Key", key);
        var file = Recording();
        while (await Console.In.ReadLineAsync() is { } told)
        {
            if (role == "others")
            {
                var end = Task.Run(Console.In.ReadLine); // the console's own asynchronous reading waits
                SideProgram.Answer(await OthersAsync(http, end));
                await end;
            }
            else
            {
                var sessions = await Task.WhenAll(Enumerable.Range(0, Uploads).Select(_ => Task.Run(() => SendAsync(http, file))));
                Console.WriteLine(sessions.Count(session => session is null));
                await Console.In.ReadLineAsync();
                foreach (var session in sessions.OfType<Uri>()) (await http.DeleteAsync(session)).EnsureSuccessStatusCode();
                Console.WriteLine("clean");
            }
        }
    }

    /// <summary>Milliseconds of each call until something is over, ascending.</summary>
    private static async Task<IReadOnlyList<double>> CallAsync(SideProgram callers, Task until)
    {
        var answer = callers.AskAsync("begin");
        await until;
        await callers.TellAsync("end");
        return SideProgram.Times(await answer);
    }

    /// <summary>Uploads one file; returns where its session is, or null.</summary>
    private static async Task<Uri?> SendAsync(HttpClient http, byte[] file)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("checkout"), "suite_id" },
            { new OwnRecording(file), "trace", "recording.json" },
        };
        using var answer = await http.PostAsync(new Uri("/v1/sessions", UriKind.Relative), form);
        if (answer.StatusCode is not HttpStatusCode.Created) await Console.Error.WriteLineAsync(await answer.Content.ReadAsStringAsync());
        return answer.StatusCode is HttpStatusCode.Created ? answer.Headers.Location : null;
    }

    /// <summary>Milliseconds of each other request until something is over, ascending.</summary>
    private static Task<IReadOnlyList<double>> OthersAsync(HttpClient http, Task until) => Pace.RunAsync(OthersPerSecond, _ => until.IsCompleted, async _ =>
    {
        using var answer = await http.GetAsync(new Uri("/v1/users/me", UriKind.Relative));
        answer.EnsureSuccessStatusCode();
    });

    private static double At(IReadOnlyList<double> times, double part) => times[(int)(times.Count * part)];

    private static void Print(string name, IReadOnlyList<double> times, string more = "") =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{At(times, 0.5),10:0.0}{At(times, 0.99),10:0.0}{times[^1],10:0.0}") + more);

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
