using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>Stripe's own pages of an invoice, asked for at the moment somebody wants them: their addresses expire.</summary>
internal sealed class StripePages(Database database, StripeConnection stripe)
{
    /// <returns>Null when Stripe has no such invoice or does not answer.</returns>
    public async Task<(string? Page, string? Pdf)?> FindAsync(Guid organization, Guid invoice, CancellationToken cancel)
    {
        Answer<string?>? there = null;
        await database.WorkReadAsync(q => there = q.First($"select stripe_invoice_id from invoices where organization_id = {organization} and id = {invoice}", r => r.IsDBNull(0) ? null : r.GetString(0)), cancel);
        if (!stripe.IsConfigured || there!.Value is not { } id) return null;
        try
        {
            var at = await stripe.Client.Invoices.GetAsync(id, options: Patience.OfPerson.Read, cancel: cancel);
            return (at.HostedInvoiceUrl, at.InvoicePdf);
        }
        catch (StripeException)
        {
            return null; // away, or deleted there
        }
    }
}
