using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Checked parameters, read by name. An empty string clears; <see cref="Has"/> tells it from absence.</summary>
internal sealed class Params(JsonObject json, string prefix = "")
{
    public JsonObject Json => json;

    public IEnumerable<string> Names => json.Select(p => p.Key);

    public string Full(string name) => prefix.Length == 0 ? name : $"{prefix}[{name}]";

    public bool Has(string name) => json.ContainsKey(name);

    /// <summary>A text, or null when absent or empty.</summary>
    public string? Text(string name) => Value(name) is { } value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;

    /// <summary>A text that must be there and say something.</summary>
    public string Required(string name)
    {
        if (!Has(name)) throw ParameterReader.Missing(Full(name));
        return Text(name) ?? throw StripeError.Invalid($"Parameter {Full(name)} is empty and cannot be unset.", Full(name), "parameter_invalid_empty");
    }

    public long? Long(string name) => Value(name) is { } value && value.TryGetValue<long>(out var number) ? number : null;

    public bool? Flag(string name) => Value(name) is { } value && value.TryGetValue<bool>(out var flag) ? flag : null;

    public Params? Group(string name) => json[name] is JsonObject members ? new Params(members, Full(name)) : null;

    public IReadOnlyList<Params> Groups(string name) =>
        json[name] is JsonArray items ? [.. items.OfType<JsonObject>().Select((item, i) => new Params(item, $"{Full(name)}[{i}]"))] : [];

    public IReadOnlyList<string> Texts(string name) => json[name] is JsonArray items ? [.. items.Select(i => i!.GetValue<string>())] : [];

    /// <summary>True when the parameter was given empty: unset it.</summary>
    public bool Clears(string name) => Value(name) is { } value && value.TryGetValue<string>(out var text) && text.Length == 0;

    private JsonValue? Value(string name) => json[name] as JsonValue;
}
