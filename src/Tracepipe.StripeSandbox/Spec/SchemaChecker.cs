using System.Text.Json;

namespace Tracepipe.StripeSandbox.Spec;

/// <summary>
/// Holds JSON against the description: types, enumerations, required members, and (strictly) no member beyond it.
/// Works for answers of the sandbox and for what a client sends alike.
/// </summary>
internal sealed class SchemaChecker(ApiSpec spec)
{
    /// <summary>Every violation with the path of its member; empty when the value fits.</summary>
    public List<string> Check(JsonElement value, Schema schema, string at = "$")
    {
        var errors = new List<string>();
        Check(value, schema, at, errors);
        return errors;
    }

    public bool Fits(JsonElement value, Schema schema)
    {
        var errors = new List<string>();
        Check(value, schema, "$", errors);
        return errors.Count == 0;
    }

    private void Check(JsonElement value, Schema schema, string at, List<string> errors)
    {
        if (schema.Pruned || schema.IsEmpty) return;
        if (value.ValueKind == JsonValueKind.Null)
        {
            if (!schema.Nullable && !(schema.AnyOf?.Any(a => Fits(value, a)) ?? false)) errors.Add($"{at}: null is not allowed");
            return;
        }
        if (schema.Ref is { } name) Check(value, spec[name], at, errors);
        else if (schema.AllOf is { } all) foreach (var part in all) Check(value, part, at, errors);
        else if (schema.AnyOf is { } any) CheckAny(value, any, at, errors);
        else CheckOwn(value, schema, at, errors);
    }

    private void CheckAny(JsonElement value, IReadOnlyList<Schema> alternatives, string at, List<string> errors)
    {
        List<string>? nearest = null;
        foreach (var alternative in alternatives)
        {
            var found = Check(value, alternative, at);
            if (found.Count == 0) return;
            if (nearest is null || found.Count < nearest.Count) nearest = found;
        }
        errors.Add($"{at}: no alternative matches ({string.Join("; ", nearest!.Take(3))})");
    }

    private void CheckOwn(JsonElement value, Schema schema, string at, List<string> errors)
    {
        var type = TypeOf(value);
        if (schema.Type is { } wanted && wanted != type && !(wanted == "number" && type == "integer"))
        {
            errors.Add($"{at}: {type} instead of {wanted}");
            return;
        }
        if (schema.Enum is { } values && !values.Contains(value.ToString())) errors.Add($"{at}: {value.GetRawText()} is not one of the enumeration");
        if (type == "array" && schema.Items is { } items)
        {
            var i = 0;
            foreach (var item in value.EnumerateArray()) Check(item, items, $"{at}[{i++}]", errors);
        }
        if (type == "object") CheckMembers(value, schema, at, errors);
    }

    private void CheckMembers(JsonElement value, Schema schema, string at, List<string> errors)
    {
        foreach (var required in schema.Required)
            if (!value.TryGetProperty(required, out _)) errors.Add($"{at}.{required}: required, missing");
        foreach (var member in value.EnumerateObject())
        {
            if (schema.Properties is { } properties && properties.TryGetValue(member.Name, out var own)) Check(member.Value, own, $"{at}.{member.Name}", errors);
            else if (schema.Others is { } others) Check(member.Value, others, $"{at}.{member.Name}", errors);
            else if (schema.Closed || schema.Properties is not null) errors.Add($"{at}.{member.Name}: not in the schema");
        }
    }

    private static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "array",
        JsonValueKind.Object => "object",
        JsonValueKind.String => "string",
        JsonValueKind.Number => IsInteger(value) ? "integer" : "number",
        _ => "boolean",
    };

    private static bool IsInteger(JsonElement number) => number.TryGetDecimal(out var exact) && decimal.Truncate(exact) == exact;
}
