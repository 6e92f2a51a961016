using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.HostedInvoice;

/// <summary>The hosted invoice at <c>/i/{token}</c> and its PDF. A link runs out after ten days; each read of the invoice gives a new one.</summary>
internal static class InvoicePages
{
    public static void MapInvoices(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/i/{token}", (HttpContext http, Accounts accounts, string token, string? redirect_status) =>
            Show(http, accounts, token, redirect_status == "failed" ? choice => choice with { Error = "The payment was not completed. Choose another payment method and try again." } : null));
        routes.MapPost("/i/{token}", PayAsync);
        routes.MapGet("/i/{token}/pdf", SendPdf);
    }

    private static IResult Show(HttpContext http, Accounts accounts, string token, Func<PaymentChoice, PaymentChoice>? refused) => Visit(http, accounts, token, (account, id) =>
    {
        var view = account.Read(work => InvoiceView.Of(work, work.Get(Invoices.Kind, id)));
        if (refused is not null) view = view with { Choice = refused(view.Choice) };
        return Page.Of<InvoicePage>(http, new Dictionary<string, object?> { ["View"] = view, ["Path"] = $"/i/{token}" });
    });

    private static async Task<IResult> PayAsync(HttpContext http, Accounts accounts, string token)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        return Visit(http, accounts, token, (account, id) =>
        {
            try
            {
                var (refusal, bank) = account.Write(null, work =>
                {
                    var invoice = work.Get(Invoices.Kind, id);
                    var outcome = InvoicePayments.Pay(work, invoice, new Collection(PaymentChoice.Read(work, form, invoice.Customer), OffSession: false, ReturnUrl: $"{account.Origin}/i/{token}"));
                    return (outcome, outcome?.PaymentIntent?["next_action.redirect_to_url.url"]);
                });
                if (bank is not null) return Page.SeeOther(http, bank);
                return refusal is null ? Page.SeeOther(http, $"/i/{token}") : Show(http, accounts, token, choice => choice.With(form, refusal));
            }
            catch (StripeError refusal)
            {
                return Show(http, accounts, token, choice => choice.With(form, refusal));
            }
        });
    }

    private static IResult SendPdf(HttpContext http, Accounts accounts, string token) => Visit(http, accounts, token, (account, id) =>
    {
        var (view, now) = account.Read(work => (InvoiceView.Of(work, work.Get(Invoices.Kind, id)), work.Now));
        http.Response.Headers.CacheControl = "no-store";
        return Results.Bytes(InvoicePdf.Draw(view, now), "application/pdf", $"invoice-{view.Number}.pdf");
    });

    private static IResult Visit(HttpContext http, Accounts accounts, string token, Func<Account, string, IResult> show) => HostedLinks.FindInvoice(accounts, token) switch
    {
        null => Page.NotFound(http),
        (_, _, false) => Page.NotFound(http, "This link has run out", "The address of an invoice is good for ten days. Ask the shop for a new one."),
        var (account, invoice, _) => show(account, invoice),
    };
}
