using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Compares the records that answers are read into with the description: names, types, and what may be missing or null.</summary>
internal sealed class Shapes(ApiDescription description)
{
    public List<string> Wrong { get; } = [];

    /// <summary>Which record each described object is read into.</summary>
    public Dictionary<string, Type> Records { get; } = new(StringComparer.Ordinal);

    public void Compare(Type type, JsonElement schema, string at)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (schema.TryGetProperty("x-pruned", out _) || type == typeof(JsonElement)) return;
        (schema, var name) = description.Resolve(schema);
        var alternatives = schema.TryGetProperty("anyOf", out var any) ? any.EnumerateArray().ToList() : [];
        var generic = type.IsGenericType ? type.GetGenericTypeDefinition() : null;

        if (generic == typeof(Ref<>)) CompareReference(type.GetGenericArguments()[0], alternatives, at);
        else if (alternatives.Count > 0 && type == typeof(string)) Expect(alternatives.Any(alternative => TypeOf(alternative) == "string"), at, "is never an id");
        else if (alternatives.Count > 0) Compare(type, Undeleted(alternatives).Single(), at);
        else if (generic == typeof(StripeList<>)) Compare(type.GetGenericArguments()[0], schema.GetProperty("properties").GetProperty("data").GetProperty("items"), at + "[]");
        else if (generic == typeof(IReadOnlyList<>) && Expect(TypeOf(schema) == "array", at, "is no list")) Compare(type.GetGenericArguments()[0], schema.GetProperty("items"), at + "[]");
        else if (generic == typeof(IReadOnlyDictionary<,>) && Expect(TypeOf(schema) == "object", at, "is no map")) Compare(type.GetGenericArguments()[1], schema.GetProperty("additionalProperties"), at + "{}");
        else if (type == typeof(DateTimeOffset) && at.EndsWith(".redeem_by", StringComparison.Ordinal)) Expect(Kind(schema) == "integer", at, "is no integer"); // described as a plain number, documented as a time
        else if (generic is null && ScalarOf(type) is { } kinds) Expect(kinds.Contains(Kind(schema)), at, $"is {Kind(schema)}, not {type.Name}");
        else if (generic is null && Expect(TypeOf(schema) == "object", at, "is no object")) CompareMembers(type, schema, name, at);
    }

    private void CompareReference(Type target, List<JsonElement> alternatives, string at)
    {
        if (Expect(alternatives.Any(alternative => TypeOf(alternative) == "string"), at, "is never an id")) Compare(target, Undeleted(alternatives).Single(), at);
    }

    private void CompareMembers(Type type, JsonElement schema, string? name, string at)
    {
        if (type == typeof(DeletedObject)) name = null; // one record reads every answer to a deletion
        if (name is not null)
        {
            if (!Records.TryAdd(name, type))
            {
                Expect(Records[name] == type, at, $"{name} is read as {type.Name} here and {Records[name].Name} elsewhere");
                return;
            }
        }
        var properties = schema.GetProperty("properties");
        var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(one => one.GetString()!).ToHashSet(StringComparer.Ordinal) : [];
        foreach (var member in StripeJson.Default.GetTypeInfo(type)!.Properties.Where(member => member.Set is not null))
        {
            var here = $"{at}.{member.Name}";
            if (type == typeof(Customer) && member.Name == "deleted") continue; // of deleted_customer
            if (!Expect(properties.TryGetProperty(member.Name, out var described), here, "does not exist")) continue;
            var mayBeNull = described.TryGetProperty("nullable", out var nullable) && nullable.GetBoolean();
            Expect(!mayBeNull || IsNullable(member), here, "may be null");
            Expect(required.Contains(member.Name) || !member.IsRequired, here, "may be missing");
            Expect(required.Contains(member.Name) || IsNullable(member), here, "may be missing, and would read as a value");
            Compare(member.PropertyType, described, here);
        }
    }

    private static bool IsNullable(JsonPropertyInfo member) => member.PropertyType.IsValueType ? Nullable.GetUnderlyingType(member.PropertyType) is not null : member.IsSetNullable;

    private IEnumerable<JsonElement> Undeleted(IEnumerable<JsonElement> alternatives) =>
        alternatives.Where(alternative => alternative.TryGetProperty("$ref", out _) && !description.Resolve(alternative).Name!.StartsWith("deleted_", StringComparison.Ordinal));

    private static string? TypeOf(JsonElement schema) => schema.TryGetProperty("type", out var type) ? type.GetString() : null;

    private static string Kind(JsonElement schema) => schema.TryGetProperty("format", out var format) ? format.GetString()! : TypeOf(schema) ?? "anything";

    private static string[]? ScalarOf(Type type) =>
        type == typeof(string) ? ["string"]
        : type == typeof(int) || type == typeof(long) ? ["integer"]
        : type == typeof(DateTimeOffset) ? ["unix-time"]
        : type == typeof(decimal) ? ["number", "decimal"]
        : type == typeof(bool) ? ["boolean"]
        : null;

    private bool Expect(bool holds, string at, string otherwise)
    {
        if (!holds) Wrong.Add($"{at} {otherwise}");
        return holds;
    }
}
