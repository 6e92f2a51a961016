using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

internal sealed record PhaseItem(Doc Price, long? Quantity, JsonObject? Metadata = null);

/// <summary>One stretch of time with its own items, and what else the subscription has while it lasts.</summary>
internal sealed record Phase(long Start, long End, IReadOnlyList<PhaseItem> Items, string ProrationBehavior, JsonObject? Metadata)
{
    public string? DefaultMethod { get; init; }
    public string? Description { get; init; }

    /// <summary>The discounts of this time; null leaves them as they are.</summary>
    public IReadOnlyList<DiscountChoice>? Discounts { get; init; }
}

/// <summary>A plan of changes to come: phases that follow each other, then release or cancellation.</summary>
internal static class SubscriptionSchedules
{
    public const string Kind = "subscription_schedule";

    public static bool IsOver(Doc schedule) => schedule.Status is "completed" or "released" or "canceled";

    /// <summary>A schedule around a running subscription: its current period is the first phase.</summary>
    public static Doc Around(UnitOfWork work, Doc subscription)
    {
        if (Subscriptions.IsOver(subscription)) throw StripeError.Missing("subscription", subscription.Id, "from_subscription");
        if (subscription["schedule"] is not null) throw StripeError.Invalid("The subscription has a schedule already.", "from_subscription");
        var schedule = Blank(work, work.Get("customer", subscription.Customer!), "release");
        var items = Subscriptions.Items(work, subscription);
        schedule["subscription"] = subscription.Id;
        SetPhases(schedule, subscription["currency"]!, [new Phase(items.Min(i => i.Long("current_period_start")), Subscriptions.PeriodEnd(work, subscription),
            [.. items.Select(i => new PhaseItem(Subscriptions.PriceOf(work, i), i.LongOrNull("quantity"), (JsonObject?)i.Node("metadata")?.DeepClone()))], "create_prorations", (JsonObject?)subscription.Node("metadata")?.DeepClone())
            {
                DefaultMethod = subscription["default_payment_method"],
                Description = subscription["description"],
                Discounts = [.. subscription.Array("discounts").Select(d => new DiscountChoice(null, Kept: d!.GetValue<string>()))],
            }]);
        subscription["schedule"] = schedule.Id;
        Enter(work, schedule, 0);
        return schedule;
    }

    /// <summary>A schedule that begins its own subscription, now or later.</summary>
    public static Doc Anew(UnitOfWork work, Doc customer, IReadOnlyList<Phase> phases, string endBehavior)
    {
        var schedule = Blank(work, customer, endBehavior);
        SetPhases(schedule, phases[0].Items[0].Price["currency"]!, phases);
        Agenda.Set(work, schedule, phases[0].Start);
        if (phases[0].Start <= Clocks.NowUnix(work, customer.Id)) Begin(work, schedule);
        return schedule;
    }

    /// <summary>Replaces what is still to come. What is past or running keeps its beginning.</summary>
    public static void Plan(UnitOfWork work, Doc schedule, IReadOnlyList<Phase> phases)
    {
        if (IsOver(schedule)) throw StripeError.Invalid($"A schedule that is {schedule.Status} cannot be changed.", "phases");
        for (var i = 1; i < phases.Count; i++)
            if (phases[i].Start != phases[i - 1].End) throw StripeError.Invalid("Phases follow each other without a gap.", $"phases[{i}][start_date]");
        if (phases.Any(p => p.End <= p.Start)) throw StripeError.Invalid("A phase ends after it begins.", "phases");
        SetPhases(schedule, phases[0].Items[0].Price["currency"]!, phases);
        if (schedule.Status == "not_started")
        {
            Agenda.Set(work, schedule, phases[0].Start);
            return;
        }
        var now = Clocks.NowUnix(work, schedule.Customer);
        var current = phases.ToList().FindIndex(p => p.Start <= now && now < p.End);
        if (current < 0) throw StripeError.Invalid("One of the phases must be running now.", "phases");
        ApplyCurrent(work, schedule, current);
        Enter(work, schedule, current);
    }

