using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Cards on file: made from a test card, attached to one customer, detached for ever.</summary>
internal static class PaymentMethods
{
    public const string Kind = "payment_method";

    /// <summary>A payment method from a row of the card table. Of the number only what the API shows is kept.</summary>
    public static Doc Make(UnitOfWork work, TestCard card, long month, long year, bool cvcGiven)
    {
        var method = work.New(Kind, work.NewId("pm_"));
        method["type"] = "card";
        method["allow_redisplay"] = "unspecified";
        method.Set("billing_details", new JsonObject { ["address"] = EmptyAddress(), ["email"] = null, ["name"] = null, ["phone"] = null, ["tax_id"] = null });
        method.Set("card", new JsonObject
        {
            ["brand"] = card.Brand,
            ["checks"] = new JsonObject { ["address_line1_check"] = null, ["address_postal_code_check"] = null, ["cvc_check"] = cvcGiven ? "unchecked" : null },
            ["country"] = "US",
            ["display_brand"] = card.Brand,
            ["exp_month"] = month,
            ["exp_year"] = Cards.FullYear(year),
            ["fingerprint"] = Ids.Digest($"{work.Account.Key} {card.Number}"),
            ["funding"] = card.Funding,
            ["generated_from"] = null,
            ["last4"] = card.Last4,
            ["networks"] = new JsonObject { ["available"] = new JsonArray(card.Brand), ["preferred"] = null },
            ["regulated_status"] = "unregulated",
            ["three_d_secure_usage"] = new JsonObject { ["supported"] = true },
            ["wallet"] = null,
        });
        method.Hidden["behaviour"] = card.Behaviour.Name;
        return method;
    }

    /// <summary>A Link account as a payment method: an e-mail address that pays.</summary>
    public static Doc MakeLink(UnitOfWork work, string email)
    {
        var method = work.New(Kind, work.NewId("pm_"));
        method["type"] = "link";
        method["allow_redisplay"] = "unspecified";
        method.Set("billing_details", new JsonObject { ["address"] = EmptyAddress(), ["email"] = email, ["name"] = null, ["phone"] = null, ["tax_id"] = null });
        method.Set("link", new JsonObject { ["email"] = email });
        return method;
    }

    /// <summary>Puts a card on a customer's file, checking the security code as the bank would.</summary>
    public static void Attach(UnitOfWork work, Doc method, Doc customer)
    {
        EnsureAttachable(method);
        if (Cards.Behaviour(method).AttachDecline is { } decline) throw StripeError.Declined(decline);
        Own(work, method, customer.Id);
    }

    /// <summary>Attaches what was just authorised: the bank has answered already.</summary>
    public static void Own(UnitOfWork work, Doc method, string customer)
    {
        if (method.Customer == customer) return;
        EnsureAttachable(method);
        Checked(method);
        method["customer"] = customer;
        work.Emit("payment_method.attached", method);
    }

    public static void Detach(UnitOfWork work, Doc method)
    {
        if (method.Customer is not { } owner) throw StripeError.Invalid("The payment method is not attached to a customer.", "payment_method", "payment_method_unexpected_state");
        method.Set("customer", null);
        method.Hidden.Set("detached", true);
        if (work.Find("customer", owner) is { } customer && customer["invoice_settings.default_payment_method"] == method.Id)
        {
            customer.Set("invoice_settings.default_payment_method", null);
            work.EmitUpdated("customer.updated", customer);
        }
        foreach (var subscription in work.OfCustomer(owner, "subscription").Where(s => s["default_payment_method"] == method.Id))
        {
            subscription.Set("default_payment_method", null);
            work.EmitUpdated("customer.subscription.updated", subscription);
        }
        work.Emit("payment_method.detached", method);
    }

    /// <summary>A detached method, or another customer's, is of no use any more.</summary>
    public static void EnsureUsable(Doc method, string? customer)
    {
        if (method.Hidden.Flag("detached"))
            throw StripeError.Invalid("The payment method was detached from its customer and cannot be used again.", "payment_method", "payment_method_unexpected_state");
        if (method.Customer is { } owner && owner != customer)
            throw StripeError.Invalid("The payment method belongs to another customer.", "payment_method", "payment_method_unexpected_state");
    }

    public static JsonObject EmptyAddress() => new() { ["city"] = null, ["country"] = null, ["line1"] = null, ["line2"] = null, ["postal_code"] = null, ["state"] = null };

    private static void EnsureAttachable(Doc method)
    {
        if (method.Hidden.Flag("detached"))
            throw StripeError.Invalid("A payment method that was detached can never be attached again.", "payment_method", "payment_method_unexpected_state");
        if (method.Customer is not null)
            throw StripeError.Invalid("The payment method is attached to a customer already.", "payment_method", "payment_method_unexpected_state");
    }

    private static void Checked(Doc method)
    {
        if (method["card.checks.cvc_check"] is null) return;
        method["card.checks.cvc_check"] = Cards.Behaviour(method).FailsCvcCheck ? "fail" : "pass";
    }
}
