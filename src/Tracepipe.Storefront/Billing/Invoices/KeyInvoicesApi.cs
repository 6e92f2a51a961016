using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Invoices for programs: <c>GET /v1/invoices</c>.</summary>
internal static class KeyInvoicesApi
{
    public static void MapKeyInvoicesApi(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/v1/invoices").WithTags("Invoices").MapGet("", ListAsync).RequireAuthorization(Permissions.BillingRead).WithName("listInvoices").WithSummary("List invoices, newest first.");

    /// <summary>List invoices, newest first.</summary>
    internal static async Task<Results<Ok<KeyInvoiceList>, ProblemAnswer>> ListAsync(Caller caller, Database database, PublicAddress address, TimeProvider clock, CancellationToken cancel, [Description("From 1.")] int page = 1, [Description("1 to 100.")] int per_page = 12)
    {
        if (page is < 1 or > 1_000_000) return Problem.Invalid("page", "Pages begin at 1.").ToResult();
        if (per_page is < 1 or > 100) return Problem.Invalid("per_page", "Ask for 1 to 100 a page.").ToResult();
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<KeyInvoice>>? items = null;
        Answer<long>? total = null;
        await database.ReadAsync(caller.OrganizationId, caller.PersonId, q =>
        {
            total = q.First($"select count(*) from invoices where organization_id = {caller.OrganizationId}", r => r.GetInt64(0));
            items = q.List($"""
                select i.id, to_char(coalesce(i.period_start, i.created_at) at time zone 'UTC', 'YYYY-MM'), i.currency, i.total_cents, case when i.status = 'open' and (i.dunning_since is not null or i.due_date <= {now}) then 'past_due' else i.status end, i.paid_at,
                  coalesce((select sum(l.quantity) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id and l.meter = 'tokens' and l.kind in ('use', 'carried')), 0),
                  coalesce((select sum(l.quantity) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id and l.meter = 'storage' and l.kind in ('use', 'carried')), 0), o.slug, i.stripe_invoice_id is not null
                from invoices i join organizations o on o.id = i.organization_id where i.organization_id = {caller.OrganizationId} order by i.created_at desc, i.id desc limit {per_page} offset {(page - 1) * per_page}
                """, r => new KeyInvoice(r.GetGuid(0), r.GetString(1), r.GetDecimal(6) / 1.000000000000000000m, r.GetDecimal(7) / 1.000000000000000000m, r.GetInt64(3) / 100m, r.GetString(2), r.GetString(4), r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5),
                    r.GetBoolean(9) ? address.Link($"/o/{r.GetString(8)}/settings/billing/invoices/{r.GetGuid(0)}/stripe") : null));
        }, cancel);
        return TypedResults.Ok(new KeyInvoiceList(items!.Value, total!.Value, page, per_page));
    }
}

internal sealed record KeyInvoiceList(IReadOnlyList<KeyInvoice> Items, long Total, int Page, int PerPage);

/// <summary>An invoice in short.</summary>
/// <param name="BillingPeriod">The month: <c>2027-03</c>.</param>
/// <param name="TokensConsumed">Tokens that were charged for.</param>
/// <param name="StorageGbHours">GB-hours that were charged for.</param>
/// <param name="TotalAmount">Dollars.</param>
/// <param name="StripeInvoiceUrl">Leads, signed in, to Stripe's page as it is then; null when Stripe has no such invoice.</param>
internal sealed record KeyInvoice(Guid Id, string BillingPeriod, decimal TokensConsumed, decimal StorageGbHours, decimal TotalAmount, string Currency, string Status, DateTimeOffset? PaidAt, string? StripeInvoiceUrl);
