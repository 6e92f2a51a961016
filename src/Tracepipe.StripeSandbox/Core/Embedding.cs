using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>What an object always shows of others that belong to it.</summary>
internal static class Embedding
{
    public static void Fill(IObjects objects, string id, string kind, JsonObject body)
    {
    }

    public static JsonObject List(IEnumerable<JsonNode?> data, string url, bool more = false) =>
        new() { ["object"] = "list", ["data"] = new JsonArray([.. data]), ["has_more"] = more, ["url"] = url };
}

/// <summary>What an object shows of others only when asked by <c>expand[]</c>.</summary>
internal static class Includes
{
    private static readonly Dictionary<(string Kind, string Member), Func<IObjects, JsonObject, JsonNode?>> Table = new()
    {
        [("customer", "sources")] = (_, customer) => Embedding.List([], $"/v1/customers/{customer["id"]}/sources"),
        [("customer", "tax_ids")] = (_, customer) => Embedding.List([], $"/v1/customers/{customer["id"]}/tax_ids"),
    };

    public static Func<IObjects, JsonObject, JsonNode?>? Find(string? kind, string member) => kind is null ? null : Table.GetValueOrDefault((kind, member));
}
