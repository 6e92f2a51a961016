using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>How a plan came about.</summary>
internal enum PlanSource { Stripe, Lifetime, Grant, Contract }

/// <summary>A plan that grants access.</summary>
/// <param name="Tier">Key in the catalogue.</param>
/// <param name="CatalogVersion">The version that was bought.</param>
/// <param name="State">As Stripe says: active, trialing or past_due; others are not a plan.</param>
/// <param name="Anchor">Where monthly periods are counted from.</param>
/// <param name="Known">The period Stripe named last; null for plans without Stripe, whose months follow the anchor.</param>
/// <param name="EndsAt">When it ends; null: it renews.</param>
/// <param name="GraceUntil">A past-due plan gives access until then.</param>
internal sealed record Plan(string Tier, PlanSource Source, int CatalogVersion, string State, DateTimeOffset Anchor, Period? Known, DateTimeOffset? EndsAt, DateTimeOffset? GraceUntil)
{
    /// <summary>Whether it pays for use now: begun, not ended, and when past due still inside its grace. What Stripe has begun has begun: during a trial the anchor is its end.</summary>
    public bool IsLiveAt(DateTimeOffset now) => (Source is PlanSource.Stripe || now >= Anchor) && (EndsAt is not { } end || now < end)
        && (State is not "past_due" || GraceUntil is not { } grace || now < grace);

    /// <summary>
    /// The quota period at a moment. Stripe's own dates count while they hold; from their end on a plan that renews rolls by its anchor, before Stripe has
    /// said so (billing rules, decision 4).
    /// </summary>
    public Period PeriodAt(DateTimeOffset now) => Known is { } known && now < known.End ? known : Period.Monthly(Anchor, now);
}

/// <summary>Where an organization stands: its plan, if any, and whether it is suspended.</summary>
internal sealed record Standing(Guid OrganizationId, Plan? Plan, bool IsSuspended)
{
    /// <summary>The plan that pays for use at this moment.</summary>
    public Plan? LivePlanAt(DateTimeOffset now) => Plan is { } plan && plan.IsLiveAt(now) ? plan : null;

    internal static Standing Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.IsDBNull(1) ? null : new Plan(
        r.GetString(1),
        SourceOf(r.GetString(2)),
        r.GetInt32(3),
        r.GetString(4),
        r.GetFieldValue<DateTimeOffset>(5),
        r.IsDBNull(6) ? null : new Period(r.GetFieldValue<DateTimeOffset>(6), r.GetFieldValue<DateTimeOffset>(7)),
        r.IsDBNull(8) ? null : r.GetFieldValue<DateTimeOffset>(8),
        r.IsDBNull(9) ? null : r.GetFieldValue<DateTimeOffset>(9)), r.GetBoolean(10));

    internal static string Stored(PlanSource source) => source switch
    {
        PlanSource.Stripe => "stripe",
        PlanSource.Lifetime => "lifetime",
        PlanSource.Grant => "grant",
        PlanSource.Contract => "contract",
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, "Not a source of plans."),
    };

    private static PlanSource SourceOf(string stored) => stored switch
    {
        "stripe" => PlanSource.Stripe,
        "lifetime" => PlanSource.Lifetime,
        "grant" => PlanSource.Grant,
        "contract" => PlanSource.Contract,
        _ => throw new ArgumentOutOfRangeException(nameof(stored), stored, "Not a source of plans."),
    };
}
