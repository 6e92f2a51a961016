using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>A change of what a subscription consists of, and how the difference is charged.</summary>
internal sealed record SubscriptionChange(IReadOnlyList<ItemChange> Items)
{
    public string ProrationBehavior { get; init; } = "create_prorations";
    public long? ProrationDate { get; init; }
    public string PaymentBehavior { get; init; } = "allow_incomplete";
    public bool OffSession { get; init; }
    public bool ResetAnchor { get; init; }
}

/// <summary>Upgrades, downgrades, quantities: prorated, invoiced now or later, waiting while their payment does.</summary>
internal static class SubscriptionChanges
{
    /// <summary>What a change comes to before anything is done: items as they will be, and the lines that it costs.</summary>
    private sealed record Effect(IReadOnlyList<ItemChange> Items, IReadOnlyList<Line> Prorations, IReadOnlyList<Line> Anew, bool Resets, long At);

    /// <summary>Makes the change and collects what is due at once. A refusal that leaves it pending or past due is returned.</summary>
    public static StripeError? Make(UnitOfWork work, Doc subscription, SubscriptionChange change)
    {
        if (Subscriptions.IsOver(subscription) || subscription.Status == "incomplete")
            throw StripeError.Invalid($"A subscription that is {subscription.Status} cannot be changed.", "items");
        PendingUpdates.Drop(work, subscription);
        var effect = Work(work, subscription, change);
        var invoiced = change.ProrationBehavior == "always_invoice" || effect.Resets;
        if (!invoiced)
        {
            Keep(work, subscription, effect);
            Apply(work, subscription, effect);
            work.EmitUpdated("customer.subscription.updated", subscription);
            return null;
        }
        return change.PaymentBehavior == "pending_if_incomplete" ? PayThenApply(work, subscription, change, effect) : ApplyThenPay(work, subscription, change, effect);
    }

    /// <summary>The draft that the change would make now; for previews, which are thrown away.</summary>
    public static Doc Preview(UnitOfWork work, Doc subscription, SubscriptionChange change)
    {
        var effect = Work(work, subscription, change);
        Keep(work, subscription, effect);
        Apply(work, subscription, effect);
        return change.ProrationBehavior == "always_invoice" || effect.Resets
            ? Prorations.Invoice(work, subscription, effect.Anew, "subscription_update")
            : Renewals.Preview(work, subscription);
    }

    /// <summary>Puts a phase's or a pending update's items in place without charging anything.</summary>
    public static void Replace(UnitOfWork work, Doc subscription, IReadOnlyList<ItemChange> items)
    {
        foreach (var wanted in items) ApplyItem(work, subscription, wanted, null);
        Renewals.Plan(work, subscription);
    }

    private static StripeError? ApplyThenPay(UnitOfWork work, Doc subscription, SubscriptionChange change, Effect effect)
    {
        Keep(work, subscription, effect);
        Apply(work, subscription, effect);
        var invoice = Prorations.Invoice(work, subscription, effect.Anew, "subscription_update");
        subscription["latest_invoice"] = invoice.Id;
        work.EmitUpdated("customer.subscription.updated", subscription);
        InvoiceTimers.Announce(work, invoice);
        InvoicePayments.Finalize(work, invoice);
        if (invoice.Status != "open") return null;
        if (change.PaymentBehavior == "default_incomplete")
        {
            subscription.Status = "past_due";
            work.EmitUpdated("customer.subscription.updated", subscription);
            return null;
        }
        var refusal = InvoicePayments.Pay(work, invoice, new Collection(OffSession: change.OffSession));
        if (refusal is not null && change.PaymentBehavior == "error_if_incomplete") throw refusal.WithoutChanges();
        return refusal;
    }

    private static StripeError? PayThenApply(UnitOfWork work, Doc subscription, SubscriptionChange change, Effect effect)
    {
        var pending = Keep(work, subscription, effect);
        var invoice = Prorations.Invoice(work, subscription, effect.Anew, "subscription_update");
        subscription["latest_invoice"] = invoice.Id;
        PendingUpdates.Open(work, subscription, invoice, change.Items, effect.Resets, pending);
        var refusal = Prorations.Collect(work, invoice, new Collection(OffSession: change.OffSession));
        if (refusal is not null) work.EmitUpdated("customer.subscription.updated", subscription);
        return refusal;
    }

