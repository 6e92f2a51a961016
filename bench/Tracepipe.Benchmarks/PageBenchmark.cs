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
        using var watch = new PageWatch();
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

    public static async Task GetAsync(OutsideBrowser browser, string path)
    {
        using var response = await browser.Http.GetAsync(new Uri(path, UriKind.Relative));
        if (!response.IsSuccessStatusCode || response.RequestMessage!.RequestUri!.AbsolutePath != path) throw new BenchmarkException($"{path} answered {(int)response.StatusCode} at {response.RequestMessage!.RequestUri}.");
    }

    public static double At(IReadOnlyList<double> sorted, double quantile) => sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * quantile))];
}
