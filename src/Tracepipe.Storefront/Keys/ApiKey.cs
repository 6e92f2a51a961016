using Npgsql;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Keys;

/// <summary>A key as its owners see it. The key itself is nowhere: only its hash is kept.</summary>
/// <param name="Prefix">Its beginning, <c>tp_live_a1b2</c>.</param>
/// <param name="Last4">Its end.</param>
/// <param name="Permissions">What it may do: such as <c>keys:read</c>.</param>
/// <param name="Suites">The suites it may touch; null is all of them.</param>
/// <param name="CreatedBy">The name of its maker; null when he has left.</param>
/// <param name="LastUsedAt">Written behind: up to a few seconds old.</param>
/// <param name="RequestsIn24Hours">By whole hours, of the logical key.</param>
public sealed record ApiKey(
    Guid Id,
    string Name,
    string Prefix,
    string Last4,
    IReadOnlyList<string> Permissions,
    IReadOnlyList<string>? Suites,
    string? CreatedBy,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? RevokedAt,
    DateTimeOffset? LastUsedAt,
    long RequestsIn24Hours)
{
    /// <summary>How it is shown: <c>tp_live_a1b2…o5p6</c>.</summary>
    public string Masked => $"{Prefix}…{Last4}";

    public bool IsRevoked => RevokedAt is not null;

    public bool IsExpiredAt(DateTimeOffset now) => ExpiresAt <= now;

    /// <summary>Ends within seven days: worth a word on the page.</summary>
    public bool IsExpiringAt(DateTimeOffset now) => !IsExpiredAt(now) && ExpiresAt <= now.AddDays(7);

    /// <summary>What a new key may do unless chosen otherwise.</summary>
    public static IReadOnlyList<string> DefaultPermissions { get; } = [Organizations.Permissions.SessionsRead, Organizations.Permissions.SessionsWrite, Organizations.Permissions.UsageRead];

    internal static ApiKey Read(NpgsqlDataReader r) => new(
        r.GetGuid(0),
        r.GetString(1),
        r.GetString(2),
        r.GetString(3),
        r.GetFieldValue<string[]>(4),
        r.IsDBNull(5) ? null : r.GetFieldValue<string[]>(5),
        r.IsDBNull(6) ? null : r.GetString(6),
        r.GetFieldValue<DateTimeOffset>(7),
        When(r, 8),
        When(r, 9),
        When(r, 10),
        r.GetInt64(11));

    private static DateTimeOffset? When(NpgsqlDataReader r, int column) => r.IsDBNull(column) ? null : r.GetFieldValue<DateTimeOffset>(column);
}

/// <summary>What somebody wants a new key to be.</summary>
/// <param name="Id">Chosen by the form that asks, so that sending it twice makes one key; null lets the key ring choose.</param>
/// <param name="Name">1 to 100 characters.</param>
/// <param name="ExpiresAt">Null never.</param>
/// <param name="Permissions">Null: <see cref="ApiKey.DefaultPermissions"/>.</param>
/// <param name="Suites">Null: all of them.</param>
internal sealed record KeyWish(Guid? Id, string? Name, DateTimeOffset? ExpiresAt, IReadOnlyList<string>? Permissions, IReadOnlyList<string>? Suites);

/// <summary>A key that has just been made: the only moment in which its secret exists.</summary>
/// <param name="Secret">The whole key. Shown once, kept nowhere.</param>
public sealed record NewKey(ApiKey Key, string Secret);

/// <summary>Something that the catalogue sells work on, which a key can be limited to.</summary>
internal sealed record Suite(string Id, string Name);

/// <summary>The suites that exist. An upper module that knows them replaces the default, which knows none.</summary>
internal delegate IReadOnlyList<Suite> Suites();

/// <summary>
/// Somebody wants a key, in the running transaction: a module above may <see cref="Refuse"/> it, for instance because no card is on file. Registered with
/// <c>AddAfter&lt;KeyWanted&gt;</c>.
/// </summary>
internal sealed class KeyWanted(Guid organizationId, Caller by)
{
    public Guid OrganizationId { get; } = organizationId;

    /// <summary>Who asks.</summary>
    public Caller By { get; } = by;

    /// <summary>The first reason that was given.</summary>
    public Platform.Problem? Refusal { get; private set; }

    public void Refuse(Platform.Problem reason) => Refusal ??= reason;
}
