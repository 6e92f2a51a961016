using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tracepipe.Tests.Stripe;

/// <summary>Compares values with the dialect of schema that the description is written in. Text from a form counts as the number or truth it spells.</summary>
internal sealed class SchemaChecker(ApiDescription description, bool anyValue)
{
    public IReadOnlyList<string> Check(JsonNode? value, JsonElement schema, string at)
    {
        if (schema.TryGetProperty("x-pruned", out _)) return [];
        (schema, _) = description.Resolve(schema);
        if (schema.TryGetProperty("anyOf", out var any))
        {
            var attempts = any.EnumerateArray().Select(alternative => Check(value, alternative, at)).OrderBy(attempt => attempt.Count).ToList();
            return attempts[0].Count == 0 ? [] : [$"{at}: no alternative fits ({string.Join("; ", attempts[0].Take(3))})"];
        }
        if (!schema.TryGetProperty("type", out var type)) return [];
        return type.GetString() switch
        {
            "object" => value is JsonObject members ? CheckMembers(members, schema, at) : [$"{at}: no object"],
            "array" => value is JsonArray items ? [.. items.SelectMany((item, index) => Check(item, schema.GetProperty("items"), $"{at}[{index}]"))] : [$"{at}: no list"],
            "integer" => Text(value) is { } text && long.TryParse(text, out _) ? [] : [$"{at}: no integer"],
            "number" => Text(value) is { } text && decimal.TryParse(text, out _) ? [] : [$"{at}: no number"],
            "boolean" => Text(value) is "true" or "false" ? [] : [$"{at}: neither true nor false"],
            _ => Text(value) is { } text ? CheckEnum(text, schema, at) : [$"{at}: no text"],
        };
    }

    private List<string> CheckMembers(JsonObject members, JsonElement schema, string at)
    {
        var wrong = new List<string>();
        if (schema.TryGetProperty("required", out var required))
            wrong.AddRange(required.EnumerateArray().Select(name => name.GetString()!).Where(name => !members.ContainsKey(name)).Select(name => $"{at}.{name}: required, missing"));
        foreach (var (name, value) in members)
        {
            if (schema.TryGetProperty("properties", out var properties) && properties.TryGetProperty(name, out var known)) wrong.AddRange(Check(value, known, $"{at}.{name}"));
            else if (schema.TryGetProperty("additionalProperties", out var others) && others.ValueKind == JsonValueKind.Object) wrong.AddRange(Check(value, others, $"{at}.{name}"));
            else wrong.Add($"{at}.{name}: unknown parameter");
        }
        return wrong;
    }

    /// <summary>The empty text that clears a value is an enumeration of nothing else, and is never any value.</summary>
    private List<string> CheckEnum(string text, JsonElement schema, string at)
    {
        if (!schema.TryGetProperty("enum", out var allowed)) return [];
        var values = allowed.EnumerateArray().Select(value => value.GetString()).ToList();
        return values.Contains(text) || (anyValue && values is not [""]) ? [] : [$"{at}: \"{text}\" is none of {string.Join(", ", values.Take(8))}"];
    }

    private static string? Text(JsonNode? value) => value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
}
