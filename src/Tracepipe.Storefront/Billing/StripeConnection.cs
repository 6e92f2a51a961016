using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>This installation's way to Stripe: whom we call with which keys, what the browser loads, and how long a person may have to wait for it.</summary>
internal sealed class StripeConnection : IDisposable
{
    private readonly HttpClient http = new(StripeClient.CreateHandler()) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly StripeClient? client;

    public StripeConnection(IConfiguration configuration, ILogger<StripeClient> log)
    {
        var stripe = configuration.GetSection("Stripe");
        JsUrl = stripe["JsUrl"] ?? configuration["Billing:StripeJsUrl"] ?? "https://js.stripe.com/dahlia/stripe.js";
        if (stripe.GetValue<bool>("Disabled") || stripe["ApiKey"] is not { Length: > 0 } key) return;
        PublishableKey = stripe["PublishableKey"];
        WebhookSecrets = (stripe["WebhookSecret"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var options = new StripeOptions
        {
            ApiKey = key,
            ApiBase = new Uri(stripe["ApiBase"] ?? "https://api.stripe.com"),
            ApiVersion = stripe["ApiVersion"] ?? StripeOptions.DefaultApiVersion,
        };
        IsLive = options.IsLive;
        // Patience is real time, also when the product's clock is moved.
        client = new StripeClient(http, options, TimeProvider.System, log);
    }

    /// <summary>False only when an operator has switched payments off (<c>Stripe:Disabled</c>).</summary>
    public bool IsConfigured => client is not null;

    /// <exception cref="InvalidOperationException">Payments are switched off.</exception>
    public StripeClient Client => client ?? throw new InvalidOperationException("Stripe is not configured here: ask IsConfigured first.");

    /// <summary>For browsers (<c>pk_…</c>).</summary>
    public string? PublishableKey { get; }

    /// <summary>The script that collects cards, always from its own origin.</summary>
    public string JsUrl { get; }

    /// <summary>Signing secrets of the webhook endpoint: two while one is being rolled.</summary>
    public IReadOnlyList<string> WebhookSecrets { get; } = [];

    /// <summary>Whether the key moves real money.</summary>
    public bool IsLive { get; }

    public void Dispose() => http.Dispose();
}

/// <summary>How long a caller waits for Stripe: one attempt's limit and the attempts after the first.</summary>
internal sealed record Patience(TimeSpan Timeout, int MaxRetries)
{
    /// <summary>Somebody looks at the page.</summary>
    public static Patience OfPerson { get; } = new(TimeSpan.FromSeconds(4), 1);

    /// <summary>Nobody waits; a worker comes again by itself.</summary>
    public static Patience OfWorker { get; } = new(TimeSpan.FromSeconds(15), 1);

    public ReadOptions Read => new() { Timeout = Timeout, MaxRetries = MaxRetries };

    public RequestOptions Write(string idempotencyKey) => new() { IdempotencyKey = idempotencyKey, Timeout = Timeout, MaxRetries = MaxRetries };
}
