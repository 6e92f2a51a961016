using System.Runtime.CompilerServices;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>What a moment allows: the pocket that pays first, its limits and its period.</summary>
/// <param name="Pocket">"included" with a live plan, else "free": subscribers do not burn the free allowance.</param>
/// <param name="Tier">The tier whose limits hold.</param>
/// <param name="Period">The quota period.</param>
internal sealed record Allowance(string Pocket, Tier Tier, Period Period)
{
    /// <summary>The included quantity of a meter in its unit; −1 is unlimited, 0 for meters that no plan includes.</summary>
    public long LimitOf(string meter) => meter switch
    {
        "workflow" => Tier.Limits.Workflows,
        "tokens" => Tier.Limits.Tokens,
        _ => 0,
    };
}

/// <summary>An organization has another plan, or none any more, in the running transaction. Registered for with <c>AddAfter&lt;StandingChanged&gt;</c>.</summary>
internal sealed record StandingChanged(Guid OrganizationId);

/// <summary>Reads and changes where organizations stand. Billing tells it about plans; Metering asks it who pays.</summary>
internal sealed class Standings(Catalogs catalogs, TimeProvider clock, IServiceProvider services)
{
    /// <summary>Takes the organization's lock, for the rest of the transaction, and reads its standing.</summary>
    public async Task<Standing> LockAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        Answer<Standing>? standing = null;
        await transaction.ReadAsync(q => standing = AskLock(q, organization), cancel);
        return standing!.Value;
    }

    /// <summary>The same before other questions of the transaction: they see what whoever held the lock has written.</summary>
    public static Answer<Standing> AskLock(Questions q, Guid organization) => q.Only(Select(" from standings s where s.organization_id = {0} for update", organization), Standing.Read, $"Organization {organization} has no standing.");

    /// <summary>Only takes the lock, before the other statements of a transaction.</summary>
    /// <exception cref="OvertakenException">There is no such organization: thrown when the statements are run.</exception>
    public static void Lock(Questions q, Guid organization) =>
        q.Must($"locked as materialized (select 1 from standings where organization_id = {organization} for update)", $"(select count(*) from locked) = 1", $"Organization {organization} has no standing.");

    /// <summary>The same for an id that somebody sent: null when there is no such organization (any more).</summary>
    public async Task<Standing?> TryLockAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        Answer<Standing?>? standing = null;
        await transaction.ReadAsync(q => standing = AskTryLock(q, organization), cancel);
        return standing!.Value;
    }

    /// <inheritdoc cref="TryLockAsync"/>
    public static Answer<Standing?> AskTryLock(Questions q, Guid organization) =>
        q.First(Select(" from standings s join organizations o on o.id = s.organization_id and o.deleted_at is null where s.organization_id = {0} for update of s", organization), Standing.Read);

    /// <summary>Asks for the standing among other questions of a page.</summary>
    public static Answer<Standing?> Ask(Questions q, Guid organization) =>
        q.First(Select(" from standings s where s.organization_id = {0}", organization), Standing.Read);

    /// <summary>Asks for all organizations of a person with their standings: the personal one first, then by name.</summary>
    public static Answer<IReadOnlyList<(Membership Member, Standing Standing)>> AskOf(Questions q, Guid person) => q.List(Select("""
        , o.slug, o.name, o.is_personal, m.role
        from members m join organizations o on o.id = m.organization_id join standings s on s.organization_id = o.id
        where m.person_id = {0} and o.deleted_at is null order by o.is_personal desc, o.name, o.id
        """, person), r => (new Membership(r.GetGuid(0), r.GetString(11), r.GetString(12), r.GetBoolean(13), Permissions.RoleOf(r.GetString(14)), person), Standing.Read(r)));

    /// <summary>What the standing allows at a moment: the live plan in the version that was bought, else the free tier in the version in force.</summary>
    public async ValueTask<Allowance> AllowanceAsync(Standing standing, DateTimeOffset now, CancellationToken cancel)
    {
        var prices = await PricesAsync(standing, now, cancel);
        return standing.LivePlanAt(now) is { } plan ? new Allowance("included", prices.Tier(plan.Tier), plan.PeriodAt(now)) : new Allowance("free", prices.Tier("free"), Period.CalendarMonth(now));
    }

    /// <summary>What use at a moment costs: the prices of the live plan in the version that was bought, else those in force.</summary>
    public async ValueTask<PriceList> PricesAsync(Standing standing, DateTimeOffset at, CancellationToken cancel) =>
        standing.LivePlanAt(at) is { } plan ? (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices : catalogs.Current.Prices;

    /// <summary>Gives the organization this plan, or changes what is known of it. Counters are kept by period and are not touched.</summary>
    public async Task SetPlanAsync(Guid organization, Plan plan, Transaction transaction, CancellationToken cancel)
    {
        _ = (await catalogs.GetAsync(plan.CatalogVersion, cancel)).Prices.Tier(plan.Tier);
        await LockAsync(organization, transaction, cancel);
        await transaction.ExecuteAsync($"""
            update standings set plan = {plan.Tier}, plan_source = {Standing.Stored(plan.Source)}, catalog_version = {plan.CatalogVersion}, plan_state = {plan.State},
              period_anchor = {plan.Anchor}, period_start = {plan.Known?.Start}::timestamptz, period_end = {plan.Known?.End}::timestamptz,
              ends_at = {plan.EndsAt}::timestamptz, grace_until = {plan.GraceUntil}::timestamptz, changed_at = {clock.GetUtcNow()}
            where organization_id = {organization}
            """, cancel);
        await services.RaiseAsync(new StandingChanged(organization), transaction, cancel);
    }

    /// <summary>Ends the plan now: the free tier applies.</summary>
    public async Task EndPlanAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        await LockAsync(organization, transaction, cancel);
        await transaction.ExecuteAsync($"""
            update standings set plan = null, plan_source = null, catalog_version = null, plan_state = null, period_anchor = null, period_start = null, period_end = null,
              ends_at = null, grace_until = null, changed_at = {clock.GetUtcNow()}
            where organization_id = {organization}
            """, cancel);
        await services.RaiseAsync(new StandingChanged(organization), transaction, cancel);
    }

    /// <summary>Suspends the organization or lifts the suspension: holds, uploads and metered verification are refused while it lasts.</summary>
    public async Task SuspendAsync(Guid organization, bool isSuspended, Transaction transaction, CancellationToken cancel)
    {
        await LockAsync(organization, transaction, cancel);
        await transaction.ExecuteAsync($"update standings set is_suspended = {isSuspended}, changed_at = {clock.GetUtcNow()} where organization_id = {organization}", cancel);
    }

    /// <summary>The columns that <see cref="Standing.Read"/> reads, first; the rest of the statement follows, its hole for the id.</summary>
    private static FormattableString Select(string rest, Guid id) => FormattableStringFactory.Create($"select s.organization_id, s.plan, s.plan_source, s.catalog_version, s.plan_state, s.period_anchor, s.period_start, s.period_end, s.ends_at, s.grace_until, s.is_suspended{rest}", id);
}
