using System.Text.Json;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Pages;

/// <summary>A session as a row of a list.</summary>
/// <param name="Inputs">Events of the person's own input.</param>
/// <param name="Strip">Activity over the whole recording, in a few equal parts.</param>
internal sealed record SessionRow(TraceSession Session, long Inputs, IReadOnlyList<long> Strip);

/// <summary>A page of rows.</summary>
/// <param name="Stored">All sessions of the organization, whatever the filter.</param>
internal sealed record SessionList(IReadOnlyList<SessionRow> Rows, int Total, int Stored);

/// <summary>What keeping the file of a session costs.</summary>
/// <param name="SoFar">Exact dollars since it was stored.</param>
/// <param name="PerMonth">Exact dollars per month from now, which end when it is deleted.</param>
/// <param name="Sessions">How many sessions share the file.</param>
internal sealed record SessionCost(decimal SoFar, decimal PerMonth, int Sessions, StoragePrice Price);

/// <summary>Reads the pages of sessions.</summary>
internal sealed class SessionReader(Database database, StorageUse storage, TimeProvider clock)
{
    private const int StripBars = 24;

    /// <summary>The orders of the list, by their names in the address.</summary>
    public static IReadOnlyList<(string Key, string Label)> Orders { get; } = [("newest", "Newest first"), ("oldest", "Oldest first"), ("largest", "Largest first"), ("longest", "Longest first"), ("name", "By name")];

    public async Task<SessionList> ListAsync(Guid organization, string? suite, string order, (int Number, int Size) page, CancellationToken cancel)
    {
        Func<SessionList>? found = null;
        await database.ReadAsync(organization, person: null, q => found = AskList(q, organization, suite, order, page, clock.GetUtcNow()), cancel);
        return found!();
    }

    /// <summary>The same as part of a larger question; what it returns gives the list once that has been answered.</summary>
    public static Func<SessionList> AskList(Questions q, Guid organization, string? suite, string order, (int Number, int Size) page, DateTimeOffset now)
    {
        var skip = (page.Number - 1L) * page.Size;
        var rows = q.List($"""
            select s.id, s.suite_id, s.description, s.file_name, s.sha256, s.bytes, s.duplicate_of, s.created_at, s.keep_until,
              (s.summary->'format')::text, (s.summary->>'truncated')::bool, (s.summary->>'events')::bigint, (s.summary->>'duration_ms')::float8,
              (select coalesce(sum((i->>'count')::bigint), 0)::bigint from jsonb_array_elements(s.summary->'input_events') i), (s.summary->'activity')::text
            from trace_sessions s
            where s.organization_id = {organization} and (s.keep_until is null or s.keep_until > {now}) and ({suite}::text is null or s.suite_id = {suite})
            order by case {order}::text when 'largest' then s.bytes end desc nulls last, case {order}::text when 'longest' then (s.summary->>'duration_ms')::float8 end desc nulls last,
              case {order}::text when 'name' then lower(s.file_name) end, case {order}::text when 'oldest' then s.created_at end, s.created_at desc, s.id desc
            limit {page.Size} offset {skip}
            """, r => new SessionRow(TraceSession.Read(r), r.GetInt64(13), JsonSerializer.Deserialize(r.GetString(14), TracesJson.Default.TraceActivity)!.Bars(StripBars)));
        var counts = q.First($"""
            select count(*) filter (where {suite}::text is null or s.suite_id = {suite})::int, count(*)::int
            from trace_sessions s where s.organization_id = {organization} and (s.keep_until is null or s.keep_until > {now})
            """, r => (Total: r.GetInt32(0), Stored: r.GetInt32(1)));
        return () => new SessionList(rows.Value, counts.Value.Total, counts.Value.Stored);
    }

    /// <summary>What a session's file has cost and costs from now on. Sessions that share a file share its cost.</summary>
    public async Task<SessionCost?> CostAsync(Guid organization, TraceSession session, CancellationToken cancel)
    {
        Answer<(decimal Before, int Sessions)?>? file = null;
        await database.ReadAsync(organization, person: null, q => file = q.First($"""
            select f.charged_before, (select count(*)::int from trace_sessions s where s.organization_id = f.organization_id and s.sha256 = f.sha256)
            from trace_files f where f.organization_id = {organization} and f.sha256 = {session.Sha256}
            """, r => ((decimal, int)?)(r.GetDecimal(0), r.GetInt32(1))), cancel);
        if (file!.Value is not { } stored) return null;
        var (price, charged) = await storage.PriceAsync(organization, cancel);
        var soFar = StorageLevel.GbHours(Math.Max(0, charged - stored.Before) * session.Bytes) * price.UnitPrice;
        return new SessionCost(soFar, price.Saved(session.Bytes, StoragePrice.MonthHours), stored.Sessions, price);
    }

    /// <summary>For how many days new sessions are kept; null: until they are deleted.</summary>
    public async Task<int?> KeepDaysAsync(Guid organization, CancellationToken cancel)
    {
        Answer<int?>? days = null;
        await database.ReadAsync(organization, person: null, q => days = q.First($"select keep_days from trace_retention where organization_id = {organization}", r => (int?)r.GetInt32(0)), cancel);
        return days!.Value;
    }

    /// <summary>For the dashboard: whether anything was ever uploaded.</summary>
    public static Answer<bool> AskUploaded(Questions q, Guid organization) =>
        q.First($"select true from usage_days where organization_id = {organization} and meter = {TraceSessions.Uploaded} limit 1", r => r.GetBoolean(0));
}
