using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>What a card may have to pay for in a bill month.</summary>
/// <param name="Cap">At most that much; null: no cap.</param>
/// <param name="CardPays">Whether a card is on file and may be used for it.</param>
/// <param name="Metered">Decided: accrued or on an invoice of the month.</param>
/// <param name="Held">Set aside for work in progress.</param>
/// <param name="HeldBack">Used, and paid by nobody yet: of all months.</param>
internal sealed record Spend(Money? Cap, bool CardPays, Money Metered, Money Held, Money HeldBack);

/// <summary>
/// The counters under the spend cap (billing rules, decision 8): accrued and held together never pass it. Each verb is one conditional statement; callers hold
/// the organization's lock, so that the order of pockets is stable.
/// </summary>
internal static class Spending
{
    /// <summary>Sets cents aside for work, if a card pays and the cap has room for all of them.</summary>
    public static async Task<bool> HoldAsync(Guid organization, DateOnly month, long cents, Transaction transaction, CancellationToken cancel)
    {
        await EnsureAsync(organization, month, transaction, cancel);
        return await transaction.ExecuteAsync($"""
            update spending s set held_minor = s.held_minor + {cents} from spend_rules r
            where s.organization_id = {organization} and s.bill_month = {month} and r.organization_id = s.organization_id
              and r.card_pays and (r.cap_minor is null or s.metered_minor + s.held_minor + {cents} <= r.cap_minor)
            """, cancel) == 1;
    }

    /// <summary>Ends a hold: a part of it is spent, the rest is free again.</summary>
    public static Task SettleAsync(Guid organization, DateOnly month, long heldCents, long spentCents, Transaction transaction, CancellationToken cancel) =>
        transaction.ExecuteAsync($"update spending set held_minor = held_minor - {heldCents}, metered_minor = metered_minor + {spentCents} where organization_id = {organization} and bill_month = {month}", cancel);

    /// <summary>Takes as many cents as the cap has room for.</summary>
    /// <returns>Cents taken: 0 when no card pays.</returns>
    public static async Task<long> TakeAsync(Guid organization, DateOnly month, long atMost, Transaction transaction, CancellationToken cancel)
    {
        await EnsureAsync(organization, month, transaction, cancel);
        return await transaction.FirstAsync($"""
            with room as (
              select s.organization_id, s.bill_month, case when not r.card_pays then 0 when r.cap_minor is null then {atMost} else greatest(0, least({atMost}, r.cap_minor - s.metered_minor - s.held_minor)) end::bigint as cents
              from spending s join spend_rules r on r.organization_id = s.organization_id where s.organization_id = {organization} and s.bill_month = {month} for update of s)
            update spending s set metered_minor = s.metered_minor + room.cents from room where s.organization_id = room.organization_id and s.bill_month = room.bill_month returning room.cents
            """, r => r.GetInt64(0), cancel);
    }

    /// <summary>Asks where the month stands.</summary>
    public static Answer<Spend?> Ask(Questions q, Guid organization, DateTimeOffset now) => q.First($"""
        select r.cap_minor, r.card_pays, coalesce(s.metered_minor, 0), coalesce(s.held_minor, 0),
          (select coalesce(sum(held_back_minor), 0)::bigint from accruals where organization_id = {organization} and held_back_minor > 0)
        from spend_rules r left join spending s on s.organization_id = r.organization_id and s.bill_month = {BillMonth.Of(now)} where r.organization_id = {organization}
        """, r => new Spend(r.IsDBNull(0) ? null : Money.Usd(r.GetInt64(0)), r.GetBoolean(1), Money.Usd(r.GetInt64(2)), Money.Usd(r.GetInt64(3)), Money.Usd(r.GetInt64(4))));

    /// <summary>The same inside a transaction.</summary>
    public static async Task<Spend> ReadAsync(Guid organization, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        Answer<Spend?>? spend = null;
        await transaction.ReadAsync(q => spend = Ask(q, organization, now), cancel);
        return spend!.Value ?? throw new InvalidOperationException($"Organization {organization} has no billing account.");
    }

    private static Task EnsureAsync(Guid organization, DateOnly month, Transaction transaction, CancellationToken cancel) =>
        transaction.ExecuteAsync($"insert into spending (organization_id, bill_month) values ({organization}, {month}) on conflict do nothing", cancel);
}
