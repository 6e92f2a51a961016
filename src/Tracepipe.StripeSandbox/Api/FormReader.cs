using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Reads <c>a[b][0][c]=1</c> into nested objects of strings; indexes stay names until a schema says "array".</summary>
internal static class FormReader
{
    private const int Deepest = 12;
    private const int Most = 5000;

    public static JsonObject Read(string form)
    {
        var root = new JsonObject();
        if (form.Length == 0) return root;
        var pairs = form.Split('&', Most + 1);
        if (pairs.Length > Most) throw Core.StripeError.Invalid("Too many parameters.");
        foreach (var pair in pairs)
        {
            if (pair.Length == 0) continue;
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            Put(root, Decode(equals < 0 ? pair : pair[..equals]), equals < 0 ? "" : Decode(pair[(equals + 1)..]));
        }
        return root;
    }

    private static void Put(JsonObject root, string name, string value)
    {
        var segments = name.Replace("]", "", StringComparison.Ordinal).Split('[');
        if (segments.Length > Deepest) throw Core.StripeError.Invalid("A parameter is nested too deeply.");
        var at = root;
        for (var i = 0; i < segments.Length - 1; i++)
        {
            var segment = Index(at, segments[i]);
            if (at[segment] is null) at[segment] = new JsonObject();
            at = at[segment] as JsonObject ?? throw Core.StripeError.Invalid("A parameter is given both as a value and as a group.", segments[0]);
        }
        var last = Index(at, segments[^1]);
        if (at[last] is JsonObject) throw Core.StripeError.Invalid("A parameter is given both as a value and as a group.", segments[0]);
        at[last] = value;
    }

    /// <summary><c>a[]</c> appends.</summary>
    private static string Index(JsonObject at, string segment) => segment.Length == 0 ? at.Count.ToString() : segment;

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
