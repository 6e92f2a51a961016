using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What a write about a subscription names.</summary>
internal sealed record SubscriptionRequest(string Subscription);

/// <summary>What a change of plan sends: the very moment of the preview, so that the charge equals it.</summary>
internal sealed record PlanChangeRequest(string Subscription, string Item, string FromPrice, string ToPrice, DateTimeOffset ProratedAt);

/// <summary>A write about a subscription. When nobody waits for it any more, what Stripe has now is shown.</summary>
internal abstract class SubscriptionWrite(IServiceProvider services) : StripeWrite
{
    protected IServiceProvider Services => services;

    public override Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel) =>
        services.GetRequiredService<SubscriptionProjection>().SyncAsync(operation.OrganizationId, Patience.OfWorker, cancel);

    /// <summary>Sent late, an old wish would undo a newer one.</summary>
    protected async Task<bool> IsNewestAsync(StripeOperation operation, CancellationToken cancel)
    {
        Answer<bool>? isNewest = null;
        await services.GetRequiredService<Database>().WorkReadAsync(q => isNewest = q.First($"""
            select not exists (select 1 from stripe_operations where organization_id = {operation.OrganizationId} and created_at > {operation.CreatedAt} and state <> 'failed' and id <> {operation.Id}
              and kind in ('subscription.cancel', 'subscription.reactivate', 'subscription.change', 'subscription.downgrade', 'schedule.release'))
            """, r => r.GetBoolean(0)), cancel);
        return isNewest!.Value;
    }

    /// <summary>What is under a schedule is changed after its release. Released before: nothing to do.</summary>
    protected static async Task<Subscription> ReleaseAsync(StripeClient stripe, string id, RequestOptions options, CancellationToken cancel)
    {
        var subscription = await stripe.Subscriptions.GetAsync(id, options: ReadOf(options), cancel: cancel);
        if (subscription.Schedule is not { } schedule) return subscription;
        await stripe.SubscriptionSchedules.ReleaseAsync(schedule.Id, new SubscriptionScheduleReleaseParams(), options with { IdempotencyKey = $"{options.IdempotencyKey}:release:{schedule.Id}" }, cancel);
        return await stripe.Subscriptions.GetAsync(id, options: ReadOf(options), cancel: cancel);
    }

    protected static ReadOptions ReadOf(RequestOptions options) => new() { Timeout = options.Timeout, MaxRetries = options.MaxRetries };
}

