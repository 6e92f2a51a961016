using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Tracepipe.Stripe;
using static Tracepipe.Tests.Stripe.ScriptedStripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches calls that are given up too early, repeated in vain, or repeated under another key: the way to charge twice.</summary>
public sealed class RetryTests
{
    private static readonly RequestOptions Write = new() { IdempotencyKey = "customer:o1" };
    private static readonly CustomerCreateParams Ada = new() { Email = "ada@example.com" };

    private static readonly Func<HttpContext, Task> Ok = Json(200, Samples.Customer);

    public static TheoryData<string, int> Worth_repeating => new() { { "", 500 }, { "", 502 }, { "", 503 }, { "", 409 }, { "true", 400 }, { "true", 402 } };

    public static TheoryData<string, int> Not_worth_repeating => new() { { "", 400 }, { "", 401 }, { "", 402 }, { "", 403 }, { "", 404 }, { "false", 500 }, { "false", 409 }, { "false", 429 } };

    private static (string, string)[] ShouldRetry(string value) => value.Length == 0 ? [] : [("Stripe-Should-Retry", value)];

    [Theory]
    [MemberData(nameof(Worth_repeating))]
    public async Task A_passing_failure_is_repeated_with_the_same_body_under_the_same_key(string shouldRetry, int status)
    {
        await using var stripe = await StartAsync(Error(status, "api_error", headers: ShouldRetry(shouldRetry)), Error(status, "api_error", headers: ShouldRetry(shouldRetry)), Ok);
        var client = stripe.Client();
        var (customer, waits) = await stripe.RunAsync(() => client.Customers.CreateAsync(Ada, Write));

        Assert.Equal("cus_1", customer.Id);
        Assert.Equal(3, stripe.Requests.Count);
        Assert.All(stripe.Requests, request => Assert.Equal(("customer:o1", "email=ada%40example.com"), (request.Key, request.Body)));
        Assert.Collection(waits, first => Assert.InRange(first, 375, 500), second => Assert.InRange(second, 750, 1000));
    }

    [Theory]
    [MemberData(nameof(Not_worth_repeating))]
    public async Task A_refusal_is_not_repeated(string shouldRetry, int status)
    {
        await using var stripe = await StartAsync(Error(status, "invalid_request_error", headers: ShouldRetry(shouldRetry)), Ok);
        var client = stripe.Client();
        var (error, waits) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((status, 1, 0), ((int)error.Status!, error.Attempts, waits.Count));
        Assert.Single(stripe.Requests);
    }

    [Fact]
    public async Task Waits_double_up_to_five_seconds()
    {
        await using var stripe = await StartAsync([.. Enumerable.Repeat(Error(503, "api_error"), 7), Ok]);
        var client = stripe.Client(maxRetries: 7);
        var (_, waits) = await stripe.RunAsync(() => client.Customers.GetAsync("cus_1"));
        double[] full = [500, 1000, 2000, 4000, 5000, 5000, 5000];
        Assert.Equal(full.Length, waits.Count);
        Assert.All(waits.Zip(full), pair => Assert.InRange(pair.First, pair.Second * 0.75, pair.Second));
    }

    [Fact]
    public async Task Too_many_requests_waits_longer_and_as_long_as_asked()
    {
        await using var stripe = await StartAsync(Error(429, "invalid_request_error", "rate_limit"), Error(429, "invalid_request_error", "rate_limit", headers: ("Retry-After", "7")), Ok);
        var client = stripe.Client();
        var (_, waits) = await stripe.RunAsync(() => client.Customers.GetAsync("cus_1"));
        Assert.Collection(waits, first => Assert.InRange(first, 1500, 2000), second => Assert.Equal(7000, second));
    }

    [Fact]
    public async Task A_wait_nobody_would_sit_through_is_told_instead()
    {
        await using var stripe = await StartAsync(Error(429, "invalid_request_error", "rate_limit", headers: ("Retry-After", "3600")));
        var client = stripe.Client();
        var (error, waits) = await stripe.RunFailingAsync(() => client.Customers.GetAsync("cus_1"));
        Assert.Empty(waits);
        Assert.Equal((StripeErrorKind.RateLimited, TimeSpan.FromHours(1), false), (error.Kind, error.RetryAfter, error.OutcomeUnknown));
    }

    [Fact]
    public async Task A_lost_connection_is_repeated_under_the_same_key()
    {
        await using var stripe = await StartAsync(Reset, HalfAnAnswer, Ok);
        var client = stripe.Client();
        var (customer, waits) = await stripe.RunAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal("cus_1", customer.Id);
        Assert.Equal(2, waits.Count);
        Assert.All(stripe.Requests, request => Assert.Equal("customer:o1", request.Key));
    }

    [Fact]
    public async Task What_was_done_before_the_answer_was_lost_is_done_once()
    {
        var done = new ConcurrentDictionary<string, int>();
        Task CommitThenDrop(HttpContext context)
        {
            done.AddOrUpdate(context.Request.Headers["Idempotency-Key"].ToString(), 1, (_, times) => times);
            return Reset(context);
        }

        await using var stripe = await StartAsync(CommitThenDrop, context => done.ContainsKey(context.Request.Headers["Idempotency-Key"].ToString()) ? Ok(context) : CommitThenDrop(context));
        var client = stripe.Client();
        await stripe.RunAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal(("customer:o1", 1), done.Select(pair => (pair.Key, pair.Value)).Single());
    }

