using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What came of pressing the button on a checkout page: go there, ask the bank first, or show this refusal.</summary>
internal sealed record CheckoutResult(string? Redirect, string? ChallengeUrl, StripeError? Refusal);

/// <summary>The state machine of a hosted purchase: open → complete or expired. A declined card leaves it open.</summary>
internal static class CheckoutSessions
{
    public const string Kind = "checkout.session";
    public const string LineKind = "item";

    public static IReadOnlyList<Doc> Lines(UnitOfWork work, Doc session) => [.. work.Children(session.Id, LineKind)];

    /// <summary>Adds up what is due today; a trial makes the recurring part free for now.</summary>
    public static void Total(UnitOfWork work, Doc session)
    {
        if (session["mode"] == "setup") return;
        var trial = session.Hidden.LongOrNull("trial_days") is not null || session.Hidden.LongOrNull("trial_end") is not null;
        var lines = Lines(work, session);
        foreach (var line in lines)
        {
            var price = work.Get(Prices.Kind, line["price"]!);
            var amount = Pricing.IsRecurring(price) && (trial || Pricing.IsMetered(price)) ? 0 : Pricing.Amount(price, line.LongOrNull("quantity") ?? 1);
            line.Set("amount_subtotal", amount);
            line.Set("amount_discount", 0L);
            line.Set("amount_tax", 0L);
            line.Set("amount_total", amount);
        }
        var off = Discount(work, session, lines);
        var subtotal = lines.Sum(l => l.Long("amount_subtotal"));
        session.Set("amount_subtotal", subtotal);
        session.Set("amount_total", subtotal - off);
        session.Set("total_details", new JsonObject { ["amount_discount"] = off, ["amount_shipping"] = 0, ["amount_tax"] = 0 });
    }

    /// <summary>Enters a promotion code on the page; one that is not known or does not hold for this order is refused.</summary>
    public static void UseCode(UnitOfWork work, Doc session, string code)
    {
        EnsureOpen(work, session);
        var found = work.All(Discounts.Code).FirstOrDefault(c => string.Equals(c["code"], code, StringComparison.OrdinalIgnoreCase) && c.Flag("active"));
        if (!session.Flag("allow_promotion_codes") || found is null || !Holds(work, session, found)) throw StripeError.Invalid("This code is not valid.", "promotion_code", "coupon_expired");
        session.Set("discounts", new JsonArray(new JsonObject { ["coupon"] = null, ["promotion_code"] = found.Id }));
        Total(work, session);
    }

    /// <summary>Pays with a card that was chosen or typed on the page.</summary>
    public static CheckoutResult Confirm(UnitOfWork work, Doc session, Doc method, string? email, bool authenticated = false)
    {
        EnsureOpen(work, session);
        if (DropSpentCode(work, session) is { } spent) return new(null, null, spent);
        if (!authenticated && Asks(session, method))
        {
            session.Hidden["email"] = email;
            return new(null, Challenges.Url(work, Challenges.Ask(work, session, method, null).Id), null);
        }
        work.DelayDeliveries();
        var refusal = session["mode"] switch
        {
            "payment" => Pay(work, session, method, email, authenticated),
            "subscription" => Subscribe(work, session, method, email, authenticated),
            _ => Save(work, session, method, email, authenticated),
        };
        if (refusal is not null)
        {
            var open = work.Get(Kind, session.Id);
            open.Hidden["refusal"] = refusal.Message;
            open.Hidden["email"] = email;
            return new(null, null, refusal);
        }
        Complete(work, session, email);
        return new(SuccessUrl(session), null, null);
    }

    /// <summary>The bank's question was answered: on to the payment, or back to the page. The address to go to is the answer.</summary>
    public static string Answered(UnitOfWork work, Doc session, Doc method, bool ok)
    {
        if (!ok)
        {
            session.Hidden["refusal"] = "The card could not be authenticated. Choose another payment method and try again.";
            return Url(work, session);
        }
        var id = session.Id;
        var result = Confirm(work, session, method, session.Hidden["email"], authenticated: true);
        return result.Redirect ?? Url(work, work.Get(Kind, id));
    }