/// <summary>Ends a subscription with its period; a scheduled downgrade is taken back first.</summary>
internal class SubscriptionCancellation(IServiceProvider services) : SubscriptionWrite(services)
{
    public override string Kind => "subscription.cancel";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var id = operation.RequestAs<SubscriptionRequest>().Subscription;
        await ReleaseAsync(stripe, id, options, cancel);
        return await stripe.Subscriptions.UpdateAsync(id, new SubscriptionUpdateParams { CancelAtPeriodEnd = true }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var subscription = await stripe.Subscriptions.GetAsync(operation.RequestAs<SubscriptionRequest>().Subscription, options: options, cancel: cancel);
        return subscription.CancelsAt is not null || subscription.EndedAt is not null ? subscription : null;
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => IsNewestAsync(operation, cancel);
}

/// <summary>The same because a lifetime was bought beside it: nobody waits, and it is not given up.</summary>
internal sealed class ReplacedCancellation(IServiceProvider services) : SubscriptionCancellation(services)
{
    public override string Kind => "subscription.cancel_replaced";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        // It may have ended by itself meanwhile.
        return await LookAsync(stripe, operation, ReadOf(options), cancel) ?? await base.SendAsync(stripe, operation, options, cancel);
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => Task.FromResult(true);
}

/// <summary>Takes a pending cancellation back, however it was made: flag and date.</summary>
internal sealed class SubscriptionReactivation(IServiceProvider services) : SubscriptionWrite(services)
{
    public override string Kind => "subscription.reactivate";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await stripe.Subscriptions.UpdateAsync(operation.RequestAs<SubscriptionRequest>().Subscription,
            new SubscriptionUpdateParams { CancelAtPeriodEnd = false, CancelAt = Clearable<DateTimeOffset>.Cleared }, options, cancel);

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var subscription = await stripe.Subscriptions.GetAsync(operation.RequestAs<SubscriptionRequest>().Subscription, options: options, cancel: cancel);
        return subscription.CancelsAt is null ? subscription : null;
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => IsNewestAsync(operation, cancel);
}

/// <summary>Changes the price at once, charged before it is given: without the payment the old plan stays as it is.</summary>
internal sealed class PlanUpgrade(IServiceProvider services) : SubscriptionWrite(services)
{
    public override string Kind => "subscription.change";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<PlanChangeRequest>();
        await ReleaseAsync(stripe, wanted.Subscription, options, cancel);
        return await stripe.Subscriptions.UpdateAsync(wanted.Subscription, new SubscriptionUpdateParams
        {
            Items = [new SubscriptionItemChangeParams { Id = wanted.Item, Price = wanted.ToPrice, Quantity = 1 }],
            ProrationBehavior = ProrationBehaviors.AlwaysInvoice,
            ProrationDate = wanted.ProratedAt,
            PaymentBehavior = PaymentBehaviors.PendingIfIncomplete,
        }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<PlanChangeRequest>();
        var subscription = await stripe.Subscriptions.GetAsync(wanted.Subscription, options: options, cancel: cancel);
        return subscription.PendingUpdate is not null || subscription.Items.Data.Any(i => string.Equals(i.Price.Id, wanted.ToPrice, StringComparison.Ordinal)) ? subscription : null;
    }

    // Nobody waits any more to hear that the card was refused, or to answer the bank: the bill is taken back, and who presses again begins anew.
    public override async Task ResumedAsync(StripeOperation operation, StripeObject answer, CancellationToken cancel)
    {
        if (answer is Subscription { PendingUpdate: not null, LatestInvoice: { } bill }) await Services.GetRequiredService<PlanChanges>().TakeBackAsync(operation.OrganizationId, bill.Id, operation.By, cancel);
        await base.ResumedAsync(operation, answer, cancel);
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => IsNewestAsync(operation, cancel);
}

/// <summary>Plans a lower price for the period's end, by a schedule around the subscription.</summary>
internal sealed class PlanDowngrade(IServiceProvider services) : SubscriptionWrite(services)
{
    public override string Kind => "subscription.downgrade";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<PlanChangeRequest>();
        var subscription = await stripe.Subscriptions.GetAsync(wanted.Subscription, options: ReadOf(options), cancel: cancel);
        var schedule = subscription.Schedule is { } there
            ? await stripe.SubscriptionSchedules.GetAsync(there.Id, options: ReadOf(options), cancel: cancel)
            : await stripe.SubscriptionSchedules.CreateAsync(new SubscriptionScheduleCreateParams { FromSubscription = wanted.Subscription }, options with { IdempotencyKey = options.IdempotencyKey + ":create" }, cancel);
        return await stripe.SubscriptionSchedules.UpdateAsync(schedule.Id, new SubscriptionScheduleUpdateParams
        {
            EndBehavior = "release",
            Phases =
            [
                new SchedulePhaseParams
                {
                    Items = [new SchedulePhaseItemParams { Price = wanted.FromPrice, Quantity = 1 }],
                    StartDate = schedule.Phases[0].StartDate,
                    EndDate = subscription.CurrentPeriodEnd,
                    ProrationBehavior = ProrationBehaviors.None,
                },
                new SchedulePhaseParams
                {
                    Items = [new SchedulePhaseItemParams { Price = wanted.ToPrice, Quantity = 1 }],
                    Duration = new SchedulePhaseDurationParams { Interval = "month", IntervalCount = 1 },
                    ProrationBehavior = ProrationBehaviors.None,
                },
            ],
        }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<PlanChangeRequest>();
        var subscription = await stripe.Subscriptions.GetAsync(wanted.Subscription, options: options, cancel: cancel);
        if (subscription.Schedule is not { } there) return null;
        var schedule = await stripe.SubscriptionSchedules.GetAsync(there.Id, options: options, cancel: cancel);
        return schedule.Phases.Any(p => p.Items.Any(i => string.Equals(i.Price.Id, wanted.ToPrice, StringComparison.Ordinal))) ? schedule : null;
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => IsNewestAsync(operation, cancel);
}

/// <summary>Takes a scheduled downgrade back.</summary>
internal sealed class DowngradeRevocation(IServiceProvider services) : SubscriptionWrite(services)
{
    public override string Kind => "schedule.release";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await ReleaseAsync(stripe, operation.RequestAs<SubscriptionRequest>().Subscription, options, cancel);

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var subscription = await stripe.Subscriptions.GetAsync(operation.RequestAs<SubscriptionRequest>().Subscription, options: options, cancel: cancel);
        return subscription.Schedule is null ? subscription : null;
    }

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => IsNewestAsync(operation, cancel);
}

/// <summary>The bill of an upgrade whose payment was refused: voided, so that nobody pays for it later.</summary>
internal sealed class UpgradeInvoiceVoiding(IServiceProvider services) : SubscriptionWrite(services)
{
    internal sealed record Request(string Invoice);

