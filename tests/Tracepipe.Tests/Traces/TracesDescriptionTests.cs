using System.Text.Json;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Traces;

/// <summary>Catches: a route of sessions that the API's description does not tell how to call, or an example that the product never answers.</summary>
public sealed class TracesDescriptionTests(TracesApp app) : IClassFixture<TracesApp>
{
    [Fact]
    public async Task Every_route_of_sessions_says_what_it_takes_and_answers_and_the_examples_are_what_it_answers()
    {
        var paths = JsonElement.Parse(await TestApp.Http.GetStringAsync(new Uri(app.Address, "/openapi/v1.json"))).GetProperty("paths");
        var operations = paths.EnumerateObject().Where(p => p.Name.StartsWith("/v1/s", StringComparison.Ordinal) || p.Name.StartsWith("/v1/uploads", StringComparison.Ordinal))
            .SelectMany(p => p.Value.EnumerateObject().Select(o => (Name: $"{o.Name} {p.Name}", Operation: o.Value))).ToList();
        Assert.Equal(13, operations.Count);
        foreach (var (name, operation) in operations)
        {
            Assert.True(operation.TryGetProperty("summary", out var summary) && summary.GetString()!.Length > 0, name);
            Assert.True(operation.GetProperty("responses").EnumerateObject().Count(r => r.Name.StartsWith('2')) == 1, $"{name} has one success");
        }

        var key = (await app.NewFullKeyAsync(await app.NewOwnerAsync())).Secret;
        var id = (await app.UploadAsync(key, TracesApp.Trace(500))).GetProperty("id").GetString();
        foreach (var path in (string[])["/v1/sessions", "/v1/sessions/{id}", "/v1/sessions/{id}/summary", "/v1/suites", "/v1/suites/{id}"])
        {
            var example = paths.GetProperty(path).GetProperty("get").GetProperty("responses").GetProperty("200").GetProperty("content").GetProperty("application/json").GetProperty("example");
            using var answer = await app.CallAsync(key, path.Replace("{id}", path.StartsWith("/v1/suites", StringComparison.Ordinal) ? "checkout" : id, StringComparison.Ordinal));
            Assert.Equal(Members(JsonElement.Parse(await answer.Content.ReadAsStringAsync())), Members(example));
        }
        var body = paths.GetProperty("/v1/sessions").GetProperty("post").GetProperty("requestBody").GetProperty("content").GetProperty("multipart/form-data").GetProperty("schema");
        Assert.Equal(["suite_id", "description", "trace"], body.GetProperty("properties").EnumerateObject().Select(p => p.Name));
    }

    private static string Members(JsonElement of) => of.ValueKind switch
    {
        JsonValueKind.Object => $"{{{string.Join(", ", of.EnumerateObject().Select(m => m.Name + Members(m.Value)))}}}",
        JsonValueKind.Array => of.GetArrayLength() > 0 && of[0].ValueKind is JsonValueKind.Object ? Members(of[0]) : "",
        _ => "",
    };
}
