using System.Collections.Frozen;
using System.Text.Json;

namespace Tracepipe.StripeSandbox.Spec;

/// <summary>One operation of the description: method, path, what may be asked and what is answered.</summary>
internal sealed record SpecOperation(string Method, string Template, string[] Segments, Schema Parameters, Schema Response)
{
    public string Name => $"{Method} {Template}";
}

/// <summary>The published description of the API, read once: every request and every answer is held against it.</summary>
internal sealed class ApiSpec
{
    public const string Version = "2026-07-29.dahlia";

    private static readonly Lazy<ApiSpec> Loaded = new(Load);
    private readonly FrozenDictionary<string, Schema> _schemas;
    private readonly ILookup<(string Method, int Segments), SpecOperation> _operations;

    private ApiSpec(JsonElement document)
    {
        _schemas = document.GetProperty("components").GetProperty("schemas").EnumerateObject().ToFrozenDictionary(s => s.Name, s => Schema.Parse(s.Value));
        Operations = [.. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(o => Read(path.Name, o)))];
        _operations = Operations.ToLookup(o => (o.Method, o.Segments.Length));
        ApiVersions = Operations.First(o => o.Name == "POST /v1/webhook_endpoints").Parameters.Properties!["api_version"].Enum!;
    }

    public static ApiSpec Dahlia => Loaded.Value;

    public IReadOnlyList<SpecOperation> Operations { get; }

    /// <summary>Every version name that was ever released, up to the one rendered here.</summary>
    public FrozenSet<string> ApiVersions { get; }

    public Schema this[string name] => _schemas[name];

    public Schema? Find(string name) => _schemas.GetValueOrDefault(name);

    /// <summary>Follows references, and unions of one member, to the schema that has the members.</summary>
    public Schema Resolve(Schema schema)
    {
        while (true)
        {
            if (schema.Ref is { } name) schema = _schemas[name];
            else if (schema.AnyOf is [var only]) schema = only;
            else if (schema.AllOf is [var whole]) schema = whole;
            else return schema;
        }
    }

    /// <summary>The operation at a path; a literal segment wins over a placeholder.</summary>
    public SpecOperation? Match(string method, string path)
    {
        var segments = path.Split('/');
        SpecOperation? best = null;
        foreach (var operation in _operations[(method, segments.Length)])
            if (Fits(operation.Segments, segments) && (best is null || Placeholders(operation) < Placeholders(best)))
                best = operation;
        return best;

        static int Placeholders(SpecOperation operation) => operation.Segments.Count(s => s.StartsWith('{'));
    }

    public static string[] PathArguments(SpecOperation operation, string path)
    {
        var segments = path.Split('/');
        return [.. operation.Segments.Select((template, i) => (template, value: segments[i])).Where(s => s.template.StartsWith('{')).Select(s => s.value)];
    }

    private static bool Fits(string[] template, string[] path)
    {
        for (var i = 0; i < template.Length; i++)
            if (template[i].StartsWith('{') ? path[i].Length == 0 : template[i] != path[i]) return false;
        return true;
    }

    private static SpecOperation Read(string template, JsonProperty operation)
    {
        var method = operation.Name.ToUpperInvariant();
        var parameters = operation.Value.TryGetProperty("requestBody", out var body)
            ? Schema.Parse(body.GetProperty("content").GetProperty("application/x-www-form-urlencoded").GetProperty("schema"))
            : Schema.Closing(operation.Value.GetProperty("parameters").EnumerateArray().Where(p => p.GetProperty("in").GetString() == "query")
                .Select(p => (p.GetProperty("name").GetString()!, Schema.Parse(p.GetProperty("schema")), p.TryGetProperty("required", out var r) && r.GetBoolean())));
        var response = Schema.Parse(operation.Value.GetProperty("responses").GetProperty("200").GetProperty("content").GetProperty("application/json").GetProperty("schema"));
        return new SpecOperation(method, template, template.Split('/'), parameters, response);
    }

    private static ApiSpec Load()
    {
        using var stream = typeof(ApiSpec).Assembly.GetManifestResourceStream("spec-dahlia.json")
            ?? throw new InvalidOperationException("The API description is missing from the assembly.");
        using var document = JsonDocument.Parse(stream);
        return new ApiSpec(document.RootElement);
    }
}
