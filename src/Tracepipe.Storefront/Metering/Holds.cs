using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>A hold, or the reason why there is none.</summary>
internal readonly record struct HoldAnswer(Hold? Hold, Problem? Refusal)
{
    public static implicit operator HoldAnswer(Hold hold) => new(hold, null);

    public static implicit operator HoldAnswer(Problem refusal) => new(null, refusal);
}

/// <summary>
/// Grants, commits, renews and releases units of work (billing rules, decisions 5 and 6). Every verb is one transaction under the organization's lock,
/// idempotent by the caller's id.
/// </summary>
internal sealed class Holds(Database database, Standings standings, Catalogs catalogs, Pockets pockets, Settlement settlement, UsageNews news, LatestHolds latest, TimeProvider clock)
{
    /// <summary>Holds units before the work begins: completely or not at all, pocket by pocket.</summary>
    public async Task<HoldAnswer> HoldAsync(HoldWish wish, CancellationToken cancel)
    {
        try
        {
            return await GrantAsync(wish, cancel);
        }
        catch (OvertakenException)
        {
            // Nothing of it is committed. Either the id is another organization's, whose holds this one does not see, or somebody has lowered the cap or taken the card away in between.
            return await OrganizationOfAsync(wish.Id, cancel) is { } owner && owner != wish.OrganizationId ? Taken(wish.Id) : await GrantAsync(wish, cancel);
        }
    }

