using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What becomes of one item: added (no id), changed, or deleted.</summary>
internal sealed record ItemChange(string? Id, Doc? Price, long? Quantity, bool Deleted = false, JsonObject? Metadata = null);

/// <summary>A subscription that somebody asks for.</summary>
internal sealed record NewSubscription(Doc Customer, IReadOnlyList<ItemChange> Items)
{
    public string PaymentBehavior { get; init; } = "allow_incomplete";
    public long? TrialEnd { get; init; }
    public string MissingPaymentMethod { get; init; } = "create_invoice";
    public long? Anchor { get; init; }
    public bool ProrateToAnchor { get; init; } = true;
    public Doc? DefaultMethod { get; init; }
    public IReadOnlyList<DiscountChoice> Discounts { get; init; } = [];
    public JsonObject Metadata { get; init; } = [];
    public string? Description { get; init; }
    public string SaveDefault { get; init; } = "off";
    public IReadOnlyList<Line> Extras { get; init; } = [];
    public bool OffSession { get; init; }

    /// <summary>The bank has asked already: on the checkout page.</summary>
    public bool Authenticated { get; init; }
}

/// <summary>The state machine of a subscription: incomplete → active or trialing → past due → unpaid or canceled.</summary>
internal static class Subscriptions
{
    public const string Kind = "subscription";
    public const string Item = "subscription_item";
    public static readonly TimeSpan FirstPaymentWithin = TimeSpan.FromHours(23);
    private const int MostItems = 20;

    public static bool IsOver(Doc subscription) => subscription.Status is "canceled" or "incomplete_expired";

    public static IReadOnlyList<Doc> Items(UnitOfWork work, Doc subscription) => [.. work.Children(subscription.Id, Item)];

    public static Doc PriceOf(UnitOfWork work, Doc item) => work.Get(Prices.Kind, item["price"]!);

    public static long PeriodEnd(UnitOfWork work, Doc subscription) => Items(work, subscription).Min(i => i.Long("current_period_end"));

    /// <summary>Makes a subscription and collects what it costs now. A refusal that leaves it incomplete is returned.</summary>
    public static (Doc Subscription, StripeError? Refusal) Create(UnitOfWork work, NewSubscription wanted)
    {
        var (subscription, invoice) = Draft(work, wanted);
        work.Emit("customer.subscription.created", subscription);
        StripeError? refusal = null;
        if (invoice is not null)
        {
            InvoiceTimers.Announce(work, invoice);
            InvoicePayments.Finalize(work, invoice);
            if (invoice.Status == "open" && wanted.PaymentBehavior != "default_incomplete")
                refusal = InvoicePayments.Pay(work, invoice, new Collection(wanted.DefaultMethod, wanted.OffSession, Authenticated: wanted.Authenticated));
        }
        if (refusal is not null && wanted.PaymentBehavior == "error_if_incomplete") throw refusal.WithoutChanges();
        if (invoice?.Status != "open") AskForCard(work, subscription, wanted);
        Renewals.Plan(work, subscription);
        return (subscription, refusal);
    }

    /// <summary>Everything but telling and paying: also what a preview shows.</summary>
    public static (Doc Subscription, Doc? Invoice) Draft(UnitOfWork work, NewSubscription wanted)
    {
        Check(wanted);
        var now = Clocks.Now(work, wanted.Customer.Id);
        var subscription = Blank(work, wanted, now);
        var trial = wanted.TrialEnd is { } trialEnd && trialEnd > now.ToUnixTimeSeconds();
        var anchor = trial ? wanted.TrialEnd!.Value : wanted.Anchor ?? now.ToUnixTimeSeconds();
        if (anchor < now.ToUnixTimeSeconds()) throw StripeError.Invalid("A billing cycle cannot begin in the past.", "billing_cycle_anchor");
        subscription.Set("billing_cycle_anchor", anchor);
        foreach (var item in wanted.Items)
        {
            var end = End(item.Price!, anchor, now, trial);
            var added = AddItem(work, subscription, item, now.ToUnixTimeSeconds(), end);
            added.Hidden.Set("whole_start", Pricing.Interval(item.Price!).Before(DateTimeOffset.FromUnixTimeSeconds(anchor), DateTimeOffset.FromUnixTimeSeconds(end)).ToUnixTimeSeconds());
        }
        if (trial)
        {
            subscription.Set("trial_start", now.ToUnixTimeSeconds());
            subscription.Set("trial_end", anchor);
        }
        subscription.Set("discounts", Discounts.Choose(work, wanted.Discounts, subscription));
        var invoice = FirstInvoice(work, subscription, wanted, trial);
        subscription.Status = trial ? "trialing" : invoice is null ? "active" : "incomplete";
        subscription["latest_invoice"] = invoice?.Id;
        wanted.Customer["currency"] ??= subscription["currency"];
        return (subscription, invoice);
    }