    /// <summary>Applies a pending update whose invoice was paid.</summary>
    public static void ApplyPending(UnitOfWork work, Doc subscription, IReadOnlyList<ItemChange> items, bool resets)
    {
        var now = Clocks.NowUnix(work, subscription.Customer);
        Apply(work, subscription, new Effect(items, [], [], resets, now));
    }

    private static Effect Work(UnitOfWork work, Doc subscription, SubscriptionChange change)
    {
        var now = Clocks.NowUnix(work, subscription.Customer);
        var at = change.ProrationDate ?? now;
        var before = Subscriptions.Items(work, subscription);
        var (start, end) = (before.Min(i => i.Long("current_period_start")), before.Min(i => i.Long("current_period_end")));
        if (at < start || at > end) throw StripeError.Invalid("The proration date lies outside the current period.", "proration_date");
        Check(work, before, change.Items);
        if (subscription.Status == "trialing") return new Effect(change.Items, [], [], false, at);
        var resets = change.ResetAnchor || Resets(work, before, change.Items);
        var prorate = change.ProrationBehavior != "none";
        var prorations = new List<Line>();
        var anew = new List<Line>();
        foreach (var item in before)
        {
            var wanted = change.Items.FirstOrDefault(c => c.Id == item.Id);
            if (wanted is null && !resets) continue;
            var price = wanted?.Price ?? Subscriptions.PriceOf(work, item);
            var quantity = Quantity(item, wanted);
            if (!resets && wanted is { Deleted: false } && price.Id == item["price"] && quantity == item.Long("quantity")) continue;
            if (prorate && Prorations.Credit(work, subscription, item, at) is { } credit) prorations.Add(credit);
            if (wanted is { Deleted: true }) continue;
            if (resets) anew.AddRange(Anew(work, subscription, item.Id, price, quantity, now));
            else if (prorate && Prorations.Charge(work, subscription, item, price, quantity, at) is { } charge) prorations.Add(charge);
        }
        foreach (var added in change.Items.Where(c => c.Id is null))
        {
            if (resets) anew.AddRange(Anew(work, subscription, before[0].Id, added.Price!, added.Quantity ?? 1, now));
            else if (prorate && Prorations.Charge(work, subscription, before[0], added.Price!, added.Quantity ?? 1, at) is { } charge) prorations.Add(charge);
        }
        return new Effect(change.Items, prorations, anew, resets, at);
    }

    private static void Check(UnitOfWork work, IReadOnlyList<Doc> before, IReadOnlyList<ItemChange> changes)
    {
        foreach (var change in changes)
        {
            if (change.Id is { } id && before.All(i => i.Id != id)) throw StripeError.Missing("subscription item", id, "items[0][id]");
            if (change.Price is { } price && !Pricing.IsRecurring(price)) throw StripeError.Invalid("A subscription needs recurring prices; this one is paid once.", "items[0][price]");
            if (change.Price is { } sold && !sold.Flag("active")) throw StripeError.Invalid("This price is not sold any more.", "items[0][price]");
        }
        var after = before.Where(i => !changes.Any(c => c.Id == i.Id && c.Deleted)).Select(i => changes.FirstOrDefault(c => c.Id == i.Id)?.Price?.Id ?? i["price"])
            .Concat(changes.Where(c => c.Id is null).Select(c => c.Price!.Id)).ToList();
        if (after.Count == 0) throw StripeError.Invalid("A subscription has at least one item: cancel it instead.", "items");
        if (after.Distinct().Count() != after.Count) throw StripeError.Invalid("A price can stand on a subscription once.", "items[0][price]");
        if (changes.Any(c => c.Price is { } p && p["currency"] != work.Get(Prices.Kind, before[0]["price"]!)["currency"])) throw StripeError.Invalid("A subscription is billed in one currency.", "items[0][price]");
    }

