using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Benchmarks;

/// <summary>Pages of an organization with 10,000 events, and of the same with 10,000,000, written over a year. Pages read sums, so that they should not notice.</summary>
internal static class UsageBenchmark
{
    private const int Few = 10_000, Warmups = 50, Rounds = 300;

    private static readonly string[] Pages = ["/settings/billing", "/usage"];

    public static async Task RunAsync(int many = 10_000_000)
    {
        await using var product = await Product.StartAsync();
        using var browser = new OutsideBrowser(new Uri(product.Address));
        var home = await product.SignInAsync(browser);
        var database = product.Services.GetRequiredService<Database>().ConnectionString;
        var organization = (await Sql.ListAsync<Guid>(database, "select id from organizations limit 1"))[0];
        using var watch = new PageWatch();
        await WriteAsync(database, organization, Few);
        await TimeAsync(browser, watch, home); // warms up
        var few = await TimeAsync(browser, watch, home);
        await WriteAsync(database, organization, many - Few);
        var slow = await TimeAsync(browser, watch, home);
        Console.WriteLine($"{"p50 of the server's time, ms",-34}{$"{Few:#,##0}",14}{$"{many:#,##0}",14}{"ratio",10}");
        foreach (var (page, time) in few) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{page,-34}{time,14:0.00}{slow[page],14:0.00}{slow[page] / time,10:0.00}"));
        Console.WriteLine("goal: ratio at most 1.30, p50 at most 15 ms");
    }

    private static async Task<Dictionary<string, double>> TimeAsync(OutsideBrowser browser, PageWatch watch, string home)
    {
        var times = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var page in Pages)
        {
            for (var i = 0; i < Warmups; i++) await PageBenchmark.GetAsync(browser, home + page);
            watch.Clear();
            for (var i = 0; i < Rounds; i++) await PageBenchmark.GetAsync(browser, home + page);
            times[page] = PageBenchmark.At(watch.Seen().Times, 0.5);
        }
        return times;
    }

    /// <summary>Events of the last 360 days with their sums, as ingest writes them; two sessions at once, the index at the end, so that ten million do not take all day.</summary>
    private static async Task WriteAsync(string database, Guid organization, int count)
    {
        const int atOnce = 500_000;
        await Sql.ExecuteAsync(database, "select ensure_event_month((date_trunc('month', now()) - n * interval '1 month')::date) from generate_series(0, 13) n; drop index if exists usage_events_by_time");
        var parts = new Queue<int>(Enumerable.Range(0, (count + atOnce - 1) / atOnce).Select(i => Math.Min(atOnce, count - (i * atOnce))));
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            await using var session = await Sql.OpenAsync(database);
            await Sql.ExecuteAsync(session, "set synchronous_commit = off");
            while (true)
            {
                int some;
                lock (parts) if (!parts.TryDequeue(out some)) return;
                await Sql.ExecuteAsync(session, $"""
                    insert into usage_events (organization_id, time, meter, quantity, model, source, event_id, digest, received_at, batch)
                    select '{organization}', {Time(some)}, 'tokens', 1 + n % 1000, 'model-' || n % 5, '/bench', 'b' || n, gen_random_uuid(), now(), '{organization}' from generate_series(1, {some}) n
                    """);
            }
        })));
        foreach (var (table, unit, name) in new[] { ("usage_days", "(time at time zone 'UTC')::date", "day"), ("usage_hours", "date_trunc('hour', time, 'UTC')", "hour") })
            await Sql.ExecuteAsync(database, $"""
                truncate {table};
                insert into {table} (organization_id, {name}, meter, key_id, model, suite_id, quantity, events)
                select organization_id, {unit}, meter, '00000000-0000-0000-0000-000000000000', model, '', sum(quantity), count(*) from usage_events group by 1, 2, 3, 5
                """);
        await Sql.ExecuteAsync(database, "create index usage_events_by_time on usage_events (organization_id, time)");
        await Sql.ExecuteAsync(database, "vacuum (analyze) usage_events, usage_hours, usage_days");
        await Sql.ExecuteAsync(database, "checkpoint");

        static string Time(int some) => $"now() - (n::float8 / {some}) * interval '360 days'";
    }
}
