using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Benchmarks;

/// <summary>
/// Time of the server and round trips to the database for pages of an organization that is in use, one request after another, beside an address that answers
/// without a page. The time is the framework's own (<c>http.server.request.duration</c>), from the first byte read to the last written.
/// </summary>
internal static class PageBenchmark
{
    private const int Warmups = 200, Rounds = 1000;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync();
        using var browser = new OutsideBrowser(new Uri(product.Address));
        var home = await product.SignInAsync(browser);
        using var watch = new Watch();
        Console.WriteLine($"{"",-34}{"p50 ms",10}{"p99 ms",10}{"round trips",14}{"bytes/request",16}");
        foreach (var path in new[] { "/health/live", home + "/dashboard", home + "/keys", home + "/settings/billing", home + "/settings/billing/plans", home + "/settings/billing/payment-methods" })
        {
            for (var i = 0; i < Warmups; i++) await GetAsync(browser, path);
            watch.Clear();
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < Rounds; i++) await GetAsync(browser, path);
            var allocated = (GC.GetTotalAllocatedBytes(precise: true) - before) / Rounds;
            var (times, trips) = watch.Seen();
            Console.WriteLine($"{path.Replace(home, "", StringComparison.Ordinal),-34}{At(times, 0.5),10:0.00}{At(times, 0.99),10:0.00}{At(trips, 1),14:0}{allocated,16:#,##0}");
        }
        Console.WriteLine("goal for /dashboard and /keys: p50 at most 8 ms, at most 3 round trips (the largest number of any request is shown; bytes include the client's)");
    }

    private static async Task GetAsync(OutsideBrowser browser, string path)
    {
        using var response = await browser.Http.GetAsync(new Uri(path, UriKind.Relative));
        if (!response.IsSuccessStatusCode || response.RequestMessage!.RequestUri!.AbsolutePath != path) throw new BenchmarkException($"{path} answered {(int)response.StatusCode} at {response.RequestMessage!.RequestUri}.");
    }

    private static double At(IReadOnlyList<double> sorted, double quantile) => sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * quantile))];

    /// <summary>Hears how long each request took and what it asked the database.</summary>
    private sealed class Watch : IDisposable
    {
        private readonly ConcurrentQueue<double> times = new();
        private readonly ConcurrentDictionary<ActivityTraceId, int> trips = new();
        private readonly MeterListener meters = new();
        private readonly ActivityListener activities;

        public Watch()
        {
            meters.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument is { Name: "http.server.request.duration", Meter.Name: "Microsoft.AspNetCore.Hosting" }) listener.EnableMeasurementEvents(instrument);
            };
            meters.SetMeasurementEventCallback<double>((_, seconds, _, _) => times.Enqueue(seconds * 1000));
            meters.Start();
            activities = new ActivityListener
            {
                ShouldListenTo = source => source.Name is "Npgsql" or "Microsoft.AspNetCore",
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
                ActivityStopped = activity =>
                {
                    if (activity.Source.Name == "Microsoft.AspNetCore") trips.TryAdd(activity.TraceId, 0);
                    else trips.AddOrUpdate(activity.TraceId, 1, (_, count) => count + 1);
                },
            };
            ActivitySource.AddActivityListener(activities);
        }

        public void Clear()
        {
            times.Clear();
            trips.Clear();
        }

        /// <summary>Milliseconds, and round trips by request, each ascending.</summary>
        public (IReadOnlyList<double> Times, IReadOnlyList<double> Trips) Seen() => ([.. times.Order()], [.. trips.Values.Select(t => (double)t).Order()]);

        public void Dispose()
        {
            meters.Dispose();
            activities.Dispose();
        }
    }
}
