using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>How a payment is tried: with which card, and whether its owner is there.</summary>
/// <param name="IsAutomatic">By the dunning schedule rather than by a person.</param>
/// <param name="Authenticated">The bank has asked already.</param>
/// <param name="ReturnUrl">Where the browser goes after the bank's question; without it a script shows the question.</param>
internal sealed record Collection(Doc? Method = null, bool OffSession = true, bool IsAutomatic = false, bool Authenticated = false, string? ReturnUrl = null);

/// <summary>The state machine of an invoice: draft → open → paid, void or uncollectible, with what its payments do to it.</summary>
internal static class InvoicePayments
{
    public const string Kind = "invoice_payment";

    /// <summary>Numbers a draft, freezes it, applies the balance, and opens it; paid at once when nothing is due.</summary>
    public static void Finalize(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status != "draft") throw Invoices.NotEditable(invoice, "finalized");
        var customer = work.Get("customer", invoice.Customer!);
        var now = Clocks.NowUnix(work, customer.Id);
        Usage.Refresh(work, invoice);
        Invoices.Total(work, invoice);
        Number(work, invoice, customer);
        customer["currency"] ??= invoice["currency"];
        ApplyBalance(work, invoice, customer);
        invoice.Status = "open";
        invoice.Set("status_transitions.finalized_at", now);
        if (invoice.Node("effective_at") is null) invoice.Set("effective_at", now);
        invoice.Set("automatically_finalizes_at", null);
        HostedLinks.Open(work, invoice);
        Agenda.Set(work, invoice, null);
        if (invoice.Long("amount_due") > 0) OpenPayment(work, invoice);
        work.Emit("invoice.finalized", invoice);
        if (invoice.Long("amount_due") == 0) MarkPaid(work, invoice);
    }

    /// <summary>Tries to collect. A refusal is recorded and returned.</summary>
    public static StripeError? Pay(UnitOfWork work, Doc invoice, Collection how)
    {
        if (invoice.Status == "draft") Finalize(work, invoice);
        if (invoice.Status == "paid") return null;
        if (invoice.Status is not ("open" or "uncollectible")) throw Invoices.NotEditable(invoice, "paid");
        var intent = Payment(work, invoice);
        if (how.Method is null && DefaultMethod(work, invoice) is null)
        {
            Attempted(invoice, how);
            Failed(work, intent, null);
            return new StripeError(400, "invalid_request_error", "There is no payment method to charge: the customer has no default.", "missing", "payment_method") { KeepsChanges = true };
        }
        PaymentIntents.UseMethod(work, intent, how.Method ?? DefaultMethod(work, invoice)!);
        Attempted(invoice, how);
        if (PaymentIntents.Confirm(work, intent, new Confirmation(how.ReturnUrl, InPage: how.ReturnUrl is null, how.OffSession, how.Authenticated)) is { } declined) return declined;
        return intent.Status != "requires_action" ? null
            : new StripeError(402, "card_error", "The payment must be authenticated by the card's owner.", "invoice_payment_intent_requires_action") { PaymentIntent = intent, KeepsChanges = true };
    }

    /// <summary>Somebody paid by other means.</summary>
    public static void PaidElsewhere(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status == "draft") Finalize(work, invoice);
        if (invoice.Status is not ("open" or "uncollectible")) throw Invoices.NotEditable(invoice, "paid");
        ClosePayment(work, invoice, "abandoned");
        invoice.Set("amount_paid_off_stripe", invoice.Long("amount_remaining"));
        invoice.Set("amount_paid", invoice.Long("amount_due"));
        invoice.Set("amount_remaining", 0L);
        MarkPaid(work, invoice);
    }

    public static void Void(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status is not ("open" or "uncollectible")) throw Invoices.NotEditable(invoice, "voided");
        ClosePayment(work, invoice, "void_invoice");
        invoice.Status = "void";
        invoice.Set("status_transitions.voided_at", Clocks.NowUnix(work, invoice.Customer));
        Stop(work, invoice);
        var customer = work.Get("customer", invoice.Customer!);
        Balances.Move(work, customer, invoice.Long("starting_balance") - invoice.Long("ending_balance"), "unapplied_from_invoice", invoice["currency"]!, invoice.Id);
        work.Emit("invoice.voided", invoice);
        Dunning.Recovered(work, invoice);
    }

    public static void MarkUncollectible(UnitOfWork work, Doc invoice)
    {
        if (invoice.Status != "open") throw Invoices.NotEditable(invoice, "marked uncollectible");
        invoice.Status = "uncollectible";
        invoice.Set("status_transitions.marked_uncollectible_at", Clocks.NowUnix(work, invoice.Customer));
        Stop(work, invoice);
        work.Emit("invoice.marked_uncollectible", invoice);
    }

    /// <summary>No more automatic tries.</summary>
    public static void Stop(UnitOfWork work, Doc invoice)
    {
        invoice.Set("auto_advance", false);
        invoice.Set("next_payment_attempt", null);
        Agenda.Set(work, invoice, null);
    }

    /// <summary>The payment intent of an invoice succeeded, whoever confirmed it.</summary>
    public static void Settled(UnitOfWork work, Doc intent)
    {
        if (work.Find(Invoices.Kind, intent.Hidden["invoice"]) is not { } invoice) return;
        var payment = work.Children(invoice.Id, Kind).Single(p => p["payment.payment_intent"] == intent.Id);
        payment.Status = "paid";
        payment.Set("amount_paid", intent.Long("amount"));
        payment.Set("status_transitions.paid_at", Clocks.NowUnix(work, invoice.Customer));
        invoice.Set("amount_paid", invoice.Long("amount_paid") + intent.Long("amount"));
        invoice.Set("amount_remaining", invoice.Long("amount_due") - invoice.Long("amount_paid"));
        invoice.Set("attempted", true);
        MarkPaid(work, invoice, payment);
    }

    /// <summary>A try failed: tell, schedule the next one, and let the subscription know.</summary>
    public static void Failed(UnitOfWork work, Doc intent, CardDecline? decline)
    {
        if (work.Find(Invoices.Kind, intent.Hidden["invoice"]) is not { } invoice) return;
        invoice.Set("attempted", true);
        Dunning.Next(work, invoice, decline);
        var told = invoice.Told;
        work.Emit(decline == CardDecline.Unauthenticated ? "invoice.payment_action_required" : "invoice.payment_failed", invoice);
        Updated(work, invoice, told);
        if (work.Find(Subscriptions.Kind, Invoices.SubscriptionOf(invoice)) is { } subscription) Subscriptions.PaymentFailed(work, subscription, invoice);
    }

    public static void ActionRequired(UnitOfWork work, Doc intent)
    {
        if (work.Find(Invoices.Kind, intent.Hidden["invoice"]) is not { } invoice) return;
        invoice.Set("attempted", true);
        var told = invoice.Told;
        work.Emit("invoice.payment_action_required", invoice);
        Updated(work, invoice, told);
        if (work.Find(Subscriptions.Kind, Invoices.SubscriptionOf(invoice)) is { } subscription) Subscriptions.PaymentFailed(work, subscription, invoice);
    }

    /// <summary>Lowers what is due by a credit note; nothing left means paid.</summary>
    public static void Reduce(UnitOfWork work, Doc invoice, long by)
    {
        invoice.Set("pre_payment_credit_notes_amount", invoice.Long("pre_payment_credit_notes_amount") + by);
        Invoices.Due(invoice, invoice.Long("amount_due") - by);
        if (invoice.Long("amount_remaining") == 0)
        {
            ClosePayment(work, invoice, "abandoned");
            MarkPaid(work, invoice);
            return;
        }
        Payment(work, invoice).Set("amount", invoice.Long("amount_remaining"));
        work.Children(invoice.Id, Kind).Single(p => p.Status == "open").Set("amount_requested", invoice.Long("amount_remaining"));
    }

    public static Doc Payment(UnitOfWork work, Doc invoice) =>
        work.Get(PaymentIntents.Kind, work.Children(invoice.Id, Kind).Single(p => p.Flag("is_default"))["payment.payment_intent"]!);

    /// <summary>The card that an automatic try takes: the invoice's, the subscription's, the customer's.</summary>
    public static Doc? DefaultMethod(UnitOfWork work, Doc invoice) => work.Find(PaymentMethods.Kind,
        invoice["default_payment_method"]
        ?? work.Find(Subscriptions.Kind, Invoices.SubscriptionOf(invoice))?["default_payment_method"]
        ?? work.Get("customer", invoice.Customer!)["invoice_settings.default_payment_method"]);

    /// <summary>A draft whose money came already, at a checkout: numbered and paid by that payment.</summary>
    public static void PaidBy(UnitOfWork work, Doc invoice, Doc? intent)
    {
        InvoiceTimers.Announce(work, invoice);
        var customer = work.Get("customer", invoice.Customer!);
        var now = Clocks.NowUnix(work, customer.Id);
        Number(work, invoice, customer);
        invoice.Set("starting_balance", 0L);
        invoice.Set("ending_balance", 0L);
        Invoices.Due(invoice, invoice.Long("total"));
        invoice.Status = "open";
        invoice.Set("status_transitions.finalized_at", now);
        if (invoice.Node("effective_at") is null) invoice.Set("effective_at", now);
        HostedLinks.Open(work, invoice);
        work.Emit("invoice.finalized", invoice);
        if (intent is null)
        {
            MarkPaid(work, invoice);
            return;
        }
        intent.Hidden["invoice"] = invoice.Id;
        Record(work, invoice, intent);
        Settled(work, intent);
    }

    /// <summary>Tells what a try changed, against what was told before the try.</summary>
    private static void Updated(UnitOfWork work, Doc invoice, JsonObject? told)
    {
        invoice.Told = told;
        work.EmitUpdated("invoice.updated", invoice);
    }

    /// <summary>The number that its maker gave it, else the next of its customer that is free.</summary>
    private static void Number(UnitOfWork work, Doc invoice, Doc customer)
    {
        while (invoice["number"] is null)
        {
            var next = customer.Long("next_invoice_sequence");
            customer.Set("next_invoice_sequence", next + 1);
            var number = $"{customer["invoice_prefix"]}-{next:0000}";
            if (!Invoices.IsTaken(work, number, customer.Id)) invoice["number"] = number;
        }
    }

    private static void Attempted(Doc invoice, Collection how)
    {
        invoice.Set("attempted", true);
        if (how.IsAutomatic || invoice.Long("attempt_count") == 0) invoice.Set("attempt_count", invoice.Long("attempt_count") + 1);
    }

    /// <summary>The balance goes first. What is too small to be charged is owed until next time.</summary>
    private static void ApplyBalance(UnitOfWork work, Doc invoice, Doc customer)
    {
        var starting = customer.Long("balance");
        var due = invoice.Long("total") + starting;
        var ending = Math.Min(0, due);
        due = Math.Max(0, due);
        var tooSmall = due is > 0 and < Pricing.LeastCharge;
        if (tooSmall) (ending, due) = (due, 0);
        invoice.Set("starting_balance", starting);
        invoice.Set("ending_balance", ending);
        Invoices.Due(invoice, due);
        Balances.Move(work, customer, ending - starting, tooSmall ? "invoice_too_small" : "applied_to_invoice", invoice["currency"]!, invoice.Id);
    }

    private static void OpenPayment(UnitOfWork work, Doc invoice)
    {
        var intent = PaymentIntents.Make(work, invoice.Long("amount_due"), invoice["currency"]!, invoice.Customer);
        intent.Hidden["invoice"] = invoice.Id;
        intent["description"] = invoice["billing_reason"] switch
        {
            "subscription_create" => "Subscription creation",
            "subscription_cycle" => "Subscription renewal",
            "subscription_update" => "Subscription update",
            _ => $"Invoice {invoice["number"]}",
        };
        if (Invoices.SubscriptionOf(invoice) is not null) intent["setup_future_usage"] = "off_session";
        if (DefaultMethod(work, invoice) is { } method) PaymentIntents.UseMethod(work, intent, method);
        Record(work, invoice, intent);
        work.Emit("payment_intent.created", intent);
    }

    private static void Record(UnitOfWork work, Doc invoice, Doc intent)
    {
        var payment = work.New(Kind, work.NewId("inpay_"), invoice.Id);
        payment.Set("created", Clocks.NowUnix(work, invoice.Customer));
        payment.Set("amount_requested", invoice.Long("amount_due"));
        payment["currency"] = invoice["currency"];
        payment["invoice"] = invoice.Id;
        payment.Set("is_default", true);
        payment.Set("payment", new JsonObject { ["payment_intent"] = intent.Id, ["type"] = "payment_intent" });
        payment.Status = "open";
        payment.Set("status_transitions", new JsonObject { ["canceled_at"] = null, ["paid_at"] = null });
    }

    private static void ClosePayment(UnitOfWork work, Doc invoice, string reason)
    {
        foreach (var payment in work.Children(invoice.Id, Kind).Where(p => p.Status == "open"))
        {
            payment.Status = "canceled";
            payment.Set("status_transitions.canceled_at", Clocks.NowUnix(work, invoice.Customer));
            PaymentIntents.Cancel(work, work.Get(PaymentIntents.Kind, payment["payment.payment_intent"]!), reason);
        }
    }

    private static void MarkPaid(UnitOfWork work, Doc invoice, Doc? payment = null)
    {
        invoice.Status = "paid";
        invoice.Set("status_transitions.paid_at", Clocks.NowUnix(work, invoice.Customer));
        invoice.Set("next_payment_attempt", null);
        invoice.Set("auto_advance", false);
        Agenda.Set(work, invoice, null);
        work.EmitUpdated("invoice.updated", invoice);
        work.Emit("invoice.paid", invoice);
        work.Emit("invoice.payment_succeeded", invoice);
        if (payment is not null) work.Emit("invoice_payment.paid", payment);
        Dunning.Recovered(work, invoice);
        if (work.Find(Subscriptions.Kind, Invoices.SubscriptionOf(invoice)) is { } subscription) Subscriptions.InvoicePaid(work, subscription, invoice);
    }
}
