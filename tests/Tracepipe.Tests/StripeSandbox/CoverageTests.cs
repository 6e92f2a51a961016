using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>
/// Would catch: a coverage list that says more or less than is true. Every operation of the description, and every parameter of each down to its
/// leaves, is sent; what the list does not name must be refused as not implemented, what it names must not.
/// </summary>
public sealed class CoverageTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private const int Deepest = 4;
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task The_list_names_exactly_what_is_there()
    {
        var coverage = (await _api.GetAsync("/_sandbox/coverage")).Ok();
        var listed = coverage.Json["operations"]!.AsArray().ToDictionary(o => $"{o!["method"]} {o["path"]}", o => o!, StringComparer.Ordinal);
        Assert.Equal(ApiSpec.Dahlia.Operations.Select(o => o.Name).Order(StringComparer.Ordinal), listed.Keys.Order(StringComparer.Ordinal));
        var wrong = new List<string>();
        foreach (var operation in ApiSpec.Dahlia.Operations)
        {
            var entry = listed[operation.Name];
            var names = entry["parameters"]!.AsArray().Select(p => p!.ToString()).ToHashSet(StringComparer.Ordinal);
            if (!entry["implemented"]!.GetValue<bool>())
            {
                if (await AnswerAsync(operation, Required(operation.Parameters)) is not (400, "sandbox_not_implemented", _)) wrong.Add($"{operation.Name} answers though it is not listed");
                continue;
            }
            foreach (var form in Forms(operation.Parameters).Append(Required(operation.Parameters)))
            {
                var unlisted = form.Keys.Where(k => !IsListed(names, k)).ToList();
                var (status, code, message) = await AnswerAsync(operation, form);
                var refused = code == "sandbox_not_implemented" && message!.Contains("the parameter ", StringComparison.Ordinal);
                if (status is 500 or 404 && code != "resource_missing") wrong.Add($"{operation.Name} {string.Join(' ', form.Keys)}: {status} {message}");
                else if (refused != unlisted.Count > 0) wrong.Add($"{operation.Name} {string.Join(' ', form.Keys)}: {(refused ? "refused though listed" : $"taken though not listed ({code})")}");
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(40)));
    }

    private async Task<(int Status, string? Code, string? Message)> AnswerAsync(SpecOperation operation, Dictionary<string, string> form)
    {
        var path = string.Join('/', operation.Segments.Select(s => s.StartsWith('{') ? "none" : s));
        var text = string.Join('&', form.Select(f => $"{f.Key}={Uri.EscapeDataString(f.Value)}"));
        var answer = operation.Method == "POST" ? await _api.PostAsync(path, text) : await _api.SendAsync(new HttpMethod(operation.Method), text.Length == 0 ? path : $"{path}?{text}", null, null);
        return (answer.Status, answer["error.code"], answer["error.message"]);
    }

    private static bool IsListed(HashSet<string> names, string key)
    {
        var plain = key.Replace("[0]", "", StringComparison.Ordinal);
        for (var name = plain; ; name = name[..name.LastIndexOf('[')])
        {
            if (names.Contains(name)) return true;
            if (!name.Contains('[', StringComparison.Ordinal)) return false;
        }
    }

    /// <summary>For each leaf a form that is complete: with everything that must stand beside it.</summary>
    private static IEnumerable<Dictionary<string, string>> Forms(Schema schema)
    {
        foreach (var leaf in Leaves(schema, "", 0))
        {
            var form = Required(schema);
            foreach (var (name, value) in leaf) form[name] = value;
            yield return form;
        }
    }

    private static Dictionary<string, string> Required(Schema schema)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal);
        schema = Group(schema) ?? schema;
        foreach (var name in schema.Required) Fill(form, schema.Properties![name], name);
        return form;
    }

    private static IEnumerable<Dictionary<string, string>> Leaves(Schema schema, string prefix, int depth)
    {
        if (Group(schema) is { Properties: { } members } group)
        {
            foreach (var (name, member) in members)
            {
                var full = prefix.Length == 0 ? name : $"{prefix}[{name}]";
                foreach (var leaf in depth == Deepest ? [Filled(member, full)] : Leaves(member, full, depth + 1))
                {
                    if (prefix.Length > 0)
                        foreach (var beside in group.Required.Where(r => r != name)) Fill(leaf, members[beside], $"{prefix}[{beside}]");
                    yield return leaf;
                }
            }
        }
        else if (List(schema) is { Items: { } items } && Group(items) is not null)
        {
            foreach (var leaf in Leaves(items, $"{prefix}[0]", depth)) yield return leaf;
        }
        else
        {
            yield return Filled(schema, prefix);
        }
    }

    private static Dictionary<string, string> Filled(Schema schema, string name)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal);
        Fill(form, schema, name);
        return form;
    }

    private static void Fill(Dictionary<string, string> form, Schema schema, string name)
    {
        if (Group(schema) is { } group)
        {
            foreach (var required in group.Required) Fill(form, group.Properties![required], $"{name}[{required}]");
            if (group.Required.Count > 0) return;
            var (key, member) = group.Properties is { Count: > 0 } members ? members.OrderBy(m => m.Key, StringComparer.Ordinal).First() : KeyValuePair.Create("key", group.Others ?? Schema.Anything);
            Fill(form, member, $"{name}[{key}]");
            return;
        }
        if (List(schema) is { Items: { } items })
        {
            Fill(form, items, $"{name}[0]");
            return;
        }
        form[name] = Simple(schema) is { } simple ? simple.Type switch
        {
            "integer" => "1700000000", "number" => "1", "boolean" => "true", _ => simple.Enum?.Order(StringComparer.Ordinal).FirstOrDefault(e => e.Length > 0) ?? "1",
        } : "1";
    }

    private static Schema? Group(Schema schema) => Alternatives(schema).FirstOrDefault(s => s.Type == "object");

    private static Schema? List(Schema schema) => Alternatives(schema).FirstOrDefault(s => s.Type == "array");

    private static Schema? Simple(Schema schema) => Alternatives(schema).FirstOrDefault(s => s.Type is not (null or "object" or "array") && !(s.Enum is { Count: 1 } only && only.Contains("")));

    private static IEnumerable<Schema> Alternatives(Schema schema)
    {
        schema = ApiSpec.Dahlia.Resolve(schema);
        return schema.AnyOf is { } any ? any.SelectMany(Alternatives) : [schema];
    }
}
