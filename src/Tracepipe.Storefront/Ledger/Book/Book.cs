using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// The double-entry book of an organization: credits, what is owed, what was earned, paid and given back. Only ever added to; a cause posts once, so every
/// verb may be told twice. A statement that spends moves the balance only where there is enough, and writes its entries with it; the database checks at commit
/// that postings sum to zero and that a balance is the sum of its entries (billing rules, decision 9).
/// </summary>
internal static class Book
{
    /// <summary>
    /// A grant that has expired may still pay for use of its time that is reported late; afterwards the rest is written back. As long as late events are
    /// taken (billing rules, decision 6).
    /// </summary>
    public static readonly TimeSpan LateUse = TimeSpan.FromDays(35);

    private static readonly string[] Accounts = ["available", "held", "cash", "receivable", "revenue", "refunds", "promotions", "write_offs"];

    /// <summary>Opens an organization's accounts, in the transaction that makes it.</summary>
    public static Task OpenAsync(Guid organization, Transaction transaction, CancellationToken cancel) => transaction.ExecuteAsync($"""
        insert into ledger_accounts (organization_id, id, kind, currency) select {organization}, gen_random_uuid(), kind, 'USD' from unnest({Accounts}) kind
        on conflict do nothing
        """, cancel);

    /// <summary>Credits that were paid for. They fill a hole first, if a refund has left one.</summary>
    /// <param name="cause">Of kind purchase; its id is the payment's.</param>
    /// <returns>False when it was posted before.</returns>
    public static Task<bool> PostPurchaseAsync(Guid organization, Money paid, Cause cause, Transaction transaction, CancellationToken cancel) =>
        PostAsync(organization, cause, [new Leg("available", Guid.Empty, paid.Minor), new Leg("cash", Guid.Empty, -paid.Minor)], transaction, cancel);

    /// <summary>Credits as a gift. One that expires counts for use before that moment only.</summary>
    /// <returns>False when it was granted before.</returns>
    public static async Task<bool> GrantAsync(Guid organization, Guid grant, Money amount, DateTimeOffset? expiresAt, string reason, Actor by, DateTimeOffset at, Transaction transaction, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(amount.Minor, nameof(amount));
        await transaction.ExecuteAsync($"""
            insert into ledger_accounts (organization_id, id, kind, lot, currency, expires_at)
            select {organization}, gen_random_uuid(), kind, {grant}, {amount.Currency}, {expiresAt}::timestamptz from unnest({Lots}) kind on conflict do nothing
            """, cancel);
        return await PostAsync(organization, new Cause("grant", grant.ToString(), by, at, Memo: reason), [new Leg("available", grant, amount.Minor), new Leg("promotions", Guid.Empty, -amount.Minor)], transaction, cancel);
    }

    /// <summary>Sets credits aside for work: all of it or nothing. Gifts are used before what was bought, the first to expire first.</summary>
    /// <param name="cause">Of kind hold.</param>
    /// <param name="usedAt">When the use happens: a grant that has expired by then does not count.</param>
    /// <returns>False when there is not enough.</returns>
    public static async Task<bool> HoldCreditsAsync(Guid organization, Money amount, Cause cause, DateTimeOffset usedAt, Transaction transaction, CancellationToken cancel) =>
        await SetAsideAsync(organization, amount, cause, usedAt, transaction, cancel) || await IsPostedAsync(organization, cause, transaction, cancel);

    /// <summary>The legs of use that a card pays for later: earned now, owed until its invoice is paid.</summary>
    public static IReadOnlyList<Leg> Owed(long minor) => [new Leg("revenue", Guid.Empty, minor), new Leg("receivable", Guid.Empty, -minor)];

    /// <summary>An invoice was paid: what was owed is cash now.</summary>
    /// <returns>False when it was posted before.</returns>
    public static Task<bool> PostPaymentAsync(Guid organization, Money paid, Cause cause, Transaction transaction, CancellationToken cancel) =>
        PostAsync(organization, cause, [new Leg("receivable", Guid.Empty, paid.Minor), new Leg("cash", Guid.Empty, -paid.Minor)], transaction, cancel);

