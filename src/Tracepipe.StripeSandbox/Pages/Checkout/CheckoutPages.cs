using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Pages.Payment;

namespace Tracepipe.StripeSandbox.Pages.Checkout;

/// <summary>The hosted checkout at <c>/c/pay/{session}</c>. A declined card leaves it open; a finished one is no longer available.</summary>
internal static class CheckoutPages
{
    public static void MapCheckout(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/c/pay/{id}", (HttpContext http, Accounts accounts, string id) => Show(http, accounts, id));
        routes.MapPost("/c/pay/{id}", PayAsync);
        routes.MapPost("/c/pay/{id}/code", UseCodeAsync);
    }

    private static IResult Show(HttpContext http, Accounts accounts, string id, Func<PaymentChoice, PaymentChoice>? refused = null)
    {
        if (accounts.Owning(id) is not { } account) return Page.NotFound(http);
        var (view, notice, successUrl) = account.Read(work => work.Find(CheckoutSessions.Kind, id) is not { } session ? default
            : Closed(work, session) is { } closed ? (null, closed, null) : (CheckoutView.Of(work, session), (Notice?)null, CheckoutSessions.SuccessUrl(session)));
        if (notice is not null)
            return Page.Of<MessagePage>(http, new Dictionary<string, object?> { ["Title"] = notice.Title, ["Text"] = notice.Text, ["Link"] = notice.Link, ["LinkText"] = "Back to the shop" }, StatusCodes.Status410Gone);
        if (view is null) return Page.NotFound(http);
        if (refused is not null) view = view with { Choice = refused(view.Choice) };
        return Page.Of<CheckoutPage>(http, new Dictionary<string, object?> { ["View"] = view }, refused is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity, successUrl);
    }

    private static async Task<IResult> PayAsync(HttpContext http, Accounts accounts, string id)
    {
        if (accounts.Owning(id) is not { } account) return Page.NotFound(http);
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        try
        {
            var result = account.Write(null, work =>
            {
                var session = work.Get(CheckoutSessions.Kind, id);
                return CheckoutSessions.Confirm(work, session, PaymentChoice.Read(work, form, session.Customer), Email(work, session, form));
            });
            return Page.SeeOther(http, result.ChallengeUrl ?? result.Redirect ?? $"/c/pay/{id}");
        }
        catch (StripeError refusal)
        {
            return Show(http, accounts, id, choice => choice.With(form, refusal));
        }
    }

    private static async Task<IResult> UseCodeAsync(HttpContext http, Accounts accounts, string id)
    {
        if (accounts.Owning(id) is not { } account) return Page.NotFound(http);
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        try
        {
            account.Write(null, work => CheckoutSessions.UseCode(work, work.Get(CheckoutSessions.Kind, id), form["code"].ToString().Trim()));
            return Page.SeeOther(http, $"/c/pay/{id}");
        }
        catch (StripeError refusal)
        {
            return Show(http, accounts, id, choice => choice.With(form, refusal));
        }
    }

    /// <summary>The address that the buyer is known by, or the one typed here.</summary>
    private static string? Email(UnitOfWork work, Doc session, IFormCollection form)
    {
        if ((work.Find("customer", session.Customer)?["email"] ?? session["customer_email"]) is { } known) return known;
        return PaymentChoice.ReadEmail(form["email"]) ?? throw StripeError.Invalid("Enter an e-mail address.", "email");
    }

    private static Notice? Closed(UnitOfWork work, Doc session) => session.Status switch
    {
        "complete" => new("No longer available", "This checkout is complete: it was paid or confirmed already.", CheckoutSessions.SuccessUrl(session)),
        "expired" => new("No longer available", "This checkout has expired. Start again from the shop.", session["cancel_url"]),
        _ => CheckoutSessions.Obstacle(work, session) is { } obstacle ? new("No longer available", obstacle.Message, session["cancel_url"]) : null,
    };

    private sealed record Notice(string Title, string Text, string? Link);
}
