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
        Answer<int>? held = null;
        await transaction.ReadAsync(q =>
        {
            Ensure(q, organization, month);
            held = q.Execute($"""
                update spending s set held_minor = s.held_minor + {cents} from spend_rules r
                where s.organization_id = {organization} and s.bill_month = {month} and r.organization_id = s.organization_id
                  and r.card_pays and (r.cap_minor is null or s.metered_minor + s.held_minor + {cents} <= r.cap_minor)
                """);
        }, cancel);
        return held!.Value == 1;
    }

    /// <summary>Ends a hold: a part of it is spent, the rest is free again.</summary>
    public static void Settle(Questions q, Guid organization, DateOnly month, long heldCents, long spentCents) =>
        q.Execute($"update spending set held_minor = held_minor - {heldCents}, metered_minor = metered_minor + {spentCents} where organization_id = {organization} and bill_month = {month}");

    /// <summary>Adds what <see cref="Purse.Charge"/> has taken, month by month.</summary>
    public static void Add(Questions q, Guid organization, IReadOnlyCollection<(DateOnly Month, long Cents)> taken)
    {
        if (taken.Count == 0) return;
        var months = taken.Select(t => t.Month).ToArray();
        var cents = taken.Select(t => t.Cents).ToArray();
        q.Execute($"""
            update spending s set metered_minor = s.metered_minor + t.cents from (select month, sum(cents)::bigint as cents from unnest({months}, {cents}) t (month, cents) group by month) t
            where s.organization_id = {organization} and s.bill_month = t.month
            """);
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

    /// <summary>Begins the counters of months.</summary>
    public static void Ensure(Questions q, Guid organization, params DateOnly[] months) =>
        q.Execute($"insert into spending (organization_id, bill_month) select {organization}, month from unnest({months}) month order by month on conflict do nothing");
}
