using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;
using Period = Tracepipe.Storefront.Platform.Period;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// The plan of an organization: read, buy, change, cancel. Reading never asks Stripe. Whatever moves money is planned here first, then sent while the
/// person waits; an answer that was lost is found out by a worker.
/// </summary>
internal sealed class Subscriptions(Database database, StripeConnection stripe, StripeOperations operations, Checkouts checkouts, Fulfilment fulfilment, PlanChanges changes, Portal portal, PlanStandings plans,
    SubscriptionCancellation cancellation, SubscriptionReactivation reactivation, LifetimeSeats seats, Catalogs catalogs, Standings standings, TimeProvider clock)
{
    /// <summary>Everything pages say about the plan, in one round trip.</summary>
    public async Task<SubscriptionOverview> GetAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var month = Period.CalendarMonth(now);
        Answer<IReadOnlyList<PlanSubscription>>? stored = null;
        Answer<Standing?>? standing = null;
        Answer<BillingAccount?>? account = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<long>? agents = null, bytes = null;
        Answer<Guid?>? unpaid = null;
        Answer<bool>? paying = null;
        await database.ReadAsync(organization, person, q =>
        {
            stored = q.List(PlanSubscription.SelectAll(organization), PlanSubscription.Read);
            standing = Standings.Ask(q, organization);
            account = q.First(BillingAccount.Select(organization), BillingAccount.Read);
            quotas = Quotas.AskRecent(q, organization, now);
            agents = UsageRecords.AskOpenHolds(q, organization, now);
            unpaid = q.First($"select id from invoices where organization_id = {organization} and kind = 'plan' and status = 'open' and amount_due_cents > amount_paid_cents order by created_at desc limit 1", r => (Guid?)r.GetGuid(0));
            bytes = StorageLevels.AskBytes(q, organization);
            paying = q.First($"select true from checkouts where organization_id = {organization} and state = 'open' and created_at > {now.AddHours(-1)} limit 1", r => r.GetBoolean(0));
        }, cancel);
        var stands = standing!.Value ?? throw new InvalidOperationException($"Organization {organization} has no standing.");
        var allowance = await standings.AllowanceAsync(stands, now, cancel);
        var shown = await plans.BestAsync(stored!.Value, now, cancel) ?? stored.Value.FirstOrDefault(s => s.IsLive) ?? stored.Value.FirstOrDefault(s => s.Source is PlanSource.Stripe);
        var beside = stored.Value.FirstOrDefault(s => s is { IsLive: true, Source: PlanSource.Stripe } && s != shown);
        MeterView Meter(string pocket, string meter, DateTimeOffset start, long limit)
        {
            var use = quotas!.Value.FirstOrDefault(u => u.Pocket == pocket && u.Meter == meter && u.PeriodStart == start);
            return new MeterView((long)(use?.Used ?? 0), (long)(use?.Held ?? 0), limit);
        }
        var free = catalogs.Current.Prices.Tier("free").Limits.Workflows;
        return new SubscriptionOverview(
            shown is null ? Free() : await ViewAsync(shown, now, cancel),
            beside is null ? null : await ViewAsync(beside, now, cancel),
            allowance,
            stands.IsSuspended,
            unpaid!.Value,
            Meter(allowance.Pocket, "workflow", allowance.Period.Start, allowance.Tier.Limits.Workflows),
            new MeterView(agents!.Value, 0, allowance.Tier.Limits.Agents),
            allowance.Tier.Limits.StorageGb,
            StorageUsedGb: bytes!.Value / 1_000_000_000m,
            Math.Max(0, Meter("free", "workflow", month.Start, free).Remaining),
            month.End,
            paying!.Value,
            account!.Value ?? throw new InvalidOperationException($"Organization {organization} was made without a billing account."));
    }

    /// <summary>Opens Stripe's page to subscribe to a monthly tier. 409 when a subscription is live: change it instead.</summary>
    /// <param name="successUrl">A path of ours, or an address on the configured host; null: <c>/o/{org}/billing/success</c>.</param>
    public Task<Tried<CheckoutStart>> CheckoutAsync(Guid organization, string tier, string? promoCode, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) =>
        checkouts.SubscribeAsync(organization, tier, promoCode, successUrl, cancelUrl, by, cancel);

    /// <summary>What a promo code takes off a first subscription.</summary>
    public Task<Tried<PromotionOffer>> PromotionAsync(string code, CancellationToken cancel) => checkouts.PromotionAsync(code, cancel);

    /// <summary>Opens Stripe's page to buy the lifetime tier. The seat is given when paid; who pays too late gets the money back.</summary>
    public Task<Tried<CheckoutStart>> LifetimeCheckoutAsync(Guid organization, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) =>
        checkouts.BuyLifetimeAsync(organization, successUrl, cancelUrl, by, cancel);

    /// <summary>Opens Stripe's page to buy credits of 0.50 to 1000.00 dollars.</summary>
    public Task<Tried<CheckoutStart>> CreditsCheckoutAsync(Guid organization, decimal dollars, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel) =>
        checkouts.BuyCreditsAsync(organization, dollars, successUrl, cancelUrl, by, cancel);

    /// <summary>What a checkout session was about; null when this organization has no such session. Never asks Stripe.</summary>
    public Task<Purchase?> BoughtAsync(Guid organization, string sessionId, CancellationToken cancel) => checkouts.BoughtAsync(organization, sessionId, cancel);

    /// <summary>The same, asking Stripe first: the buyer has come back and no webhook has. When Stripe is silent it says what we know.</summary>
    public async Task<Purchase?> ConfirmAsync(Guid organization, string sessionId, CancellationToken cancel)
    {
        if (await BoughtAsync(organization, sessionId, cancel) is not { } known) return null;
        if (known.State is not PurchaseState.Waiting || !stripe.IsConfigured) return known;
        try
        {
            await fulfilment.FulfilAsync(sessionId, cancel);
        }
        catch (StripeException)
        {
            return known; // the webhook or the catch-up brings it
        }
        return await BoughtAsync(organization, sessionId, cancel);
    }

    /// <summary>What changing to another monthly tier costs, asked of Stripe and kept for 15 minutes.</summary>
    public Task<Tried<ChangePreview>> PreviewAsync(Guid organization, string tier, CancellationToken cancel) => changes.PreviewAsync(organization, tier, cancel);

    /// <summary>Makes the change that was previewed: an upgrade is charged first, then given; a downgrade waits for the period's end.</summary>
    public async Task<Tried<PlanView>> ChangeAsync(Guid organization, string tier, Guid preview, Actor by, CancellationToken cancel) =>
        await changes.ChangeAsync(organization, tier, preview, by, cancel) is { } problem ? problem : await SubscriptionAsync(organization, cancel);

    /// <summary>Takes a scheduled downgrade back.</summary>
    public async Task<Tried<PlanView>> RevokeChangeAsync(Guid organization, Actor by, CancellationToken cancel) =>
        await changes.RevokeAsync(organization, by, cancel) is { } problem ? problem : await SubscriptionAsync(organization, cancel);

    /// <summary>Ends the subscription with its period. Again: nothing more happens. A scheduled downgrade is taken back first.</summary>
    public Task<Tried<PlanView>> CancelAsync(Guid organization, Actor by, CancellationToken cancel) => WriteAsync(organization, cancellation, "cancel", by,
        running => running.EndsAt is not null ? (null, IsDone: true) : (null, IsDone: false), cancel);

    /// <summary>Takes a pending cancellation back.</summary>
    public Task<Tried<PlanView>> ReactivateAsync(Guid organization, Actor by, CancellationToken cancel) => WriteAsync(organization, reactivation, "reactivate", by,
        running => running.EndsAt is null ? (Problem.Conflict("The plan has not been canceled."), IsDone: false) : (null, IsDone: false), cancel);

    /// <summary>The address of a fresh visit to Stripe's portal: redirect at once, never store.</summary>
    public Task<Tried<Uri>> PortalAsync(Guid organization, string? returnUrl, Actor by, CancellationToken cancel) => portal.OpenAsync(organization, returnUrl, by, cancel);

    /// <summary>Seats of the lifetime tier; null when none is sold or any number is. For everybody.</summary>
    public async Task<SeatsLeft?> SeatsAsync(CancellationToken cancel) =>
        catalogs.Current.Prices.Tiers.FirstOrDefault(t => t.Sold is Sold.Once) is { } tier ? await seats.LeftAsync(tier, cancel) : null;

    private async Task<Tried<PlanView>> WriteAsync(Guid organization, SubscriptionWrite write, string verb, Actor by, Func<PlanSubscription, (Problem? Problem, bool IsDone)> judge, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        StripeOperation? operation = null;
        await using (var transaction = await database.BeginAsync(organization, person: null, cancel))
        {
            await standings.LockAsync(organization, transaction, cancel);
            var stored = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
            if (stored.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe }) is not { StripeId: { } subscription } running)
                return stored.FirstOrDefault(p => p.IsLive) switch
                {
                    { Source: PlanSource.Lifetime } => Problem.Conflict("The lifetime plan has been paid once and for all: there is nothing to cancel."),
                    { Source: PlanSource.Contract or PlanSource.Grant } => Problem.Conflict("This plan is not a subscription: it ends by its own date."),
                    _ => BillingProblems.NoSubscription,
                };
            var (problem, isDone) = judge(running);
            if (problem is not null) return problem;
            if (!isDone)
            {
                var attempt = Guid.CreateVersion7();
                operation = await operations.PlanAsync(transaction, organization, write, attempt.ToString(), $"{verb}:{attempt}", new SubscriptionRequest(subscription), by, atOnce: false, cancel);
                await Audit.WriteAsync(transaction, new AuditEntry(organization, $"subscription.{verb}_asked", by, running.Tier), clock.GetUtcNow(), cancel);
            }
            await transaction.CommitAsync(cancel);
        }
        if (operation is not null)
        {
            var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
            if (!outcome.IsDone) return BillingProblems.Of(outcome);
            await changes.ShowAsync(organization, cancel);
        }
        return await SubscriptionAsync(organization, cancel);
    }

    private async Task<Tried<PlanView>> SubscriptionAsync(Guid organization, CancellationToken cancel)
    {
        Answer<IReadOnlyList<PlanSubscription>>? stored = null;
        await database.ReadAsync(organization, person: null, q => stored = q.List(PlanSubscription.SelectAll(organization), PlanSubscription.Read), cancel);
        var running = stored!.Value.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe }) ?? stored.Value.FirstOrDefault(p => p.Source is PlanSource.Stripe);
        return running is null ? BillingProblems.NoSubscription : await ViewAsync(running, clock.GetUtcNow(), cancel);
    }

    private PlanView Free()
    {
        var current = catalogs.Current;
        return new PlanView(Id: null, PlanStatus.Free, current.Prices.Tier("free"), current.Number, Money.Zero, Source: null, StripeSubscriptionId: null, PeriodStart: null, PeriodEnd: null, CancelAtPeriodEnd: false,
            EndsAt: null, CanceledAt: null, EndedAt: null, TrialStart: null, TrialEnd: null, GraceUntil: null, IsUnpaid: false, Next: null, LifetimePurchaseDate: null, LifetimePurchaseAmount: null,
            CreatedAt: null, UpdatedAt: null);
    }

    private async ValueTask<PlanView> ViewAsync(PlanSubscription plan, DateTimeOffset now, CancellationToken cancel)
    {
        var list = (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices;
        var tier = list.Tier(plan.Tier);
        var isLifetime = plan.Source is PlanSource.Lifetime;
        var hasEnded = !plan.IsLive && plan.Status is not "incomplete" || plan.EndsAt <= now;
        var status = plan switch
        {
            _ when hasEnded => PlanStatus.Canceled,
            { Source: PlanSource.Lifetime } => PlanStatus.Lifetime,
            { Source: PlanSource.Contract } => PlanStatus.Contract,
            { Source: PlanSource.Grant } => PlanStatus.Granted,
            { Status: "incomplete" } => PlanStatus.Incomplete,
            { Status: "past_due" } => PlanStatus.PastDue,
            { Status: "paused" } => PlanStatus.Paused,
            { EndsAt: not null } => PlanStatus.Canceling,
            { Status: "trialing" } => PlanStatus.Trialing,
            _ => PlanStatus.Active,
        };
        var period = plan.Gives is { EndsAt: null } gives && !hasEnded ? gives.PeriodAt(now) : plan.PeriodStart is { } start && plan.PeriodEnd is { } end ? new Period(start, end) : (Period?)null;
        return new PlanView(plan.Id, status, tier, plan.CatalogVersion, plan.PurchaseCents is { } cents ? new Money(cents, list.Currency) : tier.Price(list.Currency), plan.Source, plan.StripeId,
            period?.Start, period?.End, plan.EndsAt is not null && plan.Source is PlanSource.Stripe, plan.EndsAt, plan.CanceledAt, plan.EndedAt, plan.TrialStart, plan.TrialEnd, plan.GraceUntil, plan.IsUnpaid,
            plan is { NextTier: { } next, NextAt: { } at } ? new ScheduledChange(list.TryTier(next) ?? catalogs.Current.Prices.Tier(next), at) : null,
            isLifetime ? plan.Anchor : null, isLifetime && plan.PurchaseCents is { } paid ? new Money(paid, list.Currency) : null, plan.CreatedAt, plan.UpdatedAt);
    }
}