    /// <param name="keepsEnd">The end that the schedule had planned stays planned.</param>
    public static void Release(UnitOfWork work, Doc schedule, bool keepsEnd = false)
    {
        if (IsOver(schedule)) throw StripeError.Invalid($"A schedule that is {schedule.Status} cannot be released.", "schedule");
        var subscription = work.Find(Subscriptions.Kind, schedule["subscription"]);
        End(work, schedule, "released");
        schedule.Set("released_at", Clocks.NowUnix(work, schedule.Customer));
        schedule["released_subscription"] = schedule["subscription"];
        schedule.Set("subscription", null);
        work.Emit("subscription_schedule.released", schedule);
        if (subscription is null) return;
        subscription.Set("schedule", null);
        if (keepsEnd && schedule["end_behavior"] == "cancel") Cancellations.At(work, subscription, schedule.Array("phases")[^1]!["end_date"]!.GetValue<long>(), prorate: false);
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    public static void Cancel(UnitOfWork work, Doc schedule, bool invoiceNow, bool prorate)
    {
        if (IsOver(schedule)) throw StripeError.Invalid($"A schedule that is {schedule.Status} cannot be canceled.", "schedule");
        End(work, schedule, "canceled");
        schedule.Set("canceled_at", Clocks.NowUnix(work, schedule.Customer));
        work.Emit("subscription_schedule.canceled", schedule);
        if (work.Find(Subscriptions.Kind, schedule["subscription"]) is { } subscription && !Subscriptions.IsOver(subscription))
            Subscriptions.End(work, subscription, "cancellation_requested", prorate, invoiceNow);
    }

    /// <summary>Its subscription was ended by somebody else.</summary>
    public static void SubscriptionEnded(UnitOfWork work, Doc subscription)
    {
        if (work.Find(Kind, subscription["schedule"]) is not { } schedule || IsOver(schedule)) return;
        End(work, schedule, "canceled");
        schedule.Set("canceled_at", Clocks.NowUnix(work, schedule.Customer));
        work.Emit("subscription_schedule.canceled", schedule);
    }

    /// <summary>A phase ends: the next one begins, or the plan is done.</summary>
    public static void Due(UnitOfWork work, Doc schedule)
    {
        if (schedule.Status == "not_started")
        {
            Begin(work, schedule);
            return;
        }
        var now = Clocks.NowUnix(work, schedule.Customer);
        var next = schedule.Array("phases").Select((p, i) => (Start: p!["start_date"]!.GetValue<long>(), Index: i)).FirstOrDefault(p => p.Start == now && p.Index > 0).Index;
        if (next > 0)
        {
            ApplyCurrent(work, schedule, next);
            Enter(work, schedule, next);
            work.EmitUpdated("subscription_schedule.updated", schedule);
            return;
        }
        Complete(work, schedule, now);
    }

    public static IReadOnlyList<Phase> Phases(UnitOfWork work, Doc schedule) => [.. schedule.Array("phases").Select(p => new Phase(
        p!["start_date"]!.GetValue<long>(), p["end_date"]!.GetValue<long>(),
        [.. p["items"]!.AsArray().Select(i => new PhaseItem(work.Get(Prices.Kind, i!["price"]!.GetValue<string>()), i["quantity"]?.GetValue<long>(), i["metadata"] as JsonObject))],
        p["proration_behavior"]!.GetValue<string>(), p["metadata"] as JsonObject)
    {
        DefaultMethod = p["default_payment_method"]?.GetValue<string>(),
        Description = p["description"]?.GetValue<string>(),
        Discounts = p["discounts"] is JsonArray { Count: > 0 } discounts
            ? [.. discounts.Select(d => new DiscountChoice(d!["coupon"]?.GetValue<string>(), d["promotion_code"]?.GetValue<string>(), d["discount"]?.GetValue<string>()))] : null,
    })];

    /// <summary>What the subscription will be when its period ends, for previews; false when the plan is that it ends then.</summary>
    public static bool Foresee(UnitOfWork work, Doc subscription, long end)
    {
        if (work.Find(Kind, subscription["schedule"]) is not { } schedule || IsOver(schedule)) return true;
        var phases = Phases(work, schedule);
        if (phases.Skip(1).FirstOrDefault(p => p.Start == end) is { } next)
        {
            SubscriptionChanges.Replace(work, subscription, Difference(work, subscription, next));
            SetTerms(work, subscription, next);
        }
        return !EndsAt(work, subscription, end);
    }

    /// <summary>Whether the plan is that the subscription ends then.</summary>
    public static bool EndsAt(UnitOfWork work, Doc subscription, long end) =>
        work.Find(Kind, subscription["schedule"]) is { } schedule && !IsOver(schedule) && schedule["end_behavior"] == "cancel" && schedule.Array("phases")[^1]!["end_date"]!.GetValue<long>() == end;

    private static void Complete(UnitOfWork work, Doc schedule, long now)
    {
        var subscription = work.Find(Subscriptions.Kind, schedule["subscription"]);
        End(work, schedule, "completed");
        schedule.Set("completed_at", now);
        work.Emit("subscription_schedule.completed", schedule);
        if (subscription is null || Subscriptions.IsOver(subscription)) return;
        subscription.Set("schedule", null);
        if (schedule["end_behavior"] == "cancel") Subscriptions.End(work, subscription, "cancellation_requested");
        else work.EmitUpdated("customer.subscription.updated", subscription);
    }

    private static void Begin(UnitOfWork work, Doc schedule)
    {
        var first = Phases(work, schedule)[0];
        var (subscription, _) = Subscriptions.Create(work, new NewSubscription(work.Get("customer", schedule.Customer!), [.. first.Items.Select(i => new ItemChange(null, i.Price, i.Quantity))])
        {
            Metadata = first.Metadata ?? [], OffSession = true,
        });
        subscription["schedule"] = schedule.Id;
        schedule["subscription"] = subscription.Id;
        Enter(work, schedule, 0);
        work.EmitUpdated("customer.subscription.updated", subscription);
    }

    /// <summary>Gives the subscription the items of a phase. At a period's own end there is nothing to prorate.</summary>
    private static void ApplyCurrent(UnitOfWork work, Doc schedule, int index)
    {
        if (work.Find(Subscriptions.Kind, schedule["subscription"]) is not { } subscription || Subscriptions.IsOver(subscription)) return;
        var phase = Phases(work, schedule)[index];
        var changes = Difference(work, subscription, phase);
        SetTerms(work, subscription, phase);
        if (changes.Count == 0) return;
        var now = Clocks.NowUnix(work, schedule.Customer);
        if (Subscriptions.PeriodEnd(work, subscription) <= now) SubscriptionChanges.Replace(work, subscription, changes);
        else SubscriptionChanges.Make(work, subscription, new SubscriptionChange(changes) { ProrationBehavior = phase.ProrationBehavior, OffSession = true });
    }

    /// <summary>What a phase says besides its items. A coupon that the subscription has already is not given again.</summary>
    private static void SetTerms(UnitOfWork work, Doc subscription, Phase phase)
    {
        if (phase.Metadata is { Count: > 0 } metadata) subscription.Set("metadata", metadata.DeepClone());
        if (phase.Description is { } description) subscription["description"] = description;
        if (phase.DefaultMethod is { } method) subscription["default_payment_method"] = method;
        if (phase.Discounts is not { } wanted) return;
        var present = subscription.Array("discounts").Select(d => work.Get(Discounts.Kind, d!.GetValue<string>())).ToList();
        var choices = wanted.Select(w => present.FirstOrDefault(d => (w.Coupon is not null && d["source.coupon"] == w.Coupon) || (w.Code is not null && d["promotion_code"] == w.Code)) is { } there ? new DiscountChoice(null, Kept: there.Id) : w)
            .Where(w => w.Kept is null || present.Any(d => d.Id == w.Kept)); // one that was for a single invoice is used up by now
        subscription.Set("discounts", Discounts.Choose(work, choices.ToList(), subscription));
    }

    private static List<ItemChange> Difference(UnitOfWork work, Doc subscription, Phase phase)
    {
        var changes = new List<ItemChange>();
        var free = Subscriptions.Items(work, subscription).ToList();
        var missing = new List<PhaseItem>();
        foreach (var (price, quantity, metadata) in phase.Items)
        {
            if (free.FirstOrDefault(i => i["price"] == price.Id) is not { } same)
            {
                missing.Add(new PhaseItem(price, quantity, metadata));
                continue;
            }
            free.Remove(same);
            if (!Pricing.IsMetered(price) && (quantity ?? 1) != same.Long("quantity")) changes.Add(new ItemChange(same.Id, null, quantity ?? 1, Metadata: metadata));
        }
        foreach (var (price, quantity, metadata) in missing)
        {
            changes.Add(new ItemChange(free.FirstOrDefault()?.Id, price, Pricing.IsMetered(price) ? null : quantity ?? 1, Metadata: metadata));
            if (free.Count > 0) free.RemoveAt(0);
        }
        changes.AddRange(free.Select(i => new ItemChange(i.Id, null, null, Deleted: true)));
        return changes;
    }

    private static void Enter(UnitOfWork work, Doc schedule, int index)
    {
        var phase = schedule.Array("phases")[index]!;
        schedule.Status = "active";
        schedule.Set("current_phase", new JsonObject { ["start_date"] = phase["start_date"]!.GetValue<long>(), ["end_date"] = phase["end_date"]!.GetValue<long>() });
        Agenda.Set(work, schedule, phase["end_date"]!.GetValue<long>());
    }

    private static void End(UnitOfWork work, Doc schedule, string status)
    {
        schedule.Status = status;
        schedule.Set("current_phase", null);
        Agenda.Set(work, schedule, null);
    }

    private static Doc Blank(UnitOfWork work, Doc customer, string endBehavior)
    {
        var schedule = work.New(Kind, work.NewId("sub_sched_"));
        schedule.Set("created", Clocks.NowUnix(work, customer.Id));
        schedule.Set("billing_mode", new JsonObject { ["flexible"] = new JsonObject { ["proration_discounts"] = "included" }, ["type"] = "flexible" });
        schedule["customer"] = customer.Id;
        schedule.Set("default_settings", new JsonObject
        {
            ["application_fee_percent"] = null, ["billing_cycle_anchor"] = "automatic", ["billing_thresholds"] = null, ["collection_method"] = "charge_automatically",
            ["default_payment_method"] = null, ["description"] = null,
            ["invoice_settings"] = new JsonObject { ["account_tax_ids"] = null, ["custom_fields"] = null, ["days_until_due"] = null, ["description"] = null, ["footer"] = null, ["issuer"] = new JsonObject { ["type"] = "self" } },
            ["on_behalf_of"] = null, ["transfer_data"] = null,
        });
        schedule["end_behavior"] = endBehavior;
        schedule.Status = "not_started";
        schedule["test_clock"] = customer["test_clock"];
        return schedule;
    }

    private static void SetPhases(Doc schedule, string currency, IReadOnlyList<Phase> phases) => schedule.Set("phases", new JsonArray([.. phases.Select(p => (JsonNode)new JsonObject
    {
        ["add_invoice_items"] = new JsonArray(), ["application_fee_percent"] = null, ["billing_cycle_anchor"] = null, ["billing_thresholds"] = null, ["collection_method"] = null,
        ["currency"] = currency, ["default_payment_method"] = p.DefaultMethod, ["default_tax_rates"] = new JsonArray(), ["description"] = p.Description,
        ["discounts"] = new JsonArray([.. (p.Discounts ?? []).Select(d => (JsonNode)new JsonObject { ["coupon"] = d.Coupon, ["discount"] = d.Kept, ["promotion_code"] = d.Code })]), ["end_date"] = p.End,
        ["invoice_settings"] = null, ["items"] = new JsonArray([.. p.Items.Select(i => (JsonNode)Item(i))]), ["metadata"] = p.Metadata?.DeepClone() ?? new JsonObject(),
        ["on_behalf_of"] = null, ["proration_behavior"] = p.ProrationBehavior, ["start_date"] = p.Start, ["transfer_data"] = null, ["trial_end"] = null,
    })]));

    private static JsonObject Item(PhaseItem item)
    {
        var shown = new JsonObject
        {
            ["billing_thresholds"] = null, ["discounts"] = new JsonArray(), ["metadata"] = item.Metadata?.DeepClone() ?? new JsonObject(), ["plan"] = item.Price.Id, ["price"] = item.Price.Id, ["tax_rates"] = new JsonArray(),
        };
        if (!Pricing.IsMetered(item.Price)) shown["quantity"] = item.Quantity ?? 1;
        return shown;
    }
}
