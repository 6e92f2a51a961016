using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Opens Stripe's page for a purchase. Whoever wanted it is gone when a worker finds it, so the page is closed again.</summary>
internal sealed class CheckoutCreation(StripeOperations operations, CheckoutExpiry expiry, Database database) : StripeWrite
{
    /// <param name="Price">Null for credits, whose price is made for the session.</param>
    internal sealed record Request(Guid Checkout, string Customer, string Kind, string? Tier, int? CatalogVersion, string? Price, long AmountCents, string Currency, string? PromotionCode, int TrialDays,
        string SuccessUrl, string CancelUrl);

    public override string Kind => "checkout.create";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        var tag = OrganizationTag.Of(operation.OrganizationId).Append(new("kind", wanted.Kind)).Append(new("checkout_id", wanted.Checkout.ToString())).ToDictionary(StringComparer.Ordinal);
        var session = new CheckoutSessionCreateParams
        {
            UiMode = "hosted_page",
            Customer = wanted.Customer,
            ClientReferenceId = operation.OrganizationId.ToString(),
            SuccessUrl = wanted.SuccessUrl,
            CancelUrl = wanted.CancelUrl,
            LineItems = [Line(wanted)],
            Discounts = wanted.PromotionCode is { } code ? [new CheckoutDiscountParams { PromotionCode = code }] : null,
            Metadata = tag,
        };
        return await stripe.CheckoutSessions.CreateAsync(wanted.Kind is "subscription"
            ? session with
            {
                Mode = CheckoutModes.Subscription,
                SubscriptionData = new CheckoutSubscriptionDataParams
                {
                    BillingMode = new BillingModeParams { Type = BillingModes.Flexible },
                    TrialPeriodDays = wanted.TrialDays > 0 ? wanted.TrialDays : null,
                    Metadata = PlanTag.Of(operation.OrganizationId, wanted.Tier!, wanted.CatalogVersion!.Value, wanted.Checkout),
                },
            }
            : session with
            {
                Mode = CheckoutModes.Payment,
                InvoiceCreation = new CheckoutInvoiceCreationParams { Enabled = true, InvoiceData = new CheckoutInvoiceDataParams { Metadata = tag } },
                PaymentIntentData = new CheckoutPaymentIntentDataParams { Metadata = tag },
            }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        var sessions = new CheckoutSessionListParams { Customer = wanted.Customer, Created = new TimeRange { Gte = operation.CreatedAt.AddMinutes(-10) }, Limit = 100 };
        await foreach (var session in stripe.CheckoutSessions.ListAutoPagingAsync(sessions, options, cancel))
            if (session.Metadata is { } tags && tags.TryGetValue("checkout_id", out var id) && string.Equals(id, wanted.Checkout.ToString(), StringComparison.Ordinal)) return session;
        return null;
    }

    public override async Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var (organization, checkout) = (operation.OrganizationId, operation.RequestAs<Request>().Checkout);
        var state = await transaction.FirstAsync($"""
            update checkouts set stripe_session_id = {answer.Id}, state = case state when 'planned' then 'open' else state end where organization_id = {organization} and id = {checkout} returning state
            """, r => r.GetString(0), cancel);
        // A newer purchase took its place while this one was on its way.
        if (state is "superseded") await expiry.PlanAsync(operations, transaction, organization, answer.Id, operation.By, cancel);
    }

    public override async Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel)
    {
        if (answer is not CheckoutSession { Status: CheckoutSessionStatus.Open }) return;
        await using var transaction = await database.BeginWorkAsync(cancel);
        await expiry.PlanAsync(operations, transaction, operation.OrganizationId, answer.Id, operation.By, cancel);
        await transaction.CommitAsync(cancel);
    }

    private static CheckoutLineItemParams Line(Request wanted) => wanted.Price is { } price
        ? new CheckoutLineItemParams { Price = price, Quantity = 1 }
        : new CheckoutLineItemParams
        {
            Quantity = 1,
            PriceData = new CheckoutPriceDataParams { Currency = wanted.Currency.ToLowerInvariant(), UnitAmount = wanted.AmountCents, ProductData = new CheckoutProductDataParams { Name = "Prepaid credits" } },
        };
}

/// <summary>Closes a page that nobody has paid on.</summary>
internal sealed class CheckoutExpiry : StripeWrite
{
    internal sealed record Request(string Session);

    public override string Kind => "checkout.expire";

    public override bool IsIndispensable => true;

    public Task<StripeOperation> PlanAsync(StripeOperations operations, Transaction transaction, Guid organization, string session, Organizations.Actor by, CancellationToken cancel) =>
        operations.PlanAsync(transaction, organization, this, session, $"expire:{session}", new Request(session), by, atOnce: true, cancel);

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await LookAsync(stripe, operation, new ReadOptions { Timeout = options.Timeout, MaxRetries = options.MaxRetries }, cancel)
        ?? await stripe.CheckoutSessions.ExpireAsync(operation.RequestAs<Request>().Session, options, cancel);

    // Paid a moment before is no failure here: the purchase has its own way.
    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var session = await stripe.CheckoutSessions.GetAsync(operation.RequestAs<Request>().Session, options: options, cancel: cancel);
        return session.Status is CheckoutSessionStatus.Open ? null : session;
    }
}
