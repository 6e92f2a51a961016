using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a checker that passes everything, and so proves nothing about any other test.</summary>
public sealed class SchemaCheckerTests
{
    private static readonly SchemaChecker Checker = new(ApiSpec.Dahlia);

    private const string Endpoint = """
        {"id":"we_1","object":"webhook_endpoint","api_version":null,"application":null,"created":1,"description":null,
         "enabled_events":["*"],"livemode":false,"metadata":{"a":"b"},"status":"enabled","url":"https://example.com"}
        """;

    [Fact]
    public void What_fits_passes() => Assert.Empty(Check("webhook_endpoint", Endpoint));

    [Theory]
    [InlineData("id", null, "$.id: required, missing")]
    [InlineData("livemode", null, "$.livemode: required, missing")]
    [InlineData("created", "\"1\"", "$.created: string instead of integer")]
    [InlineData("created", "1.5", "$.created: number instead of integer")]
    [InlineData("object", "\"webhook\"", "$.object: \"webhook\" is not one of the enumeration")]
    [InlineData("enabled_events", "\"*\"", "$.enabled_events: string instead of array")]
    [InlineData("enabled_events", "[1]", "$.enabled_events[0]: integer instead of string")]
    [InlineData("metadata", "{\"a\":1}", "$.metadata.a: integer instead of string")]
    [InlineData("url", "null", "$.url: null is not allowed")]
    [InlineData("invented", "1", "$.invented: not in the schema")]
    public void One_wrong_member_is_named(string member, string? value, string expected)
    {
        var json = JsonNode.Parse(Endpoint)!.AsObject();
        if (value is null) json.Remove(member);
        else json[member] = JsonNode.Parse(value);
        Assert.Equal([expected], Check("webhook_endpoint", json.ToJsonString()));
    }

    [Fact]
    public void Every_required_member_of_every_resource_is_missed_when_dropped()
    {
        foreach (var (kind, resource) in Fixtures())
            foreach (var required in ApiSpec.Dahlia.Find(kind)!.Required)
            {
                if (!resource.ContainsKey(required)) continue;
                var without = (JsonObject)resource.DeepClone();
                without.Remove(required);
                Assert.Contains($"$.{required}: required, missing", Check(kind, without.ToJsonString()));
            }
    }

    [Fact]
    public void A_member_beyond_the_description_is_found_in_every_resource()
    {
        foreach (var (kind, resource) in Fixtures())
        {
            var more = (JsonObject)resource.DeepClone();
            more["sandbox_invention"] = true;
            Assert.Contains("$.sandbox_invention: not in the schema", Check(kind, more.ToJsonString()));
        }
    }

    [Fact]
    public void The_published_examples_pass_but_for_those_known_to_be_trimmed()
    {
        var failing = Fixtures().Where(f => Check(f.Kind, f.Resource.ToJsonString()).Count > 0).Select(f => f.Kind).ToList();
        Assert.Equal(7, failing.Count);
    }

    [Fact]
    public async Task Verdicts_equal_those_of_the_reference_checker()
    {
        JsonNode?[] replacements = [null, "x", 1.5, new JsonArray(1), new JsonObject { ["a"] = 1 }, true];
        foreach (var round in Enumerable.Range(0, replacements.Length * 2))
        {
            var mutated = new JsonObject();
            foreach (var (kind, resource) in Fixtures())
            {
                var members = resource.Select(m => m.Key).ToList();
                var copy = (JsonObject)resource.DeepClone();
                copy[members[(round * 7 + kind.Length) % members.Count]] = replacements[round % replacements.Length]?.DeepClone();
                if (round % 2 == 1) copy.Remove(members[(round * 5) % members.Count]);
                mutated[kind] = copy;
            }
            var ours = mutated.Where(m => Check(m.Key, m.Value!.ToJsonString()).Count > 0).Select(m => m.Key).Order(StringComparer.Ordinal);
            Assert.Equal(await ReferenceAsync(new JsonObject { ["resources"] = mutated }), ours);
        }
    }

    [Theory]
    [InlineData("POST", "/v1/invoices/create_preview", "/v1/invoices/create_preview")]
    [InlineData("GET", "/v1/invoices/in_1", "/v1/invoices/{invoice}")]
    [InlineData("GET", "/v1/credit_notes/preview", "/v1/credit_notes/preview")]
    [InlineData("GET", "/v1/credit_notes/cn_1", "/v1/credit_notes/{id}")]
    [InlineData("GET", "/v1/customers/", null)]
    public void A_literal_path_wins_over_a_placeholder(string method, string path, string? template) =>
        Assert.Equal(template, ApiSpec.Dahlia.Match(method, path)?.Template);

    /// <summary>The kinds that the reference implementation finds fault with.</summary>
    private static async Task<IEnumerable<string>> ReferenceAsync(JsonObject corpus)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, corpus.ToJsonString());
            var start = new ProcessStartInfo("node", [Shared("check-json.mjs"), Shared("spec-dahlia.json"), file, "--strict"]) { RedirectStandardOutput = true };
            using var node = Process.Start(start)!;
            var lines = (await node.StandardOutput.ReadToEndAsync()).Split('\n');
            await node.WaitForExitAsync();
            return lines.Where(l => l.Length > 0 && l[0] is not (' ' or '{')).Order(StringComparer.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static List<string> Check(string kind, string json)
    {
        using var document = JsonDocument.Parse(json);
        return Checker.Check(document.RootElement, ApiSpec.Dahlia[kind]);
    }

    private static IReadOnlyList<(string Kind, JsonObject Resource)> Fixtures() =>
        [.. JsonNode.Parse(File.ReadAllText(Shared("fixtures-dahlia.json")))!["resources"]!.AsObject().Select(r => (r.Key, r.Value!.AsObject()))];

    /// <summary>The published examples are not part of this repository; where they lie beside it they are used.</summary>
    private static string Shared(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "shared", "stripe", name))) folder = folder.Parent;
        if (folder is null) Assert.Skip("The published examples are not on this machine.");
        return Path.Combine(folder!.FullName, "shared", "stripe", name);
    }
}
