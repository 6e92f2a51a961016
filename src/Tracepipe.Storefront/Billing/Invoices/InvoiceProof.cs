using System.Text.Json;
using System.Text.Json.Serialization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>A usage invoice with everything that its amounts were computed from, so that anybody can compute them again without us: <see cref="ProofCheck"/>.</summary>
/// <param name="Format">Names the form of this file.</param>
/// <param name="TotalCents">The sum of the lines.</param>
internal sealed record InvoiceProof(string Format, string Number, string Currency, DateTimeOffset MadeAt, long TotalCents, long CreditsAppliedCents, long AmountDueCents, IReadOnlyList<ProvenLine> Lines)
{
    public const string Version1 = "tracepipe-invoice-proof/1";

    /// <summary>How the file is written and read.</summary>
    public static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, MaxDepth = 16,
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}

/// <param name="Kind">use; carried: decided in an earlier month; not_charged: the part of a line that the spend cap held back; held_back: such a part, paid later.</param>
/// <param name="UnitPrice">Exact, dollars.</param>
/// <param name="NotChargedCents">Of a carried line: what the spend cap had held back of it.</param>
/// <param name="Units">Units of work that were held and committed.</param>
/// <param name="Uses">Reported quantities.</param>
/// <param name="Steps">Bytes above the included level over time.</param>
internal sealed record ProvenLine(int Line, string Description, string Kind, string? Meter, decimal Quantity, decimal UnitPrice, long AmountCents, long? NotChargedCents, string? Accrual, IReadOnlyList<ProvenUnit>? Units, IReadOnlyList<ProvenUse>? Uses, IReadOnlyList<ProvenStep>? Steps);

/// <param name="Pocket">credits or metered.</param>
internal sealed record ProvenUnit(Guid Record, string? Hold, DateTimeOffset RecordedAt, string Pocket, decimal Quantity, decimal UnitPrice, long AmountCents);

/// <summary>Events of a minute that were priced together.</summary>
/// <param name="Included">What the plan includes in the quota period.</param>
/// <param name="UsedBefore">What had been used of it.</param>
/// <param name="Beyond">What of the quantity is not included.</param>
internal sealed record ProvenUse(DateTimeOffset UsedAt, string? Model, decimal UnitPrice, decimal Quantity, long Included, decimal UsedBefore, decimal Beyond, IReadOnlyList<ProvenEvent> Events);

/// <param name="Digest">The first 16 bytes of SHA-256 of source and id, hexadecimal.</param>
internal sealed record ProvenEvent(string Digest, string Source, string Id, DateTimeOffset Time, decimal Quantity);

internal sealed record ProvenStep(DateTimeOffset From, DateTimeOffset To, long Bytes, long IncludedBytes);

