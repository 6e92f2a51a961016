using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Webhook endpoints. The secret is told once, when the endpoint is made.</summary>
internal static class WebhookEndpointsApi
{
    private const int Most = 16;

    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("POST /v1/webhook_endpoints", Create, "enabled_events url api_version description metadata");
        table.Add("GET /v1/webhook_endpoints", call => call.List(call.Work.All(WebhookEndpoints.Kind)), "limit starting_after ending_before");
        table.Add("GET /v1/webhook_endpoints/{webhook_endpoint}", call => call.Show(Find(call)));
        table.Add("POST /v1/webhook_endpoints/{webhook_endpoint}", Update, "enabled_events url description disabled metadata");
        table.Add("DELETE /v1/webhook_endpoints/{webhook_endpoint}", call =>
        {
            call.Work.Delete(Find(call));
            return Call.Tombstone(call.Id, WebhookEndpoints.Kind);
        });
    }

    private static JsonObject Create(Call call)
    {
        var given = call.Params;
        if (given.Text("api_version") is { } version && version != ApiSpec.Version) throw StripeError.Unimplemented($"events of version {version}", "api_version");
        if (call.Work.All(WebhookEndpoints.Kind).Count() >= Most) throw StripeError.Invalid($"An account has at most {Most} webhook endpoints.");
        var endpoint = WebhookEndpoints.Make(call.Work, Url(given.Required("url")));
        endpoint["api_version"] = given.Text("api_version");
        endpoint.Set("enabled_events", Types(given));
        endpoint["description"] = given.Text("description");
        call.CopyMetadata(endpoint);
        var answer = call.Show(endpoint);
        answer["secret"] = endpoint.Hidden["secret"];
        return answer;
    }

    private static JsonObject Update(Call call)
    {
        var (endpoint, given) = (Find(call), call.Params);
        if (given.Has("url")) endpoint["url"] = Url(given.Required("url"));
        if (given.Has("enabled_events")) endpoint.Set("enabled_events", Types(given));
        if (given.Flag("disabled") is { } disabled) endpoint.Status = disabled ? "disabled" : "enabled";
        call.CopyTexts(endpoint, "description");
        call.CopyMetadata(endpoint);
        return call.Show(endpoint);
    }

    private static Doc Find(Call call) => call.Work.Get(WebhookEndpoints.Kind, call.Id, "webhook_endpoint");

    private static JsonNode Types(Params given)
    {
        if (given.Texts("enabled_events").Count == 0) throw StripeError.Invalid("At least one event type must be enabled.", "enabled_events", "parameter_invalid_empty");
        return given.Json["enabled_events"]!.DeepClone();
    }

    private static string Url(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? text
            : throw StripeError.Invalid("A webhook endpoint needs an absolute http or https address.", "url", "url_invalid");
}
