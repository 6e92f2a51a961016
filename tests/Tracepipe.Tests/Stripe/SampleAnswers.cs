using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tracepipe.Tests.Stripe;

/// <summary>Answers every request with what the description says the answer looks like: the least it may be, or the most.</summary>
internal sealed class SampleAnswers(ApiDescription description, bool full) : HttpMessageHandler
{
    private const int Depth = 4;

    public ApiOperation? Asked { get; private set; }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Asked = description.Find(request.Method.Method, request.RequestUri!.AbsolutePath);
        var body = Sample(Asked!.Answer, full ? Depth : 0)!.ToJsonString();
        return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
    }

    /// <param name="depth">How many levels deep everything optional is there; below it stands only what must.</param>
    private JsonNode? Sample(JsonElement schema, int depth)
    {
        if (schema.TryGetProperty("x-pruned", out _)) return new JsonObject();
        if (schema.TryGetProperty("nullable", out var nullable) && nullable.GetBoolean() && depth <= 0) return null;
        (schema, _) = description.Resolve(schema);
        if (schema.TryGetProperty("anyOf", out var any)) return Sample(Alternative(any, depth), depth - 1);
        if (schema.TryGetProperty("enum", out var values)) return JsonNode.Parse(values[0].GetRawText());
        return schema.TryGetProperty("type", out var type) ? type.GetString() switch
        {
            "object" => Members(schema, depth),
            "array" => depth > 0 ? new JsonArray(Sample(schema.GetProperty("items"), depth - 1)) : new JsonArray(),
            "integer" => JsonValue.Create(1785585600),
            "number" => JsonValue.Create(12.5m),
            "boolean" => JsonValue.Create(true),
            _ => JsonValue.Create("1"),
        } : new JsonObject();
    }

    /// <summary>An id where it must be short, the whole object where it may be long.</summary>
    private static JsonElement Alternative(JsonElement any, int depth)
    {
        var alternatives = any.EnumerateArray().ToList();
        var objects = alternatives.Where(alternative => alternative.TryGetProperty("$ref", out _)).ToList();
        return depth > 0 && objects.Count > 0 ? objects[0] : alternatives[0];
    }

    private JsonObject Members(JsonElement schema, int depth)
    {
        var members = new JsonObject();
        if (schema.TryGetProperty("properties", out var properties))
        {
            var required = schema.TryGetProperty("required", out var names) ? names.EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal) : [];
            foreach (var property in properties.EnumerateObject())
                if (depth > 0 || required.Contains(property.Name)) members[property.Name] = property.Name == "has_more" ? JsonValue.Create(false) : Sample(property.Value, depth - 1);
        }
        else if (depth > 0 && schema.TryGetProperty("additionalProperties", out var values) && values.ValueKind == JsonValueKind.Object) members["key"] = Sample(values, depth - 1);
        return members;
    }
}
