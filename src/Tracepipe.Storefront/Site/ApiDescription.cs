using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.OpenApi;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Site;

/// <summary>
/// The machine-readable description of the API: <c>/openapi/v1.json</c>, OpenAPI 3.1. Routes describe themselves by their types and comments; what is the same
/// for all of them (who may call, the errors with their examples) is added here.
/// </summary>
internal static class ApiDescription
{
    public const string Name = "v1";
    private const string KeyScheme = "api_key", BearerScheme = "bearer", ErrorSchema = "Error", ProblemSchema = "Problem";

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = route => route.RelativePath is { } path && (path.StartsWith("v1/", StringComparison.Ordinal) || path.StartsWith("api/billing/", StringComparison.Ordinal));
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Tracepipe API",
                Version = Name,
                Description = "JSON in snake_case, instants in ISO 8601 (UTC). Errors have a stable code and a sentence that says what to do. Send the key in the header X-API-Key.",
            };
            document.AddComponent(KeyScheme, (IOpenApiSecurityScheme)new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = "X-API-Key", Description = "tp_live_… of an organization, or tp_svc_… of the API's backend." });
            document.AddComponent(BearerScheme, (IOpenApiSecurityScheme)new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "The same key as Authorization: Bearer." });
            document.AddComponent(ErrorSchema, (IOpenApiSchema)Object("What /v1 answers to what it refuses.", ("error", Object("Code, sentence, facts.", ("code", Text), ("message", Text), ("details", Object("Facts for programs."))))));
            document.AddComponent(ProblemSchema, (IOpenApiSchema)Object("What /api answers to what it refuses (RFC 9457).",
                ("type", Text), ("title", Text), ("status", new OpenApiSchema { Type = JsonSchemaType.Integer }), ("detail", Text), ("code", Text), ("details", Object("Facts for programs."))));
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            var metadata = context.Description.ActionDescriptor.EndpointMetadata;
            var isPublic = metadata.OfType<IAllowAnonymous>().Any();
            var policies = metadata.OfType<IAuthorizeData>().Select(a => a.Policy).OfType<string>().Where(p => p is not Policies.SignedIn).ToList();
            if (policies is [Policies.Service]) operation.Description = Sentence(operation.Description, "For service keys.");
            else if (policies.Count > 0) operation.Description = Sentence(operation.Description, $"Needs the permission {string.Join(" and ", policies)}.");
            var document = context.Document!;
            if (!isPublic) operation.Security = [new() { [new OpenApiSecuritySchemeReference(KeyScheme, document)] = [] }, new() { [new OpenApiSecuritySchemeReference(BearerScheme, document)] = [] }];
            AddErrors(operation, document, context.Description.RelativePath!, isPublic, policies.Count > 0, takesBody: operation.RequestBody is not null);
            return Task.CompletedTask;
        });
    });

    private static void AddErrors(OpenApiOperation operation, OpenApiDocument document, string path, bool isPublic, bool needsPermission, bool takesBody)
    {
        operation.Responses ??= [];
        var isSold = path.StartsWith("v1/", StringComparison.Ordinal);
        var codes = new List<string> { "bad_request" };
        if (!isPublic) codes.Add("unauthorized");
        if (needsPermission) codes.Add("forbidden");
        if (path.Contains('{', StringComparison.Ordinal)) codes.Add("not_found");
        if (takesBody) codes.AddRange(["payload_too_large", "unsupported_media_type", "validation_error"]);
        codes.AddRange(["rate_limited", "internal_error", "unavailable"]);
        foreach (var error in codes.Select(code => ApiError.All.First(e => string.Equals(e.Code, code, StringComparison.Ordinal))))
        {
            var response = new OpenApiResponse
            {
                Description = $"{error.Code}: {error.Means}",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    [isSold ? "application/json" : "application/problem+json"] = new()
                    {
                        Schema = new OpenApiSchemaReference(isSold ? ErrorSchema : ProblemSchema, document),
                        Example = isSold ? JsonNode.Parse(error.Example) : AsProblem(error),
                    },
                },
            };
            operation.Responses[error.Status.ToString()] = response;
        }
    }

    private static JsonObject AsProblem(ApiError error)
    {
        var inner = JsonNode.Parse(error.Example)?["error"];
        var problem = new JsonObject
        {
            ["type"] = $"/docs/errors#{error.Code}",
            ["title"] = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(error.Status),
            ["status"] = error.Status,
            ["detail"] = inner?["message"]?.DeepClone(),
            ["code"] = error.Code,
        };
        if (inner?["details"] is { } details) problem["details"] = details.DeepClone();
        return problem;
    }

    private static OpenApiSchema Text => new() { Type = JsonSchemaType.String };

    private static OpenApiSchema Object(string description, params (string Name, OpenApiSchema Schema)[] members) => new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        Properties = members.ToDictionary(m => m.Name, m => (IOpenApiSchema)m.Schema, StringComparer.Ordinal),
    };

    private static string Sentence(string? before, string sentence) => string.IsNullOrEmpty(before) ? sentence : $"{before} {sentence}";
}
