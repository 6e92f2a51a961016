using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Tracepipe.Storefront.Traces;

/// <summary>What the API's description says about the routes of sessions beyond their types: bodies that stream, headers of the tus protocol, examples.</summary>
internal static class TracesDescription
{
    private const string Id = "019aa5f4-1b7e-7d03-b1c4-52a8f0e6d917";

    private const string Session = $$"""
        {"id":"{{Id}}","suite_id":"checkout","description":"Pays with a saved card","file_name":"checkout.json.gz","bytes":1048576,
         "sha256":"2f9d6b0f3a3c1c1f6d2b4e8a7c5d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f809","format":"chrome_object","truncated":false,"events":48210,"duration_ms":47213.4,
         "duplicate_of":null,"created_at":"2026-11-21T12:04:05.117Z","keep_until":null}
        """;

    private const string Summary = """
        {"format":"chrome_object","truncated":false,"events":48210,"duration_ms":47213.4,"categories":[{"name":"devtools.timeline","count":31020}],"phases":[{"name":"X","count":40110}],
         "processes":[{"pid":4211,"name":"Renderer","events":44000,"threads":[{"tid":1,"name":"CrRendererMain","events":39000}]}],"input_events":[{"name":"click","count":14}],
         "top_names":[{"name":"RunTask","count":9120}],"activity":{"step_seconds":1,"counts":[1200,840,3010]},"unpacked_bytes":10485760,"warnings":[]}
        """;

    private const string Suite = """{"id":"checkout","name":"Checkout","description":"Buying something.","actions":[{"name":"pay","parameters":[{"name":"method","type":"text","optional":false}]}]}""";

    /// <summary>The answer of a session.</summary>
    public static TBuilder AnswersSession<TBuilder>(this TBuilder route, int status = 200) where TBuilder : IEndpointConventionBuilder => route.WithExample(status, Session);

    public static TBuilder AnswersSessions<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.WithExample(200, $$"""{"items":[{{Session}}],"total":1,"page":1,"per_page":20}""");

    public static TBuilder AnswersSummary<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.WithExample(200, Summary);

    public static TBuilder AnswersSuite<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.WithExample(200, Suite);

    public static TBuilder AnswersSuites<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.WithExample(200, $$"""{"items":[{{Suite}}],"total":1,"page":1,"per_page":20}""");

    public static TBuilder AnswersFile<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.Transform(operation =>
        Answer(operation, 200, "The file as it was sent. Ranges are answered with 206.").Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["application/octet-stream"] = new() { Schema = Binary } });

    /// <summary>The form of an upload in one piece.</summary>
    public static TBuilder TakesForm<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.Transform(operation => operation.RequestBody = new OpenApiRequestBody
    {
        Required = true,
        Description = "Fields first, the file last: then what is wrong with them is said before the file is sent.",
        Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
        {
            ["multipart/form-data"] = new()
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Required = new HashSet<string>(StringComparer.Ordinal) { "suite_id", "trace" },
                    Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
                    {
                        ["suite_id"] = Text("What the session is about: an id of GET /v1/suites."),
                        ["description"] = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 1000, Description = "In your own words." },
                        ["trace"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary", Description = "Chrome trace JSON (object or array form) or JSON lines of input events, plain or gzip. input_events is another name for it." },
                    },
                },
                Example = JsonNode.Parse("""{"suite_id":"checkout","description":"Pays with a saved card","trace":"checkout.json.gz"}"""),
            },
        },
    });

    public static TBuilder BeginsUpload<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.Transform(operation =>
    {
        Takes(operation, "Upload-Length", "Bytes of the whole file.", "1048576");
        Takes(operation, "Upload-Metadata", "Pairs of a name and a Base64 value, separated by commas: suite_id, filename, and optionally description and sha256 (hexadecimal).", "suite_id Y2hlY2tvdXQ=,filename Y2hlY2tvdXQuanNvbi5neg==");
        Says(Answer(operation, 201, "The upload has begun."), ("Location", "Where its pieces go.", $"/v1/uploads/{Id}"));
    });

    public static TBuilder StandsUpload<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.Transform(operation =>
        Says(Answer(operation, 200, "Where the upload stands."), ("Upload-Offset", "Bytes that have arrived.", "524288"), ("Upload-Length", "Bytes of the whole file.", "1048576")));

    public static TBuilder TakesPiece<TBuilder>(this TBuilder route) where TBuilder : IEndpointConventionBuilder => route.Transform(operation =>
    {
        Takes(operation, "Upload-Offset", "Where this piece begins: what HEAD said.", "524288");
        operation.RequestBody = new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { ["application/offset+octet-stream"] = new() { Schema = Binary } } };
        Says(Answer(operation, 204, "The piece has arrived."), ("Upload-Offset", "Bytes that have arrived.", "1048576"), (Uploads.TusApi.SessionHeader, "After the last piece: the session's id.", Id));
    });

    public static TBuilder EndsWith<TBuilder>(this TBuilder route, int status, string description) where TBuilder : IEndpointConventionBuilder => route.Transform(operation => Answer(operation, status, description));

    private static OpenApiSchema Binary => new() { Type = JsonSchemaType.String, Format = "binary" };

    private static TBuilder WithExample<TBuilder>(this TBuilder route, int status, string example) where TBuilder : IEndpointConventionBuilder => route.Transform(operation =>
    {
        if (operation.Responses is { } responses && responses.TryGetValue(status.ToString(), out var response) && response.Content is { } content)
            foreach (var media in content.Values.OfType<OpenApiMediaType>()) media.Example = JsonNode.Parse(example);
    });

    private static TBuilder Transform<TBuilder>(this TBuilder route, Action<OpenApiOperation> change) where TBuilder : IEndpointConventionBuilder => route.AddOpenApiOperationTransformer((operation, _, _) =>
    {
        change(operation);
        return Task.CompletedTask;
    });

    private static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };

    private static void Takes(OpenApiOperation operation, string header, string description, string example) =>
        (operation.Parameters ??= []).Add(new OpenApiParameter { Name = header, In = ParameterLocation.Header, Required = true, Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = example });

    private static OpenApiResponse Answer(OpenApiOperation operation, int status, string description)
    {
        var answer = new OpenApiResponse { Description = description };
        operation.Responses ??= [];
        operation.Responses.Remove("200");
        operation.Responses[status.ToString()] = answer;
        return answer;
    }

    private static void Says(OpenApiResponse answer, params (string Name, string Description, string Example)[] headers) => answer.Headers = headers.ToDictionary(h => h.Name,
        h => (IOpenApiHeader)new OpenApiHeader { Description = h.Description, Schema = new OpenApiSchema { Type = JsonSchemaType.String }, Example = h.Example }, StringComparer.Ordinal);
}
