using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>An organization has been made, in the running transaction: other modules add what belongs to it (a billing account).</summary>
internal sealed record OrganizationMade(Guid OrganizationId, string Name, string Email, DateTimeOffset At);

/// <summary>The organizations and who belongs to them: finds a membership, makes an organization, lists a person's.</summary>
internal sealed class Memberships(Database database, TimeProvider clock, IServiceProvider services)
{
    /// <summary>The membership of a person in the organization of this slug; null when there is none or the organization is gone.</summary>
    public Task<Membership?> FindAsync(string slug, Guid person, CancellationToken cancel) => FindAsync(person, cancel,
        $"select o.id, o.slug, o.name, o.is_personal, m.role, m.person_id from organizations o join members m on m.organization_id = o.id where o.slug = {slug} and m.person_id = {person} and o.deleted_at is null");

    /// <summary>The same by the organization's id.</summary>
    public Task<Membership?> FindAsync(Guid organization, Guid person, CancellationToken cancel) => FindAsync(person, cancel,
        $"select o.id, o.slug, o.name, o.is_personal, m.role, m.person_id from organizations o join members m on m.organization_id = o.id where o.id = {organization} and m.person_id = {person} and o.deleted_at is null");

    /// <summary>All organizations of a person: the personal one first, then by name.</summary>
    public async Task<IReadOnlyList<Membership>> OfAsync(Guid person, CancellationToken cancel)
    {
        Answer<IReadOnlyList<Membership>>? found = null;
        await database.ReadAsPersonAsync(person, q => found = q.List(
            $"select o.id, o.slug, o.name, o.is_personal, m.role, m.person_id from organizations o join members m on m.organization_id = o.id where m.person_id = {person} and o.deleted_at is null order by o.is_personal desc, o.name, o.id", Read), cancel);
        return found!.Value;
    }

    /// <summary>Makes the organization that every person gets, in the transaction that makes the person.</summary>
    /// <returns>Its id and slug.</returns>
    public async Task<(Guid Id, string Slug)> MakePersonalAsync(Guid person, string name, string email, Transaction transaction, CancellationToken cancel)
    {
        var id = Guid.CreateVersion7();
        var now = clock.GetUtcNow();
        var slug = await FreeSlugAsync(id, name, email, now, transaction, cancel);
        await transaction.ExecuteAsync($"insert into members (organization_id, person_id, role, joined_at) values ({id}, {person}, 'owner', {now})", cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(id, "organization.created", Actor.Person(person), Target: slug), now, cancel);
        await services.RaiseAsync(new OrganizationMade(id, name, email, now), transaction, cancel);
        return (id, slug);
    }

    // The unique index decides, not a look beforehand: two people of one name may register at the same instant.
    private static async Task<string> FreeSlugAsync(Guid id, string name, string email, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var wish = SlugOf(name);
        for (var tries = 0; ; tries++)
        {
            var slug = tries == 0 ? wish : $"{wish}-{RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", tries < 5 ? 4 : 10)}";
            var made = await transaction.ExecuteAsync(
                $"insert into organizations (id, slug, name, is_personal, billing_email, created_at) values ({id}, {slug}, {name}, true, {email}, {now}) on conflict (slug) do nothing", cancel);
            if (made == 1) return slug;
        }
    }

    /// <summary>A name as an address: <c>Zoë O'Hara</c> → <c>zoe-ohara</c>. At most 40 characters; reserved words and empty results get a suffix or a stand-in.</summary>
    internal static string SlugOf(string name)
    {
        var slug = new StringBuilder();
        foreach (var c in name.Normalize(NormalizationForm.FormD))
        {
            if (CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark || c is '\'' or '’') continue;
            if (char.IsAsciiLetterOrDigit(c)) slug.Append(char.ToLowerInvariant(c));
            else if (slug.Length > 0 && slug[^1] != '-') slug.Append('-');
            if (slug.Length == 40) break;
        }
        var text = slug.ToString().Trim('-');
        if (text.Length < 2) return "organization";
        return Reserved.Contains(text) ? text + "-org" : text;
    }

    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal) { "new", "admin", "api", "settings", "billing", "dashboard", "operator", "support", "tracepipe" };

    private async Task<Membership?> FindAsync(Guid person, CancellationToken cancel, FormattableString sql)
    {
        Answer<Membership?>? found = null;
        await database.ReadAsPersonAsync(person, q => found = q.First(sql, Read), cancel);
        return found!.Value;
    }

    internal static Membership Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetBoolean(3), Permissions.RoleOf(r.GetString(4)), r.GetGuid(5));
}