    /// <summary>Another interval, or from free to paid: a new period begins now.</summary>
    private static bool Resets(UnitOfWork work, IReadOnlyList<Doc> before, IReadOnlyList<ItemChange> changes)
    {
        var free = before.All(i => Subscriptions.PriceOf(work, i) is var p && !Pricing.IsMetered(p) && Pricing.Amount(p, i.Long("quantity")) == 0);
        foreach (var change in changes.Where(c => c is { Id: not null, Price: not null }))
        {
            var item = before.First(i => i.Id == change.Id);
            if (Pricing.Interval(Subscriptions.PriceOf(work, item)) != Pricing.Interval(change.Price!)) return true;
            if (free && Pricing.Amount(change.Price!, Quantity(item, change)) > 0) return true;
        }
        return false;
    }

    private static long Quantity(Doc item, ItemChange? change) => change?.Quantity ?? (change?.Price is null ? item.Long("quantity") : 1);

    private static IEnumerable<Line> Anew(UnitOfWork work, Doc subscription, string item, Doc price, long quantity, long now)
    {
        if (Pricing.IsMetered(price)) yield break;
        yield return new Line(Pricing.Amount(price, quantity), $"{quantity} × {Prices.Name(work, price)}", now, Pricing.Interval(price).After(DateTimeOffset.FromUnixTimeSeconds(now), 1).ToUnixTimeSeconds())
        {
            Price = price, Quantity = quantity, Item = item, Subscription = subscription.Id,
        };
    }

    /// <summary>Prorations wait as invoice items until an invoice takes them.</summary>
    private static IReadOnlyList<Doc> Keep(UnitOfWork work, Doc subscription, Effect effect) =>
        [.. effect.Prorations.Select(p => InvoiceItems.Make(work, work.Get("customer", subscription.Customer!), subscription["currency"]!, p))];

    private static void Apply(UnitOfWork work, Doc subscription, Effect effect)
    {
        var now = Clocks.NowUnix(work, subscription.Customer);
        foreach (var change in effect.Items) ApplyItem(work, subscription, change, effect.Resets ? now : null);
        if (effect.Resets)
        {
            subscription.Set("billing_cycle_anchor", now);
            foreach (var item in Subscriptions.Items(work, subscription)) Restart(item, Subscriptions.PriceOf(work, item), now);
        }
        Renewals.Plan(work, subscription);
    }

    private static void ApplyItem(UnitOfWork work, Doc subscription, ItemChange change, long? restart)
    {
        if (change.Id is null)
        {
            var beside = Subscriptions.Items(work, subscription)[0];
            var added = Subscriptions.AddItem(work, subscription, change, restart ?? beside.Long("current_period_start"), beside.Long("current_period_end"));
            added.Hidden.Set("whole_start", beside.Hidden.LongOrNull("whole_start") ?? beside.Long("current_period_start"));
            added.Hidden["paid_share"] = Pricing.Text(Discounts.Share(work, subscription));
            return;
        }
        var item = work.Get(Subscriptions.Item, change.Id);
        if (change.Deleted)
        {
            work.Delete(item);
            return;
        }
        var quantity = Quantity(item, change);
        if (change.Price is { } price)
        {
            item["price"] = price.Id;
            item["plan"] = price.Id;
            item.Hidden["paid_share"] = Pricing.Text(Discounts.Share(work, subscription));
        }
        var current = change.Price ?? Subscriptions.PriceOf(work, item);
        Subscriptions.SetQuantity(item, current, Pricing.IsMetered(current) ? change.Quantity : quantity);
        if (change.Metadata is not null) item.Set("metadata", change.Metadata.DeepClone());
    }

    private static void Restart(Doc item, Doc price, long now)
    {
        item.Hidden.Set("whole_start", now);
        item.Hidden.Remove("whole_end");
        item.Set("current_period_start", now);
        item.Set("current_period_end", Pricing.Interval(price).After(DateTimeOffset.FromUnixTimeSeconds(now), 1).ToUnixTimeSeconds());
    }
}

