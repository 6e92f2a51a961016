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
internal sealed class Holds(Database database, Standings standings, Catalogs catalogs, Pockets pockets, Settlement settlement, UsageNews news, TimeProvider clock)
{
    /// <summary>Holds units before the work begins: completely or not at all, pocket by pocket.</summary>
    public async Task<HoldAnswer> HoldAsync(HoldWish wish, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(wish.OrganizationId, person: null, cancel);
        Answer<Standing?>? locked = null;
        Answer<IReadOnlyList<string>>? expired = null;
        Answer<byte[]?>? digest = null;
        Answer<Spend?>? spending = null;
        Answer<bool>? accrues = null;
        Answer<long>? open = null;
        await transaction.ReadAsync(q =>
        {
            locked = Standings.AskTryLock(q, wish.OrganizationId); // first: the others see what whoever held the lock has written
            expired = AskExpired(q, wish.OrganizationId, now);
            digest = q.First($"select body_digest from holds where organization_id = {wish.OrganizationId} and id = {wish.Id}", r => (byte[]?)r.GetFieldValue<byte[]>(0));
            spending = Spending.Ask(q, wish.OrganizationId, now);
            accrues = StorageLevels.AskAccrues(q, wish.OrganizationId);
            open = q.First($"select count(*) from holds where organization_id = {wish.OrganizationId} and state = 'open'", r => r.GetInt64(0));
        }, cancel);
        if (locked!.Value is not { } standing) return Problem.NotFound("Organization");
        await ReleaseAsync(wish.OrganizationId, expired!.Value, now, transaction, cancel);

        if (digest!.Value is { } earlier)
        {
            if (!earlier.AsSpan().SequenceEqual(wish.BodyDigest)) return Taken(wish.Id);
            return (await ReadAsync(wish.OrganizationId, wish.Id, transaction, cancel))!;
        }

        if (catalogs.Current.Prices.Meters.FirstOrDefault(m => string.Equals(m.Key, wish.Meter, StringComparison.Ordinal)) is not { Kind: MeterKind.Unit })
            return Problem.Invalid("meter", $"“{wish.Meter}” is not a meter of whole units: use one of {string.Join(", ", catalogs.Current.Prices.Meters.Where(m => m.Kind is MeterKind.Unit).Select(m => m.Key))}.");
        if (standing.IsSuspended) return Refusals.Suspended;
        if (accrues!.Value) await settlement.SettleAsync(standing, now, transaction, cancel); // what lies in storage has cost something since
        var spend = accrues.Value || expired.Value.Count > 0 ? await Spending.ReadAsync(standing.OrganizationId, now, transaction, cancel) : spending!.Value!;
        if (spend.HeldBack.Minor > 0)
        {
            await transaction.CommitAsync(cancel); // what was settled stays, whatever the answer
            return Refusals.HeldBack(spend);
        }

        var allowance = await standings.AllowanceAsync(standing, now, cancel);
        if (allowance.Tier.Limits.Agents >= 0 && open!.Value >= allowance.Tier.Limits.Agents) return Refusals.AgentsLimit(allowance.Tier, open.Value);

        var (parts, refusal) = await pockets.TakeAsync(standing, allowance, spend, wish.Meter, wish.Quantity, wish.Id, 0, now, transaction, cancel);
        if (refusal is not null) return refusal; // disposed without commit: nothing is held

        var expires = now + wish.ExpiresIn;
        Answer<int>? isMine = null;
        await transaction.ReadAsync(q =>
        {
            isMine = q.Execute($"insert into hold_ids (id, organization_id) values ({wish.Id}, {wish.OrganizationId}) on conflict do nothing");
            q.Execute($"""
                insert into holds (organization_id, id, body_digest, meter, quantity, state, key_id, granted_at, expires_at)
                values ({wish.OrganizationId}, {wish.Id}, {wish.BodyDigest}, {wish.Meter}, {wish.Quantity}, 'open', {wish.KeyId}::uuid, {now}, {expires})
                """);
            InsertParts(q, wish.OrganizationId, wish.Id, parts);
        }, cancel);
        if (isMine!.Value == 0) return Taken(wish.Id); // by another organization: this one's were looked through above, under its lock; nothing of this is committed
        await transaction.CommitAsync(cancel);
        return new Hold(wish.OrganizationId, wish.Id, wish.Meter, wish.Quantity, "open", now, expires, null, parts) { KeyId = wish.KeyId };
    }

