using Microsoft.AspNetCore.Mvc;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Billing.Pages;

/// <summary>What the forms of the invoice pages post to. Paying leaves for Stripe's page where the bank has a question, no card is on file, or Stripe collects by itself.</summary>
internal static class InvoiceForms
{
    public static void MapInvoiceForms(this IEndpointRouteBuilder routes)
    {
        var forms = routes.MapBillingForms();
        forms.MapPost("/invoices/{id}/pay", PayAsync);
        forms.MapPost("/invoices/details", SaveAsync);
        routes.MapGet("/o/{org}/settings/billing/invoices/{id}/stripe", StripeAsync).RequireAuthorization(Permissions.BillingRead).ExcludeFromDescription();
    }

    private static async Task<IResult> PayAsync(string org, string id, [FromForm] string? back, Caller caller, UsageInvoices invoices, InvoiceReader reader, StripePages pages, HttpContext http, CancellationToken cancel)
    {
        if (!Guid.TryParse(id, out var invoice) || await reader.ReadAsync(caller.OrganizationId, caller.PersonId, invoice, records: 0, cancel) is not { } shown) return TypedResults.NotFound();
        var page = back is "list" ? "/invoices" : $"/invoices/{id}";
        if (!shown.CanBePaid) return BillingForms.Back(http, org, page, Tone.Info, $"Invoice {shown.Number} needs no payment.");
        if (shown.IsOfPlan) return await LeaveAsync(BillingProblems.StripeAway);

        var paid = await invoices.PayAsync(caller.OrganizationId, invoice, paymentMethod: null, Actor.Of(caller), cancel);
        if (paid.IsDone) return paid.Value.Status is "pending" ? await LeaveAsync(BillingProblems.StripeAway) : BillingForms.Back(http, org, page, Tone.Success, $"{paid.Value.Amount} paid.");
        return paid.Problem.Details?.GetValueOrDefault("reason") is "no_payment_method" ? await LeaveAsync(paid.Problem) : BillingForms.Back(http, org, page, Tone.Danger, paid.Problem.Message);

        async Task<IResult> LeaveAsync(Problem otherwise)
        {
            if (await pages.FindAsync(caller.OrganizationId, invoice, cancel) is not { Page: { } there }) return BillingForms.Back(http, org, page, Tone.Danger, otherwise.Message);
            http.SeeOther(there);
            return Results.Empty;
        }
    }

    private static async Task<IResult> SaveAsync(string org, [FromForm] string? name, [FromForm] string? email, [FromForm] string? address, [FromForm(Name = "tax_id")] string? taxId, Caller caller, Database database, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var problem = await BillingDetails.SaveAsync(database, caller.OrganizationId, name, email, address, taxId, Actor.Of(caller), clock.GetUtcNow(), cancel);
        return problem is null ? BillingForms.Back(http, org, "/invoices", Tone.Success, "Details saved. They stand on invoices from now on.") : BillingForms.Back(http, org, "/invoices", Tone.Danger, problem.Message);
    }

    /// <summary>Stripe's page of an invoice, fresh: its addresses expire.</summary>
    private static async Task<IResult> StripeAsync(string id, Caller caller, StripePages pages, CancellationToken cancel) =>
        Guid.TryParse(id, out var invoice) && await pages.FindAsync(caller.OrganizationId, invoice, cancel) is { Page: { } there } ? TypedResults.Redirect(there) : TypedResults.NotFound();
}
