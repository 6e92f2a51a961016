using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Money that goes back because what was paid for could not be given, and the mail that says so.</summary>
internal sealed class Refunds(Outbox outbox, PublicAddress address)
{
    /// <summary>Refunds a payment in full, once: one that went back already is fine as it is.</summary>
    internal static async Task<StripeObject> GiveBackAsync(StripeClient stripe, string paymentIntent, RequestOptions options, CancellationToken cancel)
    {
        var read = new ReadOptions { Timeout = options.Timeout, MaxRetries = options.MaxRetries };
        if (await FindAsync(stripe, paymentIntent, read, cancel) is { } before) return before;
        return await stripe.Refunds.CreateAsync(new RefundCreateParams { PaymentIntent = paymentIntent, Reason = RefundReasons.Duplicate }, options, cancel);
    }

    /// <summary>The refund of a payment that has one, unless it failed.</summary>
    internal static async Task<Refund?> FindAsync(StripeClient stripe, string paymentIntent, ReadOptions options, CancellationToken cancel)
    {
        var there = await stripe.Refunds.ListAsync(new RefundListParams { PaymentIntent = paymentIntent, Limit = 10 }, options, cancel);
        return there.Data.FirstOrDefault(r => r.Status is not (RefundStatus.Failed or RefundStatus.Canceled));
    }

    /// <summary>Marks the purchase and tells the one who pays, in the transaction that marks the refund done.</summary>
    public async Task TellAsync(Guid organization, Guid checkout, string reason, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var told = await transaction.FirstAsync($"""
            update checkouts c set state = 'refunded', refund_reason = {reason}, settled_at = {now}
            from billing_accounts b, organizations o
            where c.organization_id = {organization} and c.id = {checkout} and b.organization_id = c.organization_id and o.id = c.organization_id
            returning coalesce(b.billing_email, ''), o.slug, o.name, c.amount_cents, c.currency
            """, r => (Email: r.GetString(0), Slug: r.GetString(1), Name: r.GetString(2), Amount: new Money(r.GetInt64(3), r.GetString(4))), cancel);
        if (told.Email is not { Length: > 0 }) return;
        var why = reason switch
        {
            "sold_out" => "The last lifetime seat was sold a moment before your payment arrived.",
            "already_owned" => "Your organization has a lifetime plan already.",
            _ => "Your organization has a subscription already, so the second one was canceled.",
        };
        await outbox.QueueAsync(new Mail(told.Email, $"Your payment of {told.Amount} goes back", $"""
            {why}

            {told.Amount} for {told.Name} goes back to the card it was paid with. Banks take up to ten days to show it.

            Your plans:
            {address.Link($"/o/{told.Slug}/settings/billing/plans")}
            """), transaction, cancel);
    }
}

/// <summary>A payment that goes back in full.</summary>
internal sealed class PaymentRefund(Refunds refunds) : StripeWrite
{
    /// <param name="Reason">As stored with the purchase: <c>sold_out</c>, <c>already_owned</c>.</param>
    internal sealed record Request(string PaymentIntent, Guid Checkout, string Reason);

    public override string Kind => "refund.create";

    public override bool IsIndispensable => true;

    public override Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        Refunds.GiveBackAsync(stripe, operation.RequestAs<Request>().PaymentIntent, options, cancel);

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel) =>
        await Refunds.FindAsync(stripe, operation.RequestAs<Request>().PaymentIntent, options, cancel);

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        return refunds.TellAsync(operation.OrganizationId, wanted.Checkout, wanted.Reason, transaction, now, cancel);
    }
}
