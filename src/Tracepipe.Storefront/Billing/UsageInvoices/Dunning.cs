using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// What follows when a usage invoice is not paid (billing rules, decision 12): from the first failure, or the due date that passes, tries after 24, 96 and 168
/// hours and the suspension after 192; a mail per step, sent after it has happened.
/// </summary>
internal sealed partial class Dunning(Database database, UsageInvoices invoices, UsageInvoiceState state, Suspensions suspensions, FaultPoints faults, TimeProvider clock, ILogger<Dunning> log)
{
    /// <summary>The step that suspends.</summary>
    public const int Suspends = 4;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan[] Steps = [TimeSpan.FromHours(24), TimeSpan.FromHours(96), TimeSpan.FromHours(168), TimeSpan.FromHours(192)];

    /// <summary>When the next step comes; null after the last.</summary>
    public static DateTimeOffset? Next(DateTimeOffset since, int step) => step < Steps.Length ? since + Steps[step] : null;

    /// <summary>Does what is due.</summary>
    /// <returns>How many invoices were taken up.</returns>
    public async Task<int> RunDueAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<(Guid Organization, Guid Id, bool IsStep)>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"""
            with taken as (
              select organization_id, id, coalesce(dunning_due_at <= {now}, false) as is_step from invoices
              where kind = 'usage' and status = 'open' and (dunning_due_at <= {now} or retry_at <= {now}) order by dunning_due_at limit 50 for update skip locked)
            update invoices i set retry_at = {now + Lease}, dunning_due_at = case when taken.is_step then {now + Lease} else dunning_due_at end from taken
            where i.organization_id = taken.organization_id and i.id = taken.id returning i.organization_id, i.id, taken.is_step
            """, r => (r.GetGuid(0), r.GetGuid(1), r.GetBoolean(2))), cancel);
        await Turns.EachAsync(due!.Value, async i =>
        {
            if (i.IsStep) await StepAsync(i.Organization, i.Id, cancel);
            else await invoices.TryAsync(i.Organization, i.Id, cancel);
        }, (failure, i) => Stopped(log, failure, i.Id)); // taken up again when its lease has run out
        return due.Value.Count;
    }

    private async Task StepAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        int step;
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "open" } invoice) return;
            // The due date has passed and nothing was tried: that is the beginning.
            var since = invoice.DunningSince ?? now;
            step = invoice.DunningSince is null ? 0 : invoice.DunningStep + 1;
            await transaction.ExecuteAsync($"update invoices set dunning_since = {since}, dunning_step = {step}, dunning_due_at = {Next(since, step)}::timestamptz, retry_at = {(step == Suspends ? null : now + Lease)}::timestamptz, updated_at = {now} where organization_id = {organization} and id = {id}", cancel);
            if (step == Suspends)
            {
                await suspensions.SetAsync(organization, UsageInvoiceState.Unpaid, stands: true, transaction, cancel);
                await state.TellAsync(invoice, "Your account is suspended", $"Invoice {invoice.Number} over {invoice.AmountDue} is still unpaid, so no new work is taken on. Pay it, or save another card: work resumes at once.", transaction, cancel);
            }
            await transaction.CommitAsync(cancel);
        }
        if (step == Suspends || await invoices.TryAsync(organization, id, cancel)) return;
        await faults.ReachAsync("dunning.tried", cancel);
        await RemindAsync(organization, id, cancel);
    }

    // A try that was refused has told it already; where there is no card to try, this is the step's mail.
    private async Task RemindAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var pays = await transaction.FirstAsync($"select card_pays from spend_rules where organization_id = {organization}", r => r.GetBoolean(0), cancel);
        if (pays) return; // not told yet: the retry that was written down before finds out
        if (await transaction.FirstAsync(UsageInvoice.SelectForUpdate(organization, id), UsageInvoice.Read, cancel) is not { Status: "open", DunningSince: { } since } invoice) return;
        await state.TellAsync(invoice, $"Invoice {invoice.Number} is not paid", $"Invoice {invoice.Number} over {invoice.AmountDue} was due on {invoice.DueDate:MMMM d, yyyy}. {(Next(since, Suspends - 1) is { } end ? $"Without a payment the account is suspended on {end:MMMM d, yyyy HH:mm} UTC." : "")}", transaction, cancel);
        await transaction.CommitAsync(cancel);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Reminding of usage invoice {Invoice} failed and is tried again")]
    private static partial void Stopped(ILogger log, Exception failure, Guid invoice);
}
