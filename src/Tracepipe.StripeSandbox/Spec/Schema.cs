using System.Collections.Frozen;
using System.Text.Json;

namespace Tracepipe.StripeSandbox.Spec;

/// <summary>One schema of the published API description, in exactly the dialect that the description uses.</summary>
internal sealed class Schema
{
    public static readonly Schema Anything = new();

    public string? Ref { get; private init; }
    public string? Type { get; private init; }
    public bool Nullable { get; private init; }
    /// <summary>A shape that the description leaves open: whatever is there passes.</summary>
    public bool Pruned { get; private init; }
    public FrozenSet<string>? Enum { get; private init; }
    public IReadOnlyList<Schema>? AnyOf { get; private init; }
    public IReadOnlyList<Schema>? AllOf { get; private init; }
    public Schema? Items { get; private init; }
    public FrozenDictionary<string, Schema>? Properties { get; private init; }
    public IReadOnlyList<string> Required { get; private init; } = [];
    /// <summary>The schema of members that have no name of their own, as in metadata.</summary>
    public Schema? Others { get; private init; }
    public bool Closed { get; private init; }
    /// <summary>Members that hold an id and may be asked for as a whole object.</summary>
    public FrozenSet<string> Expandable { get; private init; } = FrozenSet<string>.Empty;

    public bool IsEmpty { get; private init; }

    public static Schema Parse(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return Anything;
        var others = json.TryGetProperty("additionalProperties", out var additional) ? additional : default;
        return new Schema
        {
            Ref = Text(json, "$ref")?.Split('/')[^1],
            Type = Text(json, "type"),
            Nullable = json.TryGetProperty("nullable", out var nullable) && nullable.ValueKind == JsonValueKind.True,
            Pruned = json.TryGetProperty("x-pruned", out var pruned) && pruned.ValueKind == JsonValueKind.True,
            Enum = json.TryGetProperty("enum", out var values) ? values.EnumerateArray().Select(v => v.ToString()).ToFrozenSet() : null,
            AnyOf = List(json, "anyOf"),
            AllOf = List(json, "allOf"),
            Items = json.TryGetProperty("items", out var items) ? Parse(items) : null,
            Properties = json.TryGetProperty("properties", out var properties)
                ? properties.EnumerateObject().ToFrozenDictionary(p => p.Name, p => Parse(p.Value)) : null,
            Required = json.TryGetProperty("required", out var required) ? [.. required.EnumerateArray().Select(r => r.GetString()!)] : [],
            Others = others.ValueKind == JsonValueKind.Object ? Parse(others) : null,
            Closed = others.ValueKind == JsonValueKind.False,
            Expandable = json.TryGetProperty("x-expandableFields", out var expandable)
                ? expandable.EnumerateArray().Select(e => e.GetString()!).ToFrozenSet() : FrozenSet<string>.Empty,
            IsEmpty = !json.EnumerateObject().Any(),
        };
    }

    /// <summary>The parameters of a request as one closed object: whatever is not named is unknown.</summary>
    public static Schema Closing(IEnumerable<(string Name, Schema Schema, bool Required)> members)
    {
        var all = members.ToList();
        return new Schema
        {
            Type = "object",
            Closed = true,
            Properties = all.ToFrozenDictionary(m => m.Name, m => m.Schema),
            Required = [.. all.Where(m => m.Required).Select(m => m.Name)],
        };
    }

    /// <summary>The same object with further members.</summary>
    public Schema With(params ReadOnlySpan<(string Name, Schema Schema)> members)
    {
        var all = Properties?.ToDictionary() ?? [];
        foreach (var (name, schema) in members) all[name] = schema;
        return new Schema { Type = Type, Closed = Closed, Properties = all.ToFrozenDictionary(), Required = Required };
    }

    public static Schema Of(string type) => new() { Type = type };

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static List<Schema>? List(JsonElement json, string name) =>
        json.TryGetProperty(name, out var list) ? [.. list.EnumerateArray().Select(Parse)] : null;
}
