using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What happened, as the API tells it, and to which webhook endpoints.</summary>
internal static class Events
{
    public static IReadOnlyList<string> Add(UnitOfWork work, string type, JsonObject snapshot, JsonObject? previous, RequestInfo? request, string? customer)
    {
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

    private static bool Wants(Doc endpoint, string type) =>
        endpoint.Status == "enabled" && endpoint.Array("enabled_events").Any(e => e!.GetValue<string>() is var wanted && (wanted == "*" || wanted == type));
}
