using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Credits have been paid for; raised once per purchase, in the transaction that says so.</summary>
/// <param name="CheckoutId">Ours: the cause of the posting.</param>
/// <param name="PaymentIntent">Stripe's payment, for refunds.</param>
internal sealed record CreditsBought(Guid OrganizationId, Guid CheckoutId, Money Amount, string? PaymentIntent, DateTimeOffset At);

/// <summary>
/// Gives what was paid for on Stripe's page, once, whoever says so first: the webhook, the buyer who comes back, the catch-up. What Stripe has is compared
/// with what we wrote down before; anything else than that is parked.
/// </summary>
internal sealed class Fulfilment(Database database, StripeConnection stripe, StripeOperations operations, SubscriptionProjection projection, PlanStandings plans, PaymentRefund refund,
    ReplacedCancellation replaced, Catalogs catalogs, Standings standings, IServiceProvider services, TimeProvider clock)
{
    /// <summary>Fetches a session and says what follows from it.</summary>
    public async Task<EventEffect> PrepareAsync(string sessionId, Patience patience, CancellationToken cancel)
    {
        CheckoutSession session;
        try
        {
            session = await stripe.Client.CheckoutSessions.GetAsync(sessionId, ["payment_intent"], patience.Read, cancel);
        }
        catch (StripeException unknown) when (unknown.IsNotFound)
        {
            return EventHandlers.Nobody;
        }
        if (await FindAsync(session, cancel) is not var (row, customer)) return EventHandlers.Nobody;
        if (Contradiction(session, row, customer) is { } contradiction) return new EventEffect(null, contradiction, IsParked: true);
        if (session.Status is CheckoutSessionStatus.Expired) return Ends(row, session, "expired");
        if (session.Status is not CheckoutSessionStatus.Complete) return new EventEffect(null, "Nothing has been paid yet.");
        if (session.PaymentStatus is CheckoutPaymentStatus.Unpaid)
            return session.PaymentIntent?.Value?.Status is PaymentIntentStatus.RequiresPaymentMethod or PaymentIntentStatus.Canceled ? Ends(row, session, "failed") : new EventEffect(null, "The bank has not paid yet.");
        if (row.IsSettled && row.Kind is not "subscription") return new EventEffect(null, "It has been given before.");
        return row.Kind switch
        {
            "subscription" => await SubscriptionAsync(row, session, patience, cancel),
            "lifetime" => new EventEffect((transaction, c) => LifetimeAsync(row, session, transaction, c)),
            _ => new EventEffect((transaction, c) => CreditsAsync(row, session, transaction, c)),
        };
    }

    /// <summary>The same at once, because the buyer has come back and looks.</summary>
    /// <exception cref="StripeException">Stripe did not answer.</exception>
    public async Task FulfilAsync(string sessionId, CancellationToken cancel)
    {
        var effect = await PrepareAsync(sessionId, Patience.OfPerson, cancel);
        if (effect.WriteAsync is not { } write) return;
        await using var transaction = await database.BeginWorkAsync(cancel);
        await write(transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task<(CheckoutRow Row, string? Customer)?> FindAsync(CheckoutSession session, CancellationToken cancel)
    {
        Answer<CheckoutRow?>? bySession = null, byTag = null;
        var (organization, tagged) = (OrganizationTag.Read(session.Metadata), PlanTag.Read(session.Metadata).Checkout);
        await database.WorkReadAsync(q =>
        {
            bySession = q.First(CheckoutRow.SelectBySession(session.Id), CheckoutRow.Read);
            byTag = q.First(CheckoutRow.Select(organization ?? Guid.Empty, tagged ?? Guid.Empty), CheckoutRow.Read);
        }, cancel);
        // Paid before the answer to our own call was stored: the tag finds it.
        if ((bySession!.Value ?? (byTag!.Value is { SessionId: null } unanswered ? unanswered : null)) is not { } row) return null;
        Answer<string?>? customer = null;
        await database.WorkReadAsync(q => customer = q.First($"select stripe_customer_id from billing_accounts where organization_id = {row.OrganizationId}", r => r.IsDBNull(0) ? null : r.GetString(0)), cancel);
        return (row, customer!.Value);
    }

    /// <summary>A genuine event may still be about the wrong order, amount, customer or currency.</summary>
    private static string? Contradiction(CheckoutSession session, CheckoutRow row, string? customer)
    {
        var mode = row.Kind is "subscription" ? CheckoutModes.Subscription : CheckoutModes.Payment;
        var price = row.TrialDays > 0 ? 0 : row.Amount.Minor;
        if (!string.Equals(session.Mode, mode, StringComparison.Ordinal)) return $"The session is of mode {session.Mode}, not {mode}.";
        if (!string.Equals(session.Customer?.Id, customer, StringComparison.Ordinal)) return "The session belongs to another customer.";
        if (!string.Equals(session.ClientReferenceId, row.OrganizationId.ToString(), StringComparison.OrdinalIgnoreCase)) return "The session names another organization.";
        if (!string.Equals(session.Currency, row.Amount.Currency, StringComparison.OrdinalIgnoreCase)) return $"The session is in {session.Currency}, not in {row.Amount.Currency}.";
        if (session.Metadata is not { } tags || !tags.TryGetValue("kind", out var kind) || !string.Equals(kind, row.Kind, StringComparison.Ordinal)) return $"The session was not opened for {row.Kind}.";
        return session.AmountSubtotal != price ? $"The session is about {session.AmountSubtotal} cents, not {price}." : null;
    }

    private EventEffect Ends(CheckoutRow row, CheckoutSession session, string state) => new(async (transaction, cancel) =>
    {
        await transaction.ExecuteAsync($"""
            update checkouts set state = case state when 'superseded' then state else {state} end, stripe_session_id = {session.Id}, settled_at = coalesce(settled_at, {clock.GetUtcNow()})
            where organization_id = {row.OrganizationId} and id = {row.Id} and state in ('planned', 'open', 'superseded')
            """, cancel);
        return true;
    });

    private async Task<EventEffect> SubscriptionAsync(CheckoutRow row, CheckoutSession session, Patience patience, CancellationToken cancel)
    {
        if (await projection.LookAsync(row.OrganizationId, patience, cancel) is not { } look) throw new EventNotReadyException("The customer is being made and is not stored yet.");
        return new EventEffect(async (transaction, c) =>
        {
            await projection.WriteAsync(look, transaction, c);
            await CompleteAsync(row, session, transaction, c);
            await plans.RaiseAsync(row.OrganizationId, transaction, c);
            return true;
        });
    }

    private async Task<bool> LifetimeAsync(CheckoutRow row, CheckoutSession session, Transaction transaction, CancellationToken cancel)
    {
        var (organization, now) = (row.OrganizationId, clock.GetUtcNow());
        await standings.LockAsync(organization, transaction, cancel);
        if (await IsSettledAsync(row, transaction, cancel)) return true;
        var tier = (await catalogs.GetAsync(row.CatalogVersion!.Value, cancel)).Prices.Tier(row.Tier!);
        var stored = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
        var owned = stored.Any(p => p is { IsLive: true, Source: PlanSource.Lifetime });
        if (owned || !await LifetimeSeats.TakeAsync(tier, organization, now, transaction, cancel))
        {
            await GiveBackAsync(row, session, owned ? "already_owned" : "sold_out", transaction, cancel);
            return true;
        }
        var paid = session.PaymentIntent?.Value?.Created ?? session.Created;
        var anchor = paid < now ? paid : now; // Stripe's clock is not ours
        await transaction.ExecuteAsync(new PlanSubscription(organization, Guid.CreateVersion7(), PlanSource.Lifetime, StripeId: null, StripeStatus: null, "active", IsLive: true, tier.Key, row.CatalogVersion.Value,
            PriceId: null, ItemId: null, anchor, PeriodStart: null, PeriodEnd: null, EndsAt: null, CanceledAt: null, EndedAt: null, TrialStart: null, TrialEnd: null, PastDueSince: null, GraceUntil: null,
            IsUnpaid: false, ScheduleId: null, NextTier: null, NextAt: null, session.AmountTotal, session.PaymentIntent?.Id, anchor, now).Write(now), cancel);
        await CompleteAsync(row, session, transaction, cancel);
        // The subscription beside it ends with its period; until then the higher limits apply.
        if (stored.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe, EndsAt: null }) is { StripeId: { } running })
            await operations.PlanAsync(transaction, organization, replaced, running, $"cancel:{running}:lifetime", new SubscriptionRequest(running), Actor.System, atOnce: true, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "lifetime.bought", Actor.System, tier.Key), now, cancel);
        await plans.ApplyAsync(organization, transaction, cancel);
        await plans.RaiseAsync(organization, transaction, cancel);
        return true;
    }

    private async Task<bool> CreditsAsync(CheckoutRow row, CheckoutSession session, Transaction transaction, CancellationToken cancel)
    {
        await standings.LockAsync(row.OrganizationId, transaction, cancel);
        if (await IsSettledAsync(row, transaction, cancel)) return true;
        await CompleteAsync(row, session, transaction, cancel);
        await services.RaiseAsync(new CreditsBought(row.OrganizationId, row.Id, row.Amount, session.PaymentIntent?.Id, clock.GetUtcNow()), transaction, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(row.OrganizationId, "credits.bought", Actor.System, row.Amount.ToString()), clock.GetUtcNow(), cancel);
        await plans.RaiseAsync(row.OrganizationId, transaction, cancel);
        return true;
    }

    private async Task GiveBackAsync(CheckoutRow row, CheckoutSession session, string reason, Transaction transaction, CancellationToken cancel)
    {
        await transaction.ExecuteAsync($"""
            update checkouts set state = 'refunded', refund_reason = {reason}, stripe_session_id = {session.Id}, payment_intent = {session.PaymentIntent?.Id}::text, paid_cents = {session.AmountTotal}::bigint,
              settled_at = {clock.GetUtcNow()} where organization_id = {row.OrganizationId} and id = {row.Id}
            """, cancel);
        if (session.PaymentIntent?.Id is { } payment)
            await operations.PlanAsync(transaction, row.OrganizationId, refund, payment, $"refund:{payment}", new PaymentRefund.Request(payment, row.Id, reason), Actor.System, atOnce: true, cancel);
        await plans.RaiseAsync(row.OrganizationId, transaction, cancel);
    }

    private static async Task<bool> IsSettledAsync(CheckoutRow row, Transaction transaction, CancellationToken cancel) =>
        await transaction.FirstAsync($"select state in ('completed', 'refunded') from checkouts where organization_id = {row.OrganizationId} and id = {row.Id} for update", r => r.GetBoolean(0), cancel);

    private Task CompleteAsync(CheckoutRow row, CheckoutSession session, Transaction transaction, CancellationToken cancel) => transaction.ExecuteAsync($"""
        update checkouts set state = 'completed', stripe_session_id = {session.Id}, stripe_subscription_id = {session.Subscription?.Id}::text, payment_intent = {session.PaymentIntent?.Id}::text,
          paid_cents = {session.AmountTotal}::bigint, settled_at = {clock.GetUtcNow()}
        where organization_id = {row.OrganizationId} and id = {row.Id} and state not in ('completed', 'refunded')
        """, cancel);
}
