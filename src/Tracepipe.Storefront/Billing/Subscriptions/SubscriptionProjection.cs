using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Brings an organization's subscriptions, and with them its limits, to what Stripe has now. One routine for every event, every write of ours and every
/// purchase: it fetches all subscriptions of the customer and writes them whole, so neither order nor repetition matters.
/// </summary>
internal sealed partial class SubscriptionProjection(Database database, StripeConnection stripe, StripeOperations operations, SubscriptionUndoing undoing, PlanStandings plans, PlanPrices prices,
    Catalogs catalogs, Standings standings, TimeProvider clock, FaultPoints faults, ILogger<SubscriptionProjection> log)
{
    /// <summary>What one look at Stripe saw.</summary>
    /// <param name="Number">Drawn before the look: looks with a higher number began later.</param>
    internal sealed record Look(Guid Organization, long Number, string CustomerId, IReadOnlyList<Seen> Subscriptions);

    /// <param name="Price">What its price sells; null when nobody here knows the price.</param>
    /// <param name="Next">The price that a schedule will put in place, and when.</param>
    /// <param name="PastDueSince">When the oldest open invoice was finalized, while something is due.</param>
    internal sealed record Seen(Subscription Subscription, SubscriptionItem Item, PlanPrice? Price, (PlanPrice Price, DateTimeOffset At)? Next, DateTimeOffset? PastDueSince);

    /// <summary>Looks and writes. Nothing happens while the organization has no customer yet.</summary>
    /// <exception cref="StripeException">Stripe did not answer, or refused.</exception>
    public async Task SyncAsync(Guid organization, Patience patience, CancellationToken cancel)
    {
        if (await LookAsync(organization, patience, cancel) is not { } look) return;
        await using var transaction = await database.BeginWorkAsync(cancel);
        await WriteAsync(look, transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Fetches what Stripe has; null while there is no customer.</summary>
    public async Task<Look?> LookAsync(Guid organization, Patience patience, CancellationToken cancel)
    {
        Answer<(long Number, string Customer)>? drawn = null;
        await database.WorkReadAsync(q => drawn = q.First($"""
            select nextval('stripe_looks'), stripe_customer_id from billing_accounts where organization_id = {organization} and stripe_customer_id is not null
            """, r => (r.GetInt64(0), r.GetString(1))), cancel);
        if (drawn!.Value is not (var number, { } customer)) return null;
        await faults.ReachAsync("plan.look", cancel);

        var seen = new List<Seen>();
        await foreach (var subscription in stripe.Client.Subscriptions.ListAutoPagingAsync(new SubscriptionListParams { Customer = customer, Status = "all", Limit = 100 }, patience.Read, cancel))
            if (await SeeAsync(subscription, patience, cancel) is { } one) seen.Add(one);
        await faults.ReachAsync("plan.fetched", cancel);
        return new Look(organization, number, customer, seen);
    }

    /// <summary>Writes what a look saw, unless a later one has been written: that one knows all that this one knows.</summary>
    public async Task WriteAsync(Look look, Transaction transaction, CancellationToken cancel)
    {
        var (organization, now) = (look.Organization, clock.GetUtcNow());
        await standings.LockAsync(organization, transaction, cancel);
        var isNewer = await transaction.ExecuteAsync($"""
            update billing_accounts set plan_look = {look.Number} where organization_id = {organization} and plan_look < {look.Number} and stripe_customer_id = {look.CustomerId}
            """, cancel);
        if (isNewer == 0) return;
        await faults.ReachAsync("plan.locked", cancel);

        var stored = (await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel)).Where(s => s.Source is PlanSource.Stripe).ToList();
        var winner = Winner(look.Subscriptions, stored);
        var rows = new List<PlanSubscription>();
        foreach (var one in look.Subscriptions)
            rows.Add(await RowAsync(organization, one, stored.FirstOrDefault(s => string.Equals(s.StripeId, one.Subscription.Id, StringComparison.Ordinal)), winner, now, transaction, cancel));

        var isChanged = false;
        // What is no longer live first: the index allows one.
        foreach (var row in rows.OrderBy(r => r.IsLive))
        {
            var before = stored.FirstOrDefault(s => s.Id == row.Id);
            if (before is not null && before with { UpdatedAt = row.UpdatedAt } == row) continue;
            await transaction.ExecuteAsync(row.Write(now), cancel);
            isChanged = true;
            await TellAsync(before, row, transaction, now, cancel);
        }
        await faults.ReachAsync("plan.written", cancel);
        foreach (var extra in look.Subscriptions.Where(s => IsOn(s.Subscription) && s != winner)) await UndoAsync(organization, extra.Subscription, transaction, cancel);
        if (await plans.ApplyAsync(organization, transaction, cancel) || isChanged) await plans.RaiseAsync(organization, transaction, cancel);
    }

    private async Task<Seen?> SeeAsync(Subscription subscription, Patience patience, CancellationToken cancel)
    {
        PlanPrice? known = null;
        SubscriptionItem? item = null;
        foreach (var candidate in subscription.Items.Data)
        {
            known = await prices.OfAsync(candidate.Price, subscription.Created, cancel);
            item = candidate;
            if (known is not null) break;
        }
        if (item is null) return null; // nothing is subscribed to
        if (known is null && IsOn(subscription)) UnknownPrice(log, subscription.Id, item.Price.Id);

        (PlanPrice, DateTimeOffset)? next = null;
        if (subscription.Schedule is { } scheduled && IsOn(subscription))
        {
            var schedule = await stripe.Client.SubscriptionSchedules.GetAsync(scheduled.Id, options: patience.Read, cancel: cancel);
            var following = schedule.Phases.FirstOrDefault(p => schedule.CurrentPhase is { } current && p.StartDate == current.EndDate);
            if (following is { Items: [var first, ..] } && !string.Equals(first.Price.Id, item.Price.Id, StringComparison.Ordinal)
                && await prices.OfAsync(first.Price.Id, following.StartDate, patience, cancel) is { } price) next = (price, following.StartDate);
        }
        DateTimeOffset? since = null;
        if (subscription.Status is SubscriptionStatus.PastDue or SubscriptionStatus.Unpaid)
        {
            await foreach (var invoice in stripe.Client.Invoices.ListAutoPagingAsync(new InvoiceListParams { Subscription = subscription.Id, Status = InvoiceStatus.Open, Limit = 100 }, patience.Read, cancel))
                since = invoice.StatusTransitions.FinalizedAt is { } at && (since is null || at < since) ? at : since;
            since ??= subscription.CurrentPeriodStart;
        }
        return new Seen(subscription, item, known, next, since);
    }

    /// <summary>The one that counts: the one that counts already while it lasts, else the first that was made.</summary>
    private static Seen? Winner(IReadOnlyList<Seen> seen, IReadOnlyList<PlanSubscription> stored)
    {
        var candidates = seen.Where(s => IsOn(s.Subscription)).ToList();
        var current = stored.FirstOrDefault(s => s.IsLive)?.StripeId;
        return candidates.FirstOrDefault(s => string.Equals(s.Subscription.Id, current, StringComparison.Ordinal))
            ?? candidates.OrderBy(s => s.Subscription.Created).ThenBy(s => s.Subscription.Id, StringComparer.Ordinal).FirstOrDefault();
    }

    /// <summary>It has begun and not ended. A word we do not know counts: better no second purchase than two.</summary>
    private static bool IsOn(Subscription subscription) =>
        subscription.Status is not (SubscriptionStatus.Canceled or SubscriptionStatus.IncompleteExpired or SubscriptionStatus.Incomplete);

    private async Task<PlanSubscription> RowAsync(Guid organization, Seen seen, PlanSubscription? before, Seen? winner, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var (subscription, isUnpaid) = (seen.Subscription, seen.Subscription.Status is SubscriptionStatus.Unpaid);
        var isLive = seen == winner;
        var status = PlanSubscription.StatusOf(subscription.Status);
        if (!PlanSubscription.IsKnown(subscription.Status)) UnknownStatus(log, subscription.Id, subscription.Status);
        if (seen.Price is null && status is "active" or "trialing" or "past_due") status = "paused"; // an unknown price gives nothing
        if (!isLive && status is not ("canceled" or "incomplete")) status = "canceled"; // a second one: on its way out
        var version = before is not null && string.Equals(before.PriceId, seen.Item.Price.Id, StringComparison.Ordinal) ? before.CatalogVersion
            : await VersionAsync(organization, seen, transaction, cancel);
        return new PlanSubscription(organization, before?.Id ?? Guid.CreateVersion7(), PlanSource.Stripe, subscription.Id, subscription.Status, status, isLive,
            seen.Price?.Tier ?? before?.Tier ?? "free", version, seen.Item.Price.Id, seen.Item.Id, subscription.BillingCycleAnchor, seen.Item.CurrentPeriodStart, seen.Item.CurrentPeriodEnd,
            isLive ? subscription.CancelsAt : null, subscription.CanceledAt, subscription.EndedAt, subscription.TrialStart, subscription.TrialEnd, seen.PastDueSince, seen.PastDueSince + PlanSubscription.Grace,
            isUnpaid, isLive ? subscription.Schedule?.Id : null, isLive ? seen.Next?.Price.Tier : null, isLive ? seen.Next?.At : null, PurchaseCents: null, PaymentIntent: null, subscription.Created,
            before?.UpdatedAt ?? now);
    }

    /// <summary>The catalogue version that was bought: the one of the change that was confirmed, of the checkout, or the first that sold at this price.</summary>
    private async Task<int> VersionAsync(Guid organization, Seen seen, Transaction transaction, CancellationToken cancel)
    {
        var changed = await transaction.FirstAsync($"""
            select catalog_version from plan_previews where organization_id = {organization} and stripe_subscription_id = {seen.Subscription.Id} and to_price = {seen.Item.Price.Id} and used_at is not null
            order by used_at desc limit 1
            """, r => (int?)r.GetInt32(0), cancel);
        if (changed is { } version) return version;
        if (PlanTag.Read(seen.Subscription.Metadata) is var (tier, bought, _) && string.Equals(tier, seen.Price?.Tier, StringComparison.Ordinal) && bought is { } sold && sold <= catalogs.Current.Number) return sold;
        return seen.Price?.CatalogVersion ?? catalogs.Current.Number;
    }

    /// <summary>A second one that we sold: it ends now and is refunded. One that somebody made at Stripe by hand is that person's affair.</summary>
    private async Task UndoAsync(Guid organization, Subscription extra, Transaction transaction, CancellationToken cancel)
    {
        if (OrganizationTag.Read(extra.Metadata) != organization)
        {
            Stranger(log, extra.Id, organization);
            return;
        }
        var (_, _, checkout) = PlanTag.Read(extra.Metadata);
        await operations.PlanAsync(transaction, organization, undoing, extra.Id, $"undo:{extra.Id}", new SubscriptionUndoing.Request(extra.Id, checkout), Actor.System, atOnce: true, cancel);
        if (checkout is { } id)
            await transaction.ExecuteAsync($"update checkouts set state = 'refunded', refund_reason = 'duplicate', settled_at = coalesce(settled_at, {clock.GetUtcNow()}) where organization_id = {organization} and id = {id} and state <> 'refunded'", cancel);
    }

    private static async Task TellAsync(PlanSubscription? before, PlanSubscription row, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var action = (before, row) switch
        {
            (null or { IsLive: false }, { IsLive: true }) => "subscription.started",
            ({ IsLive: true }, { IsLive: false }) => "subscription.ended",
            ({ IsLive: true } b, { IsLive: true } r) when b.Tier != r.Tier => "subscription.changed",
            ({ EndsAt: null, IsLive: true }, { EndsAt: not null, IsLive: true }) => "subscription.cancel_scheduled",
            ({ EndsAt: not null, IsLive: true }, { EndsAt: null, IsLive: true }) => "subscription.reactivated",
            _ => null,
        };
        if (action is not null) await Audit.WriteAsync(transaction, new AuditEntry(row.OrganizationId, action, Actor.System, row.Tier), now, cancel);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Subscription {Id} has the price {Price}, which sells no tier of the catalogue: it gives no access. Set the price's metadata “tier” at Stripe, or change the subscription")]
    private static partial void UnknownPrice(ILogger log, string id, string price);

    [LoggerMessage(Level = LogLevel.Error, Message = "Subscription {Id} has the status {Status}, which is not known: it gives no access")]
    private static partial void UnknownStatus(ILogger log, string id, string status);

    [LoggerMessage(Level = LogLevel.Error, Message = "Organization {Organization} has a second subscription {Id} that was not sold here: cancel one of them at Stripe")]
    private static partial void Stranger(ILogger log, string id, Guid organization);
}

/// <summary>The marks on a subscription that say what was bought.</summary>
internal static class PlanTag
{
    public static Dictionary<string, string> Of(Guid organization, string tier, int version, Guid checkout) => new(OrganizationTag.Of(organization), StringComparer.Ordinal)
    {
        ["tier"] = tier,
        ["catalog_version"] = version.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["checkout_id"] = checkout.ToString(),
    };

    public static (string? Tier, int? Version, Guid? Checkout) Read(IReadOnlyDictionary<string, string>? metadata) => metadata is null ? default : (
        metadata.GetValueOrDefault("tier"),
        int.TryParse(metadata.GetValueOrDefault("catalog_version"), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var version) && version > 0 ? version : null,
        Guid.TryParse(metadata.GetValueOrDefault("checkout_id"), out var checkout) ? checkout : null);
}
