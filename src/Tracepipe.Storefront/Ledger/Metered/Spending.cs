using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>What a card may have to pay for in a bill month.</summary>
/// <param name="Cap">At most that much; null: no cap.</param>
/// <param name="CardPays">Whether a card is on file and may be used for it.</param>
/// <param name="Metered">Decided: accrued or on an invoice of the month.</param>
/// <param name="Held">Set aside for work in progress.</param>
/// <param name="HeldBack">Used, and paid by nobody yet: of all months.</param>
/// <param name="IsStored">False: nothing has been counted in the month yet.</param>
internal sealed record Spend(Money? Cap, bool CardPays, Money Metered, Money Held, Money HeldBack, bool IsStored)
{
    /// <summary>How many columns <see cref="Read"/> reads, the first ones.</summary>
    internal const int Columns = 6;

    /// <summary>Whether so many dollars more stay under the cap.</summary>
    public bool HasRoomFor(decimal dollars) => Cap is not { } cap || (Metered + Held).Amount + dollars <= cap.Amount;

    internal static Spend Read(NpgsqlDataReader r) => new(r.IsDBNull(0) ? null : Money.Usd(r.GetInt64(0)), r.GetBoolean(1), Money.Usd(r.GetInt64(2)), Money.Usd(r.GetInt64(3)), Money.Usd(r.GetInt64(4)), r.GetBoolean(5));
}

/// <summary>
/// The counters under the spend cap (billing rules, decision 8): accrued and held together never pass it. Each verb is one conditional statement; callers hold
/// the organization's lock, so that the order of pockets is stable.
/// </summary>
internal static class Spending
{
    /// <summary>Sets cents aside for work, if a card pays and the cap has room for all of them, among other statements of a transaction.</summary>
    /// <param name="spend">The month as it was read under the lock.</param>
    /// <exception cref="OvertakenException">There is no room: somebody has lowered the cap since, or taken the card away. Thrown when the statements are run.</exception>
    public static void Hold(Questions q, Guid organization, Spend spend, DateOnly month, long cents)
    {
        if (!spend.IsStored) Ensure(q, organization, month);
        q.Exactly(1, $"""
            update spending s set held_minor = s.held_minor + {cents} from spend_rules r
            where s.organization_id = {organization} and s.bill_month = {month} and r.organization_id = s.organization_id
              and r.card_pays and (r.cap_minor is null or s.metered_minor + s.held_minor + {cents} <= r.cap_minor)
            """, $"The month {month:yyyy-MM} of organization {organization} has no room for {cents} cents any more.");
    }

    /// <summary>Ends a hold: a part of it is spent, the rest is free again.</summary>
    public static void Settle(Questions q, Guid organization, DateOnly month, long heldCents, long spentCents) =>
        q.Exactly(1, $"update spending set held_minor = held_minor - {heldCents}, metered_minor = metered_minor + {spentCents} where organization_id = {organization} and bill_month = {month}",
            $"Organization {organization} holds nothing in {month:yyyy-MM}.");

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
    public static Answer<Spend?> Ask(Questions q, Guid organization, DateTimeOffset now) => q.First(Of(organization, now), Spend.Read);

    /// <summary>What <see cref="Spend.Read"/> reads: one row, or none when there is no such organization.</summary>
    public static FormattableString Of(Guid organization, DateTimeOffset now) => $"""
        select r.cap_minor, r.card_pays, coalesce(s.metered_minor, 0), coalesce(s.held_minor, 0),
          (select coalesce(sum(held_back_minor), 0)::bigint from accruals where organization_id = {organization} and held_back_minor > 0), s.organization_id is not null
        from spend_rules r left join spending s on s.organization_id = r.organization_id and s.bill_month = {BillMonth.Of(now)} where r.organization_id = {organization}
        """;

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
