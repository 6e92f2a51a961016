using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Site;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Site;

/// <summary>Catches: a route that the API's description does not know, or knows without a summary, its refusals and their examples.</summary>
public sealed partial class ApiDescriptionTests(TestApp app) : IClassFixture<TestApp>
{
    [Fact]
    public async Task Every_route_of_the_API_is_described_with_its_answers()
    {
        var document = JsonElement.Parse(await TestApp.Http.GetStringAsync(new Uri(app.Address, "/openapi/v1.json")));
        Assert.StartsWith("3.1", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var paths = document.GetProperty("paths");
        var wrong = new List<string>();
        foreach (var (method, path, isPublic) in Routes())
        {
            if (!paths.TryGetProperty(path, out var at) || !at.TryGetProperty(method, out var operation)) { wrong.Add($"{method} {path}: missing"); continue; }
            if (!operation.TryGetProperty("summary", out var summary) || summary.GetString() is not { Length: > 0 }) wrong.Add($"{method} {path}: no summary");
            var answers = operation.GetProperty("responses");
            if (!answers.EnumerateObject().Any(a => a.Name[0] == '2')) wrong.Add($"{method} {path}: no success");
            foreach (var status in (string[])["400", "429", "500", "503", .. isPublic ? Array.Empty<string>() : ["401"], .. path.Contains('{', StringComparison.Ordinal) ? (string[])["404"] : []])
            {
                if (!answers.TryGetProperty(status, out var answer)) { wrong.Add($"{method} {path}: no {status}"); continue; }
                if (!answer.GetProperty("content").EnumerateObject().Single().Value.TryGetProperty("example", out _)) wrong.Add($"{method} {path}: {status} without example");
            }
            if (isPublic == operation.TryGetProperty("security", out _)) wrong.Add($"{method} {path}: security");
        }
        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
        Assert.Equal(paths.EnumerateObject().Sum(p => p.Value.EnumerateObject().Count(o => o.Name is "get" or "post" or "put" or "patch" or "delete" or "head")), Routes().Count);
    }

    // Catches, too: a description that is made anew for everybody who asks, which takes the server fifteen times as long as a page.
    [Fact]
    public async Task Who_has_the_description_is_told_that_it_has_not_changed_and_where_the_API_stands()
    {
        var address = new Uri(app.Address, "/openapi/v1.json");
        using var first = await TestApp.Http.GetAsync(address);
        Assert.Equal(app.Address.ToString().TrimEnd('/'), JsonElement.Parse(await first.Content.ReadAsStringAsync()).GetProperty("servers")[0].GetProperty("url").GetString());
        using var again = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
        using var answer = await TestApp.Http.SendAsync(again);
        Assert.Equal(System.Net.HttpStatusCode.NotModified, answer.StatusCode);
        var document = app.Services.GetRequiredService<ApiDocument>();
        Assert.Same((await document.GetAsync()).Json, (await document.GetAsync()).Json);
    }

    [Fact]
    public async Task The_reference_page_lists_every_operation()
    {
        using var browser = app.NewBrowser();
        var page = await browser.PageAsync("/docs/api");
        var shown = page.QuerySelectorAll("h3").Select(h => WhiteSpace().Replace(h.TextContent, "")).ToHashSet();
        foreach (var (method, path, _) in Routes()) Assert.Contains(method.ToUpperInvariant() + path, shown);
    }

    private List<(string Method, string Path, bool IsPublic)> Routes() =>
    [
        .. app.Services.GetRequiredService<IEnumerable<EndpointDataSource>>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<Microsoft.AspNetCore.Routing.IExcludeFromDescriptionMetadata>() is not { ExcludeFromDescription: true })
            .Select(e => (Path: Constraint().Replace("/" + e.RoutePattern.RawText!.Trim('/'), "{${name}}"), Endpoint: e))
            .Where(r => r.Path.StartsWith("/v1/", StringComparison.Ordinal) || r.Path.StartsWith("/api/billing/", StringComparison.Ordinal))
            .SelectMany(r => (r.Endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Where(m => m is not "OPTIONS").Select(m => (m.ToLowerInvariant(), r.Path, r.Endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null))),
    ];

    [GeneratedRegex(@"\{(?<name>[a-z_]+)(:[^}]*)?\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Constraint();

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex WhiteSpace();
}
