using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Brings usage invoices to Stripe: draft, lines, a look that compares total and count, finalization, and the first try to pay. Each write is an operation of its
/// own, so that it is taken up where it ended, by whichever node.
/// </summary>
internal sealed partial class UsageInvoicePush(Database database, StripeConnection stripe, StripeOperations operations, UsageInvoices invoices, UsageInvoiceState state, UsageInvoiceDraft draft, UsageInvoiceItem item,
    UsageInvoiceFinalization finalization, FaultPoints faults, TimeProvider clock, ILogger<UsageInvoicePush> log)
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    public Bell Bell { get; } = new();

    /// <summary>Takes up what is on its way.</summary>
    /// <returns>How many were taken up.</returns>
    public async Task<int> PushDueAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<(Guid Organization, Guid Id)>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"""
            update invoices i set push_due_at = {now + Lease}
            from (select organization_id, id from invoices where push_due_at <= {now} order by push_due_at limit 8 for update skip locked) d
            where i.organization_id = d.organization_id and i.id = d.id returning i.organization_id, i.id
            """, r => (r.GetGuid(0), r.GetGuid(1))), cancel);
        await Turns.EachAsync(due!.Value, i => PushAsync(i.Organization, i.Id, cancel), (failure, i) => Stopped(log, failure is StripeException { Kind: var kind } ? $"Stripe: {kind}" : failure.GetType().Name, i.Id)); // taken up again when its lease has run out
        return due.Value.Count;
    }

    /// <summary>Takes an invoice as far as Stripe lets it go now.</summary>
    public async Task PushAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        var (invoice, customer, lines) = await ReadAsync(organization, id, cancel);
        if (invoice is not { Status: "draft", ParkedReason: null } || customer is null) return;
        if (invoice.StripeInvoiceId is null)
        {
            if (!await DoAsync(organization, draft, id.ToString(), new UsageInvoiceDraft.Request(customer, id, invoice.Number, $"Usage of {BillMonthName(invoice)}"), cancel)) return;
            (invoice, _, lines) = await ReadAsync(organization, id, cancel);
        }
        var there = invoice!.StripeInvoiceId!;
        await faults.ReachAsync("usage_invoice.drafted", cancel);
        var wanted = lines.Select(l => (l.Ordinal, l.Description, l.Amount.Minor)).ToList();
        if (invoice.CreditsApplied.Minor > 0) wanted.Add((lines.Count, "Prepaid credits", -invoice.CreditsApplied.Minor));
        foreach (var (ordinal, description, cents) in wanted)
            if (!await DoAsync(organization, item, $"{id}:{ordinal}", new UsageInvoiceItem.Request(customer, there, id, ordinal, description, cents), cancel)) return;

        var at = await stripe.Client.Invoices.GetAsync(there, options: Patience.OfWorker.Read, cancel: cancel);
        if (at.Status is InvoiceStatus.Draft)
        {
            var count = 0;
            await foreach (var _ in stripe.Client.Invoices.ListLinesAutoPagingAsync(there, new InvoiceLineListParams { Limit = 100 }, Patience.OfWorker.Read, cancel)) count++;
            if (at.Total != invoice.AmountDue.Minor || count != wanted.Count)
            {
                await using var transaction = await database.BeginWorkAsync(cancel);
                await state.ParkAsync(invoice, $"Stripe has {count} lines of {at.Total} cents, we have {wanted.Count} of {invoice.AmountDue.Minor}.", transaction, clock.GetUtcNow(), cancel);
                await transaction.CommitAsync(cancel);
                return;
            }
        }
        await faults.ReachAsync("usage_invoice.compared", cancel);
        if (!await DoAsync(organization, finalization, id.ToString(), new UsageInvoiceFinalization.Request(there, id), cancel)) return;
        await faults.ReachAsync("usage_invoice.finalized", cancel);
        await invoices.TryAsync(organization, id, cancel);
    }

    private async Task<bool> DoAsync<T>(Guid organization, StripeWrite write, string subject, T request, CancellationToken cancel)
    {
        await using var transaction = await database.BeginWorkAsync(cancel);
        var operation = await operations.PlanAsync(transaction, organization, write, subject, $"{write.Kind}:{subject}", request, Actor.System, atOnce: false, cancel);
        await transaction.CommitAsync(cancel);
        return (await operations.PerformAsync(operation, Patience.OfWorker)).IsDone;
    }

    private async Task<(UsageInvoice? Invoice, string? Customer, IReadOnlyList<StoredLine> Lines)> ReadAsync(Guid organization, Guid id, CancellationToken cancel)
    {
        Answer<UsageInvoice?>? invoice = null;
        Answer<string?>? customer = null;
        Answer<IReadOnlyList<StoredLine>>? lines = null;
        await database.WorkReadAsync(q =>
        {
            invoice = q.First(UsageInvoice.Select(organization, id), UsageInvoice.Read);
            customer = q.First($"select stripe_customer_id from billing_accounts where organization_id = {organization}", r => r.IsDBNull(0) ? null : r.GetString(0));
            lines = q.List(StoredLine.Select(organization, id), StoredLine.Read);
        }, cancel);
        return (invoice!.Value, customer!.Value, lines!.Value);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Usage invoice {Invoice} has stopped on its way to Stripe ({Reason}); again in a minute")]
    private static partial void Stopped(ILogger log, string reason, Guid invoice);

    private static string BillMonthName(UsageInvoice invoice) => invoice.BillMonth.ToString("MMMM yyyy", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The clock of closing, pushing and dunning. Each is a method that a page or a test can call, too.</summary>
internal sealed partial class UsageInvoiceClock(MonthlyClose close, UsageInvoicePush push, Dunning dunning, StripeConnection stripe, ILogger<UsageInvoiceClock> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!stripe.IsConfigured) return;
        var rounds = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (rounds++ % 30 == 0)
                {
                    await close.CloseDueAsync(stoppingToken);
                    await dunning.RunDueAsync(stoppingToken);
                }
                if (await push.PushDueAsync(stoppingToken) == 0) await push.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                Waits(log, failure.GetType().Name, (failure as PostgresException)?.SqlState);
                await push.Bell.WaitAsync(TimeSpan.FromSeconds(1), stoppingToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Closing, pushing and dunning of usage invoices failed ({Failure} {SqlState}); trying again")]
    private static partial void Waits(ILogger log, string failure, string? sqlState);
}