    public static Doc AddItem(UnitOfWork work, Doc subscription, ItemChange wanted, long start, long end)
    {
        var item = work.New(Item, work.NewId("si_", 14), subscription.Id);
        item.Set("created", Clocks.NowUnix(work, subscription.Customer));
        item["price"] = wanted.Price!.Id;
        item["plan"] = wanted.Price.Id;
        item["subscription"] = subscription.Id;
        item.Set("discounts", new JsonArray());
        item.Set("tax_rates", new JsonArray());
        item.Set("metadata", wanted.Metadata?.DeepClone() ?? new JsonObject());
        item.Set("current_period_start", start);
        item.Set("current_period_end", end);
        SetQuantity(item, wanted.Price, wanted.Quantity);
        return item;
    }

    public static void SetQuantity(Doc item, Doc price, long? quantity)
    {
        if (Pricing.IsMetered(price))
        {
            if (quantity is not null) throw StripeError.Invalid("A metered price has no quantity: it is what was used.", "items[0][quantity]");
            item.Remove("quantity");
            return;
        }
        if (quantity < 0) throw StripeError.Invalid("A quantity is not negative.", "items[0][quantity]", "parameter_invalid_integer");
        item.Set("quantity", quantity ?? 1);
    }

    /// <summary>An invoice of this subscription was paid, whoever paid it.</summary>
    public static void InvoicePaid(UnitOfWork work, Doc subscription, Doc invoice)
    {
        if (IsOver(subscription)) return;
        PendingUpdates.Paid(work, subscription, invoice);
        if (invoice.Id == subscription["latest_invoice"] && subscription.Status is "incomplete" or "past_due" or "unpaid")
        {
            subscription.Status = "active";
            Renewals.Plan(work, subscription);
        }
        if (subscription["payment_settings.save_default_payment_method"] == "on_subscription" && invoice.Long("amount_paid") > 0 && work.Children(invoice.Id, InvoicePayments.Kind).Any(p => p.Status == "paid"))
            subscription["default_payment_method"] = InvoicePayments.Payment(work, invoice)["payment_method"];
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    public static void PaymentFailed(UnitOfWork work, Doc subscription, Doc invoice)
    {
        if (subscription.Hidden["pending_invoice"] == invoice.Id) return;
        if (subscription.Status is "active" or "trialing" && invoice.Id == subscription["latest_invoice"]) subscription.Status = "past_due";
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    /// <summary>The end, now. What was not invoiced is lost unless asked for.</summary>
    public static void End(UnitOfWork work, Doc subscription, string reason, bool prorate = false, bool invoiceNow = false)
    {
        if (IsOver(subscription)) throw StripeError.Missing("subscription", subscription.Id);
        var now = Clocks.NowUnix(work, subscription.Customer);
        PendingUpdates.Drop(work, subscription);
        if (prorate && subscription.Status is not ("incomplete" or "trialing"))
            foreach (var credit in Items(work, subscription).Select(i => Prorations.Credit(work, subscription, i, now)).OfType<Line>())
                InvoiceItems.Make(work, work.Get("customer", subscription.Customer!), subscription["currency"]!, credit);
        foreach (var open in work.OfCustomer(subscription.Customer!, Invoices.Kind).Where(i => Invoices.SubscriptionOf(i) == subscription.Id && i.Status is "open" or "draft")) InvoicePayments.Stop(work, open);
        var last = invoiceNow ? Prorations.Invoice(work, subscription, Usage.Lines(work, subscription, now, final: true), "subscription_update") : null;
        subscription.Status = "canceled";
        if (subscription.Node("canceled_at") is null) subscription.Set("canceled_at", now);
        subscription.Set("ended_at", now);
        subscription["cancellation_details.reason"] = reason;
        if (last is not null) subscription["latest_invoice"] = last.Id;
        SubscriptionSchedules.SubscriptionEnded(work, subscription);
        Agenda.Set(work, subscription, null);
        work.Emit("customer.subscription.deleted", subscription);
        if (last is not null) Prorations.Collect(work, last, new Collection());
    }

    /// <summary>The end of the first 23 hours without a payment.</summary>
    public static void ExpireIncomplete(UnitOfWork work, Doc subscription)
    {
        subscription.Status = "incomplete_expired";
        subscription.Set("ended_at", Clocks.NowUnix(work, subscription.Customer));
        Agenda.Set(work, subscription, null);
        if (work.Find(Invoices.Kind, subscription["latest_invoice"]) is { Status: "open" } invoice) InvoicePayments.Void(work, invoice);
        SubscriptionSchedules.SubscriptionEnded(work, subscription);
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    /// <summary>The card that was asked for without a payment has come.</summary>
    public static void CardGiven(UnitOfWork work, Doc subscription, Doc method)
    {
        subscription.Set("pending_setup_intent", null);
        if (subscription["payment_settings.save_default_payment_method"] == "on_subscription") subscription["default_payment_method"] = method.Id;
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    private static void Check(NewSubscription wanted)
    {
        if (wanted.Items.Count == 0) throw StripeError.Invalid("A subscription has at least one item.", "items", "parameter_missing");
        if (wanted.Items.Count > MostItems) throw StripeError.Invalid($"A subscription has at most {MostItems} items.", "items");
        var currency = wanted.Customer["currency"] ?? wanted.Items[0].Price!["currency"];
        for (var i = 0; i < wanted.Items.Count; i++)
        {
            var price = wanted.Items[i].Price!;
            if (!Pricing.IsRecurring(price)) throw StripeError.Invalid("A subscription needs recurring prices; this one is paid once.", $"items[{i}][price]");
            if (!price.Flag("active")) throw StripeError.Invalid("This price is not sold any more.", $"items[{i}][price]");
            if (price["currency"] != currency) throw StripeError.Invalid("A customer is billed in one currency.", $"items[{i}][price]");
        }
        if (wanted.Items.Select(i => i.Price!.Id).Distinct().Count() != wanted.Items.Count) throw StripeError.Invalid("A price can stand on a subscription once.", "items");
    }

    private static Doc Blank(UnitOfWork work, NewSubscription wanted, DateTimeOffset now)
    {
        var subscription = work.New(Kind, work.NewId("sub_"));
        subscription.Set("created", now.ToUnixTimeSeconds());
        subscription.Set("start_date", now.ToUnixTimeSeconds());
        subscription.Set("automatic_tax", new JsonObject { ["disabled_reason"] = null, ["enabled"] = false, ["liability"] = null });
        subscription.Set("billing_mode", new JsonObject { ["flexible"] = new JsonObject { ["proration_discounts"] = "included" }, ["type"] = "flexible" });
        subscription.Set("billing_schedules", new JsonArray());
        subscription.Set("cancel_at_period_end", false);
        subscription.Set("cancellation_details", new JsonObject { ["comment"] = null, ["feedback"] = null, ["reason"] = null });
        subscription["collection_method"] = "charge_automatically";
        subscription["currency"] = wanted.Items[0].Price!["currency"];
        subscription["customer"] = wanted.Customer.Id;
        subscription["default_payment_method"] = wanted.DefaultMethod?.Id;
        subscription.Set("default_tax_rates", new JsonArray());
        subscription["description"] = wanted.Description;
        subscription.Set("discounts", new JsonArray());
        subscription.Set("invoice_settings", new JsonObject { ["account_tax_ids"] = null, ["custom_fields"] = null, ["description"] = null, ["footer"] = null, ["issuer"] = new JsonObject { ["type"] = "self" } });
        subscription.Set("metadata", wanted.Metadata.DeepClone());
        subscription.Set("payment_settings", new JsonObject { ["payment_method_options"] = null, ["payment_method_types"] = null, ["save_default_payment_method"] = wanted.SaveDefault });
        subscription["test_clock"] = wanted.Customer["test_clock"];
        subscription.Set("trial_settings", new JsonObject { ["end_behavior"] = new JsonObject { ["missing_payment_method"] = wanted.MissingPaymentMethod } });
        return subscription;
    }

    private static long End(Doc price, long anchor, DateTimeOffset now, bool trial) =>
        trial ? anchor : Pricing.Interval(price).NextAfter(DateTimeOffset.FromUnixTimeSeconds(anchor), now).ToUnixTimeSeconds();

    private static Doc? FirstInvoice(UnitOfWork work, Doc subscription, NewSubscription wanted, bool trial)
    {
        var lines = new List<Line>();
        foreach (var item in Items(work, subscription))
        {
            var price = PriceOf(work, item);
            if (Pricing.IsMetered(price)) continue;
            var (start, end) = (item.Long("current_period_start"), item.Long("current_period_end"));
            var whole = item.Hidden.Long("whole_start");
            var amount = Pricing.Exact(price, item.Long("quantity"));
            lines.Add(new Line(
                trial ? 0 : start == whole ? Pricing.Round(amount) : wanted.ProrateToAnchor ? Pricing.Prorate(amount, start, whole, end) : 0,
                trial ? $"Trial: {Prices.Name(work, price)}" : $"{item.Long("quantity")} × {Prices.Name(work, price)}", start, end)
            {
                Price = price, Quantity = item.Long("quantity"), Item = item.Id, Subscription = subscription.Id,
            });
        }
        lines.AddRange(wanted.Extras);
        return lines.Count == 0 ? null : Prorations.Invoice(work, subscription, lines, "subscription_create");
    }

    /// <summary>Nothing is due now and no card is known: the card can be asked for all the same.</summary>
    private static void AskForCard(UnitOfWork work, Doc subscription, NewSubscription wanted)
    {
        if (wanted.PaymentBehavior != "default_incomplete" || wanted.DefaultMethod is not null || wanted.Customer["invoice_settings.default_payment_method"] is not null) return;
        var intent = SetupIntents.Make(work, wanted.Customer.Id, "off_session");
        intent.Hidden["subscription"] = subscription.Id;
        subscription["pending_setup_intent"] = intent.Id;
        work.Emit("setup_intent.created", intent);
        work.EmitUpdated("customer.subscription.updated", subscription);
    }
}
