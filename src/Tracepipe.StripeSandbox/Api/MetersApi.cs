using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Meters, what is reported to them, and what they make of it.</summary>
internal static class MetersApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/billing/meters", Create, "display_name event_name default_aggregation customer_mapping value_settings event_time_window");
        table.Add("GET /v1/billing/meters", call => call.List(call.Work.All(Usage.Meter).Where(m => call.Params.Text("status") is not { } status || m.Status == status)), "status limit starting_after ending_before");
        table.Add("GET /v1/billing/meters/{id}", call => call.Show(Find(call)));
        table.Add("POST /v1/billing/meters/{id}", Update, "display_name");
        table.Add("POST /v1/billing/meters/{id}/deactivate", call => Switch(call, "inactive"));
        table.Add("POST /v1/billing/meters/{id}/reactivate", call => Switch(call, "active"));
        table.Add("GET /v1/billing/meters/{id}/event_summaries", Summaries, "customer start_time end_time value_grouping_window limit starting_after ending_before");
        table.Add("POST /v1/billing/meter_events", Report, "event_name identifier payload timestamp");
        table.Add("POST /v1/billing/meter_event_adjustments", Adjust, "event_name type cancel");
    }

    private static Doc Find(Call call) => call.Work.Get(Usage.Meter, call.Id, "id");

    private static JsonObject Create(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var name = given.Required("event_name");
        if (work.All(Usage.Meter).Any(m => m["event_name"] == name && m.Status == "active")) throw StripeError.Invalid("An active meter with this event name exists already.", "event_name", "resource_already_exists");
        var meter = work.New(Usage.Meter, work.NewId("mtr_test_"));
        meter.Set("customer_mapping", new JsonObject { ["event_payload_key"] = given.Group("customer_mapping")?.Text("event_payload_key") ?? "stripe_customer_id", ["type"] = "by_id" });
        meter.Set("default_aggregation", new JsonObject { ["formula"] = given.Group("default_aggregation")!.Required("formula") });
        meter["display_name"] = given.Required("display_name");
        meter["event_name"] = name;
        meter["event_time_window"] = given.Text("event_time_window");
        meter.Status = "active";
        meter.Set("status_transitions", new JsonObject { ["deactivated_at"] = null });
        meter.Set("updated", work.NowUnix);
        meter.Set("value_settings", new JsonObject { ["event_payload_key"] = given.Group("value_settings")?.Text("event_payload_key") ?? "value" });
        work.Emit("billing.meter.created", meter);
        return call.Show(meter);
    }

    private static JsonObject Update(Call call)
    {
        var meter = Find(call);
        if (call.Params.Has("display_name")) meter["display_name"] = call.Params.Required("display_name");
        call.Work.EmitUpdated("billing.meter.updated", meter);
        return call.Show(meter);
    }

    private static JsonObject Switch(Call call, string status)
    {
        var meter = Find(call);
        if (meter.Status == status) throw StripeError.Invalid($"The meter is {status} already.", "id", "status_transition_invalid");
        meter.Status = status;
        meter.Set("status_transitions.deactivated_at", status == "inactive" ? call.Work.NowUnix : null);
        call.Work.EmitUpdated(status == "inactive" ? "billing.meter.deactivated" : "billing.meter.reactivated", meter);
        return call.Show(meter);
    }

    private static JsonObject Summaries(Call call)
    {
        var (meter, given) = (Find(call), call.Params);
        var (customer, start, end) = (given.Required("customer"), given.Long("start_time")!.Value, given.Long("end_time")!.Value);
        call.Work.Get("customer", customer);
        var window = given.Text("value_grouping_window") switch { "hour" => 3600L, "day" => 86400L, _ => 0 };
        var unit = window == 0 ? 60 : window;
        if (start % unit != 0) throw StripeError.Invalid($"The bounds are multiples of {unit} seconds.", "start_time");
        if (end % unit != 0 || end <= start) throw StripeError.Invalid($"The bounds are multiples of {unit} seconds and in order.", "end_time");
        var summaries = new List<JsonNode?>();
        for (var from = start; from < end; from += window == 0 ? end - start : window)
        {
            var to = window == 0 ? end : Math.Min(end, from + window);
            var total = Usage.Total(call.Work, meter, customer, from, to);
            if (window == 0 || total != 0)
                summaries.Insert(0, new JsonObject
                {
                    ["id"] = "mtrusg_test_" + Ids.Digest($"{meter.Id} {customer} {from} {to}"), ["object"] = "billing.meter_event_summary", ["aggregated_value"] = total, ["end_time"] = to,
                    ["livemode"] = false, ["meter"] = meter.Id, ["start_time"] = from,
                });
        }
        return Page(call, summaries);
    }

    /// <summary>Summaries are computed, not stored; they page like everything else.</summary>
    private static JsonObject Page(Call call, List<JsonNode?> all)
    {
        var limit = (int)(call.Params.Long("limit") ?? 10);
        if (limit is < 1 or > 100) throw StripeError.Invalid("Parameter limit must be between 1 and 100.", "limit", "parameter_invalid_integer");
        var from = call.Params.Text("starting_after") is { } after ? all.FindIndex(s => s!["id"]!.GetValue<string>() == after) + 1 : 0;
        var page = all.Skip(from).Take(limit).ToList();
        return Embedding.List(page, call.Url, all.Count > from + page.Count);
    }

    private static JsonObject Report(Call call)
    {
        var (work, given) = (call.Work, call.Params);
        var payload = given.Group("payload")?.Json ?? throw ParameterReader.Missing("payload");
        var identifier = given.Text("identifier") ?? Guid.CreateVersion7().ToString();
        var timestamp = given.Long("timestamp") ?? work.NowUnix;
        Usage.Report(work, given.Required("event_name"), identifier, timestamp, payload);
        return new JsonObject
        {
            ["object"] = "billing.meter_event", ["created"] = work.NowUnix, ["event_name"] = given.Text("event_name"), ["identifier"] = identifier, ["livemode"] = false,
            ["payload"] = payload.DeepClone(), ["timestamp"] = timestamp,
        };
    }

    private static JsonObject Adjust(Call call)
    {
        var identifier = call.Params.Group("cancel")?.Text("identifier") ?? throw ParameterReader.Missing("cancel[identifier]");
        Usage.Cancel(call.Work, call.Params.Required("event_name"), identifier);
        return new JsonObject
        {
            ["object"] = "billing.meter_event_adjustment", ["cancel"] = new JsonObject { ["identifier"] = identifier }, ["event_name"] = call.Params.Text("event_name"), ["livemode"] = false,
            ["status"] = "complete", ["type"] = "cancel",
        };
    }
}
