using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Platform.Pdf;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing;

/// <summary>The routes of the billing guide about invoices: ours for use, and those that Stripe makes for plans, in one list.</summary>
internal static class InvoicesApi
{
    public static void MapInvoicesApi(this IEndpointRouteBuilder routes)
    {
        var billing = routes.MapGroup("/api/billing").WithTags("Billing").DisableCookieRedirect().AddEndpointFilter(CookieCalls.CheckAsync);
        billing.MapGet("/account/{organization_id}/invoices", ListAsync).RequireAuthorization(Permissions.BillingRead);
        billing.MapPost("/account/{organization_id}/invoices/generate", GenerateAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey();
        billing.MapGet("/invoices/{invoice_id}", GetAsync).RequireAuthorization(Permissions.BillingRead).WithMetadata(new FindsOrganization(OwnerAsync));
        billing.MapGet("/invoices/{invoice_id}/pdf", PdfAsync).RequireAuthorization(Permissions.BillingRead).WithMetadata(new FindsOrganization(OwnerAsync)).Produces(200, contentType: "application/pdf");
        billing.MapGet("/invoices/{invoice_id}/credit-notes/{number}/pdf", CreditNotePdfAsync).RequireAuthorization(Permissions.BillingRead).WithMetadata(new FindsOrganization(OwnerAsync)).Produces(200, contentType: "application/pdf");
        billing.MapGet("/invoices/{invoice_id}/proof", ProofAsync).RequireAuthorization(Permissions.BillingRead).WithMetadata(new FindsOrganization(OwnerAsync));
        billing.MapPost("/invoices/{invoice_id}/pay", PayAsync).RequireAuthorization(Permissions.BillingWrite).TakesIdempotencyKey().WithMetadata(new FindsOrganization(OwnerAsync));
    }

    /// <summary>All invoices, newest first. The Link header names the next page.</summary>
    internal static async Task<Results<Ok<IReadOnlyList<InvoiceResponse>>, ProblemAnswer>> ListAsync(Caller caller, InvoiceList invoices, HttpContext http, CancellationToken cancel, string? status = null, string? cursor = null, int limit = 50)
    {
        if (status is not (null or "draft" or "open" or "paid" or "past_due" or "void")) return Problem.Invalid("status", "Use one of draft, open, paid, past_due, void.").ToResult();
        if (limit is < 1 or > Paging.Most) return Paging.WrongLimit.ToResult();
        Guid? after = null;
        if (cursor is not null)
        {
            if (!Guid.TryParse(cursor, out var id)) return Paging.WrongCursor.ToResult();
            after = id;
        }
        var page = await invoices.ListAsync(caller.OrganizationId, caller.PersonId, status, after, limit + 1, cancel);
        if (page.Count > limit) http.NameNext(page[limit - 1].Id.ToString());
        return TypedResults.Ok<IReadOnlyList<InvoiceResponse>>([.. page.Take(limit)]);
    }

    /// <summary>An invoice with its lines.</summary>
    internal static async Task<Results<Ok<InvoiceResponse>, ProblemAnswer>> GetAsync(string invoice_id, Caller caller, InvoiceList invoices, CancellationToken cancel) =>
        Guid.TryParse(invoice_id, out var id) && await invoices.GetAsync(caller.OrganizationId, caller.PersonId, id, cancel) is { } found ? TypedResults.Ok(found) : Problem.NotFound("Invoice").ToResult();

    /// <summary>The invoice as a PDF on A4 or Letter; an invoice of a plan has Stripe's.</summary>
    internal static async Task<Results<FileContentHttpResult, RedirectHttpResult, ProblemAnswer>> PdfAsync(string invoice_id, Caller caller, InvoiceReader reader, StripePages pages, Brand brand, HttpContext http, CancellationToken cancel, string? paper = null)
    {
        if (PaperOf(paper) is not { } sheet) return WrongPaper.ToResult();
        if (!Guid.TryParse(invoice_id, out var id) || await reader.ReadAsync(caller.OrganizationId, caller.PersonId, id, records: 0, cancel) is not { } invoice) return Problem.NotFound("Invoice").ToResult();
        if (invoice.IsOfPlan) return await pages.FindAsync(caller.OrganizationId, id, cancel) is { Pdf: { } there } ? TypedResults.Redirect(there) : Problem.NotFound("PDF").ToResult();
        return Private(http, InvoicePdf.Make(invoice, sheet, brand.Name), "application/pdf", $"{invoice.Number}.pdf");
    }

    /// <summary>A credit note of a usage invoice as a PDF on A4 or Letter.</summary>
    internal static async Task<Results<FileContentHttpResult, ProblemAnswer>> CreditNotePdfAsync(string invoice_id, string number, Caller caller, InvoiceReader reader, Brand brand, HttpContext http, CancellationToken cancel, string? paper = null)
    {
        if (PaperOf(paper) is not { } sheet) return WrongPaper.ToResult();
        if (!Guid.TryParse(invoice_id, out var id) || await reader.ReadAsync(caller.OrganizationId, caller.PersonId, id, records: 0, cancel) is not { } invoice) return Problem.NotFound("Invoice").ToResult();
        if (invoice.CreditNotes.FirstOrDefault(n => string.Equals(n.Number, number, StringComparison.Ordinal)) is not { } note) return Problem.NotFound("Credit note").ToResult();
        return Private(http, CreditNotePdf.Make(note, invoice, sheet, brand.Name), "application/pdf", $"{note.Number}.pdf");
    }

    /// <summary>What a usage invoice was computed from: records, events, prices and steps. <c>tracepipe verify-invoice FILE</c> computes it again.</summary>
    internal static async Task<Results<FileContentHttpResult, ProblemAnswer>> ProofAsync(string invoice_id, Caller caller, InvoiceProofs proofs, HttpContext http, CancellationToken cancel)
    {
        if (!Guid.TryParse(invoice_id, out var id) || await proofs.MakeAsync(caller.OrganizationId, caller.PersonId, id, cancel) is not { } proof) return Problem.NotFound("Invoice").ToResult();
        return Private(http, JsonSerializer.SerializeToUtf8Bytes(proof, InvoiceProof.Json), "application/json", $"{proof.Number}-proof.json");
    }

    private static readonly Problem WrongPaper = Problem.Invalid("paper", "Use a4 or letter.");

    private static Paper? PaperOf(string? named) => named switch { null or "a4" => Paper.A4, "letter" => Paper.Letter, _ => null };

    /// <summary>A file that nobody on the way keeps.</summary>
    private static FileContentHttpResult Private(HttpContext http, byte[] file, string type, string name)
    {
        http.Response.Headers.CacheControl = "private, no-store";
        return TypedResults.File(file, type, name);
    }

    /// <summary>Make an invoice of what this month has come to so far; null when there is nothing to invoice.</summary>
    internal static async Task<Results<Ok<InvoiceResponse>, ContentHttpResult>> GenerateAsync(NoParameters? request, Caller caller, MonthlyClose close, InvoiceList invoices, CancellationToken cancel)
    {
        _ = request; // read so that unknown members are refused
        if (await close.GenerateAsync(caller.OrganizationId, Actor.Of(caller), cancel) is not { } made) return TypedResults.Content("null", "application/json");
        return TypedResults.Ok(await invoices.GetAsync(caller.OrganizationId, caller.PersonId, made, cancel));
    }

    /// <summary>Pay an open invoice. The loser of a race gets the winner's answer.</summary>
    internal static async Task<Results<Ok<PaymentResponse>, ProblemAnswer>> PayAsync(string invoice_id, PayRequest? request, Caller caller, UsageInvoices invoices, InvoiceList list, CancellationToken cancel)
    {
        if (!Guid.TryParse(invoice_id, out var id)) return Problem.NotFound("Invoice").ToResult();
        if (await list.GetAsync(caller.OrganizationId, caller.PersonId, id, cancel) is { IsOfPlan: true }) return Problem.Conflict("Stripe collects this invoice of your plan by itself: update the card under Payment methods.").ToResult();
        var paid = await invoices.PayAsync(caller.OrganizationId, id, request?.PaymentMethodId, Actor.Of(caller), cancel);
        return paid.IsDone
            ? TypedResults.Ok(new PaymentResponse(paid.Value.Id, paid.Value.InvoiceId.ToString(), paid.Value.Amount.Amount, paid.Value.Amount.Currency, paid.Value.Status, paid.Value.ClientSecret, paid.Value.FailureCode, paid.Value.FailureMessage))
            : paid.Problem.ToResult();
    }

    private static async Task<Guid?> OwnerAsync(HttpContext http)
    {
        if (!Guid.TryParse(http.GetRouteValue("invoice_id") as string, out var id)) return null;
        Answer<Guid?>? owner = null;
        await http.RequestServices.GetRequiredService<Database>().WorkReadAsync(q => owner = q.First($"select organization_id from invoices where id = {id}", r => (Guid?)r.GetGuid(0)), http.RequestAborted);
        return owner!.Value;
    }
}

/// <summary>Reads invoices as the guide shows them.</summary>
internal sealed class InvoiceList(Database database, TimeProvider clock)
{
    public async Task<IReadOnlyList<InvoiceResponse>> ListAsync(Guid organization, Guid? person, string? status, Guid? after, int limit, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<InvoiceResponse>>? invoices = null;
        Answer<IReadOnlyList<(Guid Invoice, LineItemResponse Line)>>? lines = null;
        await database.ReadAsync(organization, person, q =>
        {
            invoices = q.List($"""
                select i.id, i.number, b.id, i.stripe_invoice_id, i.status, i.period_start, i.period_end, i.subtotal_cents, i.tax_cents, i.discount_cents, i.total_cents, i.credits_applied_cents, i.amount_due_cents,
                  i.amount_paid_cents, i.currency, i.description, i.due_date, i.finalized_at, i.paid_at, i.created_at, i.status = 'open' and (i.dunning_since is not null or coalesce(i.due_date <= {now}, false)), i.kind = 'plan'
                from invoices i join billing_accounts b on b.organization_id = i.organization_id
                where i.organization_id = {organization}
                  and ({status}::text is null or {status}::text = case when i.status = 'open' and (i.dunning_since is not null or i.due_date <= {now}) or i.status = 'uncollectible' then 'past_due' else i.status end)
                  and ({after}::uuid is null or (i.created_at, i.id) < (select a.created_at, a.id from invoices a where a.organization_id = {organization} and a.id = {after}::uuid))
                order by i.created_at desc, i.id desc limit {limit}
                """, Read);
            lines = q.List($"""
                select l.invoice_id, l.description, l.meter, l.quantity, l.unit_price, l.amount_cents, l.period_start, l.period_end, l.is_proration from invoice_lines l
                where l.organization_id = {organization} and l.invoice_id in (
                  select i.id from invoices i where i.organization_id = {organization}
                  and ({after}::uuid is null or (i.created_at, i.id) < (select a.created_at, a.id from invoices a where a.organization_id = {organization} and a.id = {after}::uuid))
                  and ({status}::text is null or {status}::text = case when i.status = 'open' and (i.dunning_since is not null or i.due_date <= {now}) or i.status = 'uncollectible' then 'past_due' else i.status end)
                  order by i.created_at desc, i.id desc limit {limit})
                order by l.invoice_id, l.ordinal
                """, ReadLine);
        }, cancel);
        var byInvoice = lines!.Value.ToLookup(l => l.Invoice.ToString(), l => l.Line, StringComparer.Ordinal);
        return [.. invoices!.Value.Select(i => i with { LineItems = [.. byInvoice[i.Id]] })];
    }