    [Fact]
    public async Task An_attempt_without_an_answer_ends_after_its_timeout_and_leaves_the_outcome_unknown()
    {
        await using var stripe = await StartAsync(Hang, Hang);
        var call = stripe.Client().Customers.CreateAsync(Ada, Write with { Timeout = TimeSpan.FromSeconds(10), MaxRetries = 1 });
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.Equal(10, (await stripe.Clock.NextWaitAsync(TimeSpan.MaxValue, limit.Token)).TotalSeconds);
        stripe.Clock.Advance(TimeSpan.FromSeconds(10));
        var wait = await stripe.Clock.NextWaitAsync(TimeSpan.MaxValue, limit.Token);
        Assert.InRange(wait.TotalMilliseconds, 375, 500);
        stripe.Clock.Advance(wait);
        await stripe.Clock.NextWaitAsync(TimeSpan.MaxValue, limit.Token);
        stripe.Clock.Advance(TimeSpan.FromSeconds(10));

        var error = await Assert.ThrowsAsync<StripeException>(() => call);
        Assert.Equal((StripeErrorKind.Connection, true, 2), (error.Kind, error.OutcomeUnknown, error.Attempts));
        Assert.Equal("customer:o1", error.IdempotencyKey);
    }

    [Fact]
    public async Task Nobody_listening_means_that_nothing_was_done()
    {
        var stripe = await StartAsync();
        var client = stripe.Client();
        await using (stripe)
        {
            using var taken = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
            taken.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0)); // bound but not listening: refuses
            using var http = new HttpClient(StripeClient.CreateHandler());
            var nowhere = new StripeClient(http, new() { ApiKey = "sk_test_x", ApiBase = new($"http://{taken.LocalEndPoint}") }, stripe.Clock);
            var (error, waits) = await stripe.RunFailingAsync(() => nowhere.Customers.CreateAsync(Ada, Write));
            Assert.Equal((StripeErrorKind.Connection, false, 3, 2), (error.Kind, error.OutcomeUnknown, error.Attempts, waits.Count));
        }
    }

    [Fact]
    public async Task The_callers_cancellation_ends_the_call_without_another_attempt()
    {
        using var cancel = new CancellationTokenSource();
        await using var stripe = await StartAsync(context =>
        {
            cancel.Cancel();
            return Hang(context);
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stripe.Client().Customers.CreateAsync(Ada, Write, cancel.Token));
        Assert.Single(stripe.Requests);
    }

    [Fact]
    public async Task A_5xx_to_the_end_leaves_the_outcome_unknown()
    {
        await using var stripe = await StartAsync(Error(500, "api_error"), Error(500, "api_error"), Error(500, "api_error", headers: ("Idempotent-Replayed", "true")));
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((StripeErrorKind.Api, true, true), (error.Kind, error.OutcomeUnknown, error.IsReplay));
    }

    [Fact]
    public async Task A_call_still_running_under_the_key_leaves_the_outcome_unknown()
    {
        await using var stripe = await StartAsync([.. Enumerable.Repeat(Error(409, "idempotency_error", "idempotency_key_in_use"), 3)]);
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((StripeErrorKind.Idempotency, true), (error.Kind, error.OutcomeUnknown));
    }

    /// <summary>After a lost answer, only what Stripe says about this very key settles the matter.</summary>
    [Theory]
    [InlineData(400, false)]
    [InlineData(402, false)]
    [InlineData(404, false)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    public async Task A_definite_answer_under_the_key_settles_a_lost_one(int status, bool unknown)
    {
        await using var stripe = await StartAsync(Reset, Error(status, "invalid_request_error"));
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((status, unknown), ((int)error.Status!, error.OutcomeUnknown));
    }

    [Fact]
    public async Task Too_many_requests_does_not_settle_a_lost_answer()
    {
        await using var stripe = await StartAsync(Reset, Error(429, "invalid_request_error"), Error(429, "invalid_request_error"));
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.True(error.OutcomeUnknown);
    }

    /// <summary>Deletions carry no key: "not found" after a lost answer is what a deletion that worked looks like.</summary>
    [Fact]
    public async Task Nothing_settles_a_lost_deletion()
    {
        await using var stripe = await StartAsync(Reset, Error(404, "invalid_request_error", "resource_missing"));
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.DeleteAsync("cus_1"));
        Assert.True(error.OutcomeUnknown);
        Assert.All(stripe.Requests, request => Assert.Null(request.Key));
    }

    [Theory]
    [InlineData("<html>Welcome to the airport</html>")]
    [InlineData("{\"id\":\"cus_1\",\"livemode\":false,\"created\":\"yesterday\"}")]
    [InlineData("null")]
    [InlineData("")]
    public async Task A_success_that_cannot_be_read_is_not_taken_for_one(string body)
    {
        await using var stripe = await StartAsync(Json(200, body));
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((StripeErrorKind.Api, true, 1), (error.Kind, error.OutcomeUnknown, error.Attempts));
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var stripe = await StartAsync(Json(307, "", ("Location", "/elsewhere")), Ok);
        var client = stripe.Client();
        var (error, _) = await stripe.RunFailingAsync(() => client.Customers.CreateAsync(Ada, Write));
        Assert.Equal((StripeErrorKind.Api, 307), (error.Kind, (int)error.Status!));
        Assert.Single(stripe.Requests);
    }
}
