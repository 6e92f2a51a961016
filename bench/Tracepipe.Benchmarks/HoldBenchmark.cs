using System.Globalization;

namespace Tracepipe.Benchmarks;

/// <summary>
/// A hold and its commit, 200 pairs a second, alone and beside 5,000 events a second: half of them of plans that include everything, half paid by a card under a cap. Pairs
/// begin when their time has come, whether earlier ones are done or not, and are timed from that moment. The caller is a program of its own, on the same processors.
/// </summary>
internal static class HoldBenchmark
{
    private const int Organizations = 100, PairsPerSecond = 200, EventsPerSecond = 5000, EventsPerRequest = 500, WarmUpSeconds = 30, Seconds = 60, Goal = 10;

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
        using var caller = SideProgram.Start(isBehind: false, "holds", product.Address, backend.Service, string.Join(',', backend.Organizations));
        await caller.AskAsync($"{WarmUpSeconds} events"); // compiled code, plans, customers at the payment provider
        Console.WriteLine($"{$"{PairsPerSecond} pairs/s for {Seconds} s",-34}{"p50 ms",10}{"p90 ms",10}{"p99 ms",10}{"most ms",10}");
        Print("alone", SideProgram.Times(await caller.AskAsync($"{Seconds} alone")));
        var beside = SideProgram.Times(await caller.AskAsync($"{Seconds} events"));
        Print($"beside {EventsPerSecond:#,##0} events/s", beside);
        Console.WriteLine($"goal: p99 at most {Goal} ms beside the events: {(At(beside, 0.99) <= Goal ? "ok" : "MISSED")}");
    }

    /// <summary>The caller, a program of its own: what is told is so many seconds, alone or beside events; what it answers are the milliseconds of each pair.</summary>
    public static async Task ServeAsync(string address, string service, string organizations)
    {
        using var backend = new Backend(address, service, connectionString: "", [.. organizations.Split(',').Select(Guid.Parse)]);
        while (await Console.In.ReadLineAsync() is { } told)
        {
            var (seconds, withEvents) = (int.Parse(told.Split(' ')[0], CultureInfo.InvariantCulture), told.EndsWith("events", StringComparison.Ordinal));
            var bodies = withEvents ? Enumerable.Range(0, seconds * EventsPerSecond / EventsPerRequest).Select(_ => backend.Events(EventsPerRequest)).ToList() : [];
            var ingest = Pace.RunAsync(EventsPerSecond / EventsPerRequest, i => i == bodies.Count, i => backend.ReportAsync(bodies[i]));
            var pairs = await Pace.RunAsync(PairsPerSecond, i => i == seconds * PairsPerSecond, async i =>
            {
                var id = Guid.CreateVersion7();
                await backend.PostAsync("/v1/holds", $$"""{"id":"{{id}}","organization_id":"{{backend.Organizations[i % backend.Organizations.Count]}}","meter":"workflow","quantity":1}""");
                await backend.PostAsync($"/v1/holds/{id}/commit", "{}");
            });
            await ingest;
            SideProgram.Answer(pairs);
        }
    }

    private static double At(IReadOnlyList<double> times, double part) => times[(int)(times.Count * part)];

    private static void Print(string name, IReadOnlyList<double> times) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34}{At(times, 0.5),10:0.0}{At(times, 0.9),10:0.0}{At(times, 0.99),10:0.0}{times[^1],10:0.0}"));
}
