using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>What the last payment method is still needed for: a plan that is paid with it, and use that nobody has paid yet.</summary>
internal static class LastCard
{
    /// <summary>Why it has to stay; null when it may go.</summary>
    public static async Task<Problem?> NeededForAsync(Guid organization, Database database, CancellationToken cancel)
    {
        Answer<bool>? hasPlan = null;
        Answer<long>? unpaid = null;
        await database.WorkReadAsync(q =>
        {
            hasPlan = q.First($"select true from subscriptions where organization_id = {organization} and source = 'stripe' and is_live and status <> 'incomplete' limit 1", r => r.GetBoolean(0));
            // What accrues and what was held back, what closed months have left, work in progress, and invoices that are not paid.
            unpaid = q.First($"""
                select ((select coalesce(sum(held_back_minor + case when series = 0 then metered_minor else 0 end), 0) from accruals where organization_id = {organization})
                  + (select coalesce(sum(amount_minor - credits_minor), 0) from bill_items where organization_id = {organization} and invoice_id is null)
                  + (select coalesce(sum(held_minor), 0) from spending where organization_id = {organization})
                  + (select coalesce(sum(amount_due_cents - credited_cents), 0) from invoices where organization_id = {organization} and kind = 'usage' and status in ('draft', 'open')))::bigint
                """, r => r.GetInt64(0));
        }, cancel);
        if (hasPlan!.Value) return Problem.Conflict("Your plan is paid with this payment method, and there is no other. Add another one first, or cancel the plan and remove it when the plan has ended.");
        return unpaid!.Value > 0
            ? Problem.Conflict($"{Money.Usd(unpaid.Value)} of use is not paid yet, and there is no other payment method. Add another one first, or pay what is open.")
            : null;
    }
}
