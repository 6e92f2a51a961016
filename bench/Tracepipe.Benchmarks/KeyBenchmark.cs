using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Benchmarks;

/// <summary>
/// <c>GET /v1/users/me</c> with a key (cache warm, limits on) against an endpoint of a bare Kestrel in the same process that answers the same body and
/// content type and does nothing else. The two are loaded in turn; the ratio is that of the medians.
/// </summary>
internal static class KeyBenchmark
{
    private const int Rounds = 7;
    private const int Seconds = 3;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync();
        var key = await product.NewKeyAsync();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("X-API-Key", key);
        var body = await http.GetByteArrayAsync(product.Address + "/v1/users/me");

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        await using var bare = builder.Build();
        bare.Urls.Add("http://127.0.0.1:0");
        bare.MapGet("/v1/users/me", (HttpContext context) =>
        {
            context.Response.ContentType = "application/json; charset=utf-8";
            context.Response.ContentLength = body.Length;
            return context.Response.Body.WriteAsync(body).AsTask();
        });
        await bare.StartAsync();
        var bareBody = await http.GetByteArrayAsync(bare.Urls.First() + "/v1/users/me");
        if (!body.SequenceEqual(bareBody)) throw new BenchmarkException("The two answers differ.");

        string[] header = [$"X-API-Key: {key}"]; // both are sent it
        var (ours, theirs) = (new List<Wrk>(), new List<Wrk>());
        for (var round = -1; round < Rounds; round++)
        {
            var one = await Wrk.RunAsync(bare.Urls.First() + "/v1/users/me", Seconds, headers: header);
            var other = await Wrk.RunAsync(product.Address + "/v1/users/me", Seconds, headers: header);
            if (round < 0) continue; // the first round warms up
            theirs.Add(one);
            ours.Add(other);
        }
        Print("bare Kestrel", theirs, withHead: true);
        Print("GET /v1/users/me with a key", ours);
        Console.WriteLine($"ratio {Median(ours, w => w.PerSecond) / Median(theirs, w => w.PerSecond):0.00} (rounds {string.Join(" ", ours.Zip(theirs, (a, b) => $"{a.PerSecond / b.PerSecond:0.00}"))}); floor 0.60, goal 0.80");
    }

    private static void Print(string name, List<Wrk> runs, bool withHead = false)
    {
        if (withHead) Console.WriteLine($"{"",-30}{"requests/s",12}{"p50 ms",10}{"p99 ms",10}{"bytes/request",16}");
        Console.WriteLine($"{name,-30}{Median(runs, w => w.PerSecond),12:#,##0}{Median(runs, w => w.P50),10:0.00}{Median(runs, w => w.P99),10:0.00}{Median(runs, w => w.BytesPerRequest),16:#,##0}");
    }

    private static double Median(List<Wrk> runs, Func<Wrk, double> figure) => runs.Select(figure).Order().ElementAt(runs.Count / 2);
}
