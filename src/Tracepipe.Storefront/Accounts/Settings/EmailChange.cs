using Microsoft.AspNetCore.Identity;
using Npgsql;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Settings;

/// <summary>
/// A person's address changes when he opens the link mailed to the new one while signed in. Elsewhere the link does nothing, so that nobody can slip his
/// own account under a stranger's address.
/// </summary>
internal sealed class EmailChange(Database database, ILookupNormalizer normalizer, SignedInDevices devices, Outbox outbox, PublicAddress site, TimeProvider clock)
{
    private static readonly TimeSpan Lasts = TimeSpan.FromHours(24);

    /// <summary>Mails a link to the new address and a note to the old one. A newer request replaces an older one.</summary>
    public async Task AskAsync(Guid person, string oldEmail, string newEmail, CancellationToken cancel)
    {
        var token = Secret.New();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var isTaken = await transaction.FirstAsync($"select exists (select 1 from people where normalized_email = {normalizer.NormalizeEmail(newEmail)})", r => r.GetBoolean(0), cancel);
        await transaction.ExecuteAsync($"delete from mailed_links where person_id = {person} and purpose = 'email'", cancel);
        await transaction.ExecuteAsync($"""
            insert into mailed_links (token_hash, purpose, person_id, email, expires_at) values ({Secret.Hash(token)}, 'email', {person}, {newEmail}, {clock.GetUtcNow() + Lasts})
            """, cancel);
        await outbox.QueueAsync(isTaken ? AccountMails.AddressTaken(newEmail, site) : AccountMails.ConfirmNewAddress(newEmail, site.Link($"/confirm-email?token={token}")), transaction, cancel);
        await outbox.QueueAsync(AccountMails.AddressWillChange(oldEmail, site), transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>The address that this person's link would set; null when the link is not his, used or too old.</summary>
    public async Task<string?> FindAsync(Guid person, string token, CancellationToken cancel)
    {
        Answer<string?>? found = null;
        await database.WorkReadAsync(q => found = q.First(
            $"select email from mailed_links where token_hash = {Secret.Hash(token)} and person_id = {person} and purpose = 'email' and expires_at > {clock.GetUtcNow()}", r => r.GetString(0)), cancel);
        return found!.Value;
    }

    /// <summary>Sets the new address, ends the person's other sessions and tells the old address.</summary>
    /// <returns>False when the link is used or the address has got an account meanwhile.</returns>
    public async Task<bool> ConfirmAsync(Guid person, string token, Guid? session, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var email = await transaction.FirstAsync(
            $"delete from mailed_links where token_hash = {Secret.Hash(token)} and person_id = {person} and purpose = 'email' and expires_at > {now} returning email", r => r.GetString(0), cancel);
        if (email is null) return false;
        var old = await transaction.FirstAsync($"select email from people where id = {person} for update", r => r.GetString(0), cancel);
        try
        {
            await transaction.ExecuteAsync($"""
                update people set email = {email}, normalized_email = {normalizer.NormalizeEmail(email)}, concurrency_stamp = {Secret.New()} where id = {person}
                """, cancel);
        }
        catch (PostgresException taken) when (taken.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return false;
        }
        await transaction.ExecuteAsync($"delete from mailed_links where person_id = {person}", cancel);
        await transaction.ExecuteAsync($"delete from registrations where normalized_email = {normalizer.NormalizeEmail(email)}", cancel);
        await outbox.QueueAsync(AccountMails.AddressChanged(old!, site, now), transaction, cancel);
        await transaction.CommitAsync(cancel);
        await devices.EndOthersAsync(person, session, cancel);
        devices.ForgetAll(person);
        return true;
    }
}
