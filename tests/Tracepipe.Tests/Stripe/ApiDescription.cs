using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tracepipe.Tests.Stripe;

/// <summary>Stripe's published description of its API: which requests it takes and what it answers.</summary>
internal sealed class ApiDescription
{
    private readonly JsonElement paths, schemas;

    private ApiDescription(JsonElement root)
    {
        paths = root.GetProperty("paths");
        schemas = root.GetProperty("components").GetProperty("schemas");
    }

    /// <summary>The one the sandbox serves from; null where there is none.</summary>
    public static ApiDescription? Current { get; } = Load();

    public static string? FindFile(params string[] candidates)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            foreach (var candidate in candidates)
            {
                var file = Path.Combine(folder.FullName, candidate);
                if (File.Exists(file)) return file;
            }
        }
        return null;
    }

    public JsonElement Schema(string name) => schemas.GetProperty(name);

    /// <summary>The schema that a reference or a wrapping leads to, and its name if it has one.</summary>
    public (JsonElement Schema, string? Name) Resolve(JsonElement schema)
    {
        string? name = null;
        while (true)
        {
            if (schema.TryGetProperty("$ref", out var reference))
            {
                name = reference.GetString()!.Split('/')[^1];
                schema = schemas.GetProperty(name);
            }
            else if (schema.TryGetProperty("allOf", out var all) && all.GetArrayLength() == 1) schema = all[0];
            else if (schema.TryGetProperty("anyOf", out var any) && any.GetArrayLength() == 1) schema = any[0];
            else return (schema, name);
        }
    }

    /// <summary>The operation for a method and a path such as <c>/v1/customers/cus_1</c>; the one with fewest placeholders when several fit.</summary>
    public ApiOperation? Find(string method, string path)
    {
        var segments = path.Split('/');
        var template = paths.EnumerateObject()
            .Where(candidate => candidate.Value.TryGetProperty(method.ToLowerInvariant(), out _))
            .Where(candidate => candidate.Name.Split('/') is var parts && parts.Length == segments.Length && parts.Zip(segments).All(pair => pair.First.StartsWith('{') || pair.First == pair.Second))
            .OrderBy(candidate => candidate.Name.Count(letter => letter == '{'))
            .Select(candidate => (JsonProperty?)candidate)
            .FirstOrDefault();
        if (template is not { } found) return null;
        var operation = found.Value.GetProperty(method.ToLowerInvariant());
        var answer = operation.GetProperty("responses").GetProperty("200").GetProperty("content").GetProperty("application/json").GetProperty("schema");
        return new(method, found.Name, RequestSchema(operation, method), answer);
    }

    /// <summary>What is wrong with a request; nothing when Stripe would understand it.</summary>
    /// <param name="anyValue">Whether an enumerated parameter may have any value.</param>
    public IReadOnlyList<string> CheckRequest(string method, string target, string body, bool anyValue = false)
    {
        var parts = target.Split('?', 2);
        if (Find(method, parts[0]) is not { } operation) return [$"{method} {parts[0]} is no operation"];
        var form = FormDecoder.Decode(method == "POST" ? body : parts.ElementAtOrDefault(1) ?? "");
        return new SchemaChecker(this, anyValue).Check(form, operation.Request, $"{method} {operation.Template}");
    }

    /// <summary>A query is described parameter by parameter; as one object it is checked like a body.</summary>
    private static JsonElement RequestSchema(JsonElement operation, string method)
    {
        if (method == "POST" && operation.TryGetProperty("requestBody", out var body))
            return body.GetProperty("content").GetProperty("application/x-www-form-urlencoded").GetProperty("schema");
        var query = operation.GetProperty("parameters").EnumerateArray().Where(parameter => parameter.GetProperty("in").GetString() == "query").ToList();
        return JsonSerializer.SerializeToElement(new JsonObject
        {
            ["type"] = "object",
            ["additionalProperties"] = false,
            ["properties"] = new JsonObject(query.Select(parameter => KeyValuePair.Create(parameter.GetProperty("name").GetString()!, JsonNode.Parse(parameter.GetProperty("schema").GetRawText())))),
            ["required"] = new JsonArray([.. query.Where(parameter => parameter.TryGetProperty("required", out var required) && required.GetBoolean()).Select(parameter => JsonValue.Create(parameter.GetProperty("name").GetString()))]),
        });
    }

    private static ApiDescription? Load()
    {
        var file = FindFile("src/Tracepipe.StripeSandbox/Spec/spec-dahlia.json", "shared/stripe/spec-dahlia.json");
        return file is null ? null : new(JsonDocument.Parse(File.ReadAllBytes(file)).RootElement);
    }
}

/// <summary>One operation of the API.</summary>
internal sealed record ApiOperation(string Method, string Template, JsonElement Request, JsonElement Answer);