    /// <summary>Turns a part of what a hold set aside into revenue and gives the rest back to where it came from.</summary>
    /// <param name="holdCause">The id of the hold's cause.</param>
    /// <param name="amount">At most what is held.</param>
    /// <returns>False when the hold was settled before: what was decided then stands.</returns>
    /// <exception cref="InvalidOperationException">There is no such hold, or it holds less.</exception>
    public static async Task<bool> CommitHeldAsync(Guid organization, string holdCause, Money amount, string? memo, Actor by, DateTimeOffset at, Transaction transaction, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount.Minor, nameof(amount));
        var held = await transaction.ListAsync($"""
            select a.lot, e.amount_minor from ledger_transactions t
            join ledger_entries e on e.organization_id = t.organization_id and e.transaction_id = t.id
            join ledger_accounts a on a.organization_id = e.organization_id and a.id = e.account_id and a.kind = 'held' and a.currency = {amount.Currency}
            where t.organization_id = {organization} and t.cause_kind = 'hold' and t.cause_id = {holdCause}
            order by a.expires_at nulls last, a.lot = {Guid.Empty}, a.lot
            """, r => (Lot: r.GetGuid(0), Minor: r.GetInt64(1)), cancel);
        if (held.Sum(h => h.Minor) < amount.Minor || held.Count == 0) throw new InvalidOperationException($"The hold {holdCause} does not hold {amount}.");

