using Microsoft.AspNetCore.Identity;
using Npgsql;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Registration;

/// <summary>A registration that waits for the proof of its address.</summary>
internal sealed record PendingRegistration(Guid Id, string Name, string Email, string PasswordHash, byte[] BrowserHash);

/// <summary>
/// Registration as proof first: nobody becomes a person before the address is proved. Each mailed link belongs to one pending registration with its own
/// password, so a stranger who registers another's address gains nothing when its owner opens the link: in any browser but the registering one the link
/// alone brings no stored password to life.
/// </summary>
internal sealed class Registrations(Database database, PasswordWork passwords, Delays delays, Outbox outbox, PublicAddress site, ILookupNormalizer normalizer, NewPeople people,
    TimeProvider clock)
{
    private static readonly TimeSpan Lasts = TimeSpan.FromHours(24);

    /// <summary>Stores a pending registration and queues the mail. Work and statements are the same whether the address is new, waiting or taken.</summary>
    /// <returns>Null, or the seconds until this network may ask again.</returns>
    public async Task<int?> AskAsync(string name, string email, string password, string browser, string network, CancellationToken cancel)
    {
        if (await delays.TakeMailAsync(network, cancel) is { } seconds) return seconds;
        var normalized = normalizer.NormalizeEmail(email);
        var passwordHash = await passwords.HashAsync(password, cancel);
        var token = Secret.New();
        var now = clock.GetUtcNow();
        var isMailFree = await delays.TakeMailToAsync(normalized, cancel);

        await using var transaction = await database.BeginWorkAsync(cancel);
        var isTaken = await transaction.FirstAsync($"select exists (select 1 from people where normalized_email = {normalized})", r => r.GetBoolean(0), cancel);
        await transaction.ExecuteAsync($"""
            insert into registrations (id, name, email, normalized_email, password_hash, token_hash, browser_hash, created_at, expires_at)
            values ({Guid.CreateVersion7()}, {name}, {email}, {normalized}, {passwordHash}, {Secret.Hash(token)}, {Secret.Hash(browser)}, {now}, {now + Lasts})
            """, cancel);
        if (isMailFree)
        {
            var mail = isTaken ? AccountMails.AlreadyRegistered(email, site) : AccountMails.FinishRegistration(email, site.Link($"/verify-email?token={token}"));
            await outbox.QueueAsync(mail, transaction, cancel);
        }
        await transaction.CommitAsync(cancel);
        return null;
    }

    /// <summary>The registration that a mailed link and this browser prove together, or the link's own with <c>IsThisBrowser</c> false; null when the link is unknown, used or too old.</summary>
    public async Task<(PendingRegistration Registration, bool IsThisBrowser)?> FindAsync(string token, string? browser, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var browserHash = browser is null ? [] : Secret.Hash(browser);
        Answer<PendingRegistration?>? linked = null, own = null;
        await database.WorkReadAsync(q =>
        {
            linked = q.First($"select id, name, email, password_hash, browser_hash from registrations where token_hash = {Secret.Hash(token)} and expires_at > {now}", Read);
            // The link proves the address, the cookie says which of the registrations waiting for it was made here: a stranger's mail cannot displace it.
            own = q.First($"""
                select r.id, r.name, r.email, r.password_hash, r.browser_hash from registrations r join registrations l on l.normalized_email = r.normalized_email
                where l.token_hash = {Secret.Hash(token)} and l.expires_at > {now} and r.browser_hash = {browserHash} and r.expires_at > {now} order by r.created_at desc limit 1
                """, Read);
        }, cancel);
        if (linked!.Value is not { } registration) return null;
        return own!.Value is { } mine ? (mine, true) : (registration, false);
    }

    /// <summary>Makes the person in one transaction with all that belongs to him, and forgets every registration that waited for the address.</summary>
    /// <returns>Null when somebody was faster: the link is used.</returns>
    public async Task<Person?> CompleteAsync(PendingRegistration registration, string name, string passwordHash, CancellationToken cancel)
    {
        var normalized = normalizer.NormalizeEmail(registration.Email);
        await using var transaction = await database.BeginWorkAsync(cancel);
        var waiting = await transaction.ListAsync($"delete from registrations where normalized_email = {normalized} returning id", r => r.GetGuid(0), cancel);
        if (!waiting.Contains(registration.Id)) return null;

        if (await people.MakeAsync(name, registration.Email, passwordHash, transaction, cancel) is not { } person) return null;
        await transaction.CommitAsync(cancel);
        return person;
    }

    private static PendingRegistration Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetFieldValue<byte[]>(4));
}
