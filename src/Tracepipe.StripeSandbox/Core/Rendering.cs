using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>How an object looks from outside: what it embeds is put in, what is asked for is expanded.</summary>
internal static class Rendering
{
    private const int DeepestExpansion = 4;

    public static JsonObject Render(UnitOfWork work, Doc doc) => Render(work, doc.Id);

    public static JsonObject Render(IObjects objects, string id)
    {
        var body = (JsonObject)objects.Body(id)!.DeepClone();
        Embedding.Fill(objects, id, objects.Kind(id)!, body);
        return body;
    }

    /// <summary>Replaces the ids at these paths by their objects. Paths of a list begin with <c>data</c>.</summary>
    public static void Expand(IObjects objects, JsonObject answer, Schema schema, IEnumerable<string> paths)
    {
        foreach (var path in paths)
        {
            var segments = path.Split('.');
            if (segments.Length > DeepestExpansion + (segments[0] == "data" ? 1 : 0))
                throw StripeError.Invalid($"An expansion goes at most {DeepestExpansion} levels deep: {path}", "expand");
            ExpandAt(objects, answer, ApiSpec.Dahlia.Resolve(schema), segments, path);
        }
    }

    private static void ExpandAt(IObjects objects, JsonNode at, Schema schema, ReadOnlySpan<string> segments, string path)
    {
        if (segments.IsEmpty) return;
        if (at is JsonArray items)
        {
            foreach (var item in items.ToList())
                if (item is not null) ExpandAt(objects, item, Known(item) ?? ApiSpec.Dahlia.Resolve(schema.Items ?? Schema.Anything), segments, path);
            return;
        }
        if (at is not JsonObject members) return;
        schema = Known(members) ?? schema;
        var name = segments[0];
        var rest = segments[1..];
        if (members["deleted"] is not null) return;
        var property = schema.Properties?.GetValueOrDefault(name) ?? throw Inexpandable(path);
        if (Includes.Find(Kind(members), name) is { } include && !members.ContainsKey(name)) members[name] = include(objects, members["id"]!.GetValue<string>());
        if (Includes.Find(Kind(members), name) is null && rest.IsEmpty && !Includes.IsExpandable(schema, name) && members[name] is not (JsonObject or JsonArray)) throw Inexpandable(path);
        members[name] = Whole(objects, members[name], Includes.IsExpandable(schema, name));
        if (members[name] is { } inner) ExpandAt(objects, inner, ApiSpec.Dahlia.Resolve(property), rest, path);
    }

    private static JsonNode? Whole(IObjects objects, JsonNode? member, bool expandable)
    {
        if (!expandable) return Detached(member);
        if (member is JsonArray ids) return new JsonArray([.. ids.Select(i => Whole(objects, i, true))]);
        if (member is JsonValue value && value.TryGetValue<string>(out var id) && objects.Body(id) is not null) return Render(objects, id);
        return Detached(member);
    }

    private static JsonNode? Detached(JsonNode? node) => node?.Parent is null ? node : node.DeepClone();

    private static string? Kind(JsonNode node) => node is JsonObject members && members["object"] is JsonValue kind && kind.TryGetValue<string>(out var name) ? name : null;

    private static Schema? Known(JsonNode node) => Kind(node) is { } kind ? ApiSpec.Dahlia.Find(kind) : null;

    private static StripeError Inexpandable(string path) => StripeError.Invalid($"This property cannot be expanded: {path}", "expand");
}
