using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Events: what happened, kept for whoever was not listening.</summary>
internal static class EventsApi
{
    public static void AddTo(Dictionary<string, Operation> table)
    {
        table.Add("GET /v1/events", List, Operations.Paging + " type types delivery_success");
        table.Add("GET /v1/events/{id}", call => call.Show(call.Work.Get("event", call.Id, "id")));
    }

    private static JsonObject List(Call call)
    {
        var types = call.Params.Texts("types");
        if (types.Count > 20) throw StripeError.Invalid("At most 20 types can be asked for.", "types");
        if (call.Params.Text("type") is { } type)
        {
            if (types.Count > 0) throw StripeError.Invalid("Only one of type and types can be given.", "type", "parameters_exclusive");
            types = [type];
        }
        var delivered = call.Params.Flag("delivery_success");
        return call.List(call.Work.All("event").Where(e => (types.Count == 0 || types.Any(t => Matches(t, e["type"]!))) && (delivered is null || delivered == (e.Long("pending_webhooks") == 0))));
    }

    private static bool Matches(string wanted, string type) =>
        wanted.EndsWith('*') ? type.StartsWith(wanted[..^1], StringComparison.Ordinal) : wanted == type;
}
