using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>What can pay for use of a meter at a moment: all pockets, read in one statement.</summary>
/// <param name="StorageAccrues">What is stored costs something, so that the card or the credits owe more than was decided last.</param>
internal sealed record Means(Spend Spend, CreditBalance Credits, bool StorageAccrues, string Meter, IReadOnlyList<QuotaUse> Quotas)
{
    /// <summary>The counter of an allowance.</summary>
    public QuotaUse Of(Allowance allowance) =>
        Quotas.FirstOrDefault(u => u.PeriodStart == allowance.Period.Start && string.Equals(u.Pocket, allowance.Pocket, StringComparison.Ordinal)) ?? new QuotaUse(allowance.Pocket, Meter, allowance.Period.Start, 0, 0, IsStored: false);

    /// <summary>Asks for them among other questions; null: there is no such organization.</summary>
    public static Func<Means?> Ask(Questions q, Guid organization, string meter, DateTimeOffset now)
    {
        var rows = q.List($"""
            select spend.*, credits.*, {StorageLevels.Accrues(organization)}, quota.*
            from ({Spending.Of(organization, now)}) spend cross join ({Book.Balance(organization, now)}) credits left join ({Ledger.Quotas.Recent(organization, now)}) quota on quota.meter = {meter}
            """, r => (Spend: Spend.Read(r), Credits: CreditBalance.Read(r, Spend.Columns), Accrues: r.GetBoolean(Spend.Columns + 2), Quota: r.IsDBNull(Spend.Columns + 3) ? null : QuotaUse.Read(r, Spend.Columns + 3)));
        return () => rows.Value is [var first, ..] ? new Means(first.Spend, first.Credits, first.Accrues, meter, [.. rows.Value.Select(r => r.Quota).OfType<QuotaUse>()]) : null;
    }

    /// <summary>The same inside a transaction.</summary>
    public static async Task<Means> ReadAsync(Guid organization, string meter, DateTimeOffset now, Transaction transaction, CancellationToken cancel)
    {
        Func<Means?>? means = null;
        await transaction.ReadAsync(q => means = Ask(q, organization, meter, now), cancel);
        return means!() ?? throw new InvalidOperationException($"Organization {organization} has no billing account.");
    }
}
