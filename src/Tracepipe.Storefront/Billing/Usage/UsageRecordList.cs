using System.Globalization;
using System.Text.Json;
using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Which usage records are asked for.</summary>
/// <param name="Billed">Whether they stand on an invoice; null: either.</param>
/// <param name="IsFree">True: only those that cost nothing; false: only those that do; null: either.</param>
/// <param name="KeyId">The key that held the work; reported quantities and stored bytes have none.</param>
internal sealed record RecordFilter(bool? Billed = null, bool? IsFree = null, DateRange Range = default, Guid? KeyId = null, string? SuiteId = null);

/// <summary>Where a page of records begins: after this one.</summary>
internal readonly record struct RecordPlace(DateTimeOffset At, Guid Id)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At.UtcTicks / TimeSpan.TicksPerMicrosecond}-{Id:N}");

    public static RecordPlace? Read(string text)
    {
        var cut = text.IndexOf('-', StringComparison.Ordinal);
        return cut > 0 && long.TryParse(text.AsSpan(0, cut), NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at <= DateTimeOffset.MaxValue.UtcTicks / TimeSpan.TicksPerMicrosecond && Guid.TryParseExact(text.AsSpan(cut + 1), "N", out var id)
            ? new RecordPlace(new DateTimeOffset(at * TimeSpan.TicksPerMicrosecond, TimeSpan.Zero), id) : null;
    }
}

/// <summary>Something that was used, of any meter: a unit of work, a reported quantity beyond the included one, bytes that lay above the included level.</summary>
/// <param name="TotalPrice">Exact dollars.</param>
/// <param name="IsFreeTier">Of the free allowance.</param>
/// <param name="IsIncluded">Of what a plan includes.</param>
/// <param name="Details">What the backend said with it, or what the amount comes from.</param>
internal sealed record UsageRecord(Guid Id, string? TicketId, string UsageType, decimal Quantity, decimal UnitPrice, decimal TotalPrice, bool IsFreeTier, bool IsIncluded, Guid? InvoiceId, string? InvoiceNumber, JsonElement? Details, DateTimeOffset RecordedAt, DateTimeOffset? BilledAt,
    Guid? KeyId, string? KeyName, string? SuiteId)
{
    public bool IsBilled => InvoiceId is not null;

    public bool IsFree => TotalPrice == 0;

    public RecordPlace Place => new(RecordedAt, Id);
}

/// <summary>Lists usage records, newest first, by place and not by number, so that the thousandth page costs what the first does.</summary>
internal sealed class UsageRecordList(Database database)
{
    public async Task<IReadOnlyList<UsageRecord>> ListAsync(Guid organization, Guid? person, RecordFilter filter, RecordPlace? after, int limit, CancellationToken cancel)
    {
        Answer<IReadOnlyList<UsageRecord>>? records = null;
        await database.ReadAsync(organization, person, q => records = Ask(q, organization, filter, after, limit), cancel);
        return records!.Value;
    }

    /// <summary>Whether the organization has (or had) such a key.</summary>
    public async Task<bool> HasKeyAsync(Guid organization, Guid? person, Guid key, CancellationToken cancel)
    {
        Answer<bool>? found = null;
        await database.ReadAsync(organization, person, q => found = q.First($"select true from api_keys where organization_id = {organization} and id = {key}", r => r.GetBoolean(0)), cancel);
        return found!.Value;
    }

    /// <summary>Whether something was ever used under this name.</summary>
    public async Task<bool> HasSuiteAsync(Guid organization, Guid? person, string suite, CancellationToken cancel)
    {
        Answer<bool>? found = null;
        await database.ReadAsync(organization, person, q => found = q.First($"select true from usage_days where organization_id = {organization} and suite_id = {suite} limit 1", r => r.GetBoolean(0)), cancel);
        return found!.Value;
    }