    public async Task<InvoiceResponse?> GetAsync(Guid organization, Guid? person, Guid id, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<InvoiceResponse?>? invoice = null;
        Answer<IReadOnlyList<(Guid Invoice, LineItemResponse Line)>>? lines = null;
        await database.ReadAsync(organization, person, q =>
        {
            invoice = q.First($"""
                select i.id, i.number, b.id, i.stripe_invoice_id, i.status, i.period_start, i.period_end, i.subtotal_cents, i.tax_cents, i.discount_cents, i.total_cents, i.credits_applied_cents, i.amount_due_cents,
                  i.amount_paid_cents, i.currency, i.description, i.due_date, i.finalized_at, i.paid_at, i.created_at, i.status = 'open' and (i.dunning_since is not null or coalesce(i.due_date <= {now}, false)), i.kind = 'plan'
                from invoices i join billing_accounts b on b.organization_id = i.organization_id where i.organization_id = {organization} and i.id = {id}
                """, Read);
            lines = q.List($"""
                select invoice_id, description, meter, quantity, unit_price, amount_cents, period_start, period_end, is_proration
                from invoice_lines where organization_id = {organization} and invoice_id = {id} order by ordinal
                """, ReadLine);
        }, cancel);
        return invoice!.Value is { } found ? found with { LineItems = [.. lines!.Value.Select(l => l.Line)] } : null;
    }