/// <summary>Gathers proofs.</summary>
internal sealed class InvoiceProofs(Database database)
{
    /// <returns>Null when there is no such usage invoice.</returns>
    public async Task<InvoiceProof?> MakeAsync(Guid organization, Guid? person, Guid invoice, CancellationToken cancel)
    {
        Answer<InvoiceProof?>? head = null;
        Answer<IReadOnlyList<(ProvenLine Line, Guid? Accrual)>>? lines = null;
        Answer<IReadOnlyList<(Guid Accrual, ProvenUnit Unit)>>? units = null;
        Answer<IReadOnlyList<(Guid Accrual, string Meter, Guid[] Batches, ProvenUse Use)>>? uses = null;
        Answer<IReadOnlyList<(Guid Accrual, ProvenStep Step)>>? steps = null;
        Answer<IReadOnlyList<(Guid Batch, string Meter, string? Model, ProvenEvent Event)>>? events = null;
        await database.ReadAsync(organization, person, q =>
        {
            head = q.First($"""
                select number, currency, created_at, total_cents, credits_applied_cents, amount_due_cents from invoices where organization_id = {organization} and id = {invoice} and kind = 'usage'
                """, r => new InvoiceProof(InvoiceProof.Version1, r.GetString(0), r.GetString(1), r.GetFieldValue<DateTimeOffset>(2), r.GetInt64(3), r.GetInt64(4), r.GetInt64(5), []));
            lines = q.List($"""
                select ordinal, description, kind, meter, quantity, unit_price, amount_cents, accrual_id from invoice_lines where organization_id = {organization} and invoice_id = {invoice} order by ordinal
                """, r => (new ProvenLine(r.GetInt32(0) + 1, r.GetString(1), r.GetString(2), r.IsDBNull(3) ? null : r.GetString(3), Plain(r.GetDecimal(4)), Plain(r.GetDecimal(5)), r.GetInt64(6), null, r.IsDBNull(7) ? null : r.GetGuid(7).ToString(), null, null, null),
                    r.IsDBNull(7) || r.GetString(2) is not ("use" or "carried") ? null : (Guid?)r.GetGuid(7)));
            units = q.List($"""
                select r.accrual_id, r.id, r.hold_id, r.recorded_at, r.pocket, r.quantity, r.unit_price, r.total_minor from usage_records r join invoice_lines l on l.organization_id = r.organization_id and l.accrual_id = r.accrual_id and l.kind in ('use', 'carried')
                where l.organization_id = {organization} and l.invoice_id = {invoice} order by r.recorded_at, r.id
                """, r => (r.GetGuid(0), new ProvenUnit(r.GetGuid(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetFieldValue<DateTimeOffset>(3), r.GetString(4), Plain(r.GetDecimal(5)), Plain(r.GetDecimal(6)), r.GetInt64(7))));
            uses = q.List($"""
                select u.accrual_id, u.meter, u.batches, u.used_at, u.model, u.unit_price, u.quantity, u.included, u.used_before, u.beyond
                from priced_uses u join invoice_lines l on l.organization_id = u.organization_id and l.accrual_id = u.accrual_id and l.kind in ('use', 'carried')
                where l.organization_id = {organization} and l.invoice_id = {invoice} order by u.used_before, u.id
                """, r => (r.GetGuid(0), r.GetString(1), r.GetFieldValue<Guid[]>(2), new ProvenUse(r.GetFieldValue<DateTimeOffset>(3), r.IsDBNull(4) ? null : r.GetString(4), Plain(r.GetDecimal(5)), Plain(r.GetDecimal(6)), r.GetInt64(7),
                    Plain(r.GetDecimal(8)), Plain(r.GetDecimal(9)), [])));
            steps = q.List($"""
                select s.accrual_id, s.from_at, s.to_at, s.bytes, s.included_bytes from storage_steps s join invoice_lines l on l.organization_id = s.organization_id and l.accrual_id = s.accrual_id and l.kind in ('use', 'carried')
                where l.organization_id = {organization} and l.invoice_id = {invoice} order by s.from_at
                """, r => (r.GetGuid(0), new ProvenStep(r.GetFieldValue<DateTimeOffset>(1), r.GetFieldValue<DateTimeOffset>(2), r.GetInt64(3), r.GetInt64(4))));
            events = q.List($"""
                with wanted as (
                  select distinct b.batch, u.meter, u.origin_month from priced_uses u join invoice_lines l on l.organization_id = u.organization_id and l.accrual_id = u.accrual_id and l.kind in ('use', 'carried'), unnest(u.batches) b (batch)
                  where l.organization_id = {organization} and l.invoice_id = {invoice})
                select e.batch, e.meter, e.model, e.digest, e.source, e.event_id, e.time, e.quantity from usage_events e
                join wanted w on w.batch = e.batch and w.meter = e.meter and e.time >= w.origin_month and e.time < w.origin_month + interval '1 month'
                where e.organization_id = {organization} and e.time >= (select min(origin_month) from wanted) and e.time < (select max(origin_month) + interval '1 month' from wanted) order by e.time, e.digest
                """, r => (r.GetGuid(0), r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), new ProvenEvent(r.GetGuid(3).ToString("N"), r.GetString(4), r.GetString(5), r.GetFieldValue<DateTimeOffset>(6), Plain(r.GetDecimal(7)))));
        }, cancel);
        if (head!.Value is not { } proof) return null;
        // A batch's events of a meter, model and minute were priced at once.
        var byMinute = events!.Value.ToLookup(e => (e.Batch, e.Meter, e.Model ?? "", Minute(e.Event.Time)), e => e.Event);
        var (unitsOf, stepsOf) = (units!.Value.ToLookup(u => u.Accrual, u => u.Unit), steps!.Value.ToLookup(s => s.Accrual, s => s.Step));
        var usesOf = uses!.Value.ToLookup(u => u.Accrual, u => u.Use with { Events = [.. u.Batches.SelectMany(b => byMinute[(b, u.Meter, u.Use.Model ?? "", Minute(u.Use.UsedAt))])] });
        return proof with { Lines = [.. lines!.Value.Select(l => l.Accrual is { } accrual ? Behind(l.Line, [.. unitsOf[accrual]], [.. usesOf[accrual]], [.. stepsOf[accrual]]) : l.Line)] };
    }

    private static ProvenLine Behind(ProvenLine line, IReadOnlyList<ProvenUnit> units, IReadOnlyList<ProvenUse> uses, IReadOnlyList<ProvenStep> steps)
    {
        var proven = line with { Units = units.Count > 0 ? units : null, Uses = uses.Count > 0 ? uses : null, Steps = steps.Count > 0 ? steps : null };
        return proven.Kind is "carried" ? proven with { NotChargedCents = ProofCheck.ExactCents(proven) - proven.AmountCents } : proven;
    }

    private static long Minute(DateTimeOffset at) => at.UtcTicks / TimeSpan.TicksPerMinute;

    private static decimal Plain(decimal number) => number / 1.000000000000000000m;
}
