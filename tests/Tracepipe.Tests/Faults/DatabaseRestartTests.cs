using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tracepipe.Postgres;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Billing;
using Tracepipe.Tests.Postgres;
using Xunit;

namespace Tracepipe.Tests.Faults;

/// <summary>The product on a PostgreSQL of its own, which a test may restart.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class OwnDatabaseApp(TestServers servers) : BillingApp(servers)
{
    private ScratchFolder? folder;
    private EmbeddedPostgres? postgres;

    protected override bool Delivers => false;

    public override async ValueTask InitializeAsync()
    {
        folder = await ScratchFolder.WithClusterAsync();
        postgres = await folder.StartAsync(durable: true);
        await base.InitializeAsync();
    }

    protected override void Configure(WebApplicationBuilder builder)
    {
        ConnectionString = postgres!.ConnectionString;
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["ConnectionStrings:Tracepipe"] = ConnectionString,
            ["Keys:Limits:RequestsPerMinute"] = "10000000",
            ["Keys:Limits:KeyChangesPerMinute"] = "10000000",
        });
    }

    public Task RestartDatabaseAsync(PostgresStop how, Func<Task> meanwhile) => postgres!.RestartAsync(how, meanwhile);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (postgres is not null) await postgres.DisposeAsync();
        if (folder is not null) await folder.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>
/// Fault R09, the server's restart. Catches: an error page or a "wrong key" while the database is away, a pool that keeps broken connections, and an
/// acknowledged webhook or key that is not there afterwards.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class DatabaseRestartTests(OwnDatabaseApp app) : IClassFixture<OwnDatabaseApp>
{
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    private sealed record Seen(string Route, int Status, bool HasRetryAfter, long At);

    [Theory]
    [InlineData(PostgresStop.Fast)]
    [InlineData(PostgresStop.Immediate)]
    public async Task A_restart_under_load_is_a_clear_503_and_over_within_five_seconds(PostgresStop how)
    {
        var person = await app.NewPersonAsync();
        await app.CustomerAsync(person.OrganizationId);
        var key = await KeyAsync(person);
        var (seen, events, keys) = (new ConcurrentQueue<Seen>(), new ConcurrentQueue<string>(), new ConcurrentQueue<string>());
        using var over = new CancellationTokenSource();
        var number = 0;
        var load = new[]
        {
            LoopAsync("key", () => app.CallAsync(key, "/v1/users/me")),
            LoopAsync("list", () => app.CallAsync(key, "/v1/api-keys")),
            LoopAsync("new key", () => app.CallAsync(key, "/v1/api-keys", HttpMethod.Post, new StringContent("{}", Encoding.UTF8, "application/json")), async made =>
                keys.Enqueue(System.Text.Json.JsonElement.Parse(await made.Content.ReadAsStringAsync()).GetProperty("id").GetString()!)),
            LoopAsync("page", () => person.Browser.GetAsync($"/o/{person.Slug}/keys")),
            LoopAsync("dashboard", () => person.Browser.GetAsync($"/o/{person.Slug}/dashboard")),
            LoopAsync("account", () => person.Browser.GetAsync($"/api/billing/account/{person.OrganizationId}")),
            WebhooksAsync(), WebhooksAsync(),
        };
        await TestApp.EventuallyAsync(() => Task.FromResult(seen.Select(s => s.Route).Distinct().Count()), n => n == 7);

        var refusedBefore = seen.Count(s => s.Status == 503);
        Assert.Equal(0, refusedBefore);
        await app.RestartDatabaseAsync(how, () => TestApp.EventuallyAsync(() => Task.FromResult(seen.Count(s => s.Status == 503)), n => n >= 20));
        var back = Stopwatch.GetTimestamp();
        await TestApp.EventuallyAsync(() => Task.FromResult(seen.Where(s => s.Status < 300 && s.At > back).Select(s => s.Route).Distinct().Count()), n => n == 7);
        using (var timer = new PeriodicTimer(TimeSpan.FromSeconds(1))) await timer.WaitForNextTickAsync(); // a little longer: nothing fails again
        await over.CancelAsync();
        await Task.WhenAll(load);

        var wrong = seen.Where(s => s.Status is not (>= 200 and < 300) && !(s is { Status: 503, HasRetryAfter: true })).Select(s => $"{s.Route} {s.Status} Retry-After={s.HasRetryAfter}").Distinct().ToList();
        Assert.True(wrong.Count == 0, string.Join("; ", wrong));
        var lastRefusal = seen.Where(s => s.Status == 503).Max(s => s.At);
        var took = lastRefusal < back ? TimeSpan.Zero : Stopwatch.GetElapsedTime(back, lastRefusal);
        Assert.True(took <= Recovery, $"The last 503 came {took.TotalSeconds:0.0} s after the server was back.");

        await using (var stale = new NpgsqlConnection(app.ConnectionString)) NpgsqlConnection.ClearPool(stale); // the test's own
        Assert.NotEmpty(events);
        Assert.NotEmpty(keys);
        Assert.Equal(events.Count, await app.ScalarAsync<long>($"select count(*) from stripe_events where id in ('{string.Join("','", events)}')"));
        Assert.Equal(keys.Count, await app.ScalarAsync<long>($"select count(*) from api_keys where id in ('{string.Join("','", keys)}')"));

        async Task LoopAsync(string route, Func<Task<HttpResponseMessage>> call, Func<HttpResponseMessage, Task>? succeeded = null)
        {
            while (!over.IsCancellationRequested)
            {
                using var answer = await call();
                seen.Enqueue(new Seen(route, (int)answer.StatusCode, answer.Headers.RetryAfter is not null, Stopwatch.GetTimestamp()));
                if (answer.IsSuccessStatusCode && succeeded is not null) await succeeded(answer);
                await Task.Delay(TimeSpan.FromMilliseconds(5));
            }
        }

        async Task WebhooksAsync()
        {
            while (!over.IsCancellationRequested)
            {
                var id = $"evt_{how}{Interlocked.Increment(ref number):000000}";
                var body = BillingApp.Event(id, "customer.updated", "cus_nobody");
                await LoopOnceAsync(id, body);
                await Task.Delay(TimeSpan.FromMilliseconds(5));
            }
        }

        async Task LoopOnceAsync(string id, string body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.Address, "/webhooks/stripe")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("Stripe-Signature", app.Sign(body));
            using var answer = await TestApp.Http.SendAsync(request);
            seen.Enqueue(new Seen("webhook", (int)answer.StatusCode, answer.Headers.RetryAfter is not null, Stopwatch.GetTimestamp()));
            if (answer.StatusCode == HttpStatusCode.OK) events.Enqueue(id);
        }
    }

    private async Task<string> KeyAsync(TestPerson person)
    {
        var caller = new Caller();
        caller.Is(new Membership(person.OrganizationId, person.Slug, person.Name, IsPersonal: true, Role.Owner, person.Id));
        var (made, no) = await app.Services.GetRequiredService<KeyRing>().CreateAsync(new KeyWish(null, "Load", null, [.. Permissions.OfKeys], null), caller, null, CancellationToken.None);
        Assert.Null(no);
        return made!.Secret;
    }
}
