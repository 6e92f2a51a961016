using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Tracepipe.Benchmarks;

/// <summary>
/// <c>POST /v1/events</c> in batches of 1,000 by four clients, on a PostgreSQL that syncs, against the same writes (staging, permanent digests, events, sums, what waits for a
/// price) as plain SQL by two sessions, in turn; bare COPY into a table without an index shows what the disk gives. Then single events by sixteen clients.
/// Requests are made before the clock runs.
/// </summary>
internal static class IngestBenchmark
{
    private const int Rounds = 3, PerRound = 100_000, PerRequest = 1000, Clients = 4, PerTransaction = 2000, Singles = 10_000, SingleClients = 16;

    public static async Task RunAsync()
    {
        await using var product = await Product.StartAsync();
        using var backend = await Backend.StartAsync(product, 20);
        var settings = await Sql.ListAsync<string>(backend.ConnectionString, "select current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')");
        var (ours, plain) = (new List<double>(), new List<double>());
        var (before, after) = (0L, 0L);
        for (var round = -1; round < Rounds; round++)
        {
            var sql = await PlainAsync(backend);
            var api = await ApiAsync(backend, Clients, PerRequest, PerRound);
            if (round < 0)
            {
                before = GC.GetTotalMemory(forceFullCollection: true); // the first round warms up
                continue;
            }
            plain.Add(sql);
            ours.Add(api);
            after = GC.GetTotalMemory(forceFullCollection: true);
        }
        var copy = await CopyAsync(backend);
        await ApiAsync(backend, SingleClients, 1, Singles / 2); // warms up
        var single = await ApiAsync(backend, SingleClients, 1, Singles);
        Console.WriteLine($"{"fsync " + settings[0],-56}{"events/s",12}");
        Print("bare COPY, two sessions", copy);
        Print("the same writes as SQL, two sessions", Median(plain));
        Print($"POST /v1/events, {PerRequest} a request, {Clients} clients", Median(ours));
        Print($"POST /v1/events, one a request, {SingleClients} clients", single);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"ratio {Median(ours) / Median(plain):0.00} (rounds {string.Join(" ", ours.Zip(plain, (a, b) => (a / b).ToString("0.00", CultureInfo.InvariantCulture)))}); floor 0.50, goal 0.70, 20,000 events/s, 2,000 single ones; managed memory after each {PerRound:#,##0} events {before / 1e6:0} MB, at the end {after / 1e6:0} MB"));
    }

    private static void Print(string name, double perSecond) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-56}{perSecond,12:#,##0}"));

    private static double Median(List<double> figures) => figures.Order().ElementAt(figures.Count / 2);

    /// <summary>Acknowledged events per second.</summary>
    private static Task<double> ApiAsync(Backend backend, int clients, int perRequest, int events)
    {
        var requests = new Queue<byte[]>(Enumerable.Range(0, events / perRequest).Select(_ => backend.Events(perRequest)));
        return TimeAsync(clients, async () =>
        {
            byte[]? body;
            lock (requests) requests.TryDequeue(out body);
            if (body is null) return 0;
            await backend.ReportAsync(body);
            return perRequest;
        });
    }

    private static async Task<double> PlainAsync(Backend backend)
    {
        var organizations = string.Join(',', backend.Organizations.Select(o => $"'{o}'"));
        var left = PerRound / PerTransaction;
        var sessions = new List<NpgsqlConnection>();
        for (var i = 0; i < 2; i++)
        {
            sessions.Add(await Sql.OpenAsync(backend.ConnectionString));
            await Sql.ExecuteAsync(sessions[i], "create temporary table plain (like usage_events, body uuid) on commit delete rows");
        }
        var free = new Queue<NpgsqlConnection>(sessions);
        try
        {
            return await TimeAsync(2, async () =>
            {
                if (Interlocked.Decrement(ref left) < 0) return 0;
                NpgsqlConnection session;
                lock (free) session = free.Dequeue();
                await Sql.ExecuteAsync(session, $"""
                    begin;
                    insert into plain (organization_id, time, meter, quantity, model, source, event_id, digest, body, received_at)
                      select (array[{organizations}]::uuid[])[1 + n % {backend.Organizations.Count}], clock_timestamp(), 'tokens', 17, 'model-' || n % 5, '/bench', 'p' || n, gen_random_uuid(), gen_random_uuid(), clock_timestamp() from generate_series(1, {PerTransaction}) n;
                    insert into event_ids select organization_id, digest, body from plain order by 1, 2 on conflict do nothing;
                    insert into usage_events (organization_id, time, meter, quantity, model, source, event_id, digest, received_at, batch) select organization_id, time, meter, quantity, model, source, event_id, digest, received_at, gen_random_uuid() from plain;
                    insert into usage_days select organization_id, (time at time zone 'UTC')::date, meter, '00000000-0000-0000-0000-000000000000'::uuid, model, '', sum(quantity), count(*) from plain group by 1, 2, 3, 5 order by 1, 2, 3, 4, 5, 6
                      on conflict (organization_id, day, meter, key_id, model, suite_id) do update set quantity = usage_days.quantity + excluded.quantity, events = usage_days.events + excluded.events;
                    insert into usage_hours select organization_id, date_trunc('hour', time, 'UTC'), meter, '00000000-0000-0000-0000-000000000000'::uuid, model, '', sum(quantity), count(*) from plain group by 1, 2, 3, 5 order by 1, 2, 3, 4, 5, 6
                      on conflict (organization_id, hour, meter, key_id, model, suite_id) do update set quantity = usage_hours.quantity + excluded.quantity, events = usage_hours.events + excluded.events;
                    insert into usage_pending (organization_id, meter, model, used_at, quantity, batch) select organization_id, meter, model, min(time), sum(quantity), gen_random_uuid() from plain group by 1, 2, 3, date_trunc('minute', time, 'UTC') order by 4;
                    commit;
                    """);
                lock (free) free.Enqueue(session);
                return PerTransaction;
            });
        }
        finally
        {
            foreach (var session in sessions) await session.DisposeAsync();
        }
    }

    private static async Task<double> CopyAsync(Backend backend)
    {
        await Sql.ExecuteAsync(backend.ConnectionString, "create table bare_copy (like usage_events)");
        var left = PerRound / 10_000;
        return await TimeAsync(2, async () =>
        {
            if (Interlocked.Decrement(ref left) < 0) return 0;
            await using var session = await Sql.OpenAsync(backend.ConnectionString);
            await using var copy = await session.BeginBinaryImportAsync("copy bare_copy (organization_id, time, meter, quantity, model, source, event_id, digest, received_at) from stdin (format binary)");
            var now = TimeProvider.System.GetUtcNow().UtcDateTime;
            for (var i = 0; i < 10_000; i++)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(backend.Organizations[0]);
                await copy.WriteAsync(now);
                await copy.WriteAsync("tokens");
                await copy.WriteAsync(17m);
                await copy.WriteAsync("model-1");
                await copy.WriteAsync("/bench");
                await copy.WriteAsync("c" + i.ToString(CultureInfo.InvariantCulture));
                await copy.WriteAsync(backend.Organizations[0]);
                await copy.WriteAsync(now);
            }
            await copy.CompleteAsync();
            return 10_000;
        });
    }

    /// <summary>Lets so many do the work until there is none; how much of it was done per second.</summary>
    private static async Task<double> TimeAsync(int workers, Func<Task<int>> work)
    {
        long done = 0;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            while (await work() is > 0 and var some) Interlocked.Add(ref done, some);
        })));
        return done / watch.Elapsed.TotalSeconds;
    }
}
