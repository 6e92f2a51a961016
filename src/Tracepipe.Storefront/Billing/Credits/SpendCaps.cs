using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>How far use may be charged, and paying for what was held back because it would have gone further.</summary>
internal sealed class SpendCaps(Database database, Standings standings, TimeProvider clock)
{
    /// <summary>Sets the cap of a calendar month; what it held back and has room for now is charged with this month.</summary>
    /// <param name="cap">Null: no cap.</param>
    /// <returns>What is paid for now.</returns>
    public async Task<Tried<Money>> SetAsync(Guid organization, Money? cap, Actor by, CancellationToken cancel)
    {
        if (cap is { Minor: < 0 or > 1_000_000_000 }) return Problem.Invalid("amount_usd", "Write an amount from 0 to 10000000.00 dollars with at most two decimals, or null for no cap.");
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        await standings.LockAsync(organization, transaction, cancel);
        var before = await transaction.FirstAsync($"select spend_cap_cents from billing_accounts where organization_id = {organization} for update", r => r.IsDBNull(0) ? (long?)null : r.GetInt64(0), cancel);
        await transaction.ExecuteAsync($"update billing_accounts set spend_cap_cents = {cap?.Minor}::bigint, updated_at = {now} where organization_id = {organization}", cancel);
        var isHigher = before is { } old && (cap is not { } wanted || wanted.Minor > old);
        var paid = isHigher ? await Settlement.PayHeldBackAsync(organization, fromCardToo: true, now, transaction, cancel) : 0;
        await SpendAlerts.ForgetAsync(organization, now, transaction, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "spend_cap.changed", by, cap?.ToString() ?? "none"), now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
        return Money.Usd(paid);
    }

    /// <summary>Pays for what was held back, from credits and within the cap of the current month.</summary>
    /// <returns>What is paid for now; what is still held back needs a higher cap, credits or a card.</returns>
    public async Task<Money> PayHeldBackAsync(Guid organization, Actor by, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        await standings.LockAsync(organization, transaction, cancel);
        var paid = Money.Usd(await Settlement.PayHeldBackAsync(organization, fromCardToo: true, now, transaction, cancel));
        if (paid.Minor > 0) await Audit.WriteAsync(transaction, new AuditEntry(organization, "held_back.paid", by, paid.ToString()), now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
        return paid;
    }
}
