using Microsoft.Extensions.Primitives;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Pages.Payment;

/// <summary>A payment method on file, as a person recognises it.</summary>
public sealed record SavedMethod(string Id, string Brand, string Detail, string? Expiry, bool IsDefault)
{
    public bool IsCard => Brand != "Link";

    internal static SavedMethod Of(Doc method, string? preferred) => method["type"] == "link"
        ? new(method.Id, "Link", method["link.email"] ?? "", null, method.Id == preferred)
        : new(method.Id, method["card.brand"] ?? "", method["card.last4"] ?? "", $"{method.Long("card.exp_month"):00} / {method.Long("card.exp_year") % 100:00}", method.Id == preferred);

    internal static List<SavedMethod> OfCustomer(UnitOfWork work, string? customer) => customer is null ? [] :
        [.. work.OfCustomer(customer, PaymentMethods.Kind).Reverse().Select(m => Of(m, work.Find("customer", customer)?["invoice_settings.default_payment_method"])).OrderByDescending(m => m.IsDefault)];
}

/// <summary>What a person can pay with on a page, what they chose, and what was wrong with it.</summary>
/// <param name="Error">A refusal that is about no single field.</param>
/// <param name="FieldErrors">By field: number, expiry, cvc, email, code.</param>
public sealed record PaymentChoice(IReadOnlyList<SavedMethod> Saved, bool OffersLink, string? Email, string Chosen, string Expiry, string? Error, IReadOnlyDictionary<string, string> FieldErrors)
{
    internal static PaymentChoice Of(UnitOfWork work, string? customer, bool offersLink, string? email, string? error)
    {
        var saved = SavedMethod.OfCustomer(work, customer);
        return new(saved, offersLink, email, saved.Count > 0 ? saved[0].Id : "card", "", error, new Dictionary<string, string>(StringComparer.Ordinal));
    }

    /// <summary>The same choice after a refusal: at its field when it is about one. Number and CVC are never shown again.</summary>
    internal PaymentChoice With(IFormCollection form, StripeError refusal)
    {
        var field = refusal.Param switch { "number" => "number", "exp_month" or "exp_year" => "expiry", "cvc" => "cvc", "email" or "link_email" => refusal.Param, "promotion_code" => "code", _ => null };
        return this with
        {
            Chosen = Text(form["method"]) ?? Chosen, Expiry = Text(form["expiry"]) ?? "", Email = Text(form["email"]) ?? Email,
            Error = field is null ? refusal.Message : null,
            FieldErrors = field is null ? FieldErrors : new Dictionary<string, string>(StringComparer.Ordinal) { [field] = refusal.Message },
        };
    }

    /// <summary>The method that was chosen, or a fresh one from what was typed. Anything wrong with it is a refusal that names the field.</summary>
    internal static Doc Read(UnitOfWork work, IFormCollection form, string? customer)
    {
        var choice = Text(form["method"]) ?? "card";
        if (choice == "link") return PaymentMethods.MakeLink(work, ReadEmail(form["link_email"]) ?? throw StripeError.Invalid("Enter the e-mail address of the Link account.", "link_email"));
        if (choice != "card")
            return work.Find(PaymentMethods.Kind, choice) is { } saved && saved.Customer is not null && saved.Customer == customer ? saved : throw StripeError.Invalid("Choose how to pay.");
        var number = Text(form["number"]) ?? throw StripeError.Invalid("Enter the card number.", "number");
        var expiry = string.Concat((Text(form["expiry"]) ?? "").Where(char.IsAsciiDigit));
        if (expiry.Length is not (4 or 6)) throw StripeError.Invalid("Enter the expiry date as month and year.", "exp_month");
        var (month, year) = (long.Parse(expiry[..2]), long.Parse(expiry[^2..]));
        var cvc = Text(form["cvc"]) ?? throw StripeError.Invalid("Enter the CVC.", "cvc");
        return PaymentMethods.Make(work, Cards.Recognize(number, month, year, cvc, work.Now), month, year, cvcGiven: true);
    }

    internal static string? ReadEmail(StringValues given) => Text(given) is { } text && text.Contains('@', StringComparison.Ordinal) ? text : null;

    internal static string? Text(StringValues given) => given.ToString().Trim() is { Length: > 0 } text ? text : null;
}
