using System.Collections.Frozen;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What an event comes to: a change to write in the transaction that marks it done, or nothing, with the reason.</summary>
/// <param name="WriteAsync">Answers false when what it holds is out of date and must be fetched again. Null: nothing of ours is concerned.</param>
/// <param name="IsParked">It contradicts what we know (another amount, another customer): nothing is done and an operator has to look.</param>
internal sealed record EventEffect(Func<Transaction, CancellationToken, Task<bool>>? WriteAsync, string? Reason = null, bool IsParked = false)
{
    /// <summary>Both, in one transaction.</summary>
    public EventEffect And(EventEffect other)
    {
        if (IsParked || other.WriteAsync is null) return WriteAsync is null && other.IsParked ? other : this;
        if (WriteAsync is not { } first) return other;
        return new EventEffect(async (transaction, cancel) => await first(transaction, cancel) && await other.WriteAsync(transaction, cancel), Reason ?? other.Reason);
    }
}

/// <summary>The event cannot be handled yet; later it can.</summary>
internal sealed class EventNotReadyException(string message) : Exception(message);

/// <summary>
/// Which event concerns what. An event only says where to look: each handler fetches the object from Stripe by its id and never trusts the snapshot, so
/// neither order, nor repetition, nor another API release matters.
/// </summary>
internal sealed class EventHandlers
{
    private readonly FrozenDictionary<string, Func<StripeNotice, CancellationToken, Task<EventEffect>>> table;
    private readonly Database database;
    private readonly StripeConnection stripe;
    private readonly CardProjection cards;
    private readonly PlanEvents plans;

