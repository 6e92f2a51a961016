using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracepipe.StripeSandbox;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// A shop of a few lines on an origin of its own, as strict as ours: no inline script or style, nothing from elsewhere
/// but the sandbox. Its server holds the secret key, its page the publishable one.
/// </summary>
public sealed class Shop : IAsyncLifetime
{
    private readonly string _account = Guid.CreateVersion7().ToString("N");
    private readonly HttpClient _stripe = new();
    private WebApplication? _app;

    public SandboxServer Sandbox { get; private set; } = default!;

    /// <summary>The shop's own address.</summary>
    public Uri Url { get; private set; } = default!;

    public async ValueTask InitializeAsync()
    {
        Sandbox = await SandboxServer.StartAsync(new SandboxOptions { StrictResponses = true }, TimeProvider.System);
        _stripe.BaseAddress = Sandbox.Url;
        _stripe.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk_test_" + _account);
        var origin = Sandbox.Url.GetLeftPart(UriPartial.Authority);
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = _app = builder.Build();
        app.Use((http, next) =>
        {
            http.Response.Headers.ContentSecurityPolicy =
                $"default-src 'none'; script-src 'self' {origin}; frame-src {origin}; connect-src 'self' {origin}; style-src 'self'; base-uri 'none'; form-action 'self'";
            return next(http);
        });
        app.MapGet("/card", () => Results.Content(Page(origin), "text/html; charset=utf-8"));
        app.MapGet("/done", () => Results.Content("<!doctype html><html lang=en><title>Done</title><h1>Back in the shop</h1>", "text/html"));
        app.MapGet("/empty", () => Results.Content("<!doctype html><html lang=en><title>Empty</title>", "text/html"));
        app.MapGet("/favicon.ico", () => Results.NoContent());
        app.MapGet("/shop.css", () => Results.Content(Style, "text/css"));
        app.MapGet("/shop.js", () => Results.Content(Script("pk_test_" + _account), "text/javascript"));
        await app.StartAsync();
        Url = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Creates something with the secret key; the members that follow are read from the answer.</summary>
    public async Task<string> NewAsync(string path, string member, params (string Name, string Value)[] form)
    {
        using var made = await CallAsync(HttpMethod.Post, path, form);
        return made.RootElement.GetProperty(member).GetString()!;
    }

    /// <summary>A member of an object, by dotted path, as text.</summary>
    public async Task<string?> ReadAsync(string path, string member)
    {
        using var found = await CallAsync(HttpMethod.Get, path);
        var at = found.RootElement;
        foreach (var name in member.Split('.')) at = int.TryParse(name, out var index) ? at[index] : at.GetProperty(name);
        return at.ValueKind == JsonValueKind.Null ? null : at.ToString();
    }

    /// <summary>A call with the secret key that must be refused with this code.</summary>
    public async Task RefusedAsync(string path, string code, params (string Name, string Value)[] form)
    {
        using var content = new FormUrlEncodedContent(form.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var answer = await _stripe.PostAsync(new Uri(path, UriKind.Relative), content);
        using var refusal = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(code, refusal.RootElement.GetProperty("error").GetProperty("code").GetString());
    }

    /// <summary>Waits until a member has a value.</summary>
    public async Task UntilAsync(string path, string member, string value)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (await ReadAsync(path, member) is var now && now != value)
        {
            if (TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(20)) throw new TimeoutException($"{path}: {member} is {now}.");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Moves the wall clock of the account forwards.</summary>
    public async Task MoveClockAsync(TimeSpan by)
    {
        using var body = JsonContent.Create(new { advance_seconds = (long)by.TotalSeconds });
        await body.LoadIntoBufferAsync();
        using var answer = await _stripe.PostAsync(new Uri("/_sandbox/clock", UriKind.Relative), body);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>A setup intent of a new customer, made by the shop's server.</summary>
    public async Task<SavedIntent> NewIntentAsync(params (string Name, string Value)[] more)
    {
        using var customer = await CallAsync(HttpMethod.Post, "/v1/customers");
        using var intent = await CallAsync(HttpMethod.Post, "/v1/setup_intents",
        [
            ("customer", customer.RootElement.GetProperty("id").GetString()!),
            ("automatic_payment_methods[enabled]", "true"),
            .. more,
        ]);
        return new(intent.RootElement.GetProperty("id").GetString()!, intent.RootElement.GetProperty("client_secret").GetString()!,
            customer.RootElement.GetProperty("id").GetString()!);
    }

    /// <summary>The address of the card page for an intent.</summary>
    public string CardPage(SavedIntent intent, string options = "") => $"{Url}card?secret={intent.ClientSecret}{options}";

    public async Task<string> StatusAsync(SavedIntent intent)
    {
        using var found = await CallAsync(HttpMethod.Get, $"/v1/setup_intents/{intent.Id}");
        return found.RootElement.GetProperty("status").GetString()!;
    }

    /// <summary>Last four digits of the cards on the customer's file.</summary>
    public async Task<string[]> CardsAsync(SavedIntent intent)
    {
        using var list = await CallAsync(HttpMethod.Get, $"/v1/customers/{intent.Customer}/payment_methods");
        return [.. list.RootElement.GetProperty("data").EnumerateArray().Select(m => m.GetProperty("card").GetProperty("last4").GetString()!)];
    }

    public async Task<System.Net.HttpStatusCode> AnswerAsync(string path)
    {
        using var answer = await _stripe.GetAsync(new Uri(path, UriKind.Relative));
        return answer.StatusCode;
    }

    public async Task<JsonDocument> CallAsync(HttpMethod method, string path, (string Name, string Value)[]? form = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (method == HttpMethod.Post) request.Content = new FormUrlEncodedContent((form ?? []).Select(f => KeyValuePair.Create(f.Name, f.Value)));
        using var answer = await _stripe.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {text}");
        return JsonDocument.Parse(text);
    }

    public async ValueTask DisposeAsync()
    {
        _stripe.Dispose();
        if (_app is not null) await _app.DisposeAsync();
        Assert.Empty(Sandbox.ContractViolations);
        await Sandbox.DisposeAsync();
    }

    private static string Page(string origin) => $"""
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Add a card</title>
        <link rel="stylesheet" href="/shop.css"><script src="{origin}/js/dahlia/stripe.js" defer></script><script src="/shop.js" defer></script></head>
        <body><main><h1>Add a card</h1>
        <form><div id="card"></div><p id="outcome" role="status"></p><button>Save card</button></form></main></body>
        </html>
        """;

    private const string Style = """
        body { font: 14px system-ui, sans-serif; margin: 0; } main { max-width: 30rem; margin: 0 auto; padding: 24px 16px; } button { min-height: 44px; }
        .night { color-scheme: dark; background: #101415; color: #f1f3f3; }
        """;

    private static string Script(string key) => $$"""
        const query = new URLSearchParams(location.search);
        const theme = query.get('theme') ?? 'stripe';
        document.body.className = theme;
        const stripe = window.stripe = Stripe('{{key}}');
        const elements = window.elements = stripe.elements({ clientSecret: query.get('secret'), appearance: { theme, variables: JSON.parse(query.get('variables') ?? '{}') } });
        const element = window.element = elements.create('payment');
        window.heard = [];
        for (const type of ['ready', 'change', 'focus', 'blur', 'escape', 'loaderror']) element.on(type, (event) => heard.push({ type, event }));
        element.mount('#card');
        const outcome = document.getElementById('outcome');
        const say = (text) => { outcome.textContent = text; };
        element.on('loaderror', ({ error }) => say(`not loaded: ${error.message}`));
        document.querySelector('form').addEventListener('submit', async (event) => {
          event.preventDefault();
          say('…');
          const checked = await elements.submit();
          if (checked.error) return say(`${checked.error.code}: ${checked.error.message}`);
          const redirect = query.get('redirect') ?? 'if_required';
          const { error, setupIntent } = await stripe.confirmSetup({ elements, redirect, confirmParams: { return_url: `${location.origin}/done?from=card` } });
          say(error ? `${error.code}: ${error.message}` : `saved: ${setupIntent.status}`);
        });
        """;
}

/// <summary>A setup intent as the shop remembers it.</summary>
public sealed record SavedIntent(string Id, string ClientSecret, string Customer);