    public static void Expire(UnitOfWork work, Doc session)
    {
        if (session.Status != "open") throw StripeError.Invalid($"Only an open checkout session can expire; this one is {session.Status}.", "session");
        session.Status = "expired";
        session.Set("url", null);
        Agenda.Set(work, session, null);
        if (work.Find(PaymentIntents.Kind, session["payment_intent"]) is { Status: not ("succeeded" or "canceled") } intent) PaymentIntents.Cancel(work, intent, "expired");
        work.Emit("checkout.session.expired", session);
    }

    public static string Url(UnitOfWork work, Doc session) => $"{work.Account.Origin}/c/pay/{session.Id}";

    public static string? SuccessUrl(Doc session) => session["success_url"]?.Replace("{CHECKOUT_SESSION_ID}", session.Id, StringComparison.Ordinal);

    /// <summary>Why nothing can be bought here any more; null while something can.</summary>
    public static StripeError? Obstacle(UnitOfWork work, Doc session)
    {
        if (session.Status != "open") return StripeError.Invalid("This checkout is no longer available.", "session");
        if (Lines(work, session).Any(line => work.Find(Prices.Kind, line["price"]) is not { } price || work.Find(Prices.Product, price["product"]) is null))
            return StripeError.Invalid("What was to be bought here is not sold any more.", "session");
        return session.Customer is { } customer && work.Find("customer", customer)?.Flag("deleted") != false ? StripeError.Invalid("The account that this checkout belongs to is gone.", "session") : null;
    }

    private static void EnsureOpen(UnitOfWork work, Doc session)
    {
        if (Obstacle(work, session) is { } obstacle) throw obstacle;
    }

    private static IReadOnlyList<DiscountChoice> Chosen(Doc session) =>
        [.. session.Array("discounts").Select(d => new DiscountChoice(d!["coupon"]?.GetValue<string>(), d["promotion_code"]?.GetValue<string>()))];

    private static bool Holds(UnitOfWork work, Doc session, Doc code)
    {
        try
        {
            Discounts.Find(work, null, code.Id, session.Customer);
            return Discounts.IsReached(code, session.Long("amount_subtotal"), session["currency"]!);
        }
        catch (StripeError)
        {
            return false;
        }
    }

    /// <summary>A code may have been used up by somebody else since it was entered: the buyer sees the full price before paying it.</summary>
    private static StripeError? DropSpentCode(UnitOfWork work, Doc session)
    {
        if (!session.Flag("allow_promotion_codes") || session.Array("discounts").Select(d => work.Find(Discounts.Code, d!["promotion_code"]?.GetValue<string>())).FirstOrDefault() is not { } code || Holds(work, session, code)) return null;
        session.Set("discounts", new JsonArray());
        Total(work, session);
        session.Hidden["refusal"] = "The promotion code is not valid any more. Nothing was charged: look at the new total and pay again.";
        return StripeError.Invalid("The promotion code is not valid any more.", "promotion_code", "coupon_expired");
    }

    private static bool Asks(Doc session, Doc method)
    {
        var behaviour = Cards.Behaviour(method);
        return (session["mode"] == "setup" || session.Long("amount_total") == 0 ? behaviour.Setup : behaviour.OnSession).Challenge == Challenge.Required;
    }

