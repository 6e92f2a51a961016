using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>One sandbox for a class of tests; each test has an account of its own. An answer that breaks the description fails the class.</summary>
public sealed class SandboxFixture : IAsyncLifetime
{
    private SandboxServer? _server;

    public SandboxServer Server => _server!;

    public async ValueTask InitializeAsync() => _server = await SandboxServer.StartAsync(Options(), TimeProvider.System);

    public async ValueTask DisposeAsync()
    {
        var violations = Server.ContractViolations;
        await Server.DisposeAsync();
        Assert.Empty(violations);
    }

    public SandboxClient NewAccount() => new(Server.Url);

    public static SandboxOptions Options() => new()
    {
        StrictResponses = true,
        AllowRawCards = true,
        Webhooks = new WebhookOptions { RetrySchedule = [TimeSpan.FromMilliseconds(30), TimeSpan.FromMilliseconds(60), TimeSpan.FromMilliseconds(90)], Concurrency = 1 },
        Billing = new BillingOptions { UsageLag = TimeSpan.Zero, ClockAdvance = TimeSpan.Zero, CheckoutWebhookDelay = TimeSpan.Zero },
    };
}

/// <summary>What was answered, with members by dotted path.</summary>
public sealed record Answer(int Status, JsonNode Json, HttpResponseMessage Response)
{
    public string? this[string path] => At(path)?.ToString();

    public string Id => this["id"]!;

    public string? Header(string name) => Response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    public JsonNode? At(string path)
    {
        JsonNode? node = Json;
        foreach (var segment in path.Split('.'))
            node = node is JsonArray list ? list[int.Parse(segment, System.Globalization.CultureInfo.InvariantCulture)] : (node as JsonObject)?[segment];
        return node;
    }

    public IReadOnlyList<JsonNode> Data => [.. Json["data"]!.AsArray().Select(d => d!)];

    public Answer Ok() => Status == 200 ? this : throw new InvalidOperationException($"{Status}: {Json.ToJsonString()}");

    public Answer Refused(int status, string? code = null, string? param = null)
    {
        Assert.Equal((status, code, param), (Status, this["error.code"], param is null ? null : this["error.param"]));
        return this;
    }
}

/// <summary>Plain HTTP with a key of its own: sees exactly what goes over the wire.</summary>
public sealed class SandboxClient(Uri url, string? suffix = null)
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseCookies = false });
    private readonly string _suffix = suffix ?? Guid.CreateVersion7().ToString("N");

    public Uri Url => url;
    public string Key => "sk_test_" + _suffix;
    public string PublishableKey => "pk_test_" + _suffix;

    public Task<Answer> PostAsync(string path, string form = "", string? idempotencyKey = null, string? key = null) =>
        SendAsync(HttpMethod.Post, path, form, key, ("Idempotency-Key", idempotencyKey));

    public Task<Answer> GetAsync(string path, string? key = null) => SendAsync(HttpMethod.Get, path, null, key);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null, null);

    public async Task<Answer> SandboxAsync(string path, object body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, "/_sandbox/" + path)) { Content = new StringContent(System.Text.Json.JsonSerializer.Serialize(body)) };
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Key}");
        return await ReadAsync(await Http.SendAsync(request, TestContext.Current.CancellationToken));
    }

    public async Task<Answer> SendAsync(HttpMethod method, string path, string? form, string? key, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(url, path));
        if (form is not null) request.Content = new StringContent(form, null, "application/x-www-form-urlencoded");
        if (headers.All(h => h.Name != "Authorization")) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key ?? Key}");
        foreach (var (name, value) in headers)
            if (value is not null) request.Headers.TryAddWithoutValidation(name, value);
        return await ReadAsync(await Http.SendAsync(request, TestContext.Current.CancellationToken));
    }

    public async Task<string> CustomerAsync(string more = "") => (await PostAsync("/v1/customers", $"email=ada@example.com{more}")).Ok().Id;

    /// <summary>A card as a browser would type it, answering with the payment method.</summary>
    public Task<Answer> TypeCardAsync(string number, string month = "12", string year = "2040", string cvc = "123") =>
        PostAsync("/v1/payment_methods", $"type=card&card[number]={number}&card[exp_month]={month}&card[exp_year]={year}&card[cvc]={cvc}", key: PublishableKey);

    public async Task<IReadOnlyList<string>> EventTypesAsync() =>
        [.. (await GetAsync("/v1/events?limit=100")).Ok().Data.Select(e => e["type"]!.ToString()).Reverse()];

    private static async Task<Answer> ReadAsync(HttpResponseMessage response) =>
        new((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!, response);
}

/// <summary>A receiver of webhooks that answers as it is told and remembers what came.</summary>
public sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Lock _lock = new();
    private readonly List<Received> _all = [];

    private Receiver(WebApplication app) => _app = app;

    public sealed record Received(string Body, string Signature, string ContentType, int Answered)
    {
        public string Id => JsonNode.Parse(Body)!["id"]!.ToString();
        public string Type => JsonNode.Parse(Body)!["type"]!.ToString();
    }

    /// <summary>Decides the status for the n-th request (from 1).</summary>
    public Func<int, int> Status { get; set; } = _ => 200;

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/hooks";

    public IReadOnlyList<Received> All
    {
        get { lock (_lock) return [.. _all]; }
    }

    public static async Task<Receiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var receiver = new Receiver(app);
        app.MapPost("/hooks", receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    public async Task<IReadOnlyList<Received>> WaitAsync(Func<IReadOnlyList<Received>, bool> until)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!until(All))
        {
            if (TimeProvider.System.GetElapsedTime(deadline) > TimeSpan.FromSeconds(20)) throw new TimeoutException($"Only {All.Count} deliveries came: {string.Join(", ", All.Select(r => r.Type))}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        return All;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var body = await reader.ReadToEndAsync();
        lock (_lock)
        {
            var status = Status(_all.Count + 1);
            _all.Add(new Received(body, http.Request.Headers["Stripe-Signature"].ToString(), http.Request.ContentType ?? "", status));
            http.Response.StatusCode = status;
        }
    }
}
