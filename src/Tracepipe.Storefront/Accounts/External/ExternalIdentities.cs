using Microsoft.AspNetCore.Identity;
using Npgsql;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Registration;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>An identity at a provider that opens a person's account, as he sees it in the list.</summary>
/// <param name="Provider">The provider's configured name.</param>
/// <param name="Email">The address there; nothing follows from it.</param>
public sealed record LinkedIdentity(Guid Id, string Provider, string Issuer, string? Email, DateTimeOffset LinkedAt, DateTimeOffset? LastUsedAt);

/// <summary>What a person can log in with.</summary>
public sealed record WaysIn(bool HasPassword, int Passkeys, IReadOnlyList<LinkedIdentity> Identities)
{
    public int Count => (HasPassword ? 1 : 0) + Passkeys + Identities.Count;
}

/// <summary>Somebody came from a provider that does not vouch for his address and waits to prove it.</summary>
internal sealed record PendingIdentity(Guid Id, ExternalIdentity Identity, string Provider);

/// <summary>
/// Which identities at providers open which accounts. Only the pair of issuer and subject is looked up; an e-mail address never leads to an account
/// that exists. Linking to one takes a session and a fresh proof in it.
/// </summary>
internal sealed class ExternalIdentities(Database database, NewPeople people, Delays delays, Outbox outbox, PublicAddress site, ILookupNormalizer normalizer, IServiceProvider services, TimeProvider clock)
{
    private static readonly TimeSpan Lasts = TimeSpan.FromHours(24);

    /// <summary>The person whose identity this is; the use is noted.</summary>
    public async Task<Guid?> FindAsync(ExternalIdentity identity, CancellationToken cancel)
    {
        Answer<Guid>? found = null;
        await database.WorkReadAsync(q => found = q.First($"""
            update external_identities set last_used_at = {clock.GetUtcNow()}, email = coalesce({identity.Email}::text, email)
            where issuer = {identity.Issuer} and subject = {identity.Subject} returning person_id
            """, r => r.GetGuid(0)), cancel);
        return found!.Value == Guid.Empty ? null : found.Value;
    }

    /// <summary>Makes the person of an identity whose address its provider has checked, with a personal organization. Nobody's account is touched.</summary>
    /// <returns>Null when the address has an account.</returns>
    public async Task<Person?> RegisterAsync(ExternalIdentity identity, string provider, string? address, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        return await MakeAsync(identity, provider, address, transaction, cancel);
    }

    /// <summary>Mails a link to an address that the provider does not vouch for. The statements are the same whether the address has an account.</summary>
    /// <returns>Null, or the seconds until this network may ask again.</returns>
    public async Task<int?> AskForProofAsync(ExternalIdentity identity, string provider, string browser, string network, CancellationToken cancel)
    {
        if (await delays.TakeMailAsync(network, cancel) is { } seconds) return seconds;
        var email = identity.Email!;
        var normalized = normalizer.NormalizeEmail(email);
        var isMailFree = await delays.TakeMailToAsync(normalized, cancel);
        var token = Secret.New();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var isTaken = await transaction.FirstAsync($"select exists (select 1 from people where normalized_email = {normalized})", r => r.GetBoolean(0), cancel);
        await transaction.ExecuteAsync($"""
            insert into external_registrations (id, issuer, subject, provider, name, email, normalized_email, token_hash, browser_hash, expires_at)
            values ({Guid.CreateVersion7()}, {identity.Issuer}, {identity.Subject}, {provider}, {identity.Name}, {email}, {normalized}, {Secret.Hash(token)}, {Secret.Hash(browser)}, {clock.GetUtcNow() + Lasts})
            """, cancel);
        if (isMailFree)
        {
            var mail = isTaken ? AccountMails.AlreadyRegistered(email, site) : AccountMails.FinishExternalRegistration(email, site.Link($"/verify-external-email?token={token}"));
            await outbox.QueueAsync(mail, transaction, cancel);
        }
        await transaction.CommitAsync(cancel);
        return null;
    }

    /// <summary>What a mailed link and the browser in which the sign-in began prove together; null when either is another.</summary>
    public async Task<PendingIdentity?> FindPendingAsync(string token, string? browser, CancellationToken cancel)
    {
        if (browser is null) return null;
        Answer<PendingIdentity?>? found = null;
        await database.WorkReadAsync(q => found = q.First($"""
            select id, issuer, subject, email, name, provider from external_registrations
            where token_hash = {Secret.Hash(token)} and browser_hash = {Secret.Hash(browser)} and expires_at > {clock.GetUtcNow()}
            """, r => new PendingIdentity(r.GetGuid(0), new ExternalIdentity(r.GetString(1), r.GetString(2), r.GetString(3), true, r.GetString(4)), r.GetString(5))), cancel);
        return found!.Value;
    }

