using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Subscriptions and their items.</summary>
internal static class SubscriptionsApi
{
    private const string ItemParameters = "items[id] items[price] items[price_data] items[quantity] items[deleted] items[metadata]";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/subscriptions", Create, "customer items[price] items[price_data] items[quantity] items[metadata] add_invoice_items[price] add_invoice_items[price_data] add_invoice_items[quantity] billing_mode billing_cycle_anchor " +
            "cancel_at cancel_at_period_end collection_method currency default_payment_method description discounts metadata off_session payment_behavior payment_settings[save_default_payment_method] proration_behavior " +
            "trial_end trial_period_days trial_settings automatic_tax[enabled]");
        table.Add("GET /v1/subscriptions", List, Operations.Paging + " collection_method customer price status test_clock");
        table.Add("GET /v1/subscriptions/{subscription_exposed_id}", call => call.Show(Find(call, call.Id)));
        table.Add("POST /v1/subscriptions/{subscription_exposed_id}", Update, ItemParameters + " billing_cycle_anchor cancel_at cancel_at_period_end cancellation_details default_payment_method description discounts metadata " +
            "off_session payment_behavior payment_settings[save_default_payment_method] proration_behavior proration_date trial_end trial_settings automatic_tax[enabled]");
        table.Add("DELETE /v1/subscriptions/{subscription_exposed_id}", Cancel, "cancellation_details invoice_now prorate");
        table.Add("POST /v1/subscriptions/{subscription}/resume", Resume, "billing_cycle_anchor proration_behavior");
        table.Add("GET /v1/subscription_items", call => call.List(Subscriptions.Items(call.Work, Find(call, call.Params.Required("subscription"))).Reverse()), "subscription limit starting_after ending_before");
        table.Add("GET /v1/subscription_items/{item}", call => call.Show(call.Work.Get(Subscriptions.Item, call.Id, "item")));
        table.Add("POST /v1/subscription_items", AddItem, "subscription price price_data quantity metadata payment_behavior proration_behavior proration_date");
        table.Add("POST /v1/subscription_items/{item}", UpdateItem, "price price_data quantity metadata payment_behavior proration_behavior proration_date off_session");
        table.Add("DELETE /v1/subscription_items/{item}", DeleteItem, "payment_behavior proration_behavior proration_date");
    }

    public static Doc Find(Call call, string id, string param = "subscription") => call.Work.Get(Subscriptions.Kind, id, param);

    /// <summary>What is asked for by <c>items[]</c>.</summary>
    public static IReadOnlyList<ItemChange> Items(Call call, Params given) => [.. given.Groups("items").Select(i => new ItemChange(
        i.Text("id"), i.Has("price") || i.Has("price_data") ? CatalogueApi.Resolve(call, i) : i.Text("id") is null ? throw ParameterReader.Missing(i.Full("price")) : null,
        i.Long("quantity"), i.Flag("deleted") ?? false, i.Group("metadata")?.Json))];

    public static void CheckMode(Params? given)
    {
        if (given?.Group("billing_mode") is { } mode && mode.Text("type") != "flexible") throw StripeError.Unimplemented("the classic billing mode", given.Full("billing_mode[type]"));
        if (given?.Group("automatic_tax")?.Flag("enabled") == true) throw StripeError.Unimplemented("automatic tax", given.Full("automatic_tax[enabled]"));
    }

    public static NewSubscription Read(Call call, Params given, Doc customer)
    {
        CheckMode(given);
        if (given.Text("collection_method") == "send_invoice") throw StripeError.Unimplemented("subscriptions that send invoices", "collection_method");
        var now = Clocks.Now(call.Work, customer.Id);
        var (days, end) = (given.Long("trial_period_days"), given.Long("trial_end"));
        if (days is not null && given.Has("trial_end")) throw StripeError.Invalid("Only one of trial_period_days and trial_end can be given.", "trial_end", "parameters_exclusive");
        return new NewSubscription(customer, Items(call, given))
        {
            PaymentBehavior = given.Text("payment_behavior") ?? "allow_incomplete",
            TrialEnd = end ?? (days is > 0 ? now.AddDays(days.Value).ToUnixTimeSeconds() : null),
            MissingPaymentMethod = given.Group("trial_settings")?.Group("end_behavior")?.Text("missing_payment_method") ?? "create_invoice",
            Anchor = given.Long("billing_cycle_anchor"),
            ProrateToAnchor = given.Text("proration_behavior") != "none",
            DefaultMethod = given.Text("default_payment_method") is { } method ? Method(call, method, customer.Id) : null,
            Discounts = DiscountsApi.Read(given),
            Metadata = (JsonObject?)given.Group("metadata")?.Json.DeepClone() ?? [],
            Description = given.Text("description"),
            SaveDefault = given.Group("payment_settings")?.Text("save_default_payment_method") ?? "off",
            Extras = [.. given.Groups("add_invoice_items").Select(i => Extra(call, i, now.ToUnixTimeSeconds()))],
            OffSession = given.Flag("off_session") ?? false,
        };
    }

    private static Line Extra(Call call, Params given, long now)
    {
        var price = CatalogueApi.Resolve(call, given);
        var quantity = given.Long("quantity") ?? 1;
        return new Line(Pricing.Amount(price, quantity), Prices.Name(call.Work, price), now, now) { Price = price, Quantity = quantity };
    }

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var customer = CustomersApi.Living(work, given.Required("customer"));
        if (work.OfCustomer(customer.Id, Subscriptions.Kind).Count(s => !Subscriptions.IsOver(s)) >= 500) throw StripeError.Invalid("The customer has too many subscriptions.", "customer", "customer_max_subscriptions");
        var wanted = Read(call, given, customer);
        if (wanted.PaymentBehavior == "pending_if_incomplete") throw StripeError.Invalid("A new subscription cannot be pending; use default_incomplete.", "payment_behavior");
        if (wanted is { TrialEnd: null, PaymentBehavior: not "default_incomplete", DefaultMethod: null } && customer["invoice_settings.default_payment_method"] is null && wanted.Items.Any(i => !Pricing.IsMetered(i.Price!) && Pricing.Amount(i.Price!, i.Quantity ?? 1) > 0))
            throw StripeError.Invalid("The customer has no default payment method to charge.", "customer", "resource_missing");
        var (subscription, _) = Subscriptions.Create(work, wanted);
        if (given.Flag("cancel_at_period_end") == true) Cancellations.AtPeriodEnd(work, subscription);
        else if (given.Long("cancel_at") is { } at) Cancellations.At(work, subscription, at, prorate: false);
        work.EmitUpdated("customer.subscription.updated", subscription);
        return call.Show(subscription);
    }

    private static JsonObject Update(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var subscription = Find(call, call.Id);
        CheckMode(given);
        if (Subscriptions.IsOver(subscription) && given.Names.Any(n => n is not ("metadata" or "cancellation_details" or "expand")))
            throw StripeError.Invalid("A canceled subscription can only change its metadata and cancellation details.", given.Names.First());
        if (given.Text("payment_behavior") == "pending_if_incomplete" && given.Names.Any(n => n is "metadata" or "cancel_at" or "cancel_at_period_end" or "cancellation_details" or "default_payment_method" or "description"))
            throw StripeError.Invalid("With payment_behavior=pending_if_incomplete only what changes the price can be changed.", "payment_behavior");
        call.CopyTexts(subscription, "description");
        call.CopyMetadata(subscription);
        if (given.Has("default_payment_method")) subscription["default_payment_method"] = given.Text("default_payment_method") is { } method ? Method(call, method, subscription.Customer!).Id : null;
        if (given.Group("payment_settings")?.Text("save_default_payment_method") is { } save) subscription["payment_settings.save_default_payment_method"] = save;
        if (given.Group("trial_settings")?.Group("end_behavior")?.Text("missing_payment_method") is { } missing) subscription["trial_settings.end_behavior.missing_payment_method"] = missing;
        if (given.Has("discounts")) subscription.Set("discounts", Discounts.Choose(work, DiscountsApi.Read(given), subscription));
        Plan(call, subscription);
        MoveTrial(call, subscription);
        // A change that waits for its payment, or a subscription that is past due now, is no failed request.
        if (given.Has("items") || given.Text("billing_cycle_anchor") == "now")
            SubscriptionChanges.Make(work, subscription, Change(given, Items(call, given)));
        work.EmitUpdated("customer.subscription.updated", subscription);
        return call.Show(subscription);
    }

    public static SubscriptionChange Change(Params given, IReadOnlyList<ItemChange> items) => new(items)
    {
        ProrationBehavior = given.Text("proration_behavior") ?? "create_prorations",
        ProrationDate = given.Long("proration_date"),
        PaymentBehavior = given.Text("payment_behavior") ?? "allow_incomplete",
        OffSession = given.Flag("off_session") ?? false,
        ResetAnchor = given.Text("billing_cycle_anchor") == "now",
    };

    /// <summary>Sets, moves or takes back the planned end.</summary>
    private static void Plan(Call call, Doc subscription)
    {
        var given = call.Params;
        var atPeriodEnd = given.Flag("cancel_at_period_end");
        if (atPeriodEnd == true && given.Text("cancel_at") is null && given.Long("cancel_at") is null) Cancellations.AtPeriodEnd(call.Work, subscription);
        else if (atPeriodEnd == true) throw StripeError.Invalid("Only one of cancel_at and cancel_at_period_end can be given.", "cancel_at", "parameters_exclusive");
        else if (given.Long("cancel_at") is { } at) Cancellations.At(call.Work, subscription, at, given.Text("proration_behavior") is not "none");
        else if (given.Text("cancel_at") is "min_period_end" or "max_period_end") Cancellations.AtPeriodEnd(call.Work, subscription, byDate: true);
        else if (given.Text("cancel_at") is not null) throw StripeError.Unimplemented("cancel_at=max_billed_until", "cancel_at");
        else if (given.Clears("cancel_at") || (atPeriodEnd == false && subscription.Flag("cancel_at_period_end"))) Cancellations.TakeBack(call.Work, subscription);
        if (given.Group("cancellation_details") is not { } why) return;
        foreach (var name in (string[])["comment", "feedback"])
            if (why.Has(name)) subscription[$"cancellation_details.{name}"] = why.Text(name);
    }

    private static void MoveTrial(Call call, Doc subscription)
    {
        var given = call.Params;
        if (!given.Has("trial_end")) return;
        if (subscription.Status != "trialing") throw StripeError.Unimplemented("a trial for a subscription that is not in one", "trial_end");
        if (given.Text("trial_end") == "now")
        {
            Renewals.EndTrial(call.Work, subscription);
            Renewals.Plan(call.Work, subscription);
            return;
        }
        var end = given.Long("trial_end")!.Value;
        if (end <= Clocks.NowUnix(call.Work, subscription.Customer)) throw StripeError.Invalid("A trial ends in the future, or now.", "trial_end");
        subscription.Set("trial_end", end);
        subscription.Set("billing_cycle_anchor", end);
        foreach (var item in Subscriptions.Items(call.Work, subscription)) item.Set("current_period_end", end);
        Renewals.Plan(call.Work, subscription);
    }

    private static JsonObject Cancel(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var subscription = Find(call, call.Id);
        if (given.Group("cancellation_details") is { } why)
            foreach (var name in (string[])["comment", "feedback"])
                if (why.Has(name)) subscription[$"cancellation_details.{name}"] = why.Text(name);
        Subscriptions.End(work, subscription, "cancellation_requested", given.Flag("prorate") ?? false, given.Flag("invoice_now") ?? false);
        return call.Show(subscription);
    }

    private static JsonObject Resume(Call call)
    {
        var subscription = Find(call, call.Id);
        if (subscription.Status != "paused") throw StripeError.Invalid("Only a paused subscription can be resumed.", "subscription");
        if (call.Params.Text("billing_cycle_anchor") == "unchanged") throw StripeError.Unimplemented("resuming in the old cycle", "billing_cycle_anchor");
        var now = Clocks.NowUnix(call.Work, subscription.Customer);
        subscription.Status = "active";
        subscription.Set("billing_cycle_anchor", now);
        foreach (var item in Subscriptions.Items(call.Work, subscription)) item.Set("current_period_end", now);
        Renewals.Due(call.Work, subscription);
        call.Work.Emit("customer.subscription.resumed", subscription);
        return call.Show(subscription);
    }

    private static JsonObject List(Call call)
    {
        var given = call.Params;
        var all = given.Text("customer") is { } customer ? call.Work.OfCustomer(customer, Subscriptions.Kind).Reverse() : call.Work.All(Subscriptions.Kind);
        var status = given.Text("status");
        return call.List(all.Where(s =>
            (status is "all" || (status is null or "ended" ? (s.Status is "canceled" or "incomplete_expired") == (status == "ended") : s.Status == status))
            && (given.Text("collection_method") is not { } method || s["collection_method"] == method)
            && (given.Text("price") is not { } price || Subscriptions.Items(call.Work, s).Any(i => i["price"] == price))
            && (given.Text("customer") is not null || s["test_clock"] == given.Text("test_clock"))));
    }

    private static JsonObject AddItem(Call call)
    {
        var given = call.Params;
        var subscription = Find(call, given.Required("subscription"));
        SubscriptionChanges.Make(call.Work, subscription, Change(given, [new ItemChange(null, CatalogueApi.Resolve(call, given), given.Long("quantity"), Metadata: given.Group("metadata")?.Json)]));
        return call.Show(Subscriptions.Items(call.Work, subscription)[^1]);
    }

    private static JsonObject UpdateItem(Call call)
    {
        var given = call.Params;
        var item = call.Work.Get(Subscriptions.Item, call.Id, "item");
        var price = given.Has("price") || given.Has("price_data") ? CatalogueApi.Resolve(call, given) : null;
        SubscriptionChanges.Make(call.Work, Find(call, item["subscription"]!), Change(given, [new ItemChange(item.Id, price, given.Long("quantity"), Metadata: given.Group("metadata")?.Json)]));
        return call.Show(item);
    }

    private static JsonObject DeleteItem(Call call)
    {
        var item = call.Work.Get(Subscriptions.Item, call.Id, "item");
        SubscriptionChanges.Make(call.Work, Find(call, item["subscription"]!), Change(call.Params, [new ItemChange(item.Id, null, null, Deleted: true)]));
        return Call.Tombstone(call.Id, Subscriptions.Item);
    }

    private static Doc Method(Call call, string id, string customer)
    {
        var method = call.Work.Find(PaymentMethods.Kind, id) ?? throw StripeError.Missing("payment method", id, "default_payment_method");
        return method.Customer == customer ? method : throw StripeError.Invalid("The default payment method must be attached to the customer first.", "default_payment_method", "payment_method_unexpected_state");
    }
}