    public EventHandlers(Database database, StripeConnection stripe, CardProjection cards, PlanEvents plans)
    {
        (this.database, this.stripe, this.cards, this.plans) = (database, stripe, cards, plans);
        table = new Dictionary<string, Func<StripeNotice, CancellationToken, Task<EventEffect>>>(StringComparer.Ordinal)
        {
            [EventTypes.CustomerUpdated] = CustomerAsync,
            [EventTypes.CustomerDeleted] = CustomerGoneAsync,
            [EventTypes.SetupIntentSucceeded] = SetupIntentAsync,
            [EventTypes.SetupIntentSetupFailed] = (_, _) => Task.FromResult(new EventEffect(null, "The form has told the person.")),
            [EventTypes.PaymentMethodAttached] = PaymentMethodAsync,
            [EventTypes.PaymentMethodDetached] = PaymentMethodAsync,
            [EventTypes.PaymentMethodUpdated] = PaymentMethodAsync,
            [EventTypes.PaymentMethodAutomaticallyUpdated] = PaymentMethodAsync,
            [EventTypes.CheckoutSessionCompleted] = plans.CheckoutAsync,
            [EventTypes.CheckoutSessionExpired] = plans.CheckoutAsync,
            [EventTypes.CheckoutSessionAsyncPaymentSucceeded] = plans.CheckoutAsync,
            [EventTypes.CheckoutSessionAsyncPaymentFailed] = plans.CheckoutAsync,
            [EventTypes.CustomerSubscriptionCreated] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionUpdated] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionDeleted] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionTrialWillEnd] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionPaused] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionResumed] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionPendingUpdateApplied] = plans.SubscriptionAsync,
            [EventTypes.CustomerSubscriptionPendingUpdateExpired] = plans.SubscriptionAsync,
            [EventTypes.InvoiceCreated] = plans.InvoiceAsync,
            [EventTypes.InvoiceFinalized] = plans.InvoiceAsync,
            [EventTypes.InvoiceFinalizationFailed] = plans.InvoiceAsync,
            [EventTypes.InvoiceUpdated] = plans.InvoiceAsync,
            [EventTypes.InvoicePaid] = plans.InvoiceAsync,
            [EventTypes.InvoicePaymentFailed] = plans.InvoiceAsync,
            [EventTypes.InvoicePaymentActionRequired] = plans.InvoiceAsync,
            [EventTypes.InvoiceVoided] = plans.InvoiceAsync,
            [EventTypes.InvoiceMarkedUncollectible] = plans.InvoiceAsync,
            [EventTypes.InvoiceUpcoming] = (_, _) => Task.FromResult(new EventEffect(null, "What is to come is shown by a preview.")),
            [EventTypes.ChargeRefunded] = plans.ChargeAsync,
            [EventTypes.RefundCreated] = plans.RefundAsync,
            [EventTypes.RefundUpdated] = plans.RefundAsync,
            [EventTypes.RefundFailed] = plans.RefundAsync,
            [EventTypes.ChargeDisputeCreated] = plans.DisputeAsync,
            [EventTypes.CreditNoteCreated] = plans.CreditNoteAsync,
        }.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public bool Knows(string type) => table.ContainsKey(type);

    public Task<EventEffect> PrepareAsync(StripeNotice received, CancellationToken cancel) => table[received.Type](received, cancel);

    private Task<EventEffect> CustomerAsync(StripeNotice received, CancellationToken cancel) =>
        received.ObjectId is { } customer ? CardsOfAsync(customer, cancel) : Task.FromResult(Nobody);

    // With the customer everything of his is gone: cards and subscriptions.
    private async Task<EventEffect> CustomerGoneAsync(StripeNotice received, CancellationToken cancel) =>
        received.ObjectId is { } customer ? (await plans.OfCustomerAsync(customer, cancel)).And(await CardsOfAsync(customer, cancel)) : Nobody;

    private async Task<EventEffect> SetupIntentAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return Nobody;
        var intent = await stripe.Client.SetupIntents.GetAsync(id, options: Patience.OfWorker.Read, cancel: cancel);
        return intent.Customer is { } customer ? await CardsOfAsync(customer.Id, cancel) : Nobody;
    }

    private async Task<EventEffect> PaymentMethodAsync(StripeNotice received, CancellationToken cancel)
    {
        if (received.ObjectId is not { } id) return Nobody;
        var method = await stripe.Client.PaymentMethods.GetAsync(id, options: Patience.OfWorker.Read, cancel: cancel);
        if (method.Customer is { } customer) return await CardsOfAsync(customer.Id, cancel);
        // Detached: Stripe no longer says from whom, we know.
        Answer<Guid?>? owner = null;
        await database.WorkReadAsync(q => owner = q.First($"select organization_id from payment_methods where id = {id}", r => (Guid?)r.GetGuid(0)), cancel);
        return owner!.Value is { } organization ? await CardsAsync(organization, cancel) : Nobody;
    }

    private async Task<EventEffect> CardsOfAsync(string customer, CancellationToken cancel)
    {
        Answer<Guid?>? owner = null;
        await database.WorkReadAsync(q => owner = q.First($"select organization_id from billing_accounts where stripe_customer_id = {customer}", r => (Guid?)r.GetGuid(0)), cancel);
        if (owner!.Value is { } organization) return await CardsAsync(organization, cancel);
        if (await IsToBeOursAsync(customer, cancel)) throw new EventNotReadyException("The customer is being made and is not stored yet.");
        return Nobody;
    }

    private async Task<EventEffect> CardsAsync(Guid organization, CancellationToken cancel)
    {
        if (await cards.LookAsync(organization, Patience.OfWorker, cancel) is not { } look) return Nobody;
        return new EventEffect((transaction, c) => cards.WriteAsync(look, Actor.System, transaction, c));
    }

    /// <summary>Stripe has told us of a customer before its answer to our own call was stored.</summary>
    private async Task<bool> IsToBeOursAsync(string id, CancellationToken cancel)
    {
        Customer customer;
        try
        {
            customer = await stripe.Client.Customers.GetAsync(id, options: Patience.OfWorker.Read, cancel: cancel);
        }
        catch (StripeException unknown) when (unknown.IsNotFound)
        {
            return false;
        }
        if (OrganizationTag.Read(customer.Metadata) is not { } organization) return false;
        Answer<bool>? waits = null;
        await database.WorkReadAsync(q => waits = q.First($"select true from billing_accounts where organization_id = {organization} and stripe_customer_id is null", r => r.GetBoolean(0)), cancel);
        return waits!.Value;
    }

    internal static EventEffect Nobody { get; } = new(null, "No organization here has it.");
}
