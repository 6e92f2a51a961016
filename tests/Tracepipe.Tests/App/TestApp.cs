using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Tracepipe.Storefront;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.App;

/// <summary>
/// The product as it runs, on a port of its own, a database of its own and a sandbox account of its own; its verbs are what people and programs do. Use it
/// as a class fixture, or derive from it to change the configuration.
/// </summary>
public class TestApp(TestServers servers) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private StorefrontApp? app;
    private int people;
    private static int started;

    public TestServers Servers { get; } = servers;

    /// <summary>The Stripe that this app talks to.</summary>
    public virtual Uri StripeAddress => Servers.Sandbox;

    /// <summary>Nodes of one installation have one time.</summary>
    public TestClock Clock => SharesWith?.Clock ?? clock;

    /// <summary>Every log line so far, message and exception.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    public Uri Address { get; private set; } = null!;

    public string ConnectionString { get; protected set; } = null!;

    public string StripeKey { get; private set; } = null!;

    public string StripePublishableKey => StripeKey.Replace("sk_test_", "pk_test_", StringComparison.Ordinal);

    public string WebhookSecret { get; private set; } = null!;

    public IServiceProvider Services => app!.Services;

    /// <summary>Where this app, and those that share its database, keep traces: what no row of theirs names is swept away.</summary>
    public string Folder { get; private set; } = Path.Combine(Path.GetTempPath(), "tracepipe-traces-" + Guid.CreateVersion7().ToString("N")[20..]);

    /// <summary>Another node shares this one's database, sandbox account and webhook secret.</summary>
    public TestApp? SharesWith { get; init; }

    /// <summary>How much is logged. What must not be in any log is looked for in the loudest.</summary>
    protected virtual LogLevel Loudness => LogLevel.Information;

    /// <summary>Passwords are hashed as often as in life; hundreds of people who only pass by would make that half of a run's time.</summary>
    protected virtual bool HashesInEarnest => false;

    /// <summary>What a derived app configures differently.</summary>
    protected virtual void Configure(WebApplicationBuilder builder)
    {
    }

    public virtual async ValueTask InitializeAsync()
    {
        string? endpoint = null;
        if (SharesWith is { } other) (ConnectionString, StripeKey, WebhookSecret, Folder) = (other.ConnectionString, other.StripeKey, other.WebhookSecret, other.Folder);
        else
        {
            ConnectionString = await Servers.NewDatabaseAsync();
            StripeKey = "sk_test_" + RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 24);
            var made = await StripeAsync(HttpMethod.Post, "/v1/webhook_endpoints", new() { ["url"] = "http://127.0.0.1:9/webhooks/stripe", ["enabled_events[0]"] = "*", ["api_version"] = "2026-07-29.dahlia" });
            WebhookSecret = made.GetProperty("secret").GetString()!;
            endpoint = made.GetProperty("id").GetString()!;
        }
        app = await StorefrontApp.StartAsync(CommandLine.Parse(["--urls", "http://127.0.0.1:0", "--environment", "Development"]), Product.Modules, builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
            {
                ["ConnectionStrings:Tracepipe"] = ConnectionString,
                ["Database:AllowUnsafeSettings"] = "true",
                ["Stripe:ApiBase"] = StripeAddress.ToString().TrimEnd('/'),
                ["Stripe:ApiKey"] = StripeKey,
                ["Stripe:PublishableKey"] = StripePublishableKey,
                ["Stripe:WebhookSecret"] = WebhookSecret,
                ["Stripe:JsUrl"] = new Uri(StripeAddress, "/js/dahlia/stripe.js").ToString(),
                ["Stripe:CheckoutOrigins"] = StripeAddress.GetLeftPart(UriPartial.Authority),
                ["Traces:Folder"] = Folder,
                ["Logging:LogLevel:Default"] = Loudness.ToString(),
            });
            // Whether all that services want can be made is looked at by the first of the apps that all are made alike.
            var isFirst = Interlocked.Exchange(ref started, 1) == 0;
            builder.Host.UseDefaultServiceProvider(options => (options.ValidateScopes, options.ValidateOnBuild) = (true, isFirst));
            builder.Services.AddSingleton<TimeProvider>(Clock);
            if (!HashesInEarnest) builder.Services.PostConfigure<PasswordHasherOptions>(hasher => hasher.IterationCount = 1000);
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(new LogCollector(Log));
            Configure(builder);
        }, listen: true, CancellationToken.None);
        Address = new Uri(app.Address);
        if (endpoint is not null)
            await StripeAsync(HttpMethod.Post, $"/v1/webhook_endpoints/{endpoint}", new() { ["url"] = new Uri(Address, "/webhooks/stripe").ToString() });
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (app is not null) await app.DisposeAsync();
        if (SharesWith is null && Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>A browser without cookies that does not follow redirects.</summary>
    public TestBrowser NewBrowser() => new(this);

    /// <summary>A person who has registered, opened the mailed link and stands on the dashboard.</summary>
    public async Task<TestPerson> NewPersonAsync(string? name = null)
    {
        var number = Interlocked.Increment(ref people);
        var browser = NewBrowser();
        var email = $"person{number}@example.com";
        const string password = "a long walk in the rain";
        name ??= $"Person {number}";
        (await browser.FollowAsync(await browser.SubmitAsync("/register", new() { ["Name"] = name, ["Email"] = email, ["Password"] = password }))).EnsureSuccessStatusCode();
        var link = await LinkInMailAsync(email);
        var landed = await browser.FollowAsync(await browser.GetAsync(link));
        Assert.Equal("/dashboard", landed.RequestMessage!.RequestUri!.AbsolutePath[^"/dashboard".Length..]);
        var slug = landed.RequestMessage.RequestUri.AbsolutePath.Split('/')[2];
        var organization = await ScalarAsync<Guid>($"select id from organizations where slug = '{slug}'");
        var id = await ScalarAsync<Guid>($"select person_id from members where organization_id = '{organization}'");
        return new TestPerson(browser, id, name, email, password, organization, slug);
    }

    /// <summary>Waits for the newest mail to this address and returns the first link in it, as path and query.</summary>
    public async Task<string> LinkInMailAsync(string email)
    {
        var body = await EventuallyAsync(() => ScalarAsync<string?>($"select body from mails where recipient = '{email}' order by id desc limit 1"), b => b is not null);
        var start = body!.IndexOf("http", StringComparison.Ordinal);
        return new Uri(body[start..].Split('\n', ' ', '\r')[0]).PathAndQuery;
    }

    /// <summary>One value, read as the superuser: what is really in the database.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        var value = await command.ExecuteScalarAsync();
        return value is null or DBNull ? default! : (T)value;
    }

    public Task ExecuteAsync(string sql) => TestServers.ExecuteAsync(ConnectionString, sql);

    /// <summary>Calls the API with a key.</summary>
    public async Task<HttpResponseMessage> CallAsync(string key, string path, HttpMethod? method = null, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(Address, path)) { Content = content };
        request.Headers.TryAddWithoutValidation("X-API-Key", key);
        return await Http.SendAsync(request);
    }

    /// <summary>A plain client without cookies.</summary>
    public static HttpClient Http { get; } = new(new Patient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, Expect100ContinueTimeout = TimeSpan.FromSeconds(30) }));

    /// <summary>
    /// Waits with a body that may be refused by its length for the server's word: a refusal closes the connection, and a client that is still writing sees a
    /// broken pipe instead of the answer.
    /// </summary>
    private sealed class Patient(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.ExpectContinue ??= request.Content?.Headers.ContentLength > 1_000_000;
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>Calls the sandbox with this app's secret key, as somebody behind the product's back would.</summary>
    public async Task<JsonElement> StripeAsync(HttpMethod method, string path, Dictionary<string, string>? form = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(StripeAddress, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", StripeKey);
        if (form is not null) request.Content = new FormUrlEncodedContent(form);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {body}");
        return JsonElement.Parse(body);
    }

    /// <summary>Asks again until the condition holds; fails with the last answer after 20 seconds.</summary>
    public static async Task<T> EventuallyAsync<T>(Func<Task<T>> ask, Func<T, bool> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        var tries = 0;
        while (true)
        {
            var answer = await ask();
            if (holds(answer)) return answer;
            Assert.True(++tries < 800, $"The condition did not come true; the last answer was {answer}.");
            await timer.WaitForNextTickAsync();
        }
    }

    /// <summary>What any app of a run called an error, those that tests provoke among them: where to look when a test was answered 500.</summary>
    private static readonly string Errors = Path.Combine(Directory.CreateDirectory(Path.Combine(Paths.Root, "artifacts", "tests")).FullName, typeof(TestApp).Assembly.GetName().Name + ".errors.log");

    private static readonly Lock Writing = new();

    private sealed class LogCollector(ConcurrentQueue<string> lines) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Logger(categoryName, lines);

        public void Dispose()
        {
        }

        private sealed class Logger(string category, ConcurrentQueue<string> lines) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                var line = $"{logLevel} {category}: {formatter(state, exception)} {exception}";
                lines.Enqueue(line);
                if (logLevel < LogLevel.Error) return;
                lock (Writing) File.AppendAllText(Errors, $"{TestContext.Current.Test?.TestDisplayName} {line}{Environment.NewLine}");
            }
        }
    }
}

/// <summary>Somebody with an account, his browser signed in.</summary>
public sealed record TestPerson(TestBrowser Browser, Guid Id, string Name, string Email, string Password, Guid OrganizationId, string Slug);
