using System.Globalization;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>What an invoice of ours carries at Stripe, so that it is known whatever was lost between.</summary>
internal static class UsageInvoiceTag
{
    private const string Name = "usage_invoice";

    public static IReadOnlyDictionary<string, string> Of(Guid organization, Guid invoice) => new Dictionary<string, string>(OrganizationTag.Of(organization), StringComparer.Ordinal) { [Name] = invoice.ToString() };

    public static Guid? Read(IReadOnlyDictionary<string, string>? metadata) => metadata is not null && metadata.TryGetValue(Name, out var text) && Guid.TryParse(text, out var id) ? id : null;
}

/// <summary>The draft at Stripe, with our number; nothing pending goes on it, and Stripe does not move it on by itself.</summary>
internal sealed class UsageInvoiceDraft : StripeWrite
{
    internal sealed record Request(string Customer, Guid Invoice, string Number, string Description);

    public override string Kind => "usage_invoice.draft";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        return await stripe.Invoices.CreateAsync(new InvoiceCreateParams
        {
            Customer = wanted.Customer, Number = wanted.Number, Currency = "usd", AutoAdvance = false, CollectionMethod = "charge_automatically", PendingInvoiceItemsBehavior = "exclude",
            Description = wanted.Description, Metadata = UsageInvoiceTag.Of(operation.OrganizationId, wanted.Invoice),
        }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        await foreach (var invoice in stripe.Invoices.ListAutoPagingAsync(new InvoiceListParams { Customer = wanted.Customer, Created = new TimeRange { Gte = operation.CreatedAt.AddMinutes(-10) }, Limit = 100 }, options, cancel))
            if (UsageInvoiceTag.Read(invoice.Metadata) == wanted.Invoice) return invoice;
        return null;
    }

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) =>
        transaction.ExecuteAsync($"update invoices set stripe_invoice_id = {answer.Id}, updated_at = {now} where organization_id = {operation.OrganizationId} and id = {operation.RequestAs<Request>().Invoice}", cancel);
}

/// <summary>A line on the draft. Amounts are ours to the cent: Stripe is told the sum, not quantity and price.</summary>
internal sealed class UsageInvoiceItem : StripeWrite
{
    internal sealed record Request(string Customer, string StripeInvoice, Guid Invoice, int Ordinal, string Description, long AmountCents);

    public override string Kind => "usage_invoice.item";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        var tag = new Dictionary<string, string>(UsageInvoiceTag.Of(operation.OrganizationId, wanted.Invoice), StringComparer.Ordinal) { ["line"] = wanted.Ordinal.ToString(CultureInfo.InvariantCulture) };
        return await stripe.InvoiceItems.CreateAsync(new InvoiceItemCreateParams { Customer = wanted.Customer, Invoice = wanted.StripeInvoice, Amount = wanted.AmountCents, Currency = "usd", Description = wanted.Description, Metadata = tag }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        await foreach (var item in stripe.InvoiceItems.ListAutoPagingAsync(new InvoiceItemListParams { Invoice = wanted.StripeInvoice, Limit = 100 }, options, cancel))
            if (item.Metadata is { } tag && tag.TryGetValue("line", out var line) && string.Equals(line, wanted.Ordinal.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)) return item;
        return null;
    }
}

/// <summary>From now on it is owed, and does not change any more.</summary>
internal sealed class UsageInvoiceFinalization(UsageInvoiceState state) : StripeWrite
{
    internal sealed record Request(string StripeInvoice, Guid Invoice);

    public override string Kind => "usage_invoice.finalize";

    public override bool IsIndispensable => true;

    // Finalized before is fine as it is.
    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel) =>
        await LookAsync(stripe, operation, new ReadOptions { Timeout = options.Timeout, MaxRetries = options.MaxRetries }, cancel)
        ?? await stripe.Invoices.FinalizeAsync(operation.RequestAs<Request>().StripeInvoice, new InvoiceFinalizeParams { AutoAdvance = false }, options, cancel);

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var invoice = await stripe.Invoices.GetAsync(operation.RequestAs<Request>().StripeInvoice, options: options, cancel: cancel);
        return invoice.Status is InvoiceStatus.Draft ? null : invoice;
    }

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) =>
        state.FinalizedAsync(operation.OrganizationId, operation.RequestAs<Request>().Invoice, (Invoice)answer, now, transaction, cancel);
}

/// <summary>One try to pay. Each try is an operation of its own: two who press the button at once send the same one.</summary>
internal sealed class UsageInvoicePayment(UsageInvoiceState state) : StripeWrite
{
    /// <param name="PaymentMethod">Null: the customer's default.</param>
    /// <param name="OffSession">Nobody is there to answer the bank's questions.</param>
    internal sealed record Request(string StripeInvoice, Guid Invoice, string? PaymentMethod, bool OffSession);

    public override string Kind => "usage_invoice.pay";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        return await stripe.Invoices.PayAsync(wanted.StripeInvoice, new InvoicePayParams { PaymentMethod = wanted.PaymentMethod, OffSession = wanted.OffSession }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var invoice = await stripe.Invoices.GetAsync(operation.RequestAs<Request>().StripeInvoice, options: options, cancel: cancel);
        return invoice.Status is InvoiceStatus.Paid ? invoice : null;
    }

    // Of an old try only what happened is wanted, not another charge.
    public override async Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => await state.IsOpenAsync(operation.OrganizationId, operation.RequestAs<Request>().Invoice, cancel);

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) => answer is Invoice { Status: InvoiceStatus.Paid } paid
        ? state.PaidAsync(operation.OrganizationId, operation.RequestAs<Request>().Invoice, paid, now, transaction, cancel)
        : Task.CompletedTask;
}
