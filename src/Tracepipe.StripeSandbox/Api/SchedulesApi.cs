using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Subscription schedules: changes that are planned for later.</summary>
internal static class SchedulesApi
{
    private const string PhaseParameters = "phases[items][price] phases[items][price_data] phases[items][quantity] phases[start_date] phases[end_date] phases[duration] phases[proration_behavior] phases[metadata] phases[items][metadata] phases[default_payment_method] phases[description] phases[discounts]";

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/subscription_schedules", Create, "customer from_subscription start_date end_behavior metadata billing_mode " + PhaseParameters);
        table.Add("GET /v1/subscription_schedules", List, Operations.Paging + " customer scheduled");
        table.Add("GET /v1/subscription_schedules/{schedule}", call => call.Show(Find(call)));
        table.Add("POST /v1/subscription_schedules/{schedule}", Update, "end_behavior metadata proration_behavior " + PhaseParameters);
        table.Add("POST /v1/subscription_schedules/{schedule}/release", call =>
        {
            var schedule = Find(call);
            SubscriptionSchedules.Release(call.Work, schedule, call.Params.Flag("preserve_cancel_date") ?? false);
            return call.Show(schedule);
        }, "preserve_cancel_date");
        table.Add("POST /v1/subscription_schedules/{schedule}/cancel", call =>
        {
            var schedule = Find(call);
            SubscriptionSchedules.Cancel(call.Work, schedule, call.Params.Flag("invoice_now") ?? true, call.Params.Flag("prorate") ?? true);
            return call.Show(schedule);
        }, "invoice_now prorate");
    }

    private static Doc Find(Call call) => call.Work.Get(SubscriptionSchedules.Kind, call.Id, "schedule");

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        SubscriptionsApi.CheckMode(given);
        if (given.Text("from_subscription") is { } from)
        {
            if (given.Names.Any(n => n is not ("from_subscription" or "expand" or "billing_mode"))) throw StripeError.Invalid("A schedule made from a subscription takes everything from it; change it afterwards.", "from_subscription", "parameters_exclusive");
            var subscription = work.Get(Subscriptions.Kind, from, "from_subscription");
            var around = SubscriptionSchedules.Around(work, subscription);
            work.Emit("subscription_schedule.created", around);
            work.EmitUpdated("customer.subscription.updated", subscription);
            return call.Show(around);
        }
        var customer = CustomersApi.Living(work, given.Required("customer"));
        var start = given.Long("start_date") ?? (given.Text("start_date") == "now" ? Clocks.NowUnix(work, customer.Id) : throw ParameterReader.Missing("start_date"));
        var schedule = SubscriptionSchedules.Anew(work, customer, Phases(call, given, start), EndBehavior(given) ?? "release");
        call.CopyMetadata(schedule);
        work.Emit("subscription_schedule.created", schedule);
        return call.Show(schedule);
    }

    private static JsonObject Update(Call call)
    {
        var (schedule, given) = (Find(call), call.Params);
        call.CopyMetadata(schedule);
        if (EndBehavior(given) is { } end) schedule["end_behavior"] = end;
        if (given.Has("phases")) SubscriptionSchedules.Plan(call.Work, schedule, Phases(call, given, schedule.Array("phases")[0]!["start_date"]!.GetValue<long>()));
        call.Work.EmitUpdated("subscription_schedule.updated", schedule);
        return call.Show(schedule);
    }

    private static string? EndBehavior(Params given) =>
        given.Text("end_behavior") is { } end && end is not ("release" or "cancel") ? throw StripeError.Unimplemented($"end_behavior={end}", "end_behavior") : given.Text("end_behavior");

    private static IReadOnlyList<Phase> Phases(Call call, Params given, long start)
    {
        var phases = new List<Phase>();
        foreach (var phase in given.Groups("phases"))
        {
            var begins = phase.Long("start_date") ?? start;
            if (phases.Count > 0 && begins != start) throw StripeError.Invalid("Phases follow each other without a gap.", phase.Full("start_date"));
            var items = phase.Groups("items").Select(i => new PhaseItem(CatalogueApi.Resolve(call, i), i.Long("quantity"), i.Group("metadata")?.Json)).ToList();
            if (items.Count == 0) throw ParameterReader.Missing(phase.Full("items"));
            var end = phase.Long("end_date") ?? End(phase, begins, items[0].Price);
            phases.Add(new Phase(begins, end, items, phase.Text("proration_behavior") ?? given.Text("proration_behavior") ?? "create_prorations", phase.Group("metadata")?.Json)
            {
                DefaultMethod = phase.Text("default_payment_method") is { } method ? call.Work.Get(PaymentMethods.Kind, method, phase.Full("default_payment_method")).Id : null,
                Description = phase.Text("description"),
                Discounts = phase.Has("discounts") ? DiscountsApi.Read(phase) : null,
            });
            start = end;
        }
        return phases.Count > 0 ? phases : throw ParameterReader.Missing("phases");
    }

    /// <summary>A phase without an end lasts one interval of its price.</summary>
    private static long End(Params phase, long start, Doc price)
    {
        var interval = phase.Group("duration") is { } duration ? new Interval(duration.Required("interval"), (int)(duration.Long("interval_count") ?? 1)) : Pricing.Interval(price);
        return interval.After(DateTimeOffset.FromUnixTimeSeconds(start), 1).ToUnixTimeSeconds();
    }

    private static JsonObject List(Call call)
    {
        var given = call.Params;
        var all = given.Text("customer") is { } customer ? call.Work.OfCustomer(customer, SubscriptionSchedules.Kind).Reverse() : call.Work.All(SubscriptionSchedules.Kind);
        return call.List(all.Where(s => given.Flag("scheduled") is not { } scheduled || s.Status == "not_started" == scheduled));
    }
}
