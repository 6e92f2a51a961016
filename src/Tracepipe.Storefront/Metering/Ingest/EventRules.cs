using System.Collections.Concurrent;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>Which reported usage counts, and what is said about the rest.</summary>
internal sealed class EventRules(Database database, Catalogs catalogs, EventWriter writer, TimeProvider clock)
{
    /// <summary>Usage may be reported this long after it happened.</summary>
    public static readonly TimeSpan LatestBy = TimeSpan.FromDays(35);

    /// <summary>The reporter's clock may be ahead of ours by this.</summary>
    public static readonly TimeSpan MostAhead = TimeSpan.FromMinutes(5);

    private const int MostTypes = 1000;
    private static readonly TimeSpan BelievedFor = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<Guid, long> organizations = new();

    /// <summary>Why usage of this type does not come by events: null, it does; empty, it is no meter.</summary>
    public string? RefusalOf(string type)
    {
        foreach (var meter in catalogs.Current.Prices.Meters)
        {
            if (!string.Equals(meter.Key, type, StringComparison.Ordinal)) continue;
            return meter.Kind switch
            {
                MeterKind.Unit => $"Units of {type} are held before the work and committed after it: POST /v1/holds.",
                MeterKind.Level => $"{type} is measured here.",
                _ => null,
            };
        }
        return "";
    }

    /// <summary>Stores what counts.</summary>
    /// <returns>What became of all of it; null when the queue is full, and nothing was stored.</returns>
    public async Task<IngestAnswer?> JudgeAsync(IReadOnlyList<Sent> sent, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var unknown = await UnknownAsync(sent, cancel);
        var items = new List<IngestItem>();
        var (good, old) = (new List<Sent>(sent.Count), new List<Sent>());
        foreach (var one in sent)
        {
            if (one.Event is not { } e) items.Add(new IngestItem(one.Index, one.Id, one.Reason!, one.Message!));
            else if (unknown.Contains(e.OrganizationId)) items.Add(new IngestItem(one.Index, one.Id, "unknown_organization", $"There is no organization {e.OrganizationId}."));
            else if (e.Time > now + MostAhead) items.Add(new IngestItem(one.Index, one.Id, "in_future", $"{e.Time:yyyy-MM-dd'T'HH:mm:ss'Z'} is more than 5 minutes ahead of our clock: set yours."));
            else if (e.Time < now - LatestBy) old.Add(one);
            else good.Add(one);
        }
        var rejected = items.Count;
        var (accepted, duplicates, conflicts) = (0, 0, 0);

        if (old.Count > 0)
        {
            // What was counted long ago is a duplicate, not too old.
            var known = await EventStore.KnownAsync(database, old.ConvertAll(o => o.Event!), cancel);
            foreach (var one in old)
            {
                if (!known.TryGetValue((one.Event!.OrganizationId, one.Event.Digest), out var body))
                {
                    rejected++;
                    items.Add(new IngestItem(one.Index, one.Id, "too_old", "Usage is reported within 35 days: correct the account by hand for what is older."));
                }
                else if (body == one.Event.Body) duplicates++;
                else Conflict(one);
            }
        }

        if (await writer.WriteAsync(good.ConvertAll(g => g.Event!), cancel) is not { } answers) return null;
        for (var i = 0; i < good.Count; i++)
        {
            if (answers[i] is Ingested.Accepted) accepted++;
            else if (answers[i] is Ingested.Duplicate) duplicates++;
            else Conflict(good[i]);
        }
        await NoteUnmatchedAsync(sent, now, cancel);
        items.Sort((a, b) => a.Index.CompareTo(b.Index));
        return new IngestAnswer(accepted, duplicates, conflicts, rejected, items);

        void Conflict(Sent one)
        {
            conflicts++;
            items.Add(new IngestItem(one.Index, one.Id, "conflict", "Another event was counted under this source and id: that one stands."));
        }
    }

    private async Task<HashSet<Guid>> UnknownAsync(IReadOnlyList<Sent> sent, CancellationToken cancel)
    {
        var unsure = new HashSet<Guid>();
        foreach (var one in sent)
            if (one.Event is { } e && !(organizations.TryGetValue(e.OrganizationId, out var at) && clock.GetElapsedTime(at) < BelievedFor)) unsure.Add(e.OrganizationId);
        if (unsure.Count == 0) return unsure;
        var ids = unsure.ToArray();
        Answer<IReadOnlyList<Guid>>? found = null;
        await database.WorkReadAsync(q => found = q.List($"select id from organizations where id = any({ids}) and deleted_at is null", r => r.GetGuid(0)), cancel);
        foreach (var id in found!.Value)
        {
            organizations[id] = clock.GetTimestamp();
            unsure.Remove(id);
        }
        return unsure;
    }

    // The operator sees under which names his backend reports into nothing.
    private async Task NoteUnmatchedAsync(IReadOnlyList<Sent> sent, DateTimeOffset now, CancellationToken cancel)
    {
        var unmatched = sent.Where(s => s.Unmatched is not null).Select(s => s.Unmatched!.Value).GroupBy(u => u.Type, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToList();
        if (unmatched.Count == 0) return;
        await database.WorkReadAsync(q =>
        {
            foreach (var type in unmatched)
            {
                var last = type.Last();
                q.Execute($"""
                    insert into unmatched_events (type, events, first_at, last_at, last_source, last_organization_id)
                    select {type.Key}, {type.Count()}, {now}, {now}, {last.Source}, {last.Organization}::uuid
                    where exists (select from unmatched_events where type = {type.Key}) or (select count(*) from unmatched_events) < {MostTypes}
                    on conflict (type) do update set events = unmatched_events.events + excluded.events, last_at = excluded.last_at, last_source = excluded.last_source, last_organization_id = excluded.last_organization_id
                    """);
            }
        }, cancel);
    }
}

/// <summary>A name under which usage was reported and that is no meter here.</summary>
internal sealed record UnmatchedType(string Type, long Events, DateTimeOffset FirstAt, DateTimeOffset LastAt, string LastSource, Guid? LastOrganizationId)
{
    /// <summary>All of them, the latest first: for the operator.</summary>
    public static Answer<IReadOnlyList<UnmatchedType>> AskAll(Questions q) => q.List($"select type, events, first_at, last_at, last_source, last_organization_id from unmatched_events order by last_at desc limit 1000",
        r => new UnmatchedType(r.GetString(0), r.GetInt64(1), r.GetFieldValue<DateTimeOffset>(2), r.GetFieldValue<DateTimeOffset>(3), r.GetString(4), r.IsDBNull(5) ? null : r.GetGuid(5)));
}
