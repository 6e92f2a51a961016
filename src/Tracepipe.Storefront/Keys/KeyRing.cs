using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>The keys of organizations: make, list, find, revoke. Pages and API call the same verbs.</summary>
internal sealed class KeyRing(Database database, KeyCache cache, Suites suites, TimeProvider clock, IServiceProvider services)
{
    /// <summary>Makes a key in the caller's organization. He can only give what he has.</summary>
    /// <returns>The key with its secret, or why not.</returns>
    public async Task<(NewKey? Made, Problem? Refused)> CreateAsync(KeyWish wish, Caller caller, string? address, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var name = string.IsNullOrWhiteSpace(wish.Name) ? "API key" : wish.Name.Trim();
        var permissions = (wish.Permissions ?? ApiKey.DefaultPermissions).Distinct(StringComparer.Ordinal).ToArray();
        if (Wrong(wish, name, permissions, now) is { Count: > 0 } wrong) return (null, Problem.Invalid(wrong));
        if (permissions.FirstOrDefault(p => !caller.May(p)) is { } missing)
            return (null, Problem.Forbidden(missing, $"You can only give a key what you may do yourself; {missing} is missing."));

        var secret = ApiKeyFormat.Generate(KeyKind.Live);
        var id = wish.Id ?? Guid.CreateVersion7(now);
        var (prefix, last4) = (ApiKeyFormat.Prefix(secret), ApiKeyFormat.Last4(secret));
        var only = wish.Suites?.Distinct(StringComparer.Ordinal).ToArray();
        await using var transaction = await database.BeginAsync(caller.OrganizationId, caller.PersonId, cancel);
        var wanted = new KeyWanted(caller.OrganizationId, caller);
        await services.RaiseAsync(wanted, transaction, cancel);
        if (wanted.Refusal is { } refusal) return (null, refusal);
        var inserted = await transaction.ExecuteAsync($"""
            insert into api_keys (organization_id, id, logical_id, hash, prefix, last4, name, permissions, suites, created_by, created_at, expires_at)
            values ({caller.OrganizationId}, {id}, {id}, {ApiKeyFormat.Hash(secret).ToArray()}, {prefix}, {last4}, {name}, {permissions}, {only}::text[], {caller.PersonId}::uuid, {now}, {wish.ExpiresAt}::timestamptz)
            on conflict (organization_id, id) do nothing
            """, cancel);
        if (inserted == 0) return (null, Problem.Conflict("This form has made its key already, and a key is shown once. If you did not save it, revoke it and create another."));
        await Audit.WriteAsync(transaction, new AuditEntry(caller.OrganizationId, "key.created", Actor.Of(caller), $"{name} ({prefix}…{last4})",
            new Dictionary<string, string>(StringComparer.Ordinal) { ["key_id"] = id.ToString(), ["permissions"] = string.Join(' ', permissions) }, address), now, cancel);
        await transaction.CommitAsync(cancel);
        return (new NewKey(new ApiKey(id, name, prefix, last4, permissions, only, CreatedBy: null, now, wish.ExpiresAt, RevokedAt: null, LastUsedAt: null, 0), secret), null);
    }

    /// <summary>An organization's keys, newest first.</summary>
    /// <param name="organization">Whose.</param>
    /// <param name="revokedSince">Also those that were revoked after this instant; null: only those that are not revoked.</param>
    /// <param name="page">Which slice; null: all of them.</param>
    /// <param name="cancel">Stops the question.</param>
    public async Task<(IReadOnlyList<ApiKey> Keys, int Total)> ListAsync(Guid organization, DateTimeOffset? revokedSince, (int Number, int Size)? page, CancellationToken cancel)
    {
        Answer<IReadOnlyList<ApiKey>>? keys = null;
        Answer<int>? total = null;
        var dayAgo = clock.GetUtcNow().AddDays(-1);
        var (limit, skip) = page is { } slice ? (slice.Size, (slice.Number - 1L) * slice.Size) : (int.MaxValue, 0);
        await database.ReadAsync(organization, person: null, q =>
        {
            keys = q.List($"""
                select k.id, k.name, k.prefix, k.last4, k.permissions, k.suites, p.display_name, k.created_at, k.expires_at, k.revoked_at, k.last_used_at,
                       coalesce((select sum(h.requests) from key_hours h where h.organization_id = k.organization_id and h.logical_id = k.logical_id and h.hour > {dayAgo}), 0)::bigint
                from api_keys k left join people p on p.id = k.created_by
                where k.organization_id = {organization} and (k.revoked_at is null or k.revoked_at > {revokedSince}::timestamptz)
                order by k.revoked_at is not null, k.created_at desc, k.id desc limit {limit} offset {skip}
                """, ApiKey.Read);
            total = q.First($"select count(*)::int from api_keys where organization_id = {organization} and (revoked_at is null or revoked_at > {revokedSince}::timestamptz)", r => r.GetInt32(0));
        }, cancel);
        return (keys!.Value, total!.Value);
    }

