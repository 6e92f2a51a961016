using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// What can pay for use that has happened, as it stands under locks until the end of the transaction: credits, and the room that the spend cap leaves in bill
/// months. Many decisions are taken from one reading; what is taken changes only this copy, the postings of it follow.
/// </summary>
internal sealed class Purse
{
    private readonly Answer<IReadOnlyList<Lot>> credits;
    private readonly Answer<IReadOnlyList<Room>> rooms;

    private Purse(Answer<IReadOnlyList<Lot>> credits, Answer<IReadOnlyList<Room>> rooms) => (this.credits, this.rooms) = (credits, rooms);

    private sealed class Lot(string kind, Guid id, DateTimeOffset? expiresAt, long balance)
    {
        public string Kind { get; } = kind;

        public Guid Id { get; } = id;

        public DateTimeOffset? ExpiresAt { get; } = expiresAt;

        public long Balance { get; set; } = balance;
    }

    private sealed class Room(DateOnly month, long cents)
    {
        public DateOnly Month { get; } = month;

        public long Cents { get; set; } = cents;
    }

    /// <summary>Asks for it and locks it. Accounts are locked in one order, so that two postings never wait for each other; the months after them.</summary>
    /// <param name="months">Those whose cap counts.</param>
    public static Purse Ask(Questions q, Guid organization, params IReadOnlyCollection<DateOnly> months)
    {
        var wanted = months.Distinct().Order().ToArray();
        var credits = q.List($"""
            select kind, lot, expires_at, balance from ledger_accounts
            where organization_id = {organization} and currency = 'USD' and kind in ('available', 'revenue', 'receivable') order by id for update
            """, r => new Lot(r.GetString(0), r.GetGuid(1), r.IsDBNull(2) ? null : r.GetFieldValue<DateTimeOffset>(2), r.GetInt64(3)));
        Spending.Ensure(q, organization, wanted);
        var rooms = q.List($"""
            select s.bill_month, case when not r.card_pays then 0 when r.cap_minor is null then {long.MaxValue} else greatest(0, r.cap_minor - s.metered_minor - s.held_minor) end::bigint
            from spending s join spend_rules r on r.organization_id = s.organization_id where s.organization_id = {organization} and s.bill_month = any({wanted}) order by s.bill_month for update of s
            """, r => new Room(r.GetFieldValue<DateOnly>(0), r.GetInt64(1)));
        return new Purse(credits, rooms);
    }

    /// <summary>Takes credits, as many as there are: gifts before what was bought, the first to expire first. What a refund has made negative counts against gifts, too.</summary>
    /// <param name="usedAt">When the use happened: a gift that had expired by then does not count.</param>
    /// <returns>The side of the posting that they leave: each negative.</returns>
    public IReadOnlyList<Leg> Draw(long atMost, DateTimeOffset usedAt)
    {
        var good = credits.Value.Where(l => l.Kind is "available" && (l.ExpiresAt is not { } end || end > usedAt)).ToList();
        var rest = Math.Min(atMost, good.Sum(l => l.Balance));
        var legs = new List<Leg>();
        foreach (var lot in good.Where(l => l.Balance > 0).OrderBy(l => l.ExpiresAt ?? DateTimeOffset.MaxValue).ThenBy(l => l.Id == Guid.Empty).ThenBy(l => l.Id.ToString(), StringComparer.Ordinal))
        {
            if (rest <= 0) break;
            var used = Math.Min(rest, lot.Balance);
            (rest, lot.Balance) = (rest - used, lot.Balance - used);
            legs.Add(new Leg("available", lot.Id, -used));
        }
        return legs;
    }

    /// <summary>Takes as many cents as the cap of a month has room for.</summary>
    /// <returns>0 when no card pays.</returns>
    public long Charge(DateOnly month, long atMost)
    {
        if (rooms.Value.FirstOrDefault(r => r.Month == month) is not { } room) return 0;
        var taken = Math.Min(atMost, room.Cents);
        room.Cents -= taken;
        return taken;
    }
}