    /// <summary>Counts the units that succeeded, once however often it is told, and gives the rest back. After expiry a pocket is looked for again.</summary>
    public async Task<HoldAnswer> CommitAsync(Guid organization, string id, CommitWish wish, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
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

        var (parts, grantedAt) = (hold.Parts, hold.GrantedAt);
        if (hold.State is "expired")
        {
            var allowance = await standings.AllowanceAsync(standing, now, cancel);
            var spend = await Spending.ReadAsync(organization, now, transaction, cancel);
            (parts, var refusal) = standing.IsSuspended ? ([], Refusals.Suspended) : await pockets.TakeAsync(standing, allowance, spend, hold.Meter, units, id, 1, now, transaction, cancel);
            if (refusal is not null) return new Problem(409, "hold_expired", $"The hold {id} expired and nothing can pay for it now: hold again before the work begins.");
            grantedAt = now; // it belongs to the period of its grant, and this is another one
            await transaction.ReadAsync(q =>
            {
                q.Execute($"delete from hold_parts where organization_id = {organization} and hold_id = {id}");
                InsertParts(q, organization, id, parts);
            }, cancel);
        }

        var rest = units;
        var used = new List<(HoldPart Part, long Used)>(parts.Count);
        foreach (var part in parts)
        {
            used.Add((part, Math.Min(rest, part.Quantity)));
            rest -= used[^1].Used;
        }
        transaction.AfterCommit(_ => { news.Tell(organization); return Task.CompletedTask; });
        await Pockets.CommitAsync(organization, id, hold.Meter, used, grantedAt, now, q =>
        {
            foreach (var (part, some) in used.Where(u => u.Used > 0)) Record(q, hold with { GrantedAt = grantedAt }, part with { Quantity = some }, wish.Details, now);
            q.Execute($"update holds set state = 'committed', settled_at = {now}, committed = {units}, usage_details = {Json(wish.Details)} where organization_id = {organization} and id = {id}");
        }, transaction, cancel);
        await transaction.CommitAsync(cancel);
        return hold with { State = "committed", Committed = units, Parts = parts };
    }

    /// <summary>Gives the units back: failed work is free. Releasing again, or what has expired, changes nothing.</summary>
    public async Task<HoldAnswer> ReleaseAsync(Guid organization, string id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        var (_, hold, now) = await LockAsync(organization, id, transaction, cancel);
        if (hold is null) return Problem.NotFound("Hold");
        if (hold.State is "committed") return Problem.Conflict($"The hold {id} was committed: what was used is not released.");
        if (hold.State is not "open") { await transaction.CommitAsync(cancel); return hold; }
        foreach (var part in hold.Parts) await Pockets.ReleaseAsync(organization, hold.Meter, part, hold.GrantedAt, now, transaction, cancel);
        await transaction.ExecuteAsync($"update holds set state = 'released', settled_at = {now} where organization_id = {organization} and id = {id}", cancel);
        await transaction.CommitAsync(cancel);
        return hold with { State = "released" };
    }

