using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>How an organization began to use keys: the first one it made, and when any of them called last.</summary>
/// <param name="LastCallAt">Written behind: up to a few seconds old; null: none has called.</param>
internal sealed record KeyStart(string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastCallAt)
{
    /// <summary>Asks among other questions of a page; null: no key was ever made.</summary>
    public static Answer<KeyStart?> Ask(Questions q, Guid organization) => q.First($"""
        select name, created_at, (select max(last_used_at) from api_keys where organization_id = {organization}) from api_keys
        where organization_id = {organization} order by created_at, id limit 1
        """, r => new KeyStart(r.GetString(0), r.GetFieldValue<DateTimeOffset>(1), r.IsDBNull(2) ? null : r.GetFieldValue<DateTimeOffset>(2)));
}
