using System.Collections.Concurrent;
using System.Collections.Frozen;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// The keys that this node has seen, by hash. A known key costs no database; an unknown one costs a question, and its absence is believed for a second.
/// What is here counts only while <see cref="KeyChanges"/> keeps hearing from the database.
/// </summary>
internal sealed class KeyCache(Database database, KeyUseLog uses, RequestLimiter limiter, LimitsOf limitsOf, TimeProvider clock)
{
    /// <summary>Silence of the database after which no entry is believed any more.</summary>
    public static readonly TimeSpan TrustFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AbsenceLasts = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromMinutes(10);

    /// <summary>A plan that ends by its date tells nobody: its limits are looked up again after this.</summary>
    private static readonly TimeSpan ReadAnewAfter = TimeSpan.FromMinutes(5);
    private const int MostAbsences = 50_000;

    private readonly ConcurrentDictionary<KeyHash, VerifiedKey> known = new();
    private readonly ConcurrentDictionary<Guid, KeyHash> byId = new();
    private readonly ConcurrentDictionary<KeyHash, long> absent = new();

    /// <summary>Taken to enter a key and to forget one, never to find one: what was read before a revocation cannot be entered after it.</summary>
    private readonly Lock gate = new();
    private long generation;
    private long heardAt = long.MinValue;

    /// <summary>Whether the database has answered lately, so that a revocation elsewhere cannot have been missed.</summary>
    public bool IsTrusted => Volatile.Read(ref heardAt) is var at && at != long.MinValue && clock.GetElapsedTime(at) < TrustFor;

    /// <summary>How many keys are held.</summary>
    public int Count => known.Count;

    /// <summary>How often a key was looked for in the database.</summary>
    public long Questions => Volatile.Read(ref questions);

    private long questions;

    /// <summary>The key with this hash, when it exists and has not been revoked; expiry is the caller's to check.</summary>
    public ValueTask<VerifiedKey?> FindAsync(in KeyHash hash, CancellationToken cancel)
    {
        if (known.TryGetValue(hash, out var key)) return new ValueTask<VerifiedKey?>(key);
        if (absent.TryGetValue(hash, out var since) && clock.GetElapsedTime(since) < AbsenceLasts) return default;
        return new ValueTask<VerifiedKey?>(AskAsync(hash, cancel));
    }

    /// <summary>Everything up to this instant of the monotonic clock has been heard.</summary>
    internal void Heard(long at) => Volatile.Write(ref heardAt, at);

    public void ForgetKey(Guid id)
    {
        lock (gate)
        {
            generation++; // an answer on its way is asked again
            if (byId.TryRemove(id, out var hash)) known.TryRemove(hash, out _);
        }
    }

    public void ForgetOrganization(Guid organization) => ForgetWhere(k => k.OrganizationId == organization);

    public void ForgetPerson(Guid person) => ForgetWhere(k => k.MakerId == person);

    public void ForgetAll() => ForgetWhere(_ => true);

    /// <summary>Drops what has not been used for long, what was read long ago, and absences that are over.</summary>
    public void Sweep()
    {
        foreach (var (hash, since) in absent)
            if (clock.GetElapsedTime(since) >= AbsenceLasts) absent.TryRemove(hash, out _);
        foreach (var key in known.Values)
            if ((clock.GetElapsedTime(Volatile.Read(ref key.SeenAt)) >= ForgottenAfter || clock.GetElapsedTime(key.ReadAt) >= ReadAnewAfter) && byId.TryRemove(key.Id, out var hash)) known.TryRemove(hash, out _);
    }

    private void ForgetWhere(Func<VerifiedKey, bool> matches)
    {
        lock (gate)
        {
            generation++;
            foreach (var (hash, key) in known)
            {
                if (!matches(key)) continue;
                byId.TryRemove(key.Id, out _);
                known.TryRemove(hash, out _);
            }
        }
    }

    private async Task<VerifiedKey?> AskAsync(KeyHash hash, CancellationToken cancel)
    {
        while (true)
        {
            var before = Volatile.Read(ref generation);
            var key = await ReadAsync(hash, cancel);
            if (key is null)
            {
                if (absent.Count < MostAbsences) absent[hash] = clock.GetTimestamp();
                return null;
            }
            lock (gate)
            {
                if (generation == before)
                {
                    known[hash] = key;
                    byId[key.Id] = hash;
                    return key;
                }
            }
            // Something was revoked between the question and now; it may have been this one: ask again, and let nobody see it until then.
        }
    }

    private async Task<VerifiedKey?> ReadAsync(KeyHash hash, CancellationToken cancel)
    {
        Interlocked.Increment(ref questions);
        Answer<Row?>? row = null;
        Answer<Guid?>? service = null;
        await database.WorkReadAsync(q =>
        {
            row = q.First($"""
                select k.organization_id, k.id, k.logical_id, k.permissions, k.suites, k.expires_at, k.created_by, p.display_name, o.slug, o.name
                from api_keys k
                join organizations o on o.id = k.organization_id and o.deleted_at is null
                left join members m on m.organization_id = k.organization_id and m.person_id = k.created_by
                left join people p on p.id = m.person_id
                where k.hash = {hash.ToArray()} and k.revoked_at is null
                """, Row.Read);
            service = q.First($"select id from service_keys where hash = {hash.ToArray()} and revoked_at is null", r => (Guid?)r.GetGuid(0));
        }, cancel);
        if (service!.Value is { } id) return OfService(id);
        if (row!.Value is not { } found) return null;
        var limits = await limitsOf(found.Organization, cancel);
        return new VerifiedKey
        {
            Id = found.Id,
            LogicalId = found.LogicalId,
            OrganizationId = found.Organization,
            MakerId = found.Maker,
            Permissions = found.Permissions.ToFrozenSet(StringComparer.Ordinal),
            Suites = found.Suites,
            ExpiresAt = found.ExpiresAt,
            IsService = false,
            Principal = VerifiedKey.PrincipalOf(found.Organization, found.Id, found.Maker, found.Permissions),
            Me = VerifiedKey.MeOf(found.Maker, found.MakerName, found.Organization, found.Slug, found.OrganizationName),
            Buckets = limiter.Of(found.LogicalId, found.Organization, limits),
            Use = uses.Of(found.Organization, found.Id, found.LogicalId),
            SeenAt = clock.GetTimestamp(),
            ReadAt = clock.GetTimestamp(),
        };
    }

    private VerifiedKey OfService(Guid id) => new()
    {
        Id = id,
        LogicalId = id,
        OrganizationId = Guid.Empty,
        MakerId = null,
        Permissions = FrozenSet<string>.Empty,
        Suites = null,
        ExpiresAt = null,
        IsService = true,
        Principal = VerifiedKey.ServicePrincipalOf(id),
        Me = default,
        Buckets = limiter.Of(id, id, KeyLimits.None),
        Use = null,
        SeenAt = clock.GetTimestamp(),
        ReadAt = clock.GetTimestamp(),
    };

    private sealed record Row(Guid Organization, Guid Id, Guid LogicalId, string[] Permissions, string[]? Suites, DateTimeOffset? ExpiresAt, Guid? Maker, string? MakerName, string Slug, string OrganizationName)
    {
        public static Row Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), r.GetGuid(2), r.GetFieldValue<string[]>(3), r.IsDBNull(4) ? null : r.GetFieldValue<string[]>(4),
            r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5), r.IsDBNull(6) ? null : r.GetGuid(6), r.IsDBNull(7) ? null : r.GetString(7), r.GetString(8), r.GetString(9));
    }
}
