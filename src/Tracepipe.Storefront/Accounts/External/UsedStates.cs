using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Makes the state of a sign-in good for one return, on whatever node and with whatever cookies it comes back.</summary>
internal sealed class UsedStates(Database database)
{
    /// <returns>False when it has been taken before.</returns>
    public async Task<bool> TakeAsync(string state, DateTimeOffset expiresAt, CancellationToken cancel)
    {
        Answer<int>? taken = null;
        await database.WorkReadAsync(q => taken = q.Execute($"insert into used_sign_in_states (state_hash, expires_at) values ({Secret.Hash(state)}, {expiresAt}) on conflict do nothing"), cancel);
        return taken!.Value == 1;
    }
}
