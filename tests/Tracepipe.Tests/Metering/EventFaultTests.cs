using System.Text.Json;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Startup;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: usage that was acknowledged and is gone, or that is counted twice, when something dies in between.</summary>
public sealed class EventFaultTests(EventsApp app) : IClassFixture<EventsApp>
{
    [Fact]
    public async Task When_the_database_breaks_connections_all_the_time_everything_is_counted_once_in_the_end()
    {
        await using var own = new EventsApp(app.Servers); // its pool keeps broken connections for a while
        await own.InitializeAsync();
        var organization = await own.NewOrganizationAsync();
        using var stop = new CancellationTokenSource();
        var killing = Task.Run(async () =>
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(40));
            while (!stop.IsCancellationRequested)
            {
                await own.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'tracepipe_work' and pid <> pg_backend_pid()");
                await timer.WaitForNextTickAsync();
            }
        });
        var refused = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 60), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (n, _) =>
        {
            var batch = EventsApp.List(Enumerable.Range(0, 50).Select(i => own.Event(organization, $"k{n}-{i}", 1, own.Clock.GetUtcNow())).ToList());
            await TestApp.EventuallyAsync(async () =>
            {
                var answer = await own.ReportAsync(batch);
                if (answer.Status == 202) Assert.Equal(0, answer.Body.GetProperty("rejected").GetInt32() + answer.Body.GetProperty("conflicts").GetInt32());
                else Interlocked.Increment(ref refused);
                return answer.Status;
            }, s => s == 202);
        });
        await stop.CancelAsync();
        await killing;
        Assert.True(refused > 0, "No connection was broken at work: the test showed nothing.");
        Assert.Equal((3000L, 3000m, 3000m, 3000L), await own.StoredAsync(organization));
    }

    [Fact]
    public async Task When_the_program_is_killed_at_work_what_was_acknowledged_is_there_and_what_is_sent_again_counts_once()
    {
        var organization = await app.NewOrganizationAsync();
        var address = $"http://127.0.0.1:{ProductProcess.FreePort()}";
        var acknowledged = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        var random = new Random(7);
        var next = 0;
        for (var kill = 0; kill < 3; kill++)
        {
            await using var node = ProductProcess.Start(["--urls", address], new()
            {
                ["ConnectionStrings__Tracepipe"] = app.ConnectionString, ["Database__AllowUnsafeSettings"] = "true", ["Stripe__Disabled"] = "true", ["Traces__Folder"] = app.Folder,
            });
            await node.ReadyAsync();
            using var stop = new CancellationTokenSource();
            var senders = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    var n = Interlocked.Increment(ref next);
                    var ids = Enumerable.Range(0, 20).Select(i => $"p{n}-{i}").ToArray();
                    if (await SendAsync(address, EventsApp.List(ids.Select(i => app.Event(organization, i, 1, At(i)))))) foreach (var id in ids) acknowledged[id] = true;
                }
            })).ToList();
            await TestApp.EventuallyAsync(() => Task.FromResult(acknowledged.Count), c => c > (kill + 1) * 400 + random.Next(400));
            await node.KillAsync();
            await stop.CancelAsync();
            await Task.WhenAll(senders);
        }
        var missing = 0;
        foreach (var id in acknowledged.Keys.Take(20)) if (await app.ScalarAsync<long>($"select count(*) from usage_events where organization_id = '{organization}' and event_id = '{id}'") != 1) missing++;
        var stored = await app.StoredAsync(organization);
        Assert.True(missing == 0 && stored.Events >= acknowledged.Count, $"{missing} of 20 missing; {acknowledged.Count} acknowledged, {stored.Events} stored");

        // Everything again, by whatever was cut off: each once.
        var all = Enumerable.Range(1, next).SelectMany(n => Enumerable.Range(0, 20).Select(i => $"p{n}-{i}")).ToList();
        foreach (var part in all.Chunk(5000)) EventsApp.Counts(await app.ReportAsync(EventsApp.List(part.Select(i => app.Event(organization, i, 1, At(i))))));
        Assert.Equal(((long)all.Count, (decimal)all.Count, (decimal)all.Count, (long)all.Count), await app.StoredAsync(organization));

        DateTimeOffset At(string _) => started;
    }

    private readonly DateTimeOffset started = TimeProvider.System.GetUtcNow().AddMinutes(-1);

    private async Task<bool> SendAsync(string address, string json)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(new Uri(address), "/v1/events")) { Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.Add("X-API-Key", app.Service);
        try
        {
            using var response = await TestApp.Http.SendAsync(request);
            if (response.StatusCode != System.Net.HttpStatusCode.Accepted) return false;
            return JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("accepted").GetInt32() == 20;
        }
        catch (Exception cut) when (cut is HttpRequestException or IOException)
        {
            return false;
        }
    }
}
