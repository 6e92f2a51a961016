using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>A server on a real socket that answers call after call as the test scripts it, and keeps the bytes it was sent.</summary>
internal sealed class ScriptedStripe : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentQueue<Func<HttpContext, Task>> script = new();
    private readonly Channel<Received> arrived = Channel.CreateUnbounded<Received>();
    private readonly List<IDisposable> owned = [];

    private ScriptedStripe(WebApplication app) => this.app = app;

    public ConcurrentQueue<Received> Requests { get; } = new();

    public ManualClock Clock { get; } = new();

    public Uri Address => new(app.Urls.First());

    public static async Task<ScriptedStripe> StartAsync(params Func<HttpContext, Task>[] answers)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new ScriptedStripe(builder.Build());
        foreach (var answer in answers) server.script.Enqueue(answer);
        server.app.Run(server.AnswerAsync);
        await server.app.StartAsync();
        return server;
    }

    /// <summary>A client of this server. Connections are not reused, so that every attempt is one request here.</summary>
    public StripeClient Client(ILogger? logger = null, int maxRetries = 2, DelegatingHandler? before = null)
    {
        var sockets = StripeClient.CreateHandler();
        sockets.PooledConnectionLifetime = TimeSpan.Zero;
        if (before is not null) before.InnerHandler = sockets;
        var http = new HttpClient((HttpMessageHandler?)before ?? sockets) { Timeout = Timeout.InfiniteTimeSpan };
        owned.Add(http);
        return new(http, new StripeOptions { ApiKey = "sk_test_confidential", ApiBase = Address, MaxRetries = maxRetries }, Clock, logger);
    }

    /// <inheritdoc cref="ManualClock.RunAsync{T}"/>
    public Task<(T Result, List<double> Waits)> RunAsync<T>(Func<Task<T>> call) => Clock.RunAsync(call);

    /// <summary>As <see cref="RunAsync{T}"/>, for a call that must fail.</summary>
    public async Task<(StripeException Error, List<double> Waits)> RunFailingAsync<T>(Func<Task<T>> call) =>
        await RunAsync(async () => await Assert.ThrowsAsync<StripeException>(call));

    /// <summary>Waits for the next request that comes in.</summary>
    public ValueTask<Received> NextRequestAsync(CancellationToken cancel) => arrived.Reader.ReadAsync(cancel);

    public static Func<HttpContext, Task> Json(int status, string body, params (string Name, string Value)[] headers) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers["Request-Id"] = "req_1";
        foreach (var (name, value) in headers) context.Response.Headers[name] = value;
        await context.Response.WriteAsync(body);
    };

    public static Func<HttpContext, Task> Error(int status, string type, string? code = null, string? message = "No.", params (string Name, string Value)[] headers) =>
        Json(status, System.Text.Json.JsonSerializer.Serialize(new { error = new { type, code, message } }), headers);

    /// <summary>Takes the request and drops the connection.</summary>
    public static Task Reset(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Starts a good answer and drops the connection in the middle of it.</summary>
    public static async Task HalfAnAnswer(HttpContext context)
    {
        context.Response.ContentLength = 1000;
        await context.Response.WriteAsync("{\"id\":");
        await context.Response.Body.FlushAsync();
        context.Abort();
    }

    /// <summary>Never answers.</summary>
    public static Task Hang(HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

    public async ValueTask DisposeAsync()
    {
        foreach (var item in owned) item.Dispose();
        await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var received = new Received(context.Request.Method, target, headers, await reader.ReadToEndAsync());
        Requests.Enqueue(received);
        arrived.Writer.TryWrite(received);
        await (script.TryDequeue(out var answer) ? answer : Error(400, "invalid_request_error", "script_ended"))(context);
    }
}

/// <summary>A request as it came over the wire.</summary>
internal sealed record Received(string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string? Key => Headers.GetValueOrDefault("Idempotency-Key");
}