    public static Answer<IReadOnlyList<UsageRecord>> Ask(Questions q, Guid organization, RecordFilter filter, RecordPlace? after, int limit)
    {
        var (from, before) = (filter.Range.From ?? DateTimeOffset.MinValue, filter.Range.Before ?? DateTimeOffset.MaxValue);
        var (at, id) = (after?.At ?? DateTimeOffset.MaxValue, after?.Id ?? Guid.AllBitsSet);
        var onlyWork = filter.KeyId is not null || filter.SuiteId is not null;
        // Each kind gives as many as the page takes, by its own index; then the newest of them are taken.
        return q.List($"""
            with work as (
              select id, ticket_id, usage_type, quantity, unit_price, total_minor / 100.0 as total, pocket, invoice_id, usage_details::text as details, recorded_at as at, billed_at, key_id, suite_id
              from usage_records where organization_id = {organization} and recorded_at >= {from} and recorded_at < {before} and (recorded_at, id) < ({at}, {id})
                and ({filter.Billed}::boolean is null or (invoice_id is not null) = {filter.Billed}::boolean) and ({filter.IsFree}::boolean is null or (total_minor = 0) = {filter.IsFree}::boolean)
                and ({filter.KeyId}::uuid is null or key_id = {filter.KeyId}::uuid) and ({filter.SuiteId}::text is null or suite_id = {filter.SuiteId}::text)
              order by recorded_at desc, id desc limit {limit}),
            reported as (
              select u.id, null::text, u.meter, u.beyond, u.unit_price, u.beyond * u.unit_price, 'beyond', a.invoice_id,
                json_build_object('model', u.model, 'reported', trim_scale(u.quantity), 'included_in_plan', u.included, 'used_before', trim_scale(u.used_before))::text, u.used_at, null::timestamptz, null::uuid, null::text
              from priced_uses u left join accruals a on a.organization_id = u.organization_id and a.id = u.accrual_id
              where not {onlyWork} and {filter.IsFree}::boolean is distinct from true and u.organization_id = {organization} and u.used_at >= {from} and u.used_at < {before} and (u.used_at, u.id) < ({at}, {id})
                and ({filter.Billed}::boolean is null or (a.invoice_id is not null) = {filter.Billed}::boolean)
              order by u.used_at desc, u.id desc limit {limit}),
            stored as (
              select s.id, null::text, 'storage', g.hours, s.unit_price, g.hours * s.unit_price, 'beyond', a.invoice_id,
                json_build_object('from', s.from_at, 'to', s.to_at, 'bytes', s.bytes, 'included_bytes', s.included_bytes)::text, s.from_at, null::timestamptz, null::uuid, null::text
              from storage_steps s cross join lateral (select round((s.bytes - s.included_bytes)::numeric * extract(epoch from s.to_at - s.from_at) / 3.6e12, 12) as hours) g
              left join accruals a on a.organization_id = s.organization_id and a.id = s.accrual_id
              where not {onlyWork} and {filter.IsFree}::boolean is distinct from true and s.organization_id = {organization} and s.from_at >= {from} and s.from_at < {before} and (s.from_at, s.id) < ({at}, {id})
                and ({filter.Billed}::boolean is null or (a.invoice_id is not null) = {filter.Billed}::boolean)
              order by s.from_at desc, s.id desc limit {limit}),
            page as (select * from work union all select * from reported union all select * from stored order by at desc, id desc limit {limit})
            select p.id, p.ticket_id, p.usage_type, p.quantity, p.unit_price, round(p.total, 12), p.pocket, p.invoice_id, i.number, p.details, p.at, coalesce(p.billed_at, i.created_at), p.key_id, k.name, p.suite_id
            from page p left join invoices i on i.organization_id = {organization} and i.id = p.invoice_id left join api_keys k on k.organization_id = {organization} and k.id = p.key_id
            order by p.at desc, p.id desc
            """, Read);
    }

    private static UsageRecord Read(NpgsqlDataReader r) => new(r.GetGuid(0), Text(r, 1), r.GetString(2), r.GetDecimal(3) / 1.000000000000000000m, r.GetDecimal(4) / 1.000000000000000000m, r.GetDecimal(5) / 1.000000000000000000m,
        r.GetString(6) is "free", r.GetString(6) is "included", r.IsDBNull(7) ? null : r.GetGuid(7), Text(r, 8), Text(r, 9) is { } json ? JsonElement.Parse(json) : null, r.GetFieldValue<DateTimeOffset>(10),
        r.IsDBNull(11) ? null : r.GetFieldValue<DateTimeOffset>(11), r.IsDBNull(12) ? null : r.GetGuid(12), Text(r, 13), Text(r, 14));

    private static string? Text(NpgsqlDataReader r, int column) => r.IsDBNull(column) ? null : r.GetString(column);
}