    /// <summary>Makes the person who has proved his address.</summary>
    /// <returns>Null when somebody was faster or the address has got an account meanwhile.</returns>
    public async Task<Person?> CompleteAsync(PendingIdentity pending, string? address, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        if (await transaction.ExecuteAsync($"delete from external_registrations where id = {pending.Id}", cancel) == 0) return null;
        return await MakeAsync(pending.Identity, pending.Provider, address, transaction, cancel);
    }

    /// <summary>Lets an identity open the account of somebody who has just proved himself in it.</summary>
    /// <returns>False when it opens another account.</returns>
    public async Task<bool> LinkAsync(Guid person, ExternalIdentity identity, OidcProvider provider, string? address, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var email = await transaction.FirstAsync($"select email from people where id = {person} for update", r => r.GetString(0), cancel);
        if (email is null) return false;
        var isNew = await InsertAsync(person, identity, provider.Name, now, transaction, cancel);
        if (!isNew) return await transaction.FirstAsync($"select person_id from external_identities where issuer = {identity.Issuer} and subject = {identity.Subject}", r => r.GetGuid(0), cancel) == person;
        await outbox.QueueAsync(AccountMails.IdentityLinked(email, provider.Label, site, now), transaction, cancel);
        await services.RaiseAsync(new AccountActed(person, "sign_in.linked", provider.Name, address), transaction, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>Takes one way in away, never the last one: the person's row is locked, so that two requests cannot each leave the other's.</summary>
    /// <returns>True when it is gone, false when it is the last way in, null when there is no such identity.</returns>
    public async Task<bool?> UnlinkAsync(Guid person, Guid identity, string label, string? address, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginWorkAsync(cancel);
        var email = await transaction.FirstAsync($"select email from people where id = {person} for update", r => r.GetString(0), cancel);
        var ways = await transaction.FirstAsync(WaysSql(person), r => r.GetInt32(0), cancel);
        var provider = await transaction.FirstAsync($"delete from external_identities where id = {identity} and person_id = {person} returning provider", r => r.GetString(0), cancel);
        if (provider is null) return null;
        if (ways < 2) return false; // rolled back
        await outbox.QueueAsync(AccountMails.IdentityUnlinked(email!, label, site, now), transaction, cancel);
        await services.RaiseAsync(new AccountActed(person, "sign_in.unlinked", provider, address), transaction, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>All that opens the person's account.</summary>
    public async Task<WaysIn> WaysOfAsync(Guid person, CancellationToken cancel)
    {
        Answer<bool>? password = null;
        Answer<int>? passkeys = null;
        Answer<IReadOnlyList<LinkedIdentity>>? identities = null;
        await database.WorkReadAsync(q =>
        {
            password = q.First($"select password_hash is not null from people where id = {person}", r => r.GetBoolean(0));
            passkeys = q.First($"select count(*)::int from person_passkeys where person_id = {person}", r => r.GetInt32(0));
            identities = q.List($"select id, provider, issuer, email, linked_at, last_used_at from external_identities where person_id = {person} order by linked_at, id", Read);
        }, cancel);
        return new WaysIn(password!.Value, passkeys!.Value, identities!.Value);
    }

    private async Task<Person?> MakeAsync(ExternalIdentity identity, string provider, string? address, Transaction transaction, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var normalized = normalizer.NormalizeEmail(identity.Email!);
        if (await people.MakeAsync(identity.Name, identity.Email!, passwordHash: null, transaction, cancel) is not { } person) return null;
        if (!await InsertAsync(person.Id, identity, provider, now, transaction, cancel)) return null; // the same sign-in in two windows: the other one made the person
        // Whatever else waited for this address was begun by somebody who has not proved it.
        await transaction.ExecuteAsync($"delete from registrations where normalized_email = {normalized}", cancel);
        await transaction.ExecuteAsync($"delete from external_registrations where normalized_email = {normalized}", cancel);
        await services.RaiseAsync(new AccountActed(person.Id, "sign_in.linked", provider, address), transaction, cancel);
        await transaction.CommitAsync(cancel);
        return person;
    }

    private static async Task<bool> InsertAsync(Guid person, ExternalIdentity identity, string provider, DateTimeOffset now, Transaction transaction, CancellationToken cancel) => await transaction.ExecuteAsync($"""
        insert into external_identities (issuer, subject, id, person_id, provider, email, linked_at)
        values ({identity.Issuer}, {identity.Subject}, {Guid.CreateVersion7()}, {person}, {provider}, {identity.Email}::text, {now}) on conflict do nothing
        """, cancel) == 1;

    private static FormattableString WaysSql(Guid person) => $"""
        select (select count(*) from people where id = {person} and password_hash is not null)::int
             + (select count(*) from person_passkeys where person_id = {person})::int
             + (select count(*) from external_identities where person_id = {person})::int
        """;

    private static LinkedIdentity Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetString(1), r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), r.GetFieldValue<DateTimeOffset>(4),
        r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5));
}
