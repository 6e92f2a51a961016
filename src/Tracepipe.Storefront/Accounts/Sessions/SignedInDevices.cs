using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.Sessions;

/// <summary>What a valid session says about its person now.</summary>
internal sealed record SessionFacts(Guid PersonId, string Stamp, string Name, string Email);

/// <summary>
/// The sessions of browsers: begun at log-in, checked on each request, ended by logging out here or from the list. A cookie alone proves nothing: its
/// row and its person's security stamp are asked for again after five seconds at most, in one round trip; what ends on this node ends at once.
/// </summary>
internal sealed class SignedInDevices(Database database, IOptions<AccountsOptions> options, TimeProvider clock)
{
    /// <summary>For how long an answer of the database is believed.</summary>
    internal static readonly TimeSpan Trusted = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan SeenEvery = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<Guid, Checked> known = new();

    /// <summary>The last answer about a session.</summary>
    /// <param name="Facts">Null when the session is over, which it then stays.</param>
    private sealed record Checked(SessionFacts? Facts, long At);

    /// <summary>Begins a session and ends the one that this browser had.</summary>
    public async Task<Guid> BeginAsync(Guid person, Guid? before, HttpContext http, CancellationToken cancel)
    {
        var id = Guid.CreateVersion7();
        var now = clock.GetUtcNow();
        var (agent, address) = Of(http);
        await database.WorkReadAsync(q =>
        {
            if (before is { } old) q.Execute($"update signed_in_devices set revoked_at = {now} where id = {old} and revoked_at is null");
            q.Execute($"insert into signed_in_devices (id, person_id, user_agent, address, created_at, last_seen_at) values ({id}, {person}, {agent}, {address}, {now}, {now})");
        }, cancel);
        if (before is { } ended) Over(ended);
        return id;
    }

    /// <summary>The facts of a running session, or null when it is over: logged out, revoked, unused for too long, or its person's password has changed.</summary>
    public async Task<SessionFacts?> CheckAsync(Guid session, string stamp, HttpContext http)
    {
        if (known.TryGetValue(session, out var seen) && (seen.Facts is null || clock.GetElapsedTime(seen.At) < Trusted)) return Matching(seen.Facts, stamp);

        var asked = clock.GetTimestamp();
        var now = clock.GetUtcNow();
        var oldest = now - options.Value.SessionIdle;
        var (agent, address) = Of(http);
        Answer<SessionFacts?>? found = null;
        await database.WorkReadAsync(q =>
        {
            found = q.First($"""
                select p.id, p.security_stamp, p.display_name, p.email from signed_in_devices d join people p on p.id = d.person_id
                where d.id = {session} and d.revoked_at is null and d.last_seen_at > {oldest}
                """, r => new SessionFacts(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3)));
            // Written at most once a minute, and never for a session that is over.
            q.Execute($"""
                update signed_in_devices d set last_seen_at = {now}, user_agent = {agent}, address = {address} from people p
                where d.id = {session} and d.revoked_at is null and d.last_seen_at between {oldest} and {now - SeenEvery} and p.id = d.person_id and p.security_stamp = {stamp}
                """);
        }, http.RequestAborted);

        // A session that this node ended while we asked stays ended.
        var kept = known.AddOrUpdate(session, new Checked(found!.Value, asked), (_, other) => other.Facts is null ? other : new Checked(found.Value, asked));
        return Matching(kept.Facts, stamp);
    }

    /// <summary>Sessions of a person that are running, the latest used first.</summary>
    public async Task<IReadOnlyList<SignedInDevice>> OfAsync(Guid person, CancellationToken cancel)
    {
        var oldest = clock.GetUtcNow() - options.Value.SessionIdle;
        Answer<IReadOnlyList<SignedInDevice>>? found = null;
        await database.WorkReadAsync(q => found = q.List(
            $"select id, user_agent, address, created_at, last_seen_at from signed_in_devices where person_id = {person} and revoked_at is null and last_seen_at > {oldest} order by last_seen_at desc, id desc limit 100",
            r => new SignedInDevice(r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetFieldValue<DateTimeOffset>(3), r.GetFieldValue<DateTimeOffset>(4))), cancel);
        return found!.Value;
    }

    /// <summary>Ends one session of the person.</summary>
    /// <returns>False when he has no such session.</returns>
    public async Task<bool> EndAsync(Guid person, Guid session, CancellationToken cancel) =>
        await EndWhereAsync($"update signed_in_devices set revoked_at = {clock.GetUtcNow()} where id = {session} and person_id = {person} and revoked_at is null returning id", cancel) > 0;

    /// <summary>Ends all sessions of the person but one.</summary>
    /// <returns>How many were ended.</returns>
    public Task<int> EndOthersAsync(Guid person, Guid? except, CancellationToken cancel) =>
        EndWhereAsync($"update signed_in_devices set revoked_at = {clock.GetUtcNow()} where person_id = {person} and id <> {except ?? Guid.Empty} and revoked_at is null returning id", cancel);

    /// <summary>What is known of a person's sessions has changed (his name, his password): the next request asks anew.</summary>
    public void ForgetAll(Guid person)
    {
        foreach (var (id, seen) in known)
            if (seen.Facts?.PersonId == person) known.TryRemove(new(id, seen));
    }

    /// <summary>Forgets answers that are too old to be believed.</summary>
    internal void Tidy()
    {
        foreach (var (id, seen) in known)
            if (clock.GetElapsedTime(seen.At) > TimeSpan.FromMinutes(1)) known.TryRemove(new(id, seen));
    }

    private async Task<int> EndWhereAsync(FormattableString sql, CancellationToken cancel)
    {
        Answer<IReadOnlyList<Guid>>? ended = null;
        await database.WorkReadAsync(q => ended = q.List(sql, r => r.GetGuid(0)), cancel);
        foreach (var id in ended!.Value) Over(id);
        return ended.Value.Count;
    }

    private void Over(Guid session) => known[session] = new Checked(null, clock.GetTimestamp());

    private static SessionFacts? Matching(SessionFacts? facts, string stamp) => facts is not null && string.Equals(facts.Stamp, stamp, StringComparison.Ordinal) ? facts : null;

    private static (string Agent, string Address) Of(HttpContext http)
    {
        var agent = http.Request.Headers.UserAgent.ToString();
        return (agent.Length > 300 ? agent[..300] : agent, Tried.NetworkOf(http.Connection.RemoteIpAddress));
    }
}
