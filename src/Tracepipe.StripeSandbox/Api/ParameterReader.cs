using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>
/// Turns strings into what the description says they are, refusing what is unknown, missing or of the wrong kind
/// by the parameter's full name. Values are never repeated in a refusal: somebody may have typed a card number.
/// </summary>
internal static class ParameterReader
{
    public static JsonObject Read(JsonObject given, Schema schema) => (JsonObject)Members(given, ApiSpec.Dahlia.Resolve(schema), "");

    private static JsonNode Value(JsonNode value, Schema schema, string name)
    {
        if (schema.Pruned || schema.IsEmpty) return value.DeepClone();
        if (schema.AnyOf is { Count: > 1 } alternatives) return Any(value, alternatives, name);
        schema = ApiSpec.Dahlia.Resolve(schema);
        return schema.Type switch
        {
            "array" => Items(value, schema, name),
            "object" => Members(value, schema, name),
            _ when value is JsonObject => throw StripeError.Invalid($"Parameter {name} is a single value, not a group.", name),
            "integer" => Integer((string)value!, name),
            "number" => Number((string)value!, name),
            "boolean" => Boolean((string)value!, name),
            _ => Text((string)value!, schema, name),
        };
    }

    /// <summary>The first alternative that fits; if none does, the refusal of the one that is of the value's kind.</summary>
    private static JsonNode Any(JsonNode value, IReadOnlyList<Schema> alternatives, string name)
    {
        StripeError? refusal = null;
        foreach (var alternative in alternatives)
        {
            try
            {
                return Value(value, alternative, name);
            }
            catch (StripeError error)
            {
                var sameKind = value is JsonObject == ApiSpec.Dahlia.Resolve(alternative).Type is "object" or "array";
                if (refusal is null || sameKind) refusal = error;
            }
        }
        throw refusal!;
    }

    private static JsonObject Members(JsonNode value, Schema schema, string name)
    {
        if (value is not JsonObject given) throw StripeError.Invalid($"Parameter {name} is a group, not a single value.", name);
        var read = new JsonObject();
        foreach (var (key, member) in given)
        {
            var full = name.Length == 0 ? key : $"{name}[{key}]";
            if (schema.Properties is { } properties && properties.TryGetValue(key, out var own)) read[key] = Value(member!, own, full);
            else if (schema.Others is { } others) read[key] = Value(member!, others, full);
            else throw StripeError.Invalid($"Received unknown parameter: {full}", full, "parameter_unknown");
        }
        foreach (var required in schema.Required)
            if (!read.ContainsKey(required)) throw Missing(name.Length == 0 ? required : $"{name}[{required}]");
        return read;
    }

    private static JsonArray Items(JsonNode value, Schema schema, string name)
    {
        if (value is not JsonObject given || !given.All(g => int.TryParse(g.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            throw StripeError.Invalid($"Parameter {name} is a list.", name);
        return [.. given.OrderBy(g => int.Parse(g.Key, CultureInfo.InvariantCulture)).Select(g => Value(g.Value!, schema.Items ?? Schema.Anything, $"{name}[{g.Key}]"))];
    }

    private static JsonValue Integer(string text, string name) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? JsonValue.Create(number)
            : throw StripeError.Invalid($"Parameter {name} must be an integer.", name, "parameter_invalid_integer");

    private static JsonValue Number(string text, string name) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? JsonValue.Create(number)
            : throw StripeError.Invalid($"Parameter {name} must be a number.", name);

    private static JsonValue Boolean(string text, string name) => text switch
    {
        "true" => JsonValue.Create(true),
        "false" => JsonValue.Create(false),
        _ => throw StripeError.Invalid($"Parameter {name} must be true or false.", name),
    };

    private static JsonValue Text(string text, Schema schema, string name)
    {
        if (schema.Enum is { } values && !values.Contains(text))
        {
            var known = values.Count <= 12 ? ": " + string.Join(", ", values.Order(StringComparer.Ordinal).Select(v => v.Length == 0 ? "\"\"" : v)) : "";
            throw StripeError.Invalid($"Parameter {name} is not one of the values it may have{known}.", name);
        }
        return JsonValue.Create(text);
    }

    public static StripeError Missing(string name) => StripeError.Invalid($"Missing required parameter: {name}.", name, "parameter_missing");
}

/// <summary>
/// The parameters that an operation really uses, from a list such as <c>customer card[number] metadata</c>;
/// a name stands for everything below it.
/// </summary>
internal sealed class ImplementedParameters(string names)
{
    private readonly HashSet<string> _names = [.. names.Split(' ', StringSplitOptions.RemoveEmptyEntries), "expand"];

    public IEnumerable<string> Names => _names.Order(StringComparer.Ordinal);

    /// <summary>A parameter that is valid but would be ignored is refused instead.</summary>
    public void Check(JsonObject given)
    {
        if (Missing(given).FirstOrDefault() is { } name) throw StripeError.Unimplemented($"the parameter {name}", name);
    }

    /// <summary>What of it is not implemented, by full name without indexes.</summary>
    public IEnumerable<string> Missing(JsonObject given) => given.SelectMany(p => Missing(p.Key, p.Value));

    private IEnumerable<string> Missing(string name, JsonNode? value)
    {
        if (_names.Contains(name)) return [];
        var known = _names.Any(n => n.StartsWith(name + "[", StringComparison.Ordinal));
        return value switch
        {
            JsonObject members when known => members.SelectMany(m => Missing(int.TryParse(m.Key, out _) ? name : $"{name}[{m.Key}]", m.Value)),
            JsonArray items when known => items.SelectMany(item => Missing(name, item)),
            JsonValue when known && value.GetValueKind() == JsonValueKind.String && value.GetValue<string>().Length == 0 => [],
            _ => [name],
        };
    }
}
