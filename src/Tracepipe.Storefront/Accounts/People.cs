using Microsoft.AspNetCore.Identity;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts;

/// <summary>What other modules may ask about people, and what a person changes about himself.</summary>
internal sealed class People(Database database, ILookupNormalizer normalizer, SignedInDevices devices)
{
    /// <summary>The person who logs in with this address, or null.</summary>
    public async Task<Guid?> FindByEmailAsync(string email, CancellationToken cancel)
    {
        Answer<Guid>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select id from people where normalized_email = {normalizer.NormalizeEmail(email.Trim())}", r => r.GetGuid(0)), cancel);
        return found!.Value == Guid.Empty ? null : found.Value;
    }

    /// <summary>Changes what pages call the person; seen from the next request on.</summary>
    public async Task RenameAsync(Guid person, string name, CancellationToken cancel)
    {
        await database.WorkReadAsync(q => q.Execute($"update people set display_name = {name}, concurrency_stamp = {Secret.New()} where id = {person}"), cancel);
        devices.ForgetAll(person);
    }
}
