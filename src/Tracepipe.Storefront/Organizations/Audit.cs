using System.Text.Json;
using NpgsqlTypes;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>Who acted: a person, a key, an operator of the installation, or the system itself.</summary>
internal readonly record struct Actor(string Kind, Guid? Id)
{
    public static Actor Person(Guid id) => new("person", id);

    public static Actor Key(Guid id) => new("key", id);

    public static Actor System { get; } = new("system", null);

    public static Actor Of(Caller caller) => caller.KeyId is { } key ? Key(key) : new("person", caller.PersonId);
}

/// <summary>One line of the audit log.</summary>
/// <param name="OrganizationId">Whose log.</param>
/// <param name="Action">Noun and past participle: <c>key.created</c>.</param>
/// <param name="By">Who did it.</param>
/// <param name="Target">What it was done to, as a person would name it. Never a secret.</param>
/// <param name="Details">More facts. Never a secret.</param>
/// <param name="Address">The network address it came from.</param>
internal sealed record AuditEntry(Guid OrganizationId, string Action, Actor By, string? Target = null, IReadOnlyDictionary<string, string>? Details = null, string? Address = null);

/// <summary>The append-only log: written in the transaction of what it tells, so that one is not there without the other.</summary>
internal static class Audit
{
    public static Task WriteAsync(Transaction transaction, AuditEntry entry, DateTimeOffset at, CancellationToken cancel)
    {
        var details = new Npgsql.NpgsqlParameter { Value = JsonSerializer.Serialize(entry.Details ?? new Dictionary<string, string>(StringComparer.Ordinal)), NpgsqlDbType = NpgsqlDbType.Jsonb };
        return transaction.ExecuteAsync($"""
            insert into audit_entries (organization_id, id, at, actor_kind, actor_id, action, target, details, address)
            values ({entry.OrganizationId}, {Guid.CreateVersion7()}, {at}, {entry.By.Kind}, {entry.By.Id}::uuid, {entry.Action}, {entry.Target}::text, {details}, {entry.Address}::text)
            """, cancel);
    }
}
