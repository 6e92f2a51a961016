using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Tracepipe.Storefront.Platform;

/// <summary>Examples of what a route takes and answers, for the API's description.</summary>
internal static class RouteExamples
{
    /// <param name="answer">A whole body: JSON, or text of another media type.</param>
    /// <param name="request">A whole body to send.</param>
    public static TBuilder WithExample<TBuilder>(this TBuilder route, int status, string answer, string? request = null) where TBuilder : IEndpointConventionBuilder => route.AddOpenApiOperationTransformer((operation, _, _) =>
    {
        if (operation.Responses is { } responses && responses.TryGetValue(status.ToString(), out var response) && response.Content is { } content) Show(content, answer);
        if (request is not null && operation.RequestBody?.Content is { } takes) Show(takes, request);
        return Task.CompletedTask;
    });

    private static void Show(IDictionary<string, OpenApiMediaType> content, string example)
    {
        foreach (var (type, media) in content) media.Example = type.Contains("json", StringComparison.Ordinal) ? JsonNode.Parse(example) : JsonValue.Create(example);
    }
}
