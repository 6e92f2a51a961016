using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What happened, as the API tells it, and to which webhook endpoints.</summary>
internal static class Events
{
    private static readonly SchemaChecker Checker = new(ApiSpec.Dahlia);
    private static readonly FrozenSet<string> Types = ApiSpec.Dahlia["event"].Properties!["type"].Enum!;

    public static IReadOnlyList<string> Add(UnitOfWork work, string type, JsonObject snapshot, JsonObject? previous, RequestInfo? request, string? customer)
    {
        if (work.Account.Options.StrictResponses) Check(work, type, snapshot);
        var endpoints = work.All("webhook_endpoint").Where(e => Wants(e, type)).ToList();
        var ids = work.Account.Chaos.EventIds(work).ToList();
        foreach (var id in ids)
        {
            var told = work.New("event", id);
            told["api_version"] = ApiSpec.Version;
            told["type"] = type;
            var data = new JsonObject { ["object"] = snapshot.DeepClone() };
            if (previous is not null) data["previous_attributes"] = previous.DeepClone();
            told.Set("data", data);
            told.Set("pending_webhooks", endpoints.Count);
            told.Set("request", new JsonObject { ["id"] = request?.Id, ["idempotency_key"] = request?.IdempotencyKey });
            told.Hidden["customer"] = customer;
            foreach (var endpoint in endpoints) Deliveries.Plan(work, told, endpoint);
        }
        return ids;
    }

    /// <summary>What is told is held against the description like what is answered; an upcoming invoice has no id yet.</summary>
    private static void Check(UnitOfWork work, string type, JsonObject snapshot)
    {
        if (snapshot["object"]?.GetValue<string>() is not { } kind || ApiSpec.Dahlia.Find(kind) is not { } schema) return;
        using var json = JsonDocument.Parse(snapshot.ToJsonString());
        foreach (var error in Checker.Check(json.RootElement, schema))
            if (type != "invoice.upcoming" || error != "$.id: required, missing") work.Account.Violations.Add($"{type}: {error}");
        if (!Types.Contains(type)) work.Account.Violations.Add($"{type} is no type of event");
    }

    private static bool Wants(Doc endpoint, string type) =>
        endpoint.Status == "enabled" && endpoint.Array("enabled_events").Any(e => e!.GetValue<string>() is var wanted && (wanted == "*" || wanted == type));
}
