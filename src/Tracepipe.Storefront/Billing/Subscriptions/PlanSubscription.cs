using Npgsql;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>A plan that an organization has or had: a subscription at Stripe as it was seen there last, or one that Stripe knows nothing of.</summary>
/// <param name="Status">trialing, active, past_due, paused, incomplete or canceled: the guide's words.</param>
/// <param name="IsLive">It has not ended. At most one per organization and source; the database sees to that.</param>
/// <param name="CatalogVersion">The version that was bought; its limits hold as long as the plan does.</param>
/// <param name="PastDueSince">When the oldest invoice that is still open was finalized.</param>
/// <param name="IsUnpaid">Stripe has given up collecting.</param>
internal sealed record PlanSubscription(Guid OrganizationId, Guid Id, PlanSource Source, string? StripeId, string? StripeStatus, string Status, bool IsLive, string Tier, int CatalogVersion,
    string? PriceId, string? ItemId, DateTimeOffset Anchor, DateTimeOffset? PeriodStart, DateTimeOffset? PeriodEnd, DateTimeOffset? EndsAt, DateTimeOffset? CanceledAt, DateTimeOffset? EndedAt,
    DateTimeOffset? TrialStart, DateTimeOffset? TrialEnd, DateTimeOffset? PastDueSince, DateTimeOffset? GraceUntil, bool IsUnpaid, string? ScheduleId, string? NextTier, DateTimeOffset? NextAt,
    long? PurchaseCents, string? PaymentIntent, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    /// <summary>How long a plan whose renewal failed still gives access (billing rules, decision 12).</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromDays(7);

    /// <summary>The plan as the ledger knows it; null when it gives nothing.</summary>
    public Plan? Gives => IsLive && Status is "trialing" or "active" or "past_due"
        ? new Plan(Tier, Source, CatalogVersion, Status, Anchor, PeriodStart is { } start && PeriodEnd is { } end ? new Platform.Period(start, end) : null, EndsAt, GraceUntil)
        : null;

    /// <summary>Owed for so long that no work is taken on.</summary>
    public bool IsOverdueAt(DateTimeOffset now) => IsLive && Status is "past_due" && (IsUnpaid || GraceUntil <= now);

    /// <summary>The next moment after <paramref name="now"/> at which this must be looked at again.</summary>
    public DateTimeOffset? DueAfter(DateTimeOffset now)
    {
        if (!IsLive) return null;
        DateTimeOffset?[] moments = [EndsAt, GraceUntil, NextAt, PeriodEnd];
        return moments.Where(m => m > now).Min();
    }

    /// <summary>The guide's word for a status of Stripe's. One we do not know gives no access.</summary>
    public static string StatusOf(string stripe) => stripe switch
    {
        SubscriptionStatus.Trialing => "trialing",
        SubscriptionStatus.Active => "active",
        SubscriptionStatus.PastDue or SubscriptionStatus.Unpaid => "past_due",
        SubscriptionStatus.Incomplete => "incomplete",
        SubscriptionStatus.Canceled or SubscriptionStatus.IncompleteExpired => "canceled",
        _ => "paused",
    };

    public static bool IsKnown(string stripe) => stripe is SubscriptionStatus.Trialing or SubscriptionStatus.Active or SubscriptionStatus.PastDue or SubscriptionStatus.Unpaid
        or SubscriptionStatus.Incomplete or SubscriptionStatus.Canceled or SubscriptionStatus.IncompleteExpired or SubscriptionStatus.Paused;

    internal static FormattableString SelectAll(Guid organization) => $"""
        select organization_id, id, source, stripe_subscription_id, stripe_status, status, is_live, tier, catalog_version, price_id, item_id, period_anchor, period_start, period_end, ends_at,
          canceled_at, ended_at, trial_start, trial_end, past_due_since, grace_until, is_unpaid, schedule_id, next_tier, next_at, purchase_cents, payment_intent, created_at, updated_at
        from subscriptions where organization_id = {organization} order by created_at desc, id desc
        """;

    internal static PlanSubscription Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), Sources.Of(r.GetString(2)), Text(r, 3), Text(r, 4), r.GetString(5), r.GetBoolean(6), r.GetString(7),
        r.GetInt32(8), Text(r, 9), Text(r, 10), r.GetFieldValue<DateTimeOffset>(11), Time(r, 12), Time(r, 13), Time(r, 14), Time(r, 15), Time(r, 16), Time(r, 17), Time(r, 18), Time(r, 19), Time(r, 20),
        r.GetBoolean(21), Text(r, 22), Text(r, 23), Time(r, 24), r.IsDBNull(25) ? null : r.GetInt64(25), Text(r, 26), r.GetFieldValue<DateTimeOffset>(27), r.GetFieldValue<DateTimeOffset>(28));

    /// <summary>Writes the row whole.</summary>
    internal FormattableString Write(DateTimeOffset now) => $"""
        insert into subscriptions (organization_id, id, source, stripe_subscription_id, stripe_status, status, is_live, tier, catalog_version, price_id, item_id, period_anchor, period_start,
          period_end, ends_at, canceled_at, ended_at, trial_start, trial_end, past_due_since, grace_until, is_unpaid, schedule_id, next_tier, next_at, purchase_cents, payment_intent, due_at,
          created_at, updated_at)
        values ({OrganizationId}, {Id}, {Sources.Stored(Source)}, {StripeId}::text, {StripeStatus}::text, {Status}, {IsLive}, {Tier}, {CatalogVersion}, {PriceId}::text, {ItemId}::text, {Anchor},
          {PeriodStart}::timestamptz, {PeriodEnd}::timestamptz, {EndsAt}::timestamptz, {CanceledAt}::timestamptz, {EndedAt}::timestamptz, {TrialStart}::timestamptz, {TrialEnd}::timestamptz,
          {PastDueSince}::timestamptz, {GraceUntil}::timestamptz, {IsUnpaid}, {ScheduleId}::text, {NextTier}::text, {NextAt}::timestamptz, {PurchaseCents}::bigint, {PaymentIntent}::text,
          {DueAfter(now)}::timestamptz, {CreatedAt}, {now})
        on conflict (organization_id, id) do update set stripe_status = excluded.stripe_status, status = excluded.status, is_live = excluded.is_live, tier = excluded.tier,
          catalog_version = excluded.catalog_version, price_id = excluded.price_id, item_id = excluded.item_id, period_anchor = excluded.period_anchor, period_start = excluded.period_start,
          period_end = excluded.period_end, ends_at = excluded.ends_at, canceled_at = excluded.canceled_at, ended_at = excluded.ended_at, trial_start = excluded.trial_start,
          trial_end = excluded.trial_end, past_due_since = excluded.past_due_since, grace_until = excluded.grace_until, is_unpaid = excluded.is_unpaid, schedule_id = excluded.schedule_id,
          next_tier = excluded.next_tier, next_at = excluded.next_at, due_at = excluded.due_at, updated_at = excluded.updated_at
        """;

    private static string? Text(NpgsqlDataReader r, int i) => r.IsDBNull(i) ? null : r.GetString(i);

    private static DateTimeOffset? Time(NpgsqlDataReader r, int i) => r.IsDBNull(i) ? null : r.GetFieldValue<DateTimeOffset>(i);
}

/// <summary>The stored names of <see cref="PlanSource"/>.</summary>
internal static class Sources
{
    public static string Stored(PlanSource source) => source switch
    {
        PlanSource.Stripe => "stripe",
        PlanSource.Lifetime => "lifetime",
        PlanSource.Grant => "grant",
        PlanSource.Contract => "contract",
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, "Not a source of plans."),
    };

    public static PlanSource Of(string stored) => stored switch
    {
        "stripe" => PlanSource.Stripe,
        "lifetime" => PlanSource.Lifetime,
        "grant" => PlanSource.Grant,
        "contract" => PlanSource.Contract,
        _ => throw new ArgumentOutOfRangeException(nameof(stored), stored, "Not a source of plans."),
    };
}
