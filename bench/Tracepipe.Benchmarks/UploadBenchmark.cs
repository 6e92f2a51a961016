using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace Tracepipe.Benchmarks;

/// <summary>
/// 50 uploads of 20 MB at once, and what other requests of the same organization notice of them: their 99th percentile is at most twice that of a quiet server. Uploaders and
/// callers are programs of their own; in life they have machines of their own, so the uploaders take what the others leave of this one, and their files come over a line of
/// 1 Gbit/s. Within one machine they come faster than any line brings them, and making and sending them keeps the processors busy: that is shown too, with what processors
/// that are never idle cost by themselves.
/// </summary>
internal static class UploadBenchmark
{
    private const int Uploads = 50, Bytes = 20_000_000, OthersPerSecond = 100, QuietSeconds = 10, Rounds = 5, LineMegabytes = 125;
    private static readonly TimeSpan Erased = TimeSpan.FromSeconds(12); // after it, what was stored and deleted is gone from the disk

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync(("Traces:ParallelUploads", "100"));
        var key = await product.NewKeyAsync();
        using var callers = SideProgram.Start(isBehind: false, "uploads", "others", product.Address, key);
        using var uploaders = SideProgram.Start(isBehind: true, "uploads", "uploaders", product.Address, key);
        for (var round = 0; round < 6; round++) // warms up: code is compiled anew a few times, with what was seen of its use
        {
            await CallAsync(callers, uploaders.AskAsync("send 0"));
            await uploaders.AskAsync("clean");
            await CallAsync(callers, Task.Delay(TimeSpan.FromSeconds(4)));
        }

        Console.WriteLine($"{"GET /v1/users/me, " + OthersPerSecond + "/s",-46}{"p50 ms",10}{"p99 ms",10}{"most ms",10}{"uploads/MB/s",16}{"times p99",12}");
        List<double> online = [], unbridled = [], computing = [];
        var failed = 0;
        for (var round = 0; round < Rounds; round++)
        {
            await Task.Delay(Erased);
            var quiet = await CallAsync(callers, Task.Delay(TimeSpan.FromSeconds(QuietSeconds)));
            Print("quiet", quiet);
            computing.Add(Print("beside programs that only compute", await BesideComputingAsync(callers), quiet));
            online.Add(await UploadAsync($"beside {Uploads} uploads of 20 MB over 1 Gbit/s", LineMegabytes));
            await Task.Delay(Erased);
            unbridled.Add(await UploadAsync($"beside {Uploads} uploads of 20 MB within the machine", 0));

            async Task<double> UploadAsync(string name, int line)
            {
                var watch = Stopwatch.StartNew();
                var uploading = uploaders.AskAsync($"send {line}");
                var beside = await CallAsync(callers, uploading);
                failed += int.Parse(await uploading, CultureInfo.InvariantCulture);
                var speed = (double)Uploads * Bytes / 1e6 / watch.Elapsed.TotalSeconds;
                await uploaders.AskAsync("clean");
                return Print(name, beside, quiet, speed);
            }
        }
        var ratio = Median(online);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{failed} of {2 * Rounds * Uploads} uploads failed (goal 0); p99 beside those that come over a line is {ratio:0.0} times the quiet one (median; goal at most 2): {(ratio <= 2 && failed == 0 ? "ok" : "MISSED")}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"beside those that come as fast as they are taken {Median(unbridled):0.0} times, beside programs that only compute {Median(computing):0.0} times: what busy processors cost by themselves"));
    }

    private static double Median(List<double> figures) => figures.Order().ElementAt(figures.Count / 2);

    /// <summary>What the machine itself makes calls wait when its processors are never idle: as many programs as processors, which give way to all others at once.</summary>
    private static async Task<IReadOnlyList<double>> BesideComputingAsync(SideProgram callers)
    {
        var programs = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Process.Start("chrt", ["--idle", "0", "sh", "-c", "while :; do :; done"])).ToList();
        try
        {
            return await CallAsync(callers, Task.Delay(TimeSpan.FromSeconds(QuietSeconds)));
        }
        finally
        {
            foreach (var program in programs)
            {
                program.Kill();
                await program.WaitForExitAsync();
                program.Dispose();
            }
        }
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
                var line = int.Parse(told.Split(' ')[1], CultureInfo.InvariantCulture);
                var sessions = await Task.WhenAll(Enumerable.Range(0, Uploads).Select(_ => Task.Run(() => SendAsync(http, file, line * 1e6 / Uploads))));
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
    /// <param name="bytesPerSecond">Its part of the line; 0: there is none.</param>
    private static async Task<Uri?> SendAsync(HttpClient http, byte[] file, double bytesPerSecond)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("checkout"), "suite_id" },
            { new OwnRecording(file, bytesPerSecond), "trace", "recording.json" },
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

    /// <returns>Its 99th percentile, as a multiple of that of a quiet server.</returns>
    private static double Print(string name, IReadOnlyList<double> times, IReadOnlyList<double>? quiet = null, double? speed = null)
    {
        var ratio = quiet is null ? 1 : At(times, 0.99) / At(quiet, 0.99);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-46}{At(times, 0.5),10:0.0}{At(times, 0.99),10:0.0}{times[^1],10:0.0}{speed,16:0}") + (quiet is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{ratio,12:0.0}")));
        return ratio;
    }

    /// <summary>The recording under an id of its own, since what is stored already would be stored once; the bytes are everybody's.</summary>
    private sealed class OwnRecording(byte[] file, double bytesPerSecond) : HttpContent
    {
        private readonly byte[] head = Encoding.ASCII.GetBytes($"{{\"metadata\":{{\"run\":\"{Guid.CreateVersion7()}\"}},");

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(head);
            var watch = Stopwatch.StartNew();
            for (var at = 1; at < file.Length; at += 1 << 16)
            {
                if (bytesPerSecond > 0 && TimeSpan.FromSeconds(at / bytesPerSecond) - watch.Elapsed is var early && early > TimeSpan.Zero) await Task.Delay(early);
                await stream.WriteAsync(file.AsMemory(at, Math.Min(1 << 16, file.Length - at)));
            }
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
