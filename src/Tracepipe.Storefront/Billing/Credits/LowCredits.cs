using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Mails when the credits of a buyer who wants to know fall below the level he has set: once, until they are above it again.</summary>
internal sealed partial class LowCredits(Database database, Standings standings, Outbox outbox, PublicAddress address, TimeProvider clock, ILogger<LowCredits> log)
{
    private const long Most = 100_000_000;

    /// <summary>Sets the level. Another level is told anew.</summary>
    /// <param name="level">Null: no mail.</param>
    public async Task<Problem?> SetAsync(Guid organization, Money? level, Actor by, CancellationToken cancel)
    {
        if (level is { Minor: < 1 or > Most }) return Problem.Invalid("amount_usd", "Write an amount from 0.01 to 1000000.00 dollars with at most two decimals, or null for no alert.");
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        await standings.LockAsync(organization, transaction, cancel);
        var changed = await transaction.ExecuteAsync($"""
            update billing_accounts set low_credit_cents = {level?.Minor}::bigint, low_credit_told_at = null, updated_at = {now}
            where organization_id = {organization} and low_credit_cents is distinct from {level?.Minor}::bigint
            """, cancel);
        if (changed > 0) await Audit.WriteAsync(transaction, new AuditEntry(organization, "credits.alert_changed", by, level?.ToString() ?? "none"), now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
        return null;
    }

    /// <summary>Asks for the level; null: no alert is wanted.</summary>
    public static Answer<Money?> AskLevel(Questions q, Guid organization) =>
        q.First($"select low_credit_cents from billing_accounts where organization_id = {organization}", r => r.IsDBNull(0) ? (Money?)null : Money.Usd(r.GetInt64(0)));

    /// <summary>Mails where credits have fallen below, and takes note where they are above again.</summary>
    /// <returns>How many mails that were.</returns>
    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<Guid>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"""
            select b.organization_id from billing_accounts b
            cross join lateral (select coalesce(sum(a.balance), 0) as available from ledger_accounts a
              where a.organization_id = b.organization_id and a.kind = 'available' and (a.expires_at is null or a.expires_at > {now})) l
            where b.low_credit_cents is not null and (b.low_credit_told_at is null) = (l.available < b.low_credit_cents) order by b.organization_id limit 1000
            """, r => r.GetGuid(0)), cancel);
        return await Turns.EachAsync(due!.Value, o => LookAsync(o, now, cancel), (failure, o) => Stopped(log, failure, o));
    }

    private async Task<bool> LookAsync(Guid organization, DateTimeOffset now, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        if (await standings.TryLockAsync(organization, transaction, cancel) is null) return false; // deleted meanwhile
        Answer<CreditBalance?>? credits = null;
        Answer<Money?>? level = null;
        await transaction.ReadAsync(q =>
        {
            credits = Book.AskBalance(q, organization, now);
            level = AskLevel(q, organization);
        }, cancel);
        if (level!.Value is not { } least) return false;
        var available = credits!.Value!.Available;
        var isLow = available < least;
        // The row decides: of two nodes one changes it.
        var changed = isLow
            ? await transaction.ExecuteAsync($"update billing_accounts set low_credit_told_at = {now} where organization_id = {organization} and low_credit_told_at is null", cancel)
            : await transaction.ExecuteAsync($"update billing_accounts set low_credit_told_at = null where organization_id = {organization} and low_credit_told_at is not null", cancel);
        if (isLow && changed > 0)
            await BillingMail.QueueAsync(outbox, address, organization, $"Credits are below {least}",
                $"{available} of credits are available, less than the {least} at which you wanted to hear of it. Without credits, use beyond your plan is charged to the card within the spend cap, or stops. You hear of it again after the credits have been above {least}.",
                "Buy credits:", "/settings/billing/credits", transaction, cancel);
        await transaction.CommitAsync(cancel);
        return isLow && changed > 0;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The credit alert of {Organization} failed and is tried again")]
    private static partial void Stopped(ILogger log, Exception failure, Guid organization);
}
