using System.Text;
using System.Text.Json;

namespace Tracepipe.Stripe;

/// <summary>
/// Stripe's form dialect: <c>a[b]=1</c> for members, <c>items[0][price]=…</c> for lists, whole Unix seconds, <c>true</c> and <c>false</c>.
/// An empty list is sent as an empty value, which clears it; an object without members is not sent.
/// </summary>
internal static class FormEncoder
{
    public static string Encode(JsonElement parameters)
    {
        var form = new StringBuilder();
        foreach (var member in parameters.EnumerateObject()) Append(form, Segment(member.Name), member.Value);
        return form.ToString();
    }

    private static void Append(StringBuilder form, string name, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject()) Append(form, $"{name}[{Segment(member.Name)}]", member.Value);
                break;
            case JsonValueKind.Array when value.GetArrayLength() == 0:
                Pair(form, name, "");
                break;
            case JsonValueKind.Array:
                var index = 0;
                foreach (var item in value.EnumerateArray()) Append(form, $"{name}[{index++}]", item);
                break;
            case JsonValueKind.String:
                Pair(form, name, value.GetString()!);
                break;
            case JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                Pair(form, name, value.GetRawText());
                break;
            case JsonValueKind.Null or JsonValueKind.Undefined:
                break;
        }
    }

    private static void Pair(StringBuilder form, string name, string value)
    {
        if (form.Length > 0) form.Append('&');
        form.Append(name).Append('=').Append(Uri.EscapeDataString(value));
    }

    /// <summary>Brackets separate levels and cannot be escaped: a metadata key that holds one would become another parameter.</summary>
    private static string Segment(string name) =>
        name.Length == 0 || name.AsSpan().ContainsAny('[', ']')
            ? throw new ArgumentException($"\"{name}\" cannot name a parameter or a metadata key: it is empty or holds a bracket.", nameof(name))
            : Uri.EscapeDataString(name);
}
