using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>A customer's key that the sold API's backend names in a body: found as the door of <c>/v1</c> finds the key of a request.</summary>
internal sealed class NamedKeys(KeyCache cache, TimeProvider clock)
{
    /// <summary>The key, when it works; null when it is mistyped, unknown, revoked or expired, or no customer's; unavailable when nobody can tell.</summary>
    public async ValueTask<(VerifiedKey? Key, Problem? Unavailable)> FindAsync(string text, CancellationToken cancel)
    {
        if (!ApiKeyFormat.IsWellFormed(text) || ApiKeyFormat.IsService(text)) return default;
        if (!cache.IsTrusted) return (null, Problem.Unavailable());
        var key = await cache.FindAsync(ApiKeyFormat.Hash(text), cancel);
        if (key is null || key.ExpiresAt <= clock.GetUtcNow()) return default;
        Volatile.Write(ref key.SeenAt, clock.GetTimestamp());
        return (key, null);
    }
}
