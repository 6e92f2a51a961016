using Microsoft.AspNetCore.Identity;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Passwords;

/// <summary>
/// Changes passwords: by a mailed link, or by knowing the present one. Either way all else that could act for the person ends with the old password:
/// sessions, pending changes of the address, other links.
/// </summary>
internal sealed class PasswordChange(Database database, UserManager<Person> people, PasswordWork passwords, SignedInDevices devices, Delays delays, Outbox outbox, PublicAddress site, TimeProvider clock)
{
    private static readonly TimeSpan Lasts = TimeSpan.FromHours(1);

    /// <summary>Mails a link, or a note that there is no account: the same statements either way.</summary>
    /// <returns>Null, or the seconds until this network may ask again.</returns>
    public async Task<int?> AskAsync(string email, string network, CancellationToken cancel)
    {
        if (await delays.TakeMailAsync(network, cancel) is { } seconds) return seconds;
        var person = await people.FindByEmailAsync(email);
        var isMailFree = await delays.TakeMailToAsync(people.NormalizeEmail(email)!, cancel);
        var token = Secret.New();
        await using var transaction = await database.BeginWorkAsync(cancel);
        await transaction.ExecuteAsync($"""
            insert into mailed_links (token_hash, purpose, person_id, email, expires_at)
            select {Secret.Hash(token)}, 'password', id, email, {clock.GetUtcNow() + Lasts} from people where id = {person?.Id ?? Guid.Empty}
            """, cancel);
        if (isMailFree)
        {
            var mail = person is null ? AccountMails.NoAccount(email, site) : AccountMails.ChooseNewPassword(person.Email!, site.Link($"/reset-password?token={token}"));
            await outbox.QueueAsync(mail, transaction, cancel);
        }
        await transaction.CommitAsync(cancel);
        return null;
    }

    /// <summary>Whose link it is; null when it is unknown, used or too old. Looking does not use it up.</summary>
    public async Task<Person?> FindAsync(string token, CancellationToken cancel)
    {
        Answer<Guid>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select person_id from mailed_links where token_hash = {Secret.Hash(token)} and purpose = 'password' and expires_at > {clock.GetUtcNow()}", r => r.GetGuid(0)), cancel);
        return found!.Value == Guid.Empty ? null : await people.FindByIdAsync(found.Value.ToString());
    }

    /// <summary>Sets the password by a mailed link, which is used up.</summary>
    /// <returns>False when somebody was faster: the link is used.</returns>
    public Task<bool> ResetAsync(Person person, string token, string password, CancellationToken cancel) => SetAsync(person, password, token, cancel);

    /// <summary>Sets the password of somebody who has just proved that he knows the present one.</summary>
    public Task ChangeAsync(Person person, string password, CancellationToken cancel) => SetAsync(person, password, token: null, cancel);

    private async Task<bool> SetAsync(Person person, string password, string? token, CancellationToken cancel)
    {
        var hash = await passwords.HashAsync(password, cancel);
        var stamp = Secret.New();
        var now = clock.GetUtcNow();
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            if (token is not null && await transaction.ExecuteAsync($"delete from mailed_links where token_hash = {Secret.Hash(token)} and purpose = 'password' and expires_at > {now}", cancel) == 0) return false;
            await transaction.ReadAsync(q =>
            {
                // Whoever has to prove the address again may have been robbed of the account: what the thief linked goes, too. A first password takes nothing away.
                if (token is not null) q.Execute($"delete from external_identities where person_id = {person.Id} and exists (select 1 from people where id = {person.Id} and password_hash is not null)");
                q.Execute($"delete from mailed_links where person_id = {person.Id}");
                q.Execute($"update people set password_hash = {hash}, security_stamp = {stamp}, concurrency_stamp = {Secret.New()} where id = {person.Id}");
                q.Execute($"update signed_in_devices set revoked_at = {now} where person_id = {person.Id} and revoked_at is null");
            }, cancel);
            await outbox.QueueAsync(AccountMails.PasswordChanged(person.Email!, site, now), transaction, cancel);
            await transaction.CommitAsync(cancel);
        }
        devices.ForgetAll(person.Id);
        await delays.GiveBackAsync(delays.Account(person.NormalizedEmail!), returned: null, cancel);
        person.SecurityStamp = stamp;
        return true;
    }
}
