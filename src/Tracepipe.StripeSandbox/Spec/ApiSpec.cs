using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Tracepipe.StripeSandbox.Spec;

/// <summary>One operation of the description: method, path, what may be asked and what is answered.</summary>
internal sealed class SpecOperation(string method, string template, Lazy<Schema> parameters, Lazy<Schema> response)
{
    public string Method { get; } = method;
    public string Template { get; } = template;
    public string[] Segments { get; } = template.Split('/');
    public Schema Parameters => parameters.Value;
    public Schema Response => response.Value;
    public string Name => $"{Method} {Template}";
}

/// <summary>The published description of the API: every request and every answer is held against it. A part is kept as text until it is first asked for.</summary>
internal sealed class ApiSpec
{
    public const string Version = "2026-07-29.dahlia";

    private static readonly Lazy<ApiSpec> Loaded = new(Load);
    private readonly FrozenDictionary<string, Lazy<Schema>> _schemas;
    private readonly ILookup<(string Method, int Segments), SpecOperation> _operations;

    private ApiSpec(JsonElement document)
    {
        _schemas = document.GetProperty("components").GetProperty("schemas").EnumerateObject().ToFrozenDictionary(s => s.Name, s => Later(s.Value, Schema.Parse));
        Operations = [.. document.GetProperty("paths").EnumerateObject().SelectMany(path => path.Value.EnumerateObject().Select(o => Read(path.Name, o)))];
        _operations = Operations.ToLookup(o => (o.Method, o.Segments.Length));
    }

    public static ApiSpec Dahlia => Loaded.Value;

    public IReadOnlyList<SpecOperation> Operations { get; }

    /// <summary>Every version name that was ever released, up to the one rendered here.</summary>
    public FrozenSet<string> ApiVersions => Operations.First(o => o.Name == "POST /v1/webhook_endpoints").Parameters.Properties!["api_version"].Enum!;

    public Schema this[string name] => _schemas[name].Value;

    public Schema? Find(string name) => _schemas.GetValueOrDefault(name)?.Value;

    /// <summary>Follows references, and unions of one member, to the schema that has the members.</summary>
    public Schema Resolve(Schema schema)
    {
        while (true)
        {
            if (schema.Ref is { } name) schema = _schemas[name].Value;
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

    private static SpecOperation Read(string template, JsonProperty operation) =>
        new(operation.Name.ToUpperInvariant(), template, Later(operation.Value, Parameters),
            Later(operation.Value.GetProperty("responses").GetProperty("200").GetProperty("content").GetProperty("application/json").GetProperty("schema"), Schema.Parse));

    private static Schema Parameters(JsonElement operation) => operation.TryGetProperty("requestBody", out var body)
        ? Schema.Parse(body.GetProperty("content").GetProperty("application/x-www-form-urlencoded").GetProperty("schema"))
        : Schema.Closing(operation.GetProperty("parameters").EnumerateArray().Where(p => p.GetProperty("in").GetString() == "query")
            .Select(p => (p.GetProperty("name").GetString()!, Schema.Parse(p.GetProperty("schema")), p.TryGetProperty("required", out var r) && r.GetBoolean())));

    private static Lazy<Schema> Later(JsonElement part, Func<JsonElement, Schema> read)
    {
        var text = JsonMarshal.GetRawUtf8Value(part).ToArray();
        return new Lazy<Schema>(() =>
        {
            using var document = JsonDocument.Parse(text);
            return read(document.RootElement);
        });
    }

    private static ApiSpec Load()
    {
        using var stream = typeof(ApiSpec).Assembly.GetManifestResourceStream("spec-dahlia.json")
            ?? throw new InvalidOperationException("The API description is missing from the assembly.");
        using var document = JsonDocument.Parse(stream);
        return new ApiSpec(document.RootElement);
    }
}