        var legs = new List<Leg>();
        var rest = amount.Minor;
        foreach (var (lot, minor) in held)
        {
            var used = Math.Min(rest, minor);
            rest -= used;
            legs.Add(new Leg("held", lot, -minor));
            if (minor > used) legs.Add(new Leg("available", lot, minor - used));
        }
        if (amount.Minor > 0) legs.Add(new Leg("revenue", Guid.Empty, amount.Minor));
        return await PostAsync(organization, new Cause("hold_settled", holdCause, by, at, holdCause, memo), legs, transaction, cancel);
    }

    /// <summary>Gives back what a hold set aside.</summary>
    /// <returns>False when the hold was settled before.</returns>
    public static Task<bool> ReleaseHeldAsync(Guid organization, string holdCause, Actor by, DateTimeOffset at, Transaction transaction, CancellationToken cancel) =>
        CommitHeldAsync(organization, holdCause, Money.Zero, memo: null, by, at, transaction, cancel);

    /// <summary>
    /// Takes back credits whose purchase was refunded. Stripe tells the sum of all refunds of a charge, so only what is new is posted, in whatever order it is
    /// told. The balance may become negative: what was spent is owed.
    /// </summary>
    /// <param name="purchase">The id of the purchase's cause.</param>
    /// <param name="refunded">All refunds of the purchase so far.</param>
    /// <returns>What was taken back now.</returns>
    /// <exception cref="InvalidOperationException">Nothing was bought under this id, or less.</exception>
    public static async Task<Money> RefundAsync(Guid organization, string purchase, Money refunded, Actor by, DateTimeOffset at, Transaction transaction, CancellationToken cancel)
    {
        var lot = Guid.Empty;
        await transaction.ExecuteAsync($"select 1 from ledger_accounts where organization_id = {organization} and kind = 'available' and lot = {lot} and currency = {refunded.Currency} for update", cancel);
        // A statement of its own: it must see what whoever held the lock has posted.
        var (bought, before) = await transaction.FirstAsync($"""
            select coalesce(sum(e.amount_minor) filter (where t.cause_kind = 'purchase'), 0)::bigint, coalesce(-sum(e.amount_minor) filter (where t.cause_kind = 'refund'), 0)::bigint
            from ledger_transactions t
            join ledger_entries e on e.organization_id = t.organization_id and e.transaction_id = t.id
            join ledger_accounts a on a.organization_id = e.organization_id and a.id = e.account_id and a.kind = 'available' and a.lot = {lot}
            where t.organization_id = {organization} and ((t.cause_kind = 'purchase' and t.cause_id = {purchase}) or (t.cause_kind = 'refund' and t.about = {purchase}))
            """, r => (r.GetInt64(0), r.GetInt64(1)), cancel);
        if (refunded.Minor > bought) throw new InvalidOperationException($"More is refunded ({refunded}) than was bought under {purchase}.");
        var fresh = refunded.Minor - before;
        if (fresh <= 0) return new Money(0, refunded.Currency);
        var cause = new Cause("refund", $"{purchase}:{refunded.Minor}", by, at, purchase, "Refund");
        return await PostAsync(organization, cause, [new Leg("available", lot, -fresh), new Leg("cash", lot, fresh)], transaction, cancel) ? new Money(fresh, refunded.Currency) : new Money(0, refunded.Currency);
    }

    /// <summary>Writes back what is left of grants that expired longer ago than <see cref="LateUse"/>. What work in progress still holds follows when it is given back.</summary>
    /// <returns>How much was written back.</returns>
    public static async Task<Money> ExpireAsync(Guid organization, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var due = await transaction.ListAsync($"""
            select lot, balance, entries from ledger_accounts
            where organization_id = {organization} and kind = 'available' and balance > 0 and expires_at <= {now - LateUse} order by lot for update
            """, r => (Lot: r.GetGuid(0), Balance: r.GetInt64(1), Entries: r.GetInt64(2)), cancel);
        foreach (var (lot, balance, entries) in due)
        {
            var cause = new Cause("expiry", $"{lot}:{entries}", Actor.System, now, lot.ToString(), "Expired");
            await PostAsync(organization, cause, [new Leg("available", lot, -balance), new Leg("promotions", Guid.Empty, balance)], transaction, cancel);
        }
        return Money.Usd(due.Sum(d => d.Balance));
    }

    /// <summary>Posts legs that sum to zero, once per cause. Where a customer's credits would go below zero, only refunds, disputes and reversals may.</summary>
    /// <returns>False when the cause was posted before.</returns>
    public static async Task<bool> PostAsync(Guid organization, Cause cause, IReadOnlyList<Leg> legs, Transaction transaction, CancellationToken cancel)
    {
        Answer<int>? posted = null;
        await transaction.ReadAsync(q => posted = Post(q, organization, [new Posting(cause, legs)]), cancel);
        return posted!.Value > 0;
    }

    /// <summary>Posts several causes in their order, among other statements of a transaction; one that was posted before is left out.</summary>
    /// <returns>How many entries were written.</returns>
    public static Answer<int> Post(Questions q, Guid organization, IReadOnlyList<Posting> postings)
    {
        var ids = postings.Select(_ => Guid.CreateVersion7()).ToArray();
        var kinds = postings.Select(p => p.Cause.Kind).ToArray();
        var causes = postings.Select(p => p.Cause.Id).ToArray();
        var abouts = postings.Select(p => p.Cause.About).ToArray();
        var actorKinds = postings.Select(p => p.Cause.By.Kind).ToArray();
        var actors = postings.Select(p => p.Cause.By.Id).ToArray();
        var memos = postings.Select(p => p.Cause.Memo).ToArray();
        var moments = postings.Select(p => p.Cause.At.ToUniversalTime()).ToArray();
        var legs = postings.SelectMany((p, i) => p.Legs.Select(l => (Cause: ids[i], Leg: l))).ToList();
        var of = legs.Select(l => l.Cause).ToArray();
        var accounts = legs.Select(l => l.Leg.Account).ToArray();
        var lots = legs.Select(l => l.Leg.Lot).ToArray();
        var amounts = legs.Select(l => l.Leg.AmountMinor).ToArray();
        // Locked in one order, so that two postings never wait for each other. Each entry continues the chain of its account.
        return q.First($"""
            with legs as (select * from unnest({of}, {accounts}, {lots}, {amounts}) with ordinality l (cause, kind, lot, amount, n)),
            locked as materialized (
              select a.id, a.kind, a.lot, a.balance, a.entries from ledger_accounts a where a.organization_id = {organization} and a.currency = 'USD' and (a.kind, a.lot) in (select kind, lot from legs) order by a.id for update),
            causes as (
              insert into ledger_transactions (organization_id, id, cause_kind, cause_id, about, actor_kind, actor_id, memo, posted_at)
              select {organization}, c.id, c.kind, c.cause, c.about, c.actor_kind, c.actor, c.memo, c.at
              from unnest({ids}, {kinds}, {causes}, {abouts}, {actorKinds}, {actors}, {memos}, {moments}) with ordinality c (id, kind, cause, about, actor_kind, actor, memo, at, n)
              where (select count(*) from locked) = (select count(*) from (select distinct kind, lot from legs) d) order by c.n
              on conflict (organization_id, cause_kind, cause_id) do nothing returning id),
            chain as (
              select k.id, c.id as cause, l.amount, (k.balance + sum(l.amount) over steps)::bigint as balance, k.entries + row_number() over steps as place
              from legs l join causes c on c.id = l.cause join locked k on k.kind = l.kind and k.lot = l.lot window steps as (partition by k.id order by l.n rows unbounded preceding)),
            moved as (
              update ledger_accounts a set balance = e.balance, entries = e.place from (select distinct on (id) id, balance, place from chain order by id, place desc) e
              where a.organization_id = {organization} and a.id = e.id),
            written as (
              insert into ledger_entries (organization_id, account_id, place, transaction_id, amount_minor, currency, balance)
              select {organization}, id, place, cause, amount, 'USD', balance from chain returning 1)
            select (select count(*) from written)::int, (select count(*) from locked) = (select count(*) from (select distinct kind, lot from legs) d)
            """, r => r.GetBoolean(1) ? r.GetInt32(0) : throw new InvalidOperationException($"A posting of kind {kinds[0]} names an account that organization {organization} does not have."));
    }

    /// <summary>Posts a cause that is new, among other statements of a transaction: legs that sum to zero, each of another account that has no lots.</summary>
    /// <exception cref="OvertakenException">The cause was posted before, or there is no such account: thrown when the statements are run.</exception>
    public static void PostNew(Questions q, Guid organization, Cause cause, IReadOnlyList<Leg> legs)
    {
        var (accounts, amounts) = (legs.Select(l => l.Account).ToArray(), legs.Select(l => l.AmountMinor).ToArray());
        q.Exactly(legs.Count, $"""
            insert into ledger_entries (organization_id, account_id, place, transaction_id, amount_minor, currency, balance)
            select {organization}, m.id, m.entries, c.id, m.amount, 'USD', m.balance from moved m, cause c
            """, $"{cause.Kind} {cause.Id} of organization {organization} was posted before.", $"""
            locked as materialized (
              select id, balance, entries, ({amounts})[array_position({accounts}, kind)] as amount from ledger_accounts
              where organization_id = {organization} and kind = any({accounts}) and lot = '00000000-0000-0000-0000-000000000000' and currency = 'USD' order by id for update),
            cause as (
              insert into ledger_transactions (organization_id, id, cause_kind, cause_id, about, actor_kind, actor_id, memo, posted_at)
              values ({organization}, {Guid.CreateVersion7()}, {cause.Kind}, {cause.Id}, {cause.About}::text, {cause.By.Kind}, {cause.By.Id}::uuid, {cause.Memo}::text, {cause.At})
              on conflict (organization_id, cause_kind, cause_id) do nothing returning id),
            moved as (
              update ledger_accounts a set balance = k.balance + k.amount, entries = k.entries + 1 from locked k where a.organization_id = {organization} and a.id = k.id
              returning a.id, a.entries, a.balance, k.amount)
            """);
    }

    /// <summary>Asks what may be spent and what is set aside.</summary>
    public static Answer<CreditBalance?> AskBalance(Questions q, Guid organization, DateTimeOffset now) => q.First(Balance(organization, now), r => CreditBalance.Read(r));

    /// <summary>What <see cref="CreditBalance.Read"/> reads: one row.</summary>
    public static FormattableString Balance(Guid organization, DateTimeOffset now) => $"""
        select coalesce(sum(balance) filter (where kind = 'available' and (expires_at is null or expires_at > {now})), 0)::bigint, coalesce(sum(balance) filter (where kind = 'held'), 0)::bigint
        from ledger_accounts where organization_id = {organization} and kind in ('available', 'held')
        """;

    /// <summary>Asks for the grants that still have something, the first to expire first. One that has expired keeps its rest for <see cref="LateUse"/>.</summary>
    public static Answer<IReadOnlyList<CreditGrant>> AskGrants(Questions q, Guid organization) => q.List($"""
        select lot, balance, expires_at from ledger_accounts
        where organization_id = {organization} and kind = 'available' and lot <> {Guid.Empty} and balance > 0 order by expires_at nulls last, lot
        """, r => new CreditGrant(r.GetGuid(0), Money.Usd(r.GetInt64(1)), r.IsDBNull(2) ? null : r.GetFieldValue<DateTimeOffset>(2)));

    /// <summary>What changed the credits, newest first; setting aside and giving back change nothing and are not lines.</summary>
    /// <param name="after">Where the page begins; null: at the newest.</param>
    public static async Task<CreditStatement> StatementAsync(Guid organization, string? after, int limit, Transaction transaction, CancellationToken cancel)
    {
        var before = long.TryParse(after, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : long.MaxValue;
        var rows = await transaction.ListAsync($"""
            with changes as (
              select t.id, t.number, t.cause_kind, t.cause_id, t.memo, t.posted_at, sum(e.amount_minor)::bigint as amount
              from ledger_transactions t
              join ledger_entries e on e.organization_id = t.organization_id and e.transaction_id = t.id
              join ledger_accounts a on a.organization_id = e.organization_id and a.id = e.account_id and a.kind in ('available', 'held')
              where t.organization_id = {organization} group by t.organization_id, t.id having sum(e.amount_minor) <> 0),
            summed as (select *, sum(amount) over (order by number)::bigint as balance from changes)
            select id, number, cause_kind, cause_id, memo, posted_at, amount, balance from summed where number < {before} order by number desc limit {limit + 1}
            """, r => (Number: r.GetInt64(1), Line: new CreditLine(r.GetGuid(0), r.GetString(2), r.GetString(3), r.IsDBNull(4) ? null : r.GetString(4), Money.Usd(r.GetInt64(6)), Money.Usd(r.GetInt64(7)), r.GetFieldValue<DateTimeOffset>(5))), cancel);
        return new CreditStatement([.. rows.Take(limit).Select(r => r.Line)], rows.Count > limit ? rows[limit - 1].Number.ToString(System.Globalization.CultureInfo.InvariantCulture) : null);
    }

    private static readonly string[] Lots = ["available", "held"];

    /// <summary>Moves credits from available to held where there are enough, and writes the entries, in one statement.</summary>
    /// <returns>False when there is not enough, or when the cause was posted before.</returns>
    private static async Task<bool> SetAsideAsync(Guid organization, Money amount, Cause cause, DateTimeOffset usedAt, Transaction transaction, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(amount.Minor, nameof(amount));
        // Two who set aside take the same locks in the same order; the second sees what the first has left. What a refund made negative counts against grants too.
        return await transaction.FirstAsync($"""
            with locked as materialized (
              select id, kind, lot, expires_at, balance from ledger_accounts
              where organization_id = {organization} and currency = {amount.Currency} and (kind = 'available' and (expires_at is null or expires_at > {usedAt}) or kind = 'held') order by id for update),
            purse as (select id, lot, expires_at, balance from locked where kind = 'available'),
            ranked as (select lot, id, balance, coalesce(sum(balance) over (order by expires_at nulls last, lot = {Guid.Empty}, lot rows between unbounded preceding and 1 preceding), 0) as before from purse where balance > 0),
            takes as (select id, lot, least(balance, {amount.Minor} - before)::bigint as amount from ranked where before < {amount.Minor} and (select sum(balance) from purse) >= {amount.Minor}),
            cause as (
              insert into ledger_transactions (organization_id, id, cause_kind, cause_id, about, actor_kind, actor_id, memo, posted_at)
              select {organization}, {Guid.CreateVersion7()}, {cause.Kind}, {cause.Id}, {cause.About}::text, {cause.By.Kind}, {cause.By.Id}::uuid, {cause.Memo}::text, {cause.At}
              where exists (select 1 from takes)
              on conflict (organization_id, cause_kind, cause_id) do nothing returning id),
            taken as (
              update ledger_accounts a set balance = a.balance - t.amount, entries = a.entries + 1 from takes t, cause
              where a.organization_id = {organization} and a.id = t.id and a.balance >= t.amount
              returning a.id, cause.id as cause, -t.amount as amount, a.balance, a.entries),
            gains as (select k.id, sum(t.amount)::bigint as amount from takes t join locked k on k.kind = 'held' and k.lot = t.lot group by k.id),
            given as (
              update ledger_accounts a set balance = a.balance + g.amount, entries = a.entries + 1 from gains g, cause
              where a.organization_id = {organization} and a.id = g.id
              returning a.id, cause.id as cause, g.amount, a.balance, a.entries),
            written as (
              insert into ledger_entries (organization_id, account_id, place, transaction_id, amount_minor, currency, balance)
              select {organization}, id, entries, cause, amount, {amount.Currency}, balance from (select * from taken union all select * from given) sides returning 1)
            select exists (select 1 from written)
            """, r => r.GetBoolean(0), cancel);
    }

    private static Task<bool> IsPostedAsync(Guid organization, Cause cause, Transaction transaction, CancellationToken cancel) =>
        transaction.FirstAsync($"select true from ledger_transactions where organization_id = {organization} and cause_kind = {cause.Kind} and cause_id = {cause.Id}", r => r.GetBoolean(0), cancel);
}