/// <summary>A change whose payment has not come yet: the subscription stays as it was until it does, or the change expires.</summary>
internal static class PendingUpdates
{
    public const string Kind = "_pending_update";

    public static void Open(UnitOfWork work, Doc subscription, Doc invoice, IReadOnlyList<ItemChange> items, bool resets, IReadOnlyList<Doc> prorations)
    {
        var pending = work.New(Kind, work.NewId("pend_"), subscription.Id);
        pending["customer"] = subscription.Customer;
        pending.Hidden["invoice"] = invoice.Id;
        pending.Hidden.Set("resets", resets);
        pending.Hidden.Set("prorations", new JsonArray([.. prorations.Select(p => (JsonNode)p.Id)]));
        pending.Hidden.Set("items", new JsonArray([.. items.Select(i => (JsonNode)new JsonObject { ["id"] = i.Id, ["price"] = i.Price?.Id, ["quantity"] = i.Quantity, ["deleted"] = i.Deleted })]));
        var expires = (Clocks.Now(work, subscription.Customer) + Subscriptions.FirstPaymentWithin).ToUnixTimeSeconds();
        Agenda.Set(work, pending, expires);
        subscription.Hidden["pending_invoice"] = invoice.Id;
        subscription.Set("pending_update", new JsonObject
        {
            ["billing_cycle_anchor"] = null, ["discount"] = null, ["discounts"] = null, ["expires_at"] = expires, ["metadata"] = null,
            ["subscription_items"] = new JsonArray([.. items.Where(i => !i.Deleted).Select(i => (JsonNode)Shown(work, subscription, i))]),
            ["trial_end"] = null, ["trial_from_plan"] = null,
        });
    }

    /// <summary>The invoice of a pending change was paid: the change holds now.</summary>
    public static void Paid(UnitOfWork work, Doc subscription, Doc invoice)
    {
        if (Of(work, subscription) is not { } pending || pending.Hidden["invoice"] != invoice.Id) return;
        var items = pending.Hidden.Array("items").Select(i => new ItemChange(i!["id"]?.GetValue<string>(), work.Find(i["price"]?.GetValue<string>()), i["quantity"]?.GetValue<long>(), i["deleted"]!.GetValue<bool>())).ToList();
        Close(work, subscription, pending);
        SubscriptionChanges.ApplyPending(work, subscription, items, pending.Hidden.Flag("resets"));
        if (subscription.Hidden.Flag("waited")) work.Emit("customer.subscription.pending_update_applied", subscription);
    }

    public static void Expire(UnitOfWork work, Doc pending)
    {
        var subscription = work.Get(Subscriptions.Kind, pending.Parent!);
        Drop(work, subscription);
        work.Emit("customer.subscription.pending_update_expired", subscription);
    }

    /// <summary>Forgets a pending change and voids what it would have cost.</summary>
    public static void Drop(UnitOfWork work, Doc subscription)
    {
        if (Of(work, subscription) is not { } pending) return;
        Close(work, subscription, pending);
        if (work.Find(Invoices.Kind, pending.Hidden["invoice"]) is { Status: "open" } invoice) InvoicePayments.Void(work, invoice);
    }

    private static Doc? Of(UnitOfWork work, Doc subscription) => work.Children(subscription.Id, Kind).FirstOrDefault();

    private static void Close(UnitOfWork work, Doc subscription, Doc pending)
    {
        subscription.Hidden.Set("waited", !pending.IsNew);
        subscription.Set("pending_update", null);
        subscription.Hidden.Remove("pending_invoice");
        work.Delete(pending);
    }

    private static JsonObject Shown(UnitOfWork work, Doc subscription, ItemChange change)
    {
        var current = work.Find(Subscriptions.Item, change.Id) ?? Subscriptions.Items(work, subscription)[0];
        var shown = Rendering.Render(work, current);
        if (change.Price is { } price)
        {
            shown["price"] = Rendering.Render(work, price);
            shown["plan"] = Embedding.Plan(work, price.Id);
        }
        if (change.Quantity is { } quantity) shown["quantity"] = quantity;
        return shown;
    }
}