    private static StripeError? Pay(UnitOfWork work, Doc session, Doc method, string? email, bool authenticated)
    {
        var customer = session.Customer is not null || session["customer_creation"] == "always" || session.Flag("invoice_creation.enabled") || session.Hidden["setup_future_usage"] is not null ? Buyer(work, session, email) : null;
        if (!session.Flag("invoice_creation.enabled"))
            foreach (var (coupon, code, _) in Chosen(session)) Discounts.Use(work, coupon, code, session.Customer);
        if (session.Long("amount_total") == 0)
        {
            session["payment_status"] = "no_payment_required";
            Invoice(work, session, customer, null);
            return null;
        }
        var intent = work.Find(PaymentIntents.Kind, session["payment_intent"]);
        if (intent is null)
        {
            intent = PaymentIntents.Make(work, session.Long("amount_total"), session["currency"]!, customer?.Id);
            intent["setup_future_usage"] = session.Hidden["setup_future_usage"];
            intent["description"] = session.Hidden["payment_description"];
            intent["receipt_email"] = session.Hidden["receipt_email"];
            intent.Set("metadata", session.Hidden.Node("payment_metadata")?.DeepClone() ?? new JsonObject());
            session["payment_intent"] = intent.Id;
            work.Emit("payment_intent.created", intent);
        }
        intent.Set("amount", session.Long("amount_total"));
        PaymentIntents.UseMethod(work, intent, method);
        if (PaymentIntents.Confirm(work, intent, new Confirmation(null, InPage: true, Authenticated: authenticated)) is { } refusal) return refusal;
        session["payment_status"] = "paid";
        Invoice(work, session, customer, intent);
        return null;
    }

    /// <summary>With a refusal nothing is left but the open session: no subscription, no invoice.</summary>
    private static StripeError? Subscribe(UnitOfWork work, Doc session, Doc method, string? email, bool authenticated)
    {
        var customer = Buyer(work, session, email);
        try
        {
            if (Cards.Behaviour(method).Setup.Decline is { } decline) throw StripeError.Declined(decline);
            PaymentMethods.Own(work, method, customer.Id);
            method.Hidden.Set("set_up", true);
            var (subscription, _) = Subscriptions.Create(work, Wanted(work, session, customer, method, authenticated));
            session["subscription"] = subscription.Id;
            session["invoice"] = subscription["latest_invoice"];
            session["payment_status"] = session.Long("amount_total") > 0 ? "paid" : "no_payment_required";
            return null;
        }
        catch (StripeError refusal)
        {
            work.Discard();
            return refusal;
        }
    }

    private static NewSubscription Wanted(UnitOfWork work, Doc session, Doc customer, Doc method, bool authenticated)
    {
        var recurring = new List<ItemChange>();
        var extras = new List<Line>();
        var now = Clocks.Now(work, customer.Id);
        foreach (var line in Lines(work, session))
        {
            var price = work.Get(Prices.Kind, line["price"]!);
            var quantity = line.LongOrNull("quantity");
            if (Pricing.IsRecurring(price)) recurring.Add(new ItemChange(null, price, Pricing.IsMetered(price) ? null : quantity));
            else extras.Add(new Line(Pricing.Amount(price, quantity ?? 1), Prices.Name(work, price), now.ToUnixTimeSeconds(), now.ToUnixTimeSeconds()) { Price = price, Quantity = quantity ?? 1 });
        }
        return new NewSubscription(customer, recurring)
        {
            PaymentBehavior = "error_if_incomplete",
            TrialEnd = session.Hidden.LongOrNull("trial_end") ?? (session.Hidden.LongOrNull("trial_days") is { } days ? now.AddDays(days).ToUnixTimeSeconds() : null),
            MissingPaymentMethod = session.Hidden["missing_payment_method"] ?? "create_invoice",
            Anchor = session.Hidden.LongOrNull("billing_cycle_anchor"),
            ProrateToAnchor = session.Hidden["proration_behavior"] != "none",
            DefaultMethod = method,
            Discounts = Chosen(session),
            Metadata = (JsonObject?)session.Hidden.Node("subscription_metadata")?.DeepClone() ?? [],
            Description = session.Hidden["subscription_description"],
            Extras = extras,
            Authenticated = authenticated,
        };
    }

