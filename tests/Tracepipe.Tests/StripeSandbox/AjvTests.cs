using System.Text.Json;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a schema checker of ours that lets through, or refuses, what an independent one does not.</summary>
[Collection(nameof(OfficialClient))]
public sealed class AjvTests(NodeClientTests.Project project)
{
    private static readonly SchemaChecker Checker = new(ApiSpec.Dahlia);

    [Fact]
    public async Task Our_checker_and_ajv_agree_on_real_answers_and_on_spoiled_ones()
    {
        var random = new Random(1);
        var corpus = new List<(string Kind, JsonNode Value)>();
        foreach (var answer in await AnswersAsync())
        {
            var kind = answer["object"]!.GetValue<string>();
            corpus.Add((kind, answer));
            for (var i = 0; i < 12; i++) corpus.Add((kind, Spoiled(answer, random)));
        }
        var ours = corpus.Select(c => Check(c.Kind, c.Value)).ToList();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, corpus.Select(c => new JsonObject { ["kind"] = c.Kind, ["value"] = c.Value.DeepClone() }.ToJsonString()));
            var (exit, output) = await project.ProgramAsync("ajv/verdicts.js", [Path.Combine(NodeClientTests.Project.Folder, "..", "..", "src", "Tracepipe.StripeSandbox", "Spec", "spec-dahlia.json"), file]);
            Assert.True(exit == 0, output);
            var theirs = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(bool.Parse).ToList();
            Assert.Equal(corpus.Count, theirs.Count);
            var apart = corpus.Zip(ours, theirs).Where(c => c.Second != c.Third).Select(c => $"{c.First.Kind}: ours {c.Second}, ajv {c.Third}: {string.Join("; ", Errors(c.First.Kind, c.First.Value).Take(3))}").ToList();
            Assert.True(apart.Count == 0, string.Join('\n', apart.Take(20)));
        }
        finally
        {
            File.Delete(file);
        }
        Assert.True(corpus.Select(c => c.Kind).Distinct().Count() >= 20, string.Join(' ', corpus.Select(c => c.Kind).Distinct()));
        Assert.True(ours.Count(fits => !fits) > ours.Count / 3, "Too few answers were spoiled.");
    }

    /// <summary>An object of every kind that a busy month leaves behind.</summary>
    private async Task<IReadOnlyList<JsonObject>> AnswersAsync()
    {
        var key = "sk_test_" + Guid.CreateVersion7().ToString("N");
        foreach (var scenario in (string[])["subscriptions", "schedules", "invoices", "payments", "meters", "catalogue", "checkout", "portal", "webhooks"])
        {
            var (exit, output) = await project.ScenarioAsync(scenario, key);
            Assert.True(exit == 0, output);
        }
        var api = new SandboxClient(project.Sandbox.Url, key["sk_test_".Length..]);
        var newest = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
        for (string? cursor = null; ;)
        {
            var page = (await api.GetAsync($"/v1/events?limit=100{(cursor is null ? "" : $"&starting_after={cursor}")}")).Ok();
            foreach (var told in page.Data)
            {
                newest.TryAdd("event " + told["type"], told.AsObject());
                var about = told["data"]!["object"]!.AsObject();
                if (ApiSpec.Dahlia.Find(about["object"]!.GetValue<string>()) is not null) newest.TryAdd($"{about["object"]} {about["status"]}", about);
            }
            if (page["has_more"] == "false") return [.. newest.Values.Select(v => (JsonObject)v.DeepClone())];
            cursor = page.Data[^1]["id"]!.ToString();
        }
    }

    /// <summary>A copy with one thing changed somewhere: a member gone, added, emptied, or of another kind.</summary>
    private static JsonNode Spoiled(JsonObject answer, Random random)
    {
        var copy = (JsonObject)answer.DeepClone();
        var at = copy;
        while (random.Next(3) > 0 && at.Where(m => m.Value is JsonObject { Count: > 0 } or JsonArray { Count: > 0 }).ToList() is { Count: > 0 } inner)
        {
            var next = inner[random.Next(inner.Count)].Value;
            if ((next as JsonObject ?? (next as JsonArray)?[0] as JsonObject) is not { Count: > 0 } deeper) break;
            at = deeper;
        }
        var name = at.ElementAt(random.Next(at.Count)).Key;
        switch (random.Next(5))
        {
            case 0:
                at.Remove(name);
                break;
            case 1:
                at["invented"] = 1;
                break;
            case 2:
                at[name] = null;
                break;
            case 3:
                at[name] = random.Next(4) switch { 0 => "text", 1 => 7, 2 => true, _ => new JsonObject { ["a"] = 1 } };
                break;
            default:
                at[name] = new JsonArray("x");
                break;
        }
        return copy;
    }

    private static bool Check(string kind, JsonNode value) => Errors(kind, value).Count == 0;

    private static List<string> Errors(string kind, JsonNode value)
    {
        using var json = JsonDocument.Parse(value.ToJsonString());
        return Checker.Check(json.RootElement, ApiSpec.Dahlia[kind]);
    }
}
