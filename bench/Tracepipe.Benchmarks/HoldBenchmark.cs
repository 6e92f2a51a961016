using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Tracepipe.Benchmarks;

/// <summary>
/// A hold and its commit, 200 pairs a second, alone and beside 5,000 events a second: half of them of plans that include everything, half paid by a card under a cap. Pairs
/// begin when their time has come, whether earlier ones are done or not, and are timed from that moment.
/// </summary>
internal static class HoldBenchmark
{
    private const int Organizations = 100, PairsPerSecond = 200, EventsPerSecond = 5000, Seconds = 10;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync();
        using var backend = await Backend.StartAsync(product, Organizations);
        await Sql.ExecuteAsync(backend.ConnectionString, """
            update standings s set plan = case o.n % 2 when 0 then 'bench' else 'team' end, plan_source = 'contract', catalog_version = (select max(version) from catalog_versions), plan_state = 'active',
              period_anchor = date_trunc('month', now()), changed_at = now() from (select id, row_number() over (order by id) as n from organizations) o where o.id = s.organization_id;
            insert into quotas (organization_id, pocket, meter, period_start, used) select organization_id, 'included', 'workflow', period_anchor, 500 from standings where plan = 'team';
            update billing_accounts set auto_billing_enabled = true, status = 'active', spend_cap_cents = 1000000000;
            insert into payment_methods (organization_id, id, type, is_default, attached_at) select organization_id, 'pm_' || replace(organization_id::text, '-', ''), 'card', true, now() from billing_accounts;
            """);
        Console.WriteLine($"{$"{PairsPerSecond} pairs/s for {Seconds} s",-34}{"p50 ms",10}{"p99 ms",10}{"most ms",10}");
        await RunAsync(backend, 30, events: true); // warms up: compiled code, plans, customers at the payment provider
        Print("alone", await RunAsync(backend, Seconds, events: false));
        Print($"beside {EventsPerSecond:#,##0} events/s", await RunAsync(backend, Seconds, events: true));
        Console.WriteLine("goal: p99 at most 10 ms beside the events");
    }

    private static void Print(string name, IReadOnlyList<double> times) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{times[times.Count / 2],10:0.0}{times[(int)(times.Count * 0.99)],10:0.0}{times[^1],10:0.0}"));

    private static async Task<IReadOnlyList<double>> RunAsync(Backend backend, int seconds, bool events)
    {
        var times = new ConcurrentBag<double>();
        var bodies = Enumerable.Range(0, seconds * EventsPerSecond / 500).Select(_ => backend.Events(500)).ToList();
        var watch = Stopwatch.StartNew();
        var ingest = events ? PacedAsync(watch, EventsPerSecond / 500, bodies.Count, i => backend.ReportAsync(bodies[i])) : Task.CompletedTask;
        await PacedAsync(watch, PairsPerSecond, seconds * PairsPerSecond, async i =>
        {
            var begun = TimeSpan.FromSeconds((double)i / PairsPerSecond);
            var id = Guid.CreateVersion7();
            await backend.PostAsync("/v1/holds", $$"""{"id":"{{id}}","organization_id":"{{backend.Organizations[i % backend.Organizations.Count]}}","meter":"workflow","quantity":1}""");
            await backend.PostAsync($"/v1/holds/{id}/commit", "{}");
            times.Add((watch.Elapsed - begun).TotalMilliseconds);
        });
        await ingest;
        return [.. times.Order()];
    }

    /// <summary>Begins each at its time and waits for all.</summary>
    private static async Task PacedAsync(Stopwatch watch, int perSecond, int count, Func<int, Task> begin)
    {
        var running = new List<Task>(count);
        for (var i = 0; i < count; i++)
        {
            var wait = TimeSpan.FromSeconds((double)i / perSecond) - watch.Elapsed;
            if (wait > TimeSpan.FromMilliseconds(1)) await Task.Delay(wait);
            var number = i;
            running.Add(Task.Run(() => begin(number)));
        }
        await Task.WhenAll(running);
    }
}