    private static StripeError? Save(UnitOfWork work, Doc session, Doc method, string? email, bool authenticated)
    {
        var intent = SetupIntents.Make(work, Buyer(work, session, email).Id, "off_session");
        intent.Set("metadata", session.Hidden.Node("setup_metadata")?.DeepClone() ?? new JsonObject());
        work.Emit("setup_intent.created", intent);
        SetupIntents.UseMethod(work, intent, method);
        if (SetupIntents.Confirm(work, intent, new Confirmation(null, InPage: true, Authenticated: authenticated)) is { } refusal) return refusal;
        session["setup_intent"] = intent.Id;
        session["payment_status"] = "no_payment_required";
        return null;
    }

    private static void Complete(UnitOfWork work, Doc session, string? email)
    {
        var customer = work.Find("customer", session.Customer);
        session.Status = "complete";
        session.Set("url", null);
        session.Hidden.Remove("refusal");
        session.Set("customer_details", new JsonObject
        {
            ["address"] = customer?.Node("address")?.DeepClone(), ["business_name"] = null, ["email"] = email ?? customer?["email"] ?? session["customer_email"],
            ["individual_name"] = null, ["name"] = customer?["name"], ["phone"] = customer?["phone"], ["tax_exempt"] = "none", ["tax_ids"] = new JsonArray(),
        });
        Agenda.Set(work, session, null);
        work.Emit("checkout.session.completed", session);
    }

    private static Doc Buyer(UnitOfWork work, Doc session, string? email)
    {
        if (session.Customer is { } known) return work.Get("customer", known);
        var customer = Customers.Make(work);
        customer["email"] = email ?? session["customer_email"];
        work.Emit("customer.created", customer);
        session["customer"] = customer.Id;
        return customer;
    }

    private static void Invoice(UnitOfWork work, Doc session, Doc? customer, Doc? intent)
    {
        if (customer is null || !session.Flag("invoice_creation.enabled")) return;
        var now = Clocks.NowUnix(work, customer.Id);
        var invoice = Invoices.Make(work, customer, session["currency"]!, "manual", null);
        foreach (var line in Lines(work, session))
        {
            var price = work.Get(Prices.Kind, line["price"]!);
            Invoices.AddLine(work, invoice, new Line(line.Long("amount_subtotal"), line["description"] ?? Prices.Name(work, price), now, now) { Price = price, Quantity = line.LongOrNull("quantity") ?? 1 });
        }
        if (session.Node("invoice_creation.invoice_data.metadata") is JsonObject metadata) invoice.Set("metadata", metadata.DeepClone());
        invoice["description"] = session["invoice_creation.invoice_data.description"];
        invoice.Set("discounts", Discounts.Choose(work, Chosen(session), invoice));
        Invoices.Total(work, invoice);
        InvoicePayments.PaidBy(work, invoice, intent);
        session["invoice"] = invoice.Id;
    }

    private static long Discount(UnitOfWork work, Doc session, IReadOnlyList<Doc> lines)
    {
        var total = 0L;
        foreach (var entry in session.Array("discounts"))
        {
            var coupon = work.Find(Discounts.Coupon, entry!["coupon"]?.GetValue<string>() ?? work.Find(Discounts.Code, entry["promotion_code"]?.GetValue<string>())?["promotion.coupon"]);
            if (coupon is null) continue;
            var left = lines.Select(l => (l.Id, l.Long("amount_subtotal") - l.Long("amount_discount"), work.Find(Prices.Kind, l["price"])?["product"])).ToList();
            foreach (var (id, off) in Discounts.Split(coupon, left, session["currency"]!))
            {
                var line = lines.First(l => l.Id == id);
                line.Set("amount_discount", line.Long("amount_discount") + off);
                line.Set("amount_total", line.Long("amount_subtotal") - line.Long("amount_discount"));
                total += off;
            }
        }
        return total;
    }
}
