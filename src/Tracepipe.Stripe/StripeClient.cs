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
        Products = new(transport);
        Prices = new(transport);
        Coupons = new(transport);
        PromotionCodes = new(transport);
        CheckoutSessions = new(transport);
        BillingPortalConfigurations = new(transport);
        BillingPortalSessions = new(transport);
        Subscriptions = new(transport);
        SubscriptionSchedules = new(transport);
        Invoices = new(transport);
        InvoiceItems = new(transport);
        InvoicePayments = new(transport);
        CreditNotes = new(transport);
        PaymentIntents = new(transport);
        Charges = new(transport);
        Refunds = new(transport);
        Disputes = new(transport);
        Meters = new(transport);
        MeterEvents = new(transport);
        MeterEventAdjustments = new(transport);
        MeterEventSummaries = new(transport);
        TestClocks = new(transport);
    }

    public StripeOptions Options { get; }

    public CustomerService Customers { get; }

    public SetupIntentService SetupIntents { get; }

    public SetupAttemptService SetupAttempts { get; }

    public PaymentMethodService PaymentMethods { get; }

    public EventService Events { get; }

    public WebhookEndpointService WebhookEndpoints { get; }

    public ProductService Products { get; }

    public PriceService Prices { get; }

    public CouponService Coupons { get; }

    public PromotionCodeService PromotionCodes { get; }

    public CheckoutSessionService CheckoutSessions { get; }

    public BillingPortalConfigurationService BillingPortalConfigurations { get; }

    public BillingPortalSessionService BillingPortalSessions { get; }

    public SubscriptionService Subscriptions { get; }

    public SubscriptionScheduleService SubscriptionSchedules { get; }

    public InvoiceService Invoices { get; }

    public InvoiceItemService InvoiceItems { get; }

    public InvoicePaymentService InvoicePayments { get; }

    public CreditNoteService CreditNotes { get; }

    public PaymentIntentService PaymentIntents { get; }

    public ChargeService Charges { get; }

    public RefundService Refunds { get; }

    public DisputeService Disputes { get; }

    public MeterService Meters { get; }

    public MeterEventService MeterEvents { get; }

    public MeterEventAdjustmentService MeterEventAdjustments { get; }

    public MeterEventSummaryService MeterEventSummaries { get; }

    public TestClockService TestClocks { get; }

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
