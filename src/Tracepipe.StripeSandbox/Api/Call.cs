using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>One request as a handler sees it: checked parameters and a unit of work to change the account in.</summary>
/// <param name="IsBrowser">Made with the publishable key: only the bearer of a client secret may touch an intent.</param>
internal sealed record Call(UnitOfWork Work, Params Params, IReadOnlyList<string> Path, string Url, bool IsBrowser)
{
    public string Id => Path[0];

    public JsonObject Show(Doc doc) => Rendering.Render(Work, doc);

    /// <summary>What was deleted leaves this behind.</summary>
    public static JsonObject Tombstone(string id, string kind) => new() { ["id"] = id, ["object"] = kind, ["deleted"] = true };

    /// <summary>A page of a kind, newest first, between the cursors and within <c>created</c>.</summary>
    public JsonObject List(IEnumerable<Doc> newestFirst)
    {
        var limit = Params.Long("limit") ?? 10;
        if (limit is < 1 or > 100) throw StripeError.Invalid("Parameter limit must be between 1 and 100.", "limit", "parameter_invalid_integer");
        var (after, before) = (Params.Text("starting_after"), Params.Text("ending_before"));
        if (after is not null && before is not null) throw StripeError.Invalid("Only one of starting_after and ending_before can be given.", "starting_after", "parameters_exclusive");
        var all = newestFirst.Where(d => !Params.Has("created") || Within("created", d.Long("created"))).ToList();
        var page = all;
        if (after is not null) page = all[(IndexOf(all, after, "starting_after") + 1)..];
        var more = page.Count > limit;
        if (before is not null)
        {
            page = all[..IndexOf(all, before, "ending_before")];
            more = page.Count > limit;
            page = page[Math.Max(0, page.Count - (int)limit)..];
        }
        return Embedding.List(page.Take((int)limit).Select(Show), Url, more);
    }

    /// <summary>Takes over members that are texts: given ones are set, empty ones unset.</summary>
    public void CopyTexts(Doc doc, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (Params.Has(name)) doc[name] = Params.Text(name);
    }

    /// <summary>Merges metadata: an empty value removes its key, an empty whole removes all.</summary>
    public void CopyMetadata(Doc doc) => MergeMetadata(doc, Params);

    public static void MergeMetadata(Doc doc, Params given)
    {
        if (!given.Has("metadata")) return;
        var merged = given.Clears("metadata") ? [] : (JsonObject)(doc.Node("metadata")?.DeepClone() ?? new JsonObject());
        foreach (var (key, value) in given.Group("metadata")?.Json ?? [])
        {
            var text = value!.GetValue<string>();
            if (key.Length > 40 || text.Length > 500) throw StripeError.Invalid("Metadata keys have at most 40 characters, values 500.", given.Full($"metadata[{key}]"));
            if (text.Length == 0) merged.Remove(key);
            else merged[key] = text;
        }
        if (merged.Count > 50) throw StripeError.Invalid("Metadata has at most 50 keys.", given.Full("metadata"));
        doc.Set("metadata", merged);
    }

    /// <summary>Whether a moment lies in the range (or is the one moment) that a parameter asks for; any does when it is not given.</summary>
    public bool Within(string name, long? moment)
    {
        if (Params.Long(name) is { } exactly) return moment == exactly;
        return Params.Group(name) is not { } range
            || (moment is { } at && at > (range.Long("gt") ?? long.MinValue) && at >= (range.Long("gte") ?? long.MinValue) && at < (range.Long("lt") ?? long.MaxValue) && at <= (range.Long("lte") ?? long.MaxValue));
    }

    private static int IndexOf(List<Doc> all, string id, string param) =>
        all.FindIndex(d => d.Id == id) is var index and >= 0 ? index : throw StripeError.Missing("object", id, param);
}

/// <summary>What an operation does and which of its parameters it knows.</summary>
internal sealed record Operation(Func<Call, JsonObject> Handler, ImplementedParameters Parameters);