    /// <summary>Gives running work more time, counted from now.</summary>
    public async Task<HoldAnswer> RenewAsync(Guid organization, string id, TimeSpan expiresIn, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
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
            await using var transaction = await database.BeginAsync(organization, person: null, cancel);
            var now = clock.GetUtcNow();
            Answer<IReadOnlyList<string>>? expired = null;
            await transaction.ReadAsync(q =>
            {
                Standings.AskLock(q, organization);
                expired = AskExpired(q, organization, now);
            }, cancel);
            await ReleaseAsync(organization, expired!.Value, now, transaction, cancel);
            await transaction.CommitAsync(cancel);
        }
        return due.Value.Count;
    }

    /// <summary>Whose hold this is; null when nobody has one of this id.</summary>
    public async Task<Guid?> OrganizationOfAsync(string id, CancellationToken cancel)
    {
        Answer<Guid?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select organization_id from hold_ids where id = {id}", r => (Guid?)r.GetGuid(0)), cancel);
        return found!.Value;
    }

    /// <summary>The hold with its parts.</summary>
    public async Task<Hold?> FindAsync(Guid organization, string id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginAsync(organization, person: null, cancel);
        return await ReadAsync(organization, id, transaction, cancel);
    }

    private static Problem Taken(string id) => Problem.Conflict($"The hold {id} was asked for before with other words: use another id.");

    /// <summary>The organization's lock, what has expired released, and the hold as it stands then.</summary>
    private async Task<(Standing Standing, Hold? Hold, DateTimeOffset Now)> LockAsync(Guid organization, string id, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<Standing>? standing = null;
        Answer<IReadOnlyList<string>>? expired = null;
        Func<Hold?>? hold = null;
        await transaction.ReadAsync(q =>
        {
            standing = Standings.AskLock(q, organization);
            expired = AskExpired(q, organization, now);
            hold = Ask(q, organization, id);
        }, cancel);
        await ReleaseAsync(organization, expired!.Value, now, transaction, cancel);
        return (standing!.Value, hold!(), now);
    }

    /// <summary>Ends holds whose time is over; what they have set aside is given back by <see cref="ReleaseAsync(Guid, IReadOnlyList{string}, DateTimeOffset, Transaction, CancellationToken)"/>.</summary>
    private static Answer<IReadOnlyList<string>> AskExpired(Questions q, Guid organization, DateTimeOffset now) =>
        q.List($"update holds set state = 'expired', settled_at = {now} where organization_id = {organization} and state = 'open' and expires_at <= {now} returning id", r => r.GetString(0));

    private static async Task ReleaseAsync(Guid organization, IReadOnlyList<string> expired, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        foreach (var id in expired)
        {
            var hold = (await ReadAsync(organization, id, transaction, cancel))!;
            foreach (var part in hold.Parts) await Pockets.ReleaseAsync(organization, hold.Meter, part, hold.GrantedAt, now, transaction, cancel);
        }
    }

    private static async Task<Hold?> ReadAsync(Guid organization, string id, Transaction transaction, CancellationToken cancel)
    {
        Func<Hold?>? hold = null;
        await transaction.ReadAsync(q => hold = Ask(q, organization, id), cancel);
        return hold!();
    }

    private static Func<Hold?> Ask(Questions q, Guid organization, string id)
    {
        var hold = q.First($"select meter, quantity, state, granted_at, expires_at, committed, key_id from holds where organization_id = {organization} and id = {id}",
            r => new Hold(organization, id, r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetFieldValue<DateTimeOffset>(3), r.GetFieldValue<DateTimeOffset>(4), r.IsDBNull(5) ? null : r.GetInt64(5), []) { KeyId = r.IsDBNull(6) ? null : r.GetGuid(6) });
        var parts = q.List($"select pocket, period_start, quantity, unit_price, cause from hold_parts where organization_id = {organization} and hold_id = {id} order by ordinal",
            r => new HoldPart(r.GetString(0), r.GetFieldValue<DateTimeOffset>(1), r.GetInt64(2), r.GetDecimal(3) / 1.000000000000000000m, r.IsDBNull(4) ? null : r.GetString(4))); // 0, not 0.000000000000: a repeated call answers the same text
        return () => hold.Value is { } found ? found with { Parts = parts.Value } : null;
    }

    private static void InsertParts(Questions q, Guid organization, string id, IReadOnlyList<HoldPart> parts)
    {
        for (var ordinal = 0; ordinal < parts.Count; ordinal++)
        {
            var part = parts[ordinal];
            q.Execute($"""
                insert into hold_parts (organization_id, hold_id, ordinal, pocket, period_start, quantity, unit_price, cause)
                values ({organization}, {id}, {ordinal}, {part.Pocket}, {part.PeriodStart}, {part.Quantity}, {part.UnitPrice}, {part.Cause}::text)
                """);
        }
    }

    // A unit belongs to the period of its grant, whenever it is committed.
    private static void Record(Questions q, Hold hold, HoldPart part, JsonElement? details, DateTimeOffset now)
    {
        var total = Money.Round(part.UnitPrice * part.Quantity);
        var suite = Text(details, "suite_id");
        UsageSums.Add(q, hold.OrganizationId, hold.Meter, hold.KeyId, suite ?? "", part.Quantity, hold.GrantedAt);
        q.Execute($"""
            insert into usage_records (organization_id, id, usage_type, pocket, quantity, unit_price, total_minor, currency, quota_period_start, bill_month, hold_id, key_id, ticket_id, suite_id, usage_details, recorded_at)
            values ({hold.OrganizationId}, {Guid.CreateVersion7()}, {hold.Meter}, {part.Pocket}, {part.Quantity}, {part.UnitPrice}, {total.Minor}, {total.Currency}, {part.PeriodStart}, {BillMonth.Of(hold.GrantedAt)}, {hold.Id}, {hold.KeyId}::uuid,
              {Text(details, "ticket_id")}::text, {suite}::text, {Json(details)}, {now})
            """);
    }

    private static string? Text(JsonElement? details, string name) =>
        details is { ValueKind: JsonValueKind.Object } d && d.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.String ? value.GetString() : null;

    private static NpgsqlParameter Json(JsonElement? details) =>
        new() { Value = details is { ValueKind: not JsonValueKind.Null and not JsonValueKind.Undefined } d ? d.GetRawText() : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb };
}
