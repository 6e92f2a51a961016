using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Tracepipe.Stripe;

/// <summary>The part of Stripe's API that we use, a property per noun. Names follow Stripe.net, so that either can stand in for the other.</summary>
public sealed class StripeClient
{
    /// <param name="http">Its own timeout must be longer than one attempt's; set it to infinite. Best on <see cref="CreateHandler"/>.</param>
    public StripeClient(HttpClient http, StripeOptions options, TimeProvider clock, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrWhiteSpace(options.ApiKey)) throw new ArgumentException("A client without a key can call nothing.", nameof(options));
        Options = options;
        var transport = new StripeTransport(http, options, clock, logger ?? NullLogger.Instance);
        Customers = new(transport);
        SetupIntents = new(transport);
        SetupAttempts = new(transport);
        PaymentMethods = new(transport);
        Events = new(transport);
        WebhookEndpoints = new(transport);
    }

    public StripeOptions Options { get; }

    public CustomerService Customers { get; }

    public SetupIntentService SetupIntents { get; }

    public SetupAttemptService SetupAttempts { get; }

    public PaymentMethodService PaymentMethods { get; }

    public EventService Events { get; }

    public WebhookEndpointService WebhookEndpoints { get; }

    /// <summary>Connections as this client wants them: pooled and renewed (DNS), quick to give up connecting, no cookies, and no redirect that would carry the key elsewhere.</summary>
    public static SocketsHttpHandler CreateHandler() => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.All,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
    };
}
