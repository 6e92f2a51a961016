using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Changes the plan of a running subscription. A higher price is charged first and then given, for the amount that the preview showed; a lower one waits for
/// the period's end. What a change costs is Stripe's to say: nothing is computed here.
/// </summary>
internal sealed class PlanChanges(Database database, StripeConnection stripe, StripeOperations operations, SubscriptionProjection projection, PlanPrices prices, PlanUpgrade upgrade, PlanDowngrade downgrade,
    DowngradeRevocation revocation, UpgradeInvoiceVoiding voiding, Catalogs catalogs, Standings standings, TimeProvider clock)
{
    /// <summary>How long a preview may be confirmed.</summary>
    public static readonly TimeSpan PreviewLasts = TimeSpan.FromMinutes(15);

    /// <summary>Divided by it a decimal loses the zeros that its column has put behind it.</summary>
    private const decimal Plainly = 1.0000000000000000000000000000m;

    private sealed record Stored(Guid Id, string Subscription, string Item, string FromPrice, string ToPrice, string Tier, int Version, DateTimeOffset PeriodEnd, bool IsNow, DateTimeOffset ProratedAt,
        DateTimeOffset ExpiresAt, DateTimeOffset? UsedAt)
    {
        public static Stored Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetString(4), r.GetString(5), r.GetInt32(6), r.GetFieldValue<DateTimeOffset>(7),
            r.GetString(8) is "now", r.GetFieldValue<DateTimeOffset>(9), r.GetFieldValue<DateTimeOffset>(10), r.IsDBNull(11) ? null : r.GetFieldValue<DateTimeOffset>(11));
    }

    public async Task<Tried<ChangePreview>> PreviewAsync(Guid organization, string tierKey, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        var version = catalogs.Current;
        if (version.Prices.TryTier(tierKey) is not { Sold: Sold.Monthly } tier) return NotSold(version.Prices);
        var (current, workflows, agents, bytes, customer) = await ReadAsync(organization, cancel);
        if (Refusal(current, tier) is { } refusal) return refusal;
        var running = current!;
        var from = (await catalogs.GetAsync(running.CatalogVersion, cancel)).Prices.Tier(running.Tier);
        try
        {
            if (await prices.ToSellAsync(version, tier, cancel) is not { } price) return BillingProblems.NotOnSale;
            if (string.Equals(price, running.PriceId, StringComparison.Ordinal)) return SamePlan(tier);
            var isNow = tier.PriceCents > from.PriceCents;
            var now = clock.GetUtcNow();
            var (credit, charge, net, proratedAt) = isNow ? await AskAsync(running, price, customer, cancel) : (0, 0, 0, now);
            var preview = new ChangePreview(Guid.CreateVersion7(), now + PreviewLasts, from, tier, new Money(credit, version.Prices.Currency), new Money(charge, version.Prices.Currency),
                new Money(net, version.Prices.Currency), isNow, isNow ? now : running.PeriodEnd!.Value, Exceeding(tier, workflows, agents, bytes));
            await using var transaction = await database.BeginAsync(organization, person: null, cancel);
            await transaction.ExecuteAsync($"""
                insert into plan_previews (organization_id, id, stripe_subscription_id, item_id, from_price, to_price, tier, catalog_version, period_end, effective, prorated_at, credit_cents, charge_cents,
                  net_cents, currency, created_at, expires_at)
                values ({organization}, {preview.Id}, {running.StripeId}, {running.ItemId}, {running.PriceId}, {price}, {tier.Key}, {version.Number}, {running.PeriodEnd!.Value}, {(isNow ? "now" : "period_end")},
                  {proratedAt}, {credit}, {charge}, {net}, {version.Prices.Currency}, {now}, {preview.ExpiresAt})
                """, cancel);
            await transaction.CommitAsync(cancel);
            return preview;
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
    }

    /// <returns>Null when the change was made or is scheduled.</returns>
    public async Task<Problem?> ChangeAsync(Guid organization, string tierKey, Guid previewId, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        if (catalogs.Current.Prices.TryTier(tierKey) is not { Sold: Sold.Monthly }) return NotSold(catalogs.Current.Prices);
        StripeOperation operation;
        Stored? preview;
        await using (var transaction = await database.BeginAsync(organization, person: null, cancel))
        {
            var now = clock.GetUtcNow();
            await standings.LockAsync(organization, transaction, cancel);
            preview = await transaction.FirstAsync($"""
                select id, stripe_subscription_id, item_id, from_price, to_price, tier, catalog_version, period_end, effective, prorated_at, expires_at, used_at
                from plan_previews where organization_id = {organization} and id = {previewId} for update
                """, Stored.Read, cancel);
            if (preview is null) return Problem.NotFound("Preview");
            if (!string.Equals(preview.Tier, tierKey, StringComparison.Ordinal)) return Problem.Invalid("tier", $"This preview is about the tier “{preview.Tier}”.");
            var plans = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
            var current = plans.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe });
            var sent = await transaction.FirstAsync($"select state from stripe_operations where organization_id = {organization} and kind in ('subscription.change', 'subscription.downgrade') and subject = {previewId.ToString()}", r => r.GetString(0), cancel);
            // Confirmed before: what it came to stands, and nothing is charged again.
            if (sent is "done") return current is not null && IsMade(preview, current) ? null : BillingProblems.StalePreview;
            if (Refusal(current, tier: null) is { } refusal) return refusal;
            if (sent is null or "failed" && IsStale(preview, current!, now)) return BillingProblems.StalePreview;
            if (await IsUnderWayAsync(organization, previewId, transaction, cancel)) return Problem.Conflict("Another change of this plan is still under way. Try again in a minute.");
            await transaction.ExecuteAsync($"update plan_previews set used_at = coalesce(used_at, {now}) where organization_id = {organization} and id = {previewId}", cancel);
            var request = new PlanChangeRequest(preview.Subscription, preview.Item, preview.FromPrice, preview.ToPrice, preview.ProratedAt);
            operation = await operations.PlanAsync(transaction, organization, preview.IsNow ? upgrade : downgrade, previewId.ToString(), $"change:{previewId}", request, by, atOnce: false, cancel);
            if (preview.UsedAt is null)
                await Audit.WriteAsync(transaction, new AuditEntry(organization, "subscription.change_asked", by, tierKey), now, cancel);
            await transaction.CommitAsync(cancel);
        }
        var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
        if (!outcome.IsDone) return BillingProblems.Of(outcome);
        var unpaid = outcome.Answer is Subscription { PendingUpdate: not null, LatestInvoice: { } invoice } ? await UnpaidAsync(organization, invoice.Id, by, cancel) : null;
        await ShowAsync(organization, cancel);
        return unpaid;
    }

    public async Task<Problem?> RevokeAsync(Guid organization, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        StripeOperation operation;
        await using (var transaction = await database.BeginAsync(organization, person: null, cancel))
        {
            await standings.LockAsync(organization, transaction, cancel);
            var plans = await transaction.ListAsync(PlanSubscription.SelectAll(organization), PlanSubscription.Read, cancel);
            if (plans.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe }) is not { StripeId: { } subscription } running) return BillingProblems.NoSubscription;
            if (running.NextTier is null) return Problem.Conflict("No change of plan is scheduled.");
            var attempt = Guid.CreateVersion7();
            operation = await operations.PlanAsync(transaction, organization, revocation, attempt.ToString(), $"revoke:{attempt}", new SubscriptionRequest(subscription), by, atOnce: false, cancel);
            await Audit.WriteAsync(transaction, new AuditEntry(organization, "subscription.change_revoked", by, running.NextTier), clock.GetUtcNow(), cancel);
            await transaction.CommitAsync(cancel);
        }
        var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
        if (!outcome.IsDone) return BillingProblems.Of(outcome);
        await ShowAsync(organization, cancel);
        return null;
    }

    /// <summary>Shows what a write has done. When Stripe goes silent now, its event brings it.</summary>
    public async Task ShowAsync(Guid organization, CancellationToken cancel)
    {
        try
        {
            await projection.SyncAsync(organization, Patience.OfPerson, cancel);
        }
        catch (StripeException late) when (late.Kind is StripeErrorKind.Connection or StripeErrorKind.Api or StripeErrorKind.RateLimited)
        {
            // the write stands, and the webhook tells the rest
        }
    }

    private async Task<(PlanSubscription? Current, decimal Workflows, long Agents, long Bytes, string Customer)> ReadAsync(Guid organization, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<PlanSubscription>>? plans = null;
        Answer<Standing?>? standing = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<long>? open = null, bytes = null;
        Answer<BillingAccount?>? account = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            bytes = StorageLevels.AskBytes(q, organization);
            plans = q.List(PlanSubscription.SelectAll(organization), PlanSubscription.Read);
            standing = Standings.Ask(q, organization);
            quotas = Quotas.AskRecent(q, organization, now);
            open = UsageRecords.AskOpenHolds(q, organization, now);
            account = q.First(BillingAccount.Select(organization), BillingAccount.Read);
        }, cancel);
        var allowance = await standings.AllowanceAsync(standing!.Value!, now, cancel);
        var used = quotas!.Value.FirstOrDefault(u => u.Meter is "workflow" && string.Equals(u.Pocket, allowance.Pocket, StringComparison.Ordinal) && u.PeriodStart == allowance.Period.Start);
        return (plans!.Value.FirstOrDefault(p => p is { IsLive: true, Source: PlanSource.Stripe }), (used?.Used ?? 0) / Plainly, open!.Value, bytes!.Value, account!.Value!.StripeCustomerId ?? "");
    }

    /// <summary>Stripe's own lines for the change at this moment: what comes back and what is charged.</summary>
    private async Task<(long Credit, long Charge, long Net, DateTimeOffset At)> AskAsync(PlanSubscription running, string price, string customer, CancellationToken cancel)
    {
        // Whole seconds of Stripe's own clock, which the running period tells roughly: never outside it.
        var now = DateTimeOffset.FromUnixTimeSeconds(clock.GetUtcNow().ToUnixTimeSeconds());
        var at = now < running.PeriodStart ? running.PeriodStart.Value : now > running.PeriodEnd ? running.PeriodEnd.Value : now;
        var shown = await stripe.Client.Invoices.CreatePreviewAsync(new InvoiceCreatePreviewParams
        {
            Customer = customer,
            Subscription = running.StripeId,
            SubscriptionDetails = new PreviewSubscriptionDetailsParams
            {
                Items = [new SubscriptionItemChangeParams { Id = running.ItemId, Price = price, Quantity = 1 }],
                ProrationBehavior = ProrationBehaviors.AlwaysInvoice,
                ProrationDate = at,
            },
        }, Patience.OfPerson.Write($"preview:{Guid.CreateVersion7()}"), cancel);
        var (credit, charge) = (0L, 0L);
        foreach (var line in shown.Lines.Data)
            if (line.Amount < 0) credit -= line.Amount;
            else charge += line.Amount;
        return (credit, charge, shown.Total, at);
    }

    private static List<Exceeded> Exceeding(Tier tier, decimal workflows, long agents, long bytes)
    {
        var exceeds = new List<Exceeded>();
        if (tier.Limits.Workflows >= 0 && workflows > tier.Limits.Workflows) exceeds.Add(new Exceeded("workflows", workflows, tier.Limits.Workflows));
        if (tier.Limits.Agents >= 0 && agents > tier.Limits.Agents) exceeds.Add(new Exceeded("agents", agents, tier.Limits.Agents));
        if (tier.Limits.StorageGb >= 0 && bytes > tier.Limits.StorageGb * 1_000_000_000) exceeds.Add(new Exceeded("storage_gb", bytes / 1_000_000_000m, tier.Limits.StorageGb));
        return exceeds;
    }

    private static Problem? Refusal(PlanSubscription? running, Tier? tier) => running switch
    {
        null => BillingProblems.NoSubscription,
        { Status: "past_due" } => Problem.Conflict("The last payment failed: pay the open invoice before you change the plan."),
        { EndsAt: not null } => Problem.Conflict("The plan has been canceled: reactivate it before you change it."),
        { Status: not ("active" or "trialing") } => Problem.Conflict("The plan cannot be changed as it stands."),
        _ when tier is not null && string.Equals(running.Tier, tier.Key, StringComparison.Ordinal) && running.NextTier is null => SamePlan(tier),
        _ => null,
    };

    private static bool IsMade(Stored preview, PlanSubscription running) => preview.IsNow
        ? string.Equals(running.PriceId, preview.ToPrice, StringComparison.Ordinal)
        : string.Equals(running.NextTier, preview.Tier, StringComparison.Ordinal) || string.Equals(running.PriceId, preview.ToPrice, StringComparison.Ordinal);

    private static bool IsStale(Stored preview, PlanSubscription running, DateTimeOffset now) => now >= preview.ExpiresAt
        || !string.Equals(preview.Subscription, running.StripeId, StringComparison.Ordinal) || !string.Equals(preview.FromPrice, running.PriceId, StringComparison.Ordinal)
        || !string.Equals(preview.Item, running.ItemId, StringComparison.Ordinal) || preview.PeriodEnd != running.PeriodEnd;

    private static Problem SamePlan(Tier tier) => Problem.Conflict($"Your plan is {tier.Name} already.");

    private static Problem NotSold(PriceList list) =>
        Problem.Invalid("tier", $"Choose one of the monthly tiers: {string.Join(", ", list.Tiers.Where(t => t.Sold is Sold.Monthly).Select(t => t.Key))}.");

    /// <summary>Two changes at once could both charge: the second waits until it is known what became of the first.</summary>
    private static async Task<bool> IsUnderWayAsync(Guid organization, Guid preview, Transaction transaction, CancellationToken cancel) => await transaction.FirstAsync($"""
        select true from stripe_operations where organization_id = {organization} and kind in ('subscription.change', 'subscription.downgrade') and state in ('planned', 'unknown') and subject <> {preview.ToString()} limit 1
        """, r => r.GetBoolean(0), cancel);

    /// <summary>
    /// The old plan stays: nothing is given that is not paid. A refused card voids the upgrade's bill; a bank that wants to ask the person gets 23 hours, after which Stripe forgets the change.
    /// </summary>
    private async Task<Problem?> UnpaidAsync(Guid organization, string invoiceId, Actor by, CancellationToken cancel)
    {
        Invoice invoice;
        try
        {
            invoice = await stripe.Client.Invoices.GetAsync(invoiceId, ["payments.data.payment.payment_intent"], Patience.OfPerson.Read, cancel);
        }
        catch (StripeException)
        {
            await TakeBackAsync(organization, invoiceId, by, cancel); // unless it turns out to be paid
            return BillingProblems.StripeSilent;
        }
        if (invoice.Status is InvoiceStatus.Paid) return null;
        var payment = invoice.Payments?.Data.Select(p => p.Payment.PaymentIntent?.Value).FirstOrDefault(p => p is not null);
        if (payment is { Status: PaymentIntentStatus.RequiresAction }) return BillingProblems.AuthenticationRequired(invoice.HostedInvoiceUrl);
        await TakeBackAsync(organization, invoiceId, by, cancel);
        return BillingProblems.PaymentRefused(payment?.LastPaymentError);
    }

    /// <summary>Has the bill of an upgrade voided, unless it is paid by then.</summary>
    public async Task TakeBackAsync(Guid organization, string invoiceId, Actor by, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        await operations.PlanAsync(transaction, organization, voiding, invoiceId, $"void:{invoiceId}", new UpgradeInvoiceVoiding.Request(invoiceId), by, atOnce: true, cancel);
        await transaction.CommitAsync(cancel);
    }
}
