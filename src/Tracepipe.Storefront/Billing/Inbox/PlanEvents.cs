using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Events about purchases, plans and their invoices. Each looks up what it is about and brings the organization's plan to what Stripe has now.</summary>
internal sealed partial class PlanEvents(Database database, StripeConnection stripe, SubscriptionProjection projection, InvoiceMirror mirror, Fulfilment fulfilment, LifetimePlans lifetimes, CreditPurchases credits, UsageInvoices usage, ILogger<PlanEvents> log)
{
    private static ReadOptions Read => Patience.OfWorker.Read;

    public Task<EventEffect> CheckoutAsync(StripeNotice received, CancellationToken cancel) =>
        received.ObjectId is { } id ? fulfilment.PrepareAsync(id, Patience.OfWorker, cancel) : Task.FromResult(EventHandlers.Nobody);

    public async Task<EventEffect> SubscriptionAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return EventHandlers.Nobody;
        Subscription subscription;
        try
        {
            subscription = await stripe.Client.Subscriptions.GetAsync(id, options: Read, cancel: cancel);
        }
        catch (StripeException gone) when (gone.IsNotFound)
        {
            return EventHandlers.Nobody;
        }
        return await OfCustomerAsync(subscription.Customer.Id, cancel);
    }

    public async Task<EventEffect> InvoiceAsync(StripeNotice received, CancellationToken cancel) =>
        received.ObjectId is { } id ? await InvoiceAsync(id, cancel) : EventHandlers.Nobody;

    public async Task<EventEffect> CreditNoteAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return EventHandlers.Nobody;
        var note = await stripe.Client.CreditNotes.GetAsync(id, options: Read, cancel: cancel);
        return await InvoiceAsync(note.Invoice.Id, cancel);
    }

    public async Task<EventEffect> RefundAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return EventHandlers.Nobody;
        var refund = await stripe.Client.Refunds.GetAsync(id, options: Read, cancel: cancel);
        return refund.PaymentIntent is { } payment ? await PaymentAsync(payment.Id, cancel) : EventHandlers.Nobody;
    }

    public async Task<EventEffect> ChargeAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return EventHandlers.Nobody;
        var charge = await stripe.Client.Charges.GetAsync(id, options: Read, cancel: cancel);
        return charge.PaymentIntent is { } payment ? await PaymentAsync(payment.Id, cancel) : EventHandlers.Nobody;
    }

    /// <summary>The bank takes money back on its customer's word: an operator answers it at Stripe.</summary>
    public async Task<EventEffect> DisputeAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return EventHandlers.Nobody;
        var dispute = await stripe.Client.Disputes.GetAsync(id, options: Read, cancel: cancel);
        Disputed(log, dispute.Id, dispute.Amount, dispute.Currency);
        return dispute.PaymentIntent is { } payment ? await PaymentAsync(payment.Id, cancel) : EventHandlers.Nobody;
    }

    /// <summary>Brings the plan of whoever has this customer to what Stripe has.</summary>
    public async Task<EventEffect> OfCustomerAsync(string customer, CancellationToken cancel)
    {
        if (await OwnerAsync(customer, cancel) is not { } organization || await projection.LookAsync(organization, Patience.OfWorker, cancel) is not { } look) return EventHandlers.Nobody;
        return new EventEffect(async (transaction, c) =>
        {
            await projection.WriteAsync(look, transaction, c);
            return true;
        });
    }

    // An invoice and the subscription it is for change together: both are looked at.
    private async Task<EventEffect> InvoiceAsync(string id, CancellationToken cancel)
    {
        if (await mirror.LookAsync(id, Patience.OfWorker, cancel) is not { } look) return EventHandlers.Nobody;
        if (usage.Follow(look.Organization, look.Invoice) is { } ours) return ours;
        var plan = look.Invoice.Subscription is null ? EventHandlers.Nobody : await OfCustomerAsync(look.Invoice.Customer!.Id, cancel);
        return plan.And(new EventEffect(async (transaction, c) =>
        {
            await mirror.WriteAsync(look, transaction, c);
            return true;
        }));
    }

    /// <summary>Money of a payment went back: its invoice shows it, and a lifetime that was refunded in full ends.</summary>
    private async Task<EventEffect> PaymentAsync(string paymentIntent, CancellationToken cancel)
    {
        var effect = (await lifetimes.AfterRefundAsync(paymentIntent, cancel)).And(await credits.AfterRefundAsync(paymentIntent, cancel));
        var filter = new InvoicePaymentListParams { Payment = new InvoicePaymentFilterParams { Type = "payment_intent", PaymentIntent = paymentIntent }, Limit = 10 };
        var payments = await stripe.Client.InvoicePayments.ListAsync(filter, Read, cancel);
        foreach (var payment in payments.Data) effect = effect.And(await InvoiceAsync(payment.Invoice.Id, cancel));
        return effect;
    }

    private async Task<Guid?> OwnerAsync(string customer, CancellationToken cancel)
    {
        Answer<Guid?>? owner = null;
        await database.WorkReadAsync(q => owner = q.First($"select organization_id from billing_accounts where stripe_customer_id = {customer}", r => (Guid?)r.GetGuid(0)), cancel);
        return owner!.Value;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Dispute {Id} about {Amount} {Currency} (minor units): answer it at Stripe")]
    private static partial void Disputed(ILogger log, string id, long amount, string currency);
}