    public override string Kind => "invoice.void";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await LookAsync(stripe, operation, ReadOf(options), cancel) ?? await stripe.Invoices.VoidAsync(operation.RequestAs<Request>().Invoice, options, cancel);

    // Paid after all, by a bank that took its time: then the upgrade holds and there is nothing to void.
    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var invoice = await stripe.Invoices.GetAsync(operation.RequestAs<Request>().Invoice, options: options, cancel: cancel);
        return invoice.Status is InvoiceStatus.Open or InvoiceStatus.Uncollectible ? null : invoice;
    }
}

/// <summary>A second subscription of an organization that has one: ended at once, and what was paid for it goes back.</summary>
internal sealed class SubscriptionUndoing(IServiceProvider services, Refunds refunds) : SubscriptionWrite(services)
{
    /// <param name="Checkout">The purchase it came from; null when unknown.</param>
    internal sealed record Request(string Subscription, Guid? Checkout);

    public override string Kind => "subscription.undo";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var id = operation.RequestAs<Request>().Subscription;
        var subscription = await stripe.Subscriptions.GetAsync(id, options: ReadOf(options), cancel: cancel);
        if (subscription.EndedAt is null) subscription = await stripe.Subscriptions.CancelAsync(id, new SubscriptionCancelParams { InvoiceNow = false, Prorate = false }, ReadOf(options), cancel);
        if (subscription.LatestInvoice is not { } invoice) return subscription;
        var payments = await stripe.InvoicePayments.ListAsync(new InvoicePaymentListParams { Invoice = invoice.Id, Status = "paid", Limit = 10 }, ReadOf(options), cancel);
        foreach (var payment in payments.Data)
            if (payment.Payment.PaymentIntent is { } intent) await Refunds.GiveBackAsync(stripe, intent.Id, options with { IdempotencyKey = $"{options.IdempotencyKey}:refund:{intent.Id}" }, cancel);
        return subscription;
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        _ = await stripe.Subscriptions.GetAsync(operation.RequestAs<Request>().Subscription, options: options, cancel: cancel);
        return null; // each of its steps looks by itself before it acts
    }

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) =>
        operation.RequestAs<Request>().Checkout is { } checkout ? refunds.TellAsync(operation.OrganizationId, checkout, "duplicate", transaction, now, cancel) : Task.CompletedTask;
}
