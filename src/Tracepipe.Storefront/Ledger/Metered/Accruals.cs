using Npgsql;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>Use beyond the included of a meter at a price in a bill month, and how its cents were paid.</summary>
/// <param name="OriginMonth">When it was used: an earlier month when that was closed before the use was reported.</param>
/// <param name="Quantity">Exact.</param>
/// <param name="Series">0 while it grows; what an invoice has taken has a higher one.</param>
/// <param name="TakenAs">The series it has or will have once it is taken: with the count of postings it names a decision, also when another begins at 0 after an invoice in the middle of a month.</param>
/// <param name="HeldBackMinor">Cents that neither credits nor the cap had room for.</param>
internal sealed record Accrual(DateOnly BillMonth, DateOnly OriginMonth, string Meter, decimal UnitPrice, decimal Quantity, long CreditsMinor, long MeteredMinor, long HeldBackMinor, int Postings, DateTimeOffset? UnsettledSince, int Series, int TakenAs)
{
    /// <summary>Cents that somebody has paid or will be asked for.</summary>
    public long DecidedMinor => CreditsMinor + MeteredMinor + HeldBackMinor;

    internal static Accrual Read(NpgsqlDataReader r) => new(r.GetFieldValue<DateOnly>(0), r.GetFieldValue<DateOnly>(1), r.GetString(2), r.GetDecimal(3) / 1.000000000000000000m, r.GetDecimal(4) / 1.000000000000000000m,
        r.GetInt64(5), r.GetInt64(6), r.GetInt64(7), r.GetInt32(8), r.IsDBNull(9) ? null : r.GetFieldValue<DateTimeOffset>(9), r.GetInt32(10), r.GetInt32(11));
}

/// <summary>Adds up what is used beyond the included (billing rules, decision 7). Callers hold the organization's lock.</summary>
internal static class Accruals
{
    /// <summary>Adds a quantity whose cents are not decided yet, among other statements of the transaction.</summary>
    /// <param name="month">Whose invoice shows it: <see cref="OpenMonthAsync"/>.</param>
    public static void Add(Questions q, Guid organization, DateOnly month, string meter, decimal unitPrice, decimal quantity, DateTimeOffset usedAt)
    {
        q.Execute($"""
            insert into accruals as a (organization_id, bill_month, origin_month, meter, unit_price, quantity, unsettled_since) values ({organization}, {month}, {BillMonth.Of(usedAt)}, {meter}, {unitPrice}, {quantity}, {usedAt})
            on conflict (organization_id, bill_month, meter, unit_price, origin_month, series) do update set quantity = a.quantity + excluded.quantity, unsettled_since = least(a.unsettled_since, excluded.unsettled_since)
            """);
        UsageDays.Add(q, organization, meter, unitPrice, quantity, usedAt);
    }

    /// <summary>Adds units that were paid when they were granted.</summary>
    /// <param name="month">Whose invoice shows them: <see cref="OpenMonthAsync"/>.</param>
    public static void AddPaid(Questions q, Guid organization, DateOnly month, string meter, decimal unitPrice, long units, long creditsMinor, long meteredMinor, DateTimeOffset grantedAt) => q.Execute($"""
        with accrued as (
          insert into accruals as a (organization_id, bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor)
          values ({organization}, {month}, {BillMonth.Of(grantedAt)}, {meter}, {unitPrice}, {units}::numeric, {creditsMinor}, {meteredMinor})
          on conflict (organization_id, bill_month, meter, unit_price, origin_month, series) do update set quantity = a.quantity + excluded.quantity,
            credits_minor = a.credits_minor + excluded.credits_minor, metered_minor = a.metered_minor + excluded.metered_minor)
        {UsageDays.Adding(organization, meter, unitPrice, units, grantedAt)}
        """);

    /// <summary>Says what a meter that is an integral has come to in a month. What was accrued at other prices before a change of the catalogue stays.</summary>
    public static Task SetAsync(Guid organization, Period month, string meter, decimal unitPrice, decimal quantity, Transaction transaction, CancellationToken cancel)
    {
        var day = BillMonth.Of(month);
        return transaction.ExecuteAsync($"""
            insert into accruals as a (organization_id, bill_month, origin_month, meter, unit_price, quantity, unsettled_since)
            select {organization}, {day}, {day}, {meter}, {unitPrice},
              {quantity} - coalesce((select sum(quantity) from accruals where organization_id = {organization} and bill_month = {day} and meter = {meter} and (unit_price <> {unitPrice} or series > 0)), 0), {month.Start}
            on conflict (organization_id, bill_month, meter, unit_price, origin_month, series) do update set quantity = excluded.quantity, unsettled_since = coalesce(a.unsettled_since, excluded.unsettled_since)
            """, cancel);
    }

    /// <summary>Asks for all accruals of a bill month.</summary>
    public static Answer<IReadOnlyList<Accrual>> AskMonth(Questions q, Guid organization, DateOnly month) => q.List($"""
        select bill_month, origin_month, meter, unit_price, quantity, credits_minor, metered_minor, held_back_minor, postings, unsettled_since, series,
          case when series > 0 then series else 1 + (select max(o.series) from accruals o where o.organization_id = a.organization_id and o.bill_month = a.bill_month) end
        from accruals a where organization_id = {organization} and bill_month = {month} order by meter, unit_price, origin_month, series
        """, Accrual.Read);

    /// <summary>The month whose invoice can still show it.</summary>
    public static async Task<DateOnly> OpenMonthAsync(Guid organization, DateOnly origin, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        var current = BillMonth.Of(now);
        if (origin >= current) return origin;
        var isClosed = await transaction.FirstAsync($"select true from bill_months where organization_id = {organization} and bill_month = {origin}", r => r.GetBoolean(0), cancel);
        return isClosed ? current : origin;
    }
}
