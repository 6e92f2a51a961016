using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>A key of the sold API's backend, as the operator sees it.</summary>
internal sealed record ServiceKey(Guid Id, string Name, string Prefix, string Last4, DateTimeOffset CreatedAt, DateTimeOffset? RevokedAt)
{
    public string Masked => $"{Prefix}…{Last4}";
}

/// <summary>The keys of the sold API's backend (<c>tp_svc_…</c>): make, list, revoke. They hold, verify and report for every organization, and no plan limits them.</summary>
internal sealed class ServiceKeys(Database database, KeyCache cache, TimeProvider clock)
{
    /// <summary>Makes a key. This is the only moment in which its secret exists.</summary>
    public async Task<(ServiceKey Key, string Secret)> CreateAsync(string name, CancellationToken cancel)
    {
        var secret = ApiKeyFormat.Generate(KeyKind.Service);
        var now = clock.GetUtcNow();
        var key = new ServiceKey(Guid.CreateVersion7(now), name, ApiKeyFormat.Prefix(secret), ApiKeyFormat.Last4(secret), now, RevokedAt: null);
        await database.WorkReadAsync(q => q.Execute($"""
            insert into service_keys (id, hash, prefix, last4, name, created_at)
            values ({key.Id}, {ApiKeyFormat.Hash(secret).ToArray()}, {key.Prefix}, {key.Last4}, {name}, {now})
            """), cancel);
        return (key, secret);
    }

    /// <summary>All of them, newest first.</summary>
    public async Task<IReadOnlyList<ServiceKey>> ListAsync(CancellationToken cancel)
    {
        Answer<IReadOnlyList<ServiceKey>>? keys = null;
        await database.WorkReadAsync(q => keys = q.List($"select id, name, prefix, last4, created_at, revoked_at from service_keys order by created_at desc, id desc",
            r => new ServiceKey(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetFieldValue<DateTimeOffset>(4), r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5))), cancel);
        return keys!.Value;
    }

    /// <summary>Ends a key: this node refuses it at once, the others hear of it.</summary>
    /// <returns>Whether there was such a key that still worked.</returns>
    public async Task<bool> RevokeAsync(Guid id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var ended = await transaction.ExecuteAsync($"update service_keys set revoked_at = {clock.GetUtcNow()} where id = {id} and revoked_at is null", cancel);
        if (ended == 0) return false;
        await transaction.ExecuteAsync($"select note_key_change({id}, null, null)", cancel);
        transaction.AfterCommit(_ => { cache.ForgetKey(id); return Task.CompletedTask; });
        await transaction.CommitAsync(cancel);
        return true;
    }
}
