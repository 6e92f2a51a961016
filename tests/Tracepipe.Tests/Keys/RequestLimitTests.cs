using System.Globalization;
using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a limit that lets more through than it says, refuses less than it should, or says something else in its headers.</summary>
public sealed class RequestLimitTests(RequestLimitTests.Limited app) : IClassFixture<RequestLimitTests.Limited>
{
    /// <summary>The product with the limits it comes with.</summary>
    public sealed class Limited(TestServers servers) : KeysApp(servers)
    {
        protected override int Limit => 0;
    }

    [Fact]
    public async Task A_key_may_make_ten_changes_a_minute_and_hears_when_to_come_back()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        for (var i = 0; i < 10; i++)
        {
            using var made = await app.PostAsync(key, "/v1/api-keys", "{}");
            Assert.Equal(HttpStatusCode.Created, made.StatusCode);
            Assert.Equal(10, Number(made, "Limit"));
            Assert.InRange(Number(made, "Remaining"), 9 - i, 9 - i + 1); // one may have come back on a slow machine
            Assert.InRange(Number(made, "Reset") - app.Clock.GetUtcNow().ToUnixTimeSeconds(), 1, 62);
        }
        using var refused = await EventuallyRefusedAsync(() => app.PostAsync(key, "/v1/api-keys", "{}"));
        await KeysApp.ErrorAsync(refused, 429, "rate_limited");
        Assert.Equal(0, Number(refused, "Remaining"));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 7);
        using var revoking = await EventuallyRefusedAsync(() => app.CallAsync(key, $"/v1/api-keys/{Guid.CreateVersion7()}", HttpMethod.Delete)); // a change, too
        Assert.Equal(10, Number(revoking, "Limit"));
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(key)); // other requests have a limit of their own
    }

    [Fact]
    public async Task A_hundred_requests_a_minute_then_429()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        using (var first = await app.CallAsync(key, "/v1/users/me")) Assert.Equal((100, 99), (Number(first, "Limit"), Number(first, "Remaining")));
        for (var i = 1; i < 100; i++) Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(key));
        using var refused = await EventuallyRefusedAsync(() => app.CallAsync(key, "/v1/users/me"));
        await KeysApp.ErrorAsync(refused, 429, "rate_limited");
        (await EventuallyRefusedAsync(() => app.CallAsync(key, $"/api/billing/account/{owner.OrganizationId}"))).Dispose(); // the same limit at every door
    }

    // Seen to fail when requests without a good key were not counted.
    [Fact]
    public async Task A_network_that_guesses_keys_is_refused_and_a_good_key_from_there_is_not()
    {
        var (good, _) = await app.NewKeyAsync(await app.NewOwnerAsync());
        var limiter = app.Services.GetRequiredService<RequestLimiter>();
        var guesses = 0;
        while (limiter.TakeWithoutKey(new DefaultHttpContext().Response, IPAddress.Loopback) is null) Assert.True(++guesses < 10_000, "It is never refused.");
        Assert.True(guesses > 2000, $"{guesses} guesses"); // a program that lost its key is far below
        using var refused = await EventuallyRefusedAsync(() => app.CallAsync(ApiKeyFormat.Generate(KeyKind.Live), "/v1/users/me"));
        await KeysApp.ErrorAsync(refused, 429, "rate_limited");
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(good));
        Assert.Null(limiter.TakeWithoutKey(new DefaultHttpContext().Response, IPAddress.Parse("203.0.113.9")));
    }

    [Fact]
    public async Task All_keys_of_an_organization_share_three_times_as_much()
    {
        var owner = await app.NewOwnerAsync();
        var ok = 0;
        for (var k = 0; k < 4; k++)
        {
            var (key, _) = await app.NewKeyAsync(owner);
            for (var i = 0; i < 100; i++) if (await app.StatusAsync(key) == HttpStatusCode.OK) ok++;
        }
        Assert.InRange(ok, 300, 340);
        var (other, _) = await app.NewKeyAsync(await app.NewOwnerAsync());
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(other));
    }

    [Fact]
    public async Task Every_answer_says_what_is_left_good_or_bad()
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        foreach (var (sent, path) in new[] { (key, "/v1/users/me"), (key, "/v1/nothing"), (key, "/v1/api-keys?page=0"), ("", "/v1/users/me"), ("tp_live_no", "/v1/users/me"), (ApiKeyFormat.Generate(KeyKind.Live), "/v1/users/me"), (key, "/v1/users/me?api_key=x") })
        {
            using var response = await app.CallAsync(sent, path);
            foreach (var name in new[] { "Limit", "Remaining", "Reset" }) Assert.True(Number(response, name) >= 0, $"{path} {name}");
        }
    }

    [Fact]
    public async Task Limits_do_not_follow_the_wall_clock()
    {
        var (key, _) = await app.NewKeyAsync(await app.NewOwnerAsync());
        for (var i = 0; i < 100; i++) await app.StatusAsync(key);
        (await EventuallyRefusedAsync(() => app.CallAsync(key, "/v1/users/me"))).Dispose();
        app.Clock.Advance(TimeSpan.FromDays(3650));
        Assert.Equal(HttpStatusCode.TooManyRequests, await app.StatusAsync(key));
        app.Clock.Advance(TimeSpan.FromDays(-3650));
        Assert.Equal(HttpStatusCode.TooManyRequests, await app.StatusAsync(key));
    }

    // The bucket against a plain model: counts of what was let through in any stretch of time.
    [Fact]
    public void A_bucket_never_lets_more_through_than_its_size_and_what_has_come_back()
    {
        const long window = 60_000;
        var steps = Gen.Choose(0, 4000).ListOf(200);
        Prop.ForAll(Gen.Choose(1, 50).ToArbitrary(), steps.ToArbitrary(), (size, waits) =>
        {
            var bucket = new TokenBucket();
            var (now, taken) = (1_000_000L, new List<long>());
            foreach (var wait in waits)
            {
                now += wait;
                var comesBackIn = bucket.Take(now, size, window, out var left, out var fullIn);
                if (comesBackIn == 0) taken.Add(now);
                if (left < 0 || left >= size || fullIn < 0 || fullIn > window || comesBackIn < 0) return false;
                if (comesBackIn > 0 && (!IsGiven(taken, size, now + comesBackIn) || IsGiven(taken, size, now + comesBackIn - 1))) return false;
            }
            return taken.Index().All(t => taken.Skip(t.Index).TakeWhile(at => at - t.Item <= window).Count() <= size + (window / (window / size)) + 1);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

        // A bucket with the same history lets one through at that instant and not before: Retry-After is exact.
        static bool IsGiven(List<long> taken, int size, long at)
        {
            var bucket = new TokenBucket();
            foreach (var t in taken) bucket.Take(t, size, window, out _, out _);
            return bucket.Take(at, size, window, out _, out _) == 0;
        }
    }

    [Fact]
    public async Task A_bucket_taken_from_many_threads_gives_exactly_its_size()
    {
        var bucket = new TokenBucket();
        var given = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++) if (bucket.Take(1, 1000, 60_000, out var _, out var _) == 0) Interlocked.Increment(ref given);
        })));
        Assert.Equal(1000, given);
    }

    private static async Task<HttpResponseMessage> EventuallyRefusedAsync(Func<Task<HttpResponseMessage>> call)
    {
        for (var tries = 0; ; tries++)
        {
            var response = await call();
            if (response.StatusCode == HttpStatusCode.TooManyRequests) return response;
            Assert.True(tries < 30, "It is never refused.");
            response.Dispose();
        }
    }

    private static long Number(HttpResponseMessage response, string name) => long.Parse(response.Headers.GetValues("X-RateLimit-" + name).Single(), CultureInfo.InvariantCulture);
}