    /// <summary>One key that is not revoked; null when there is none in this organization.</summary>
    public async Task<ApiKey?> FindAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<ApiKey?>? key = null;
        await database.ReadAsync(organization, person: null, q => key = q.First($"""
            select k.id, k.name, k.prefix, k.last4, k.permissions, k.suites, p.display_name, k.created_at, k.expires_at, k.revoked_at, k.last_used_at,
                   coalesce((select sum(h.requests) from key_hours h where h.organization_id = k.organization_id and h.logical_id = k.logical_id and h.hour > {clock.GetUtcNow().AddDays(-1)}), 0)::bigint
            from api_keys k left join people p on p.id = k.created_by
            where k.organization_id = {organization} and k.id = {id} and k.revoked_at is null
            """, ApiKey.Read), cancel);
        return key!.Value;
    }

    /// <summary>Ends a key. When this returns, the change is on disk, this node refuses the key, and the others hear of it at once.</summary>
    /// <returns>The name of the key; null when the organization has no such key (any more).</returns>
    public async Task<string?> RevokeAsync(Guid id, Caller caller, string? address, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var organization = caller.OrganizationId;
        await using var transaction = await database.BeginAsync(organization, caller.PersonId, cancel);
        var found = await transaction.FirstAsync(
            $"update api_keys set revoked_at = {now} where organization_id = {organization} and id = {id} and revoked_at is null returning name, prefix, last4",
            r => new { Name = r.GetString(0), Masked = $"{r.GetString(1)}…{r.GetString(2)}" }, cancel);
        // The attempt on something foreign and on something that never was stand alike in the log of the one who tried.
        var entry = found is null
            ? new AuditEntry(organization, "access.refused", Actor.Of(caller), $"API key {id}", Address: address)
            : new AuditEntry(organization, "key.revoked", Actor.Of(caller), $"{found.Name} ({found.Masked})", new Dictionary<string, string>(StringComparer.Ordinal) { ["key_id"] = id.ToString() }, address);
        await Audit.WriteAsync(transaction, entry, now, cancel);
        if (found is not null)
        {
            await transaction.ExecuteAsync($"select note_key_change({id}, null, null)", cancel);
            transaction.AfterCommit(_ => { cache.ForgetKey(id); return Task.CompletedTask; });
        }
        await transaction.CommitAsync(cancel);
        return found?.Name;
    }

    /// <summary>For an upper module whose decision changes what all keys of an organization may do (another plan): every node reads them anew.</summary>
    public async Task ReadAnewAsync(Guid organization, Transaction transaction, CancellationToken cancel)
    {
        await transaction.ExecuteAsync($"select note_key_change(null, {organization}, null)", cancel);
        transaction.AfterCommit(_ => { cache.ForgetOrganization(organization); return Task.CompletedTask; });
    }

    private Dictionary<string, object?> Wrong(KeyWish wish, string name, string[] permissions, DateTimeOffset now)
    {
        var wrong = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (name.Length > 100 || name.Any(char.IsControl)) wrong["name"] = "Give the key a name of at most 100 characters, on one line.";
        if (wish.ExpiresAt is { } end && end <= now) wrong["expires_at"] = "Choose an instant in the future, or leave it out for a key that does not expire.";
        if (permissions.Length == 0) wrong["permissions"] = "Choose at least one permission.";
        else if (permissions.Except(Permissions.OfKeys, StringComparer.Ordinal).ToList() is [var unknown, ..])
            wrong["permissions"] = $"“{Shown(unknown)}” is not a permission of keys; there are {string.Join(", ", Permissions.OfKeys)}.";
        if (wish.Suites is { Count: 0 }) wrong["suite_ids"] = "Name at least one suite, or leave it out for all of them.";
        else if (wish.Suites?.Except(suites().Select(s => s.Id), StringComparer.Ordinal).ToList() is [var foreign, ..])
            wrong["suite_ids"] = $"“{Shown(foreign)}” is not a suite; GET /v1/suites lists them.";
        return wrong;
    }

    // A list of JSON may hold null whatever its type says.
    private static string Shown(string? text) => new([.. (text ?? "null").Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(60)]);
}