    private async Task<HoldAnswer> GrantAsync(HoldWish wish, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginBriefAsync(wish.OrganizationId, cancel);
        Answer<Standing?>? locked = null;
        Answer<(byte[]? Digest, long Open, bool HasExpired)>? others = null;
        Func<Means?>? read = null;
        await transaction.ReadAsync(q =>
        {
            locked = Standings.AskTryLock(q, wish.OrganizationId); // first: the others see what whoever held the lock has written
            others = q.First($"""
                select (select body_digest from holds where organization_id = {wish.OrganizationId} and id = {wish.Id}), count(*) filter (where expires_at > {now}), count(*) filter (where expires_at <= {now}) > 0
                from holds where organization_id = {wish.OrganizationId} and state = 'open'
                """, r => (r.IsDBNull(0) ? null : r.GetFieldValue<byte[]>(0), r.GetInt64(1), r.GetBoolean(2)));
            read = Means.Ask(q, wish.OrganizationId, wish.Meter, now);
        }, cancel);
        if (locked!.Value is not { } standing) return Problem.NotFound("Organization");
        var (digest, open, hasExpired) = others!.Value;
        if (hasExpired) await ExpireAsync(wish.OrganizationId, now, transaction, cancel);

        if (digest is { } earlier)
        {
            if (!earlier.AsSpan().SequenceEqual(wish.BodyDigest)) return Taken(wish.Id);
            return (await ReadAsync(wish.OrganizationId, wish.Id, now, transaction, cancel))!;
        }

        if (catalogs.Current.Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, wish.Meter, StringComparison.Ordinal)) is not { Kind: MeterKind.Unit })
            return Problem.Invalid("meter", $"“{wish.Meter}” is not a meter of whole units: use one of {string.Join(", ", catalogs.Current.Prices.Meters.Where(m => m.Kind is MeterKind.Unit).Select(m => m.Key))}.");
        if (standing.IsSuspended) return Refusals.Suspended;
        var means = read!() ?? throw new InvalidOperationException($"Organization {wish.OrganizationId} has no billing account.");
        if (means.StorageAccrues) await settlement.SettleAsync(standing, now, transaction, cancel); // what lies in storage has cost something since
        if (means.StorageAccrues || hasExpired) means = await Means.ReadAsync(wish.OrganizationId, wish.Meter, now, transaction, cancel);
        if (means.Spend.HeldBack.Minor > 0)
        {
            await transaction.CommitAsync(cancel); // what was settled stays, whatever the answer
            return Refusals.HeldBack(means.Spend);
        }

        var allowance = await standings.AllowanceAsync(standing, now, cancel);
        if (allowance.Tier.Limits.Agents >= 0 && open >= allowance.Tier.Limits.Agents) return Refusals.AgentsLimit(allowance.Tier, open);

        var (parts, refusal) = await pockets.DivideAsync(standing, allowance, means, wish.Meter, wish.Quantity, $"{wish.Id}#0", now, cancel);
        if (refusal is not null) return refusal; // disposed without commit: nothing is held
        await Pockets.TakeCreditsAsync(wish.OrganizationId, parts, wish.Id, now, transaction, cancel);
        var hold = new Hold(wish.OrganizationId, wish.Id, wish.Meter, wish.Quantity, "open", now, now + wish.ExpiresIn, null, parts) { KeyId = wish.KeyId };
        await transaction.CommitAsync(q =>
        {
            Pockets.Take(q, wish.OrganizationId, parts, allowance, means, now);
            q.Exactly(parts.Count, PartsOf($"hold", parts), $"The hold {wish.Id} is another organization's.", $"""
                mine as (insert into hold_ids (id, organization_id) values ({wish.Id}, {wish.OrganizationId}) on conflict do nothing returning id, organization_id),
                hold as (
                  insert into holds (organization_id, id, body_digest, meter, quantity, state, key_id, granted_at, expires_at)
                  select organization_id, id, {wish.BodyDigest}, {wish.Meter}, {wish.Quantity}, 'open', {wish.KeyId}::uuid, {now}, {hold.ExpiresAt} from mine returning organization_id, id)
                """);
        }, cancel);
        latest.Add(hold);
        return hold;
    }

    /// <summary>Counts the units that succeeded, once however often it is told, and gives the rest back. After expiry a pocket is looked for again.</summary>
    public async Task<HoldAnswer> CommitAsync(Guid organization, string id, CommitWish wish, CancellationToken cancel)
    {
        if (latest.Find(id) is { } granted && granted.OrganizationId == organization && await CommitAsGrantedAsync(granted, wish, cancel) is { } done) return done;
        await using var transaction = await database.BeginBriefAsync(organization, cancel);
        var (standing, hold, now) = await LockAsync(organization, id, transaction, cancel);
        if (hold is null) return Problem.NotFound("Hold");
        var units = wish.Quantity ?? hold.Quantity;
        if (hold.State is "committed")
        {
            var isSame = units == hold.Committed && await transaction.FirstAsync(
                $"select usage_details is not distinct from {Json(wish.Details)} from holds where organization_id = {organization} and id = {id}", r => r.GetBoolean(0), cancel);
            return isSame ? hold : Problem.Conflict($"The hold {id} was committed with {hold.Committed} and its own details: that stands.");
        }
        if (hold.State is "released") return Problem.Conflict($"The hold {id} was released: ask for a new one.");
        if (units < 1 || units > hold.Quantity) return Problem.Invalid("quantity", $"Write a whole number from 1 to {hold.Quantity}, what is held.");

        if (hold.State is "expired")
        {
            var allowance = await standings.AllowanceAsync(standing, now, cancel);
            var means = await Means.ReadAsync(organization, hold.Meter, now, transaction, cancel);
            var (parts, refusal) = standing.IsSuspended ? ([], Refusals.Suspended) : await pockets.DivideAsync(standing, allowance, means, hold.Meter, units, $"{id}#1", now, cancel);
            if (refusal is not null) return new Problem(409, "hold_expired", $"The hold {id} expired and nothing can pay for it now: hold again before the work begins.");
            await Pockets.TakeCreditsAsync(organization, parts, id, now, transaction, cancel);
            await transaction.ReadAsync(q =>
            {
                Pockets.Take(q, organization, parts, allowance, means, now);
                q.Execute($"delete from hold_parts where organization_id = {organization} and hold_id = {id}");
                q.Exactly(parts.Count, PartsOf($"(select organization_id, id from holds where organization_id = {organization} and id = {id})", parts), $"The hold {id} has other parts than were taken.");
            }, cancel);
            hold = hold with { Parts = parts, GrantedAt = now }; // it belongs to the period of its grant, and this is another one
        }

        var used = Divide(hold.Parts, units);
        await Pockets.SettleCreditsAsync(organization, id, hold.Meter, used, now, transaction, cancel);
        var month = await Accruals.OpenMonthAsync(organization, BillMonth.Of(hold.GrantedAt), now, transaction, cancel);
        await transaction.CommitAsync(q => Settle(q, hold, units, used, month, wish.Details, now), cancel);
        news.Tell(organization);
        return hold with { State = "committed", Committed = units };
    }

    /// <summary>Commits in one round trip what stands as it was granted, as work in time does.</summary>
    /// <returns>Null: it does not, or there is more to it; nothing has changed.</returns>
    private async Task<Hold?> CommitAsGrantedAsync(Hold hold, CommitWish wish, CancellationToken cancel)
    {
        var (now, units) = (clock.GetUtcNow(), wish.Quantity ?? hold.Quantity);
        var month = BillMonth.Of(hold.GrantedAt); // open, as long as it lasts
        if (units < 1 || units > hold.Quantity || now >= hold.ExpiresAt || month != BillMonth.Of(now) || hold.Parts.Any(p => p.Pocket is "credits")) return null;
        await using var transaction = await database.BeginBriefAsync(hold.OrganizationId, cancel);
        try
        {
            await transaction.CommitAsync(q =>
            {
                Standings.Lock(q, hold.OrganizationId);
                Settle(q, hold, units, Divide(hold.Parts, units), month, wish.Details, now);
            }, cancel);
        }
        catch (OvertakenException)
        {
            return null;
        }
        news.Tell(hold.OrganizationId);
        return hold with { State = "committed", Committed = units };
    }

    /// <summary>Gives the units back: failed work is free. Releasing again, or what has expired, changes nothing.</summary>
    public async Task<HoldAnswer> ReleaseAsync(Guid organization, string id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginBriefAsync(organization, cancel);
        var (_, hold, now) = await LockAsync(organization, id, transaction, cancel);
        if (hold is null) return Problem.NotFound("Hold");
        if (hold.State is "committed") return Problem.Conflict($"The hold {id} was committed: what was used is not released.");
        if (hold.State is not "open") { await transaction.CommitAsync(cancel); return hold; }
        foreach (var part in hold.Parts) await Pockets.ReleaseAsync(organization, hold.Meter, part, hold.GrantedAt, now, transaction, cancel);
        await transaction.ReadAsync(q => q.Exactly(1, $"update holds set state = 'released', settled_at = {now} where organization_id = {organization} and id = {id} and state = 'open'", $"The hold {id} was not open."), cancel);
        await transaction.CommitAsync(cancel);
        return hold with { State = "released" };
    }

    /// <summary>Gives running work more time, counted from now.</summary>
    public async Task<HoldAnswer> RenewAsync(Guid organization, string id, TimeSpan expiresIn, CancellationToken cancel)
    {
        await using var transaction = await database.BeginBriefAsync(organization, cancel);
        var (_, hold, now) = await LockAsync(organization, id, transaction, cancel);
        if (hold is null) return Problem.NotFound("Hold");
        if (hold.State is "expired") return new Problem(409, "hold_expired", $"The hold {id} has expired: hold again.");
        if (hold.State is not "open") return Problem.Conflict($"The hold {id} is {hold.State}: only an open one is renewed.");
        var expires = now + expiresIn;
        await transaction.ExecuteAsync($"update holds set expires_at = {expires} where organization_id = {organization} and id = {id}", cancel);
        await transaction.CommitAsync(cancel);
        return hold with { ExpiresAt = expires };
    }

    /// <summary>Releases what has expired, for organizations that nobody asks about. The verbs above do the same for their own organization first.</summary>
    /// <returns>How many organizations had expired holds.</returns>
    public async Task<int> SweepAsync(CancellationToken cancel)
    {
        Answer<IReadOnlyList<Guid>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"select distinct organization_id from holds where state = 'open' and expires_at <= {clock.GetUtcNow()} limit 1000", r => r.GetGuid(0)), cancel);
        foreach (var organization in due!.Value)
        {
            await using var transaction = await database.BeginBriefAsync(organization, cancel);
            await standings.LockAsync(organization, transaction, cancel);
            await ExpireAsync(organization, clock.GetUtcNow(), transaction, cancel);
            await transaction.CommitAsync(cancel);
        }
        return due.Value.Count;
    }

    /// <summary>Whose hold this is; null when nobody has one of this id.</summary>
    public async Task<Guid?> OrganizationOfAsync(string id, CancellationToken cancel)
    {
        if (latest.Find(id) is { } known) return known.OrganizationId;
        Answer<Guid?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select organization_id from hold_ids where id = {id}", r => (Guid?)r.GetGuid(0)), cancel);
        return found!.Value;
    }

    /// <summary>The hold with its parts.</summary>
    public async Task<Hold?> FindAsync(Guid organization, string id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginBriefAsync(organization, cancel);
        return await ReadAsync(organization, id, clock.GetUtcNow(), transaction, cancel);
    }

    private static Problem Taken(string id) => Problem.Conflict($"The hold {id} was asked for before with other words: use another id.");

    /// <summary>The organization's lock, what has expired released, and the hold as it stands then.</summary>
    private async Task<(Standing Standing, Hold? Hold, DateTimeOffset Now)> LockAsync(Guid organization, string id, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Standing>? standing = null;
        Func<(Hold Hold, bool HasExpired)?>? asked = null;
        await transaction.ReadAsync(q =>
        {
            standing = Standings.AskLock(q, organization);
            asked = Ask(q, organization, id, now);
        }, cancel);
        var found = asked!();
        if (found is not { HasExpired: true }) return (standing!.Value, found?.Hold, now);
        await ExpireAsync(organization, now, transaction, cancel);
        return (standing!.Value, await ReadAsync(organization, id, now, transaction, cancel), now);
    }

    /// <summary>Ends holds whose time is over and gives back what they have set aside.</summary>
    private static async Task ExpireAsync(Guid organization, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var expired = await transaction.ListAsync($"update holds set state = 'expired', settled_at = {now} where organization_id = {organization} and state = 'open' and expires_at <= {now} returning id", r => r.GetString(0), cancel);
        foreach (var id in expired)
        {
            var hold = (await ReadAsync(organization, id, now, transaction, cancel))!;
            foreach (var part in hold.Parts) await Pockets.ReleaseAsync(organization, hold.Meter, part, hold.GrantedAt, now, transaction, cancel);
        }
    }

    private static async Task<Hold?> ReadAsync(Guid organization, string id, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        Func<(Hold Hold, bool)?>? asked = null;
        await transaction.ReadAsync(q => asked = Ask(q, organization, id, now), cancel);
        return asked!()?.Hold;
    }

    /// <summary>Asks for the hold with its parts, and whether the time of any of the organization's is over.</summary>
    private static Func<(Hold Hold, bool HasExpired)?> Ask(Questions q, Guid organization, string id, DateTimeOffset now)
    {
        var rows = q.List($"""
            select h.meter, h.quantity, h.state, h.granted_at, h.expires_at, h.committed, h.key_id, p.pocket, p.period_start, p.quantity, p.unit_price, p.cause,
              exists (select 1 from holds where organization_id = {organization} and state = 'open' and expires_at <= {now})
            from holds h join hold_parts p on p.organization_id = h.organization_id and p.hold_id = h.id where h.organization_id = {organization} and h.id = {id} order by p.ordinal
            """, r => (
            Hold: new Hold(organization, id, r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetFieldValue<DateTimeOffset>(3), r.GetFieldValue<DateTimeOffset>(4), r.IsDBNull(5) ? null : r.GetInt64(5), []) { KeyId = r.IsDBNull(6) ? null : r.GetGuid(6) },
            Part: new HoldPart(r.GetString(7), r.GetFieldValue<DateTimeOffset>(8), r.GetInt64(9), r.GetDecimal(10) / 1.000000000000000000m, r.IsDBNull(11) ? null : r.GetString(11)), // 0, not 0.000000000000: a repeated call answers the same text
            HasExpired: r.GetBoolean(12)));
        return () => rows.Value is [var first, ..] ? (first.Hold with { Parts = [.. rows.Value.Select(r => r.Part)] }, first.HasExpired) : null;
    }

    /// <summary>The statement that adds parts to a hold.</summary>
    /// <param name="hold">What has its organization_id and id.</param>
    private static FormattableString PartsOf(FormattableString hold, IReadOnlyList<HoldPart> parts)
    {
        var rows = Questions.Values([.. parts.Select((p, i) => (FormattableString)$"{i}, {p.Pocket}, {p.PeriodStart}, {p.Quantity}, {p.UnitPrice}, {p.Cause}::text")]);
        return $"""
            insert into hold_parts (organization_id, hold_id, ordinal, pocket, period_start, quantity, unit_price, cause)
            select h.organization_id, h.id, p.* from {hold} h cross join ({rows}) p
            """;
    }

    /// <summary>How many units of each part are used: the first ones.</summary>
    private static List<(HoldPart Part, long Used)> Divide(IReadOnlyList<HoldPart> parts, long units)
    {
        var used = new List<(HoldPart Part, long Used)>(parts.Count);
        foreach (var part in parts)
        {
            used.Add((part, Math.Min(units, part.Quantity)));
            units -= used[^1].Used;
        }
        return used;
    }

    /// <summary>Ends a hold as committed, settles its pockets and records what was used of it: all or nothing. A unit belongs to the period of its grant, whenever it is committed.</summary>
    /// <param name="hold">As it stands, or stood when it was granted.</param>
    /// <param name="units">All that were used.</param>
    /// <param name="month">Whose invoice shows them.</param>
    /// <exception cref="OvertakenException">It does not stand so any more: thrown when the statements are run.</exception>
    private static void Settle(Questions q, Hold hold, long units, IReadOnlyList<(HoldPart Part, long Used)> parts, DateOnly month, JsonElement? details, DateTimeOffset now)
    {
        var suite = Text(details, "suite_id");
        var used = parts.Where(p => p.Used > 0).Select(p => p.Part with { Quantity = p.Used }).ToList();
        var rows = Questions.Values([.. used.Select(p => (FormattableString)$"{Guid.CreateVersion7()}, {p.Pocket}, {p.Quantity}, {p.UnitPrice}, {p.Price.Minor}, {p.PeriodStart}")]);
        q.Exactly(used.Count, $"""
            insert into usage_records (organization_id, id, usage_type, pocket, quantity, unit_price, total_minor, currency, quota_period_start, bill_month, hold_id, key_id, ticket_id, suite_id, usage_details, recorded_at)
            select h.organization_id, u.id, h.meter, u.pocket, u.quantity, u.price, u.total, {Money.Zero.Currency}, u.start, {BillMonth.Of(hold.GrantedAt)}, h.id, h.key_id, {Text(details, "ticket_id")}::text, {suite}::text, h.usage_details, {now}
            from hold h cross join ({rows}) u (id, pocket, quantity, price, total, start)
            """, $"The hold {hold.Id} is not {hold.State} any more.", $"""
            hold as (
              update holds set state = 'committed', settled_at = {now}, committed = {units}, usage_details = {Json(details)}
              where organization_id = {hold.OrganizationId} and id = {hold.Id} and state = {hold.State} and (state = 'expired' or expires_at > {now})
              returning organization_id, id, meter, key_id, usage_details)
            """);
        Pockets.Settle(q, hold.OrganizationId, hold.Id, hold.Meter, parts, month, hold.GrantedAt, now);
        UsageSums.Add(q, hold.OrganizationId, hold.Meter, hold.KeyId, suite ?? "", units, used.Count, hold.GrantedAt);
    }

    private static string? Text(JsonElement? details, string name) =>
        details is { ValueKind: JsonValueKind.Object } d && d.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static NpgsqlParameter Json(JsonElement? details) =>
        new() { Value = details is { ValueKind: not JsonValueKind.Null and not JsonValueKind.Undefined } d ? d.GetRawText() : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb };
}
