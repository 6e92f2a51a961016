using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Opens Stripe's page for a purchase. What is to be bought, for how much, is written down first; what was paid is compared with it later. One page of a
/// kind is open per organization: a newer one closes the older.
/// </summary>
internal sealed class Checkouts(Database database, StripeConnection stripe, StripeOperations operations, StripeCustomers customers, CheckoutCreation creation, CheckoutExpiry expiry, PlanPrices prices,
    Catalogs catalogs, Standings standings, ReturnAddresses addresses, LifetimeSeats seats, TimeProvider clock)
{
    /// <summary>Codes are shorter.</summary>
    public const int LongestPromoCode = 100;

    private static readonly (long Least, long Most) CreditCents = (50, 100_000);

    /// <summary>What a buyer wants, checked.</summary>
    private sealed record Order(string Kind, Tier? Tier, Money Amount, string? PromoCode, string? SuccessUrl, string? CancelUrl);

    public async Task<Tried<CheckoutStart>> SubscribeAsync(Guid organization, string tierKey, string? promoCode, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel)
    {
        var list = catalogs.Current.Prices;
        if (list.TryTier(tierKey) is not { Sold: Sold.Monthly } tier)
            return Problem.Invalid("tier", $"“{(tierKey.Length > 40 ? tierKey[..40] : tierKey)}” is not sold by the month: choose one of {string.Join(", ", list.Tiers.Where(t => t.Sold is Sold.Monthly).Select(t => t.Key))}.");
        return await OpenAsync(organization, new Order("subscription", tier, tier.Price(list.Currency), promoCode, successUrl, cancelUrl), by, cancel);
    }

    public async Task<Tried<CheckoutStart>> BuyLifetimeAsync(Guid organization, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel)
    {
        var list = catalogs.Current.Prices;
        if (list.Tiers.FirstOrDefault(t => t.Sold is Sold.Once) is not { } tier) return Problem.NotFound("Lifetime plan");
        if (await seats.LeftAsync(tier, cancel) is { IsSoldOut: true }) return BillingProblems.SoldOut;
        return await OpenAsync(organization, new Order("lifetime", tier, tier.Price(list.Currency), PromoCode: null, successUrl, cancelUrl), by, cancel);
    }

    public async Task<Tried<CheckoutStart>> BuyCreditsAsync(Guid organization, decimal dollars, string? successUrl, string? cancelUrl, Actor by, CancellationToken cancel)
    {
        if (!Money.TryExact(dollars, out var amount) || amount.Minor < CreditCents.Least || amount.Minor > CreditCents.Most)
            return Problem.Invalid("amount_usd", $"Write an amount from {Money.Usd(CreditCents.Least)} to {Money.Usd(CreditCents.Most)} with at most two decimals.");
        return await OpenAsync(organization, new Order("credits", Tier: null, amount, PromoCode: null, successUrl, cancelUrl), by, cancel);
    }

    /// <summary>What a code takes off, asked of Stripe, who has the last word when the page is opened.</summary>
    public async Task<Tried<PromotionOffer>> PromotionAsync(string code, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        try
        {
            if (await FindPromotionAsync(code, cancel) is not { Promotion.Coupon.Value: { } coupon } promotion) return BillingProblems.UnknownPromotion;
            var amount = coupon.AmountOff is { } cents ? new Money(cents, (coupon.Currency ?? catalogs.Current.Prices.Currency).ToUpperInvariant()) : (Money?)null;
            return new PromotionOffer(promotion.Code, coupon.PercentOff, amount, coupon.Duration, coupon.DurationInMonths);
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
    }

    /// <summary>What a session was about, as far as we know; null when this organization has no such session.</summary>
    public async Task<Purchase?> BoughtAsync(Guid organization, string sessionId, CancellationToken cancel)
    {
        Answer<CheckoutRow?>? found = null;
        await database.ReadAsync(organization, person: null, q => found = q.First(CheckoutRow.SelectBySession(sessionId), CheckoutRow.Read), cancel);
        if (found!.Value is not { } row || row.OrganizationId != organization) return null;
        var tier = row is { Tier: { } key, CatalogVersion: { } version } ? (await catalogs.GetAsync(version, cancel)).Prices.Tier(key) : null;
        var state = row.State switch { "completed" => PurchaseState.Done, "refunded" => PurchaseState.Refunded, "superseded" or "expired" or "failed" => PurchaseState.Abandoned, _ => PurchaseState.Waiting };
        return new Purchase(row.Id, row.Kind, tier, row.Amount, row.Paid, state, row.RefundReason, row.TrialDays, row.CreatedAt);
    }

    private async Task<Tried<CheckoutStart>> OpenAsync(Guid organization, Order order, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        var slug = await SlugAsync(organization, cancel);
        if (addresses.Of(order.SuccessUrl, $"/o/{slug}/billing/success?session_id={{CHECKOUT_SESSION_ID}}") is not { } success) return BillingProblems.ForeignAddress("success_url");
        if (addresses.Of(order.CancelUrl, $"/o/{slug}/billing/cancel") is not { } away) return BillingProblems.ForeignAddress("cancel_url");
        if (await RefusalAsync(organization, order, cancel) is { } refusal) return refusal; // before Stripe is asked anything
        var (customer, ensured) = await customers.EnsureAsync(organization, cancel);
        if (customer is null) return BillingProblems.Of(ensured);
        try
        {
            var version = catalogs.Current;
            string? price = null;
            if (order.Tier is { } tier && (price = await prices.ToSellAsync(version, tier, cancel)) is null) return BillingProblems.NotOnSale;
            string? promotion = null;
            if (order.PromoCode is { Length: > 0 } code && (promotion = (await FindPromotionAsync(code, cancel))?.Id) is null) return BillingProblems.UnknownPromotion;
            var request = new CheckoutCreation.Request(Guid.CreateVersion7(), customer, order.Kind, order.Tier?.Key, order.Tier is null ? null : version.Number, price, order.Amount.Minor, order.Amount.Currency,
                promotion, TrialDays: 0, success, away);
            var planned = await PlanAsync(organization, order, request, by, cancel);
            if (!planned.IsDone) return planned.Problem;
            var (operation, closings) = planned.Value;
            // The older page first: two pages that can both be paid are refunded later, but better never offered.
            await Task.WhenAll(closings.Select(c => operations.PerformAsync(c, Patience.OfPerson)));
            var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
            if (outcome.Answer is CheckoutSession { Url: { } url } session) return new CheckoutStart(url, session.Id);
            if (outcome.Ending is Ending.Refused or Ending.Unreached) await FailAsync(organization, request.Checkout, cancel);
            return BillingProblems.Of(outcome);
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
    }

    private sealed record Planned(StripeOperation Operation, IReadOnlyList<StripeOperation> Closings);

    private async Task<Tried<Planned>> PlanAsync(Guid organization, Order order, CheckoutCreation.Request request, Actor by, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await standings.LockAsync(organization, transaction, cancel);
        var plans = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
        if (Refusal(order, plans) is { } refusal) return refusal;

        // One trial per organization, and none after a subscription.
        var trial = order is { Kind: "subscription", Tier: { } tier } && !plans.Any(p => p.Source is PlanSource.Stripe && p.Status is not "incomplete") ? tier.TrialDays : 0;
        request = request with { TrialDays = trial };
        var replaced = order.Kind is "credits" ? [] : await transaction.ListAsync($"""
            update checkouts set state = 'superseded', settled_at = {now} where organization_id = {organization} and kind = {order.Kind} and state in ('planned', 'open') returning stripe_session_id
            """, r => r.IsDBNull(0) ? null : r.GetString(0), cancel);
        await transaction.ExecuteAsync($"""
            insert into checkouts (organization_id, id, kind, tier, catalog_version, amount_cents, currency, trial_days, state, created_at)
            values ({organization}, {request.Checkout}, {order.Kind}, {request.Tier}::text, {request.CatalogVersion}::int, {request.AmountCents}, {request.Currency}, {trial}, 'planned', {now})
            """, cancel);
        var closings = new List<StripeOperation>();
        foreach (var session in replaced)
            if (session is not null) closings.Add(await expiry.PlanAsync(operations, transaction, organization, session, by, cancel));
        var operation = await operations.PlanAsync(transaction, organization, creation, request.Checkout.ToString(), $"checkout:{request.Checkout}", request, by, atOnce: false, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "checkout.begun", by, request.Tier ?? order.Amount.ToString()), now, cancel);
        await transaction.CommitAsync(cancel);
        return new Planned(operation, closings);
    }

    private async Task<Problem?> RefusalAsync(Guid organization, Order order, CancellationToken cancel)
    {
        Answer<IReadOnlyList<PlanSubscription>>? plans = null;
        await database.ReadAsync(organization, person: null, q => plans = q.List(PlanSubscription.SelectAll(organization), PlanSubscription.Read), cancel);
        return Refusal(order, plans!.Value);
    }

    private static Problem? Refusal(Order order, IReadOnlyList<PlanSubscription> plans) => order.Kind switch
    {
        "subscription" when plans.Any(p => p is { IsLive: true, Source: PlanSource.Stripe }) => BillingProblems.SubscriptionExists,
        "subscription" when plans.Any(p => p is { IsLive: true, Source: PlanSource.Contract }) => Problem.Conflict("Your organization has a contract: ask us to change it."),
        "lifetime" when plans.Any(p => p is { IsLive: true, Source: PlanSource.Lifetime }) => Problem.Conflict("Your organization has the lifetime plan already."),
        _ => null,
    };

    private async Task<PromotionCode?> FindPromotionAsync(string code, CancellationToken cancel)
    {
        if (code.Length > LongestPromoCode) return null;
        var found = await stripe.Client.PromotionCodes.ListAsync(new PromotionCodeListParams { Code = code, Active = true, Limit = 1, Expand = ["data.promotion.coupon"] }, Patience.OfPerson.Read, cancel);
        return found.Data is [{ Promotion.Coupon.Value.Valid: true } promotion] ? promotion : null;
    }

    private async Task FailAsync(Guid organization, Guid checkout, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await transaction.ExecuteAsync($"update checkouts set state = 'failed', settled_at = {clock.GetUtcNow()} where organization_id = {organization} and id = {checkout} and state = 'planned'", cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task<string> SlugAsync(Guid organization, CancellationToken cancel)
    {
        Answer<string?>? slug = null;
        await database.ReadAsync(organization, person: null, q => slug = q.First($"select slug from organizations where id = {organization}", r => r.GetString(0)), cancel);
        return slug!.Value ?? throw new InvalidOperationException($"Organization {organization} is not there.");
    }
}