    private static InvoiceResponse Read(NpgsqlDataReader r)
    {
        var status = r.GetBoolean(20) || r.GetString(4) is "uncollectible" ? "past_due" : r.GetString(4);
        return new(r.GetGuid(0).ToString(), r.IsDBNull(1) ? null : r.GetString(1), r.GetGuid(2).ToString(), null, r.IsDBNull(3) ? null : r.GetString(3), status, Time(r, 5), Time(r, 6), r.GetInt64(7) / 100m, r.GetInt64(8) / 100m,
            r.GetInt64(9) / 100m, r.GetInt64(10) / 100m, r.GetInt64(11) / 100m, r.GetInt64(12) / 100m, r.GetInt64(13) / 100m, r.GetString(14), [], r.IsDBNull(15) ? null : r.GetString(15), Time(r, 16), Time(r, 17), Time(r, 18), Time(r, 19))
        { IsOfPlan = r.GetBoolean(21) };
    }

    private static (Guid, LineItemResponse) ReadLine(NpgsqlDataReader r) => (r.GetGuid(0), new LineItemResponse(r.GetString(1), r.IsDBNull(2) ? null : r.GetString(2), r.GetDecimal(3) / 1.000000000000000000m,
        r.GetDecimal(4) / 1.000000000000000000m, r.GetInt64(5) / 100m, Time(r, 6), Time(r, 7), r.GetBoolean(8)));

    private static DateTimeOffset? Time(NpgsqlDataReader r, int column) => r.IsDBNull(column) ? null : r.GetFieldValue<DateTimeOffset>(column);
}
