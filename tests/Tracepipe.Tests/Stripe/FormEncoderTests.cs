using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Stripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches parameters that arrive under another name or with another value than they were given.</summary>
public sealed class FormEncoderTests
{
    private static string Encode(JsonNode? parameters) => FormEncoder.Encode(JsonSerializer.SerializeToElement(parameters));

    [Theory]
    [InlineData("""{"a":{"b":[{"c":1},{"c":true}]}}""", "a[b][0][c]=1&a[b][1][c]=true")]
    [InlineData("""{"a":"","b":null,"c":[],"d":{}}""", "a=&c=")]
    [InlineData("""{"metadata":{"a b":"1&2=3+4"}}""", "metadata[a%20b]=1%262%3D3%2B4")]
    [InlineData("""{"unit_amount_decimal":0.0002,"amount":-5}""", "unit_amount_decimal=0.0002&amount=-5")]
    public void Values_are_nested_with_brackets(string parameters, string form) => Assert.Equal(form, Encode(JsonNode.Parse(parameters)));

    [Fact]
    public void What_is_encoded_decodes_to_the_same() =>
        Prop.ForAll(Objects(2).ToArbitrary(), parameters => JsonNode.DeepEquals(AsText(parameters), FormDecoder.Decode(Encode(parameters))))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    private static Gen<JsonObject> Objects(int depth) =>
        from names in Gen.Choose(1, 4).SelectMany(count => Names.ArrayOf(count))
        from values in Values(depth).ArrayOf(names.Distinct(StringComparer.Ordinal).Count())
        select new JsonObject(names.Distinct(StringComparer.Ordinal).Zip(values, (name, value) => KeyValuePair.Create(name, value?.DeepClone())));

    /// <summary>Names as they occur: those of parameters, and metadata keys, which are anything but brackets. Digits alone would read as a list.</summary>
    private static Gen<string> Names =>
        Gen.OneOf(
            Gen.Elements("items", "metadata", "cancel_at", "price_data"),
            ArbMap.Default.GeneratorFor<string>().Where(text => text is not null).Select(text => "k" + text.Replace("[", "", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal)));

    private static Gen<JsonNode?> Values(int depth)
    {
        var leaves = Gen.OneOf(
            ArbMap.Default.GeneratorFor<string>().Select(text => (JsonNode?)JsonValue.Create(text ?? "")),
            ArbMap.Default.GeneratorFor<long>().Select(number => (JsonNode?)JsonValue.Create(number)),
            ArbMap.Default.GeneratorFor<bool>().Select(truth => (JsonNode?)JsonValue.Create(truth)));
        return depth == 0
            ? leaves
            : Gen.OneOf(
                leaves,
                Objects(depth - 1).Select(inner => (JsonNode?)inner),
                Gen.Choose(1, 12).SelectMany(count => Values(depth - 1).ArrayOf(count)).Select(items => (JsonNode?)new JsonArray([.. items.Select(item => item?.DeepClone())])));
    }

    /// <summary>A form knows text alone.</summary>
    private static JsonNode AsText(JsonNode node) => node switch
    {
        JsonObject inner => new JsonObject(inner.Select(member => KeyValuePair.Create(member.Key, (JsonNode?)AsText(member.Value!)))),
        JsonArray items => new JsonArray([.. items.Select(item => AsText(item!))]),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.DeepClone(),
        _ => JsonValue.Create(node.ToJsonString()),
    };
}

/// <summary>Reads Stripe's form dialect back, written apart from the encoder.</summary>
internal static class FormDecoder
{
    public static JsonObject Decode(string form)
    {
        var root = new JsonObject();
        foreach (var pair in form.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = WebUtility.UrlDecode(pair[..equals]);
            var path = name.Replace("]", "", StringComparison.Ordinal).Split('[');
            var at = root;
            foreach (var step in path[..^1]) at = (JsonObject)(at[step] ??= new JsonObject());
            at.Add(path[^1], WebUtility.UrlDecode(pair[(equals + 1)..]));
        }
        return (JsonObject)Lists(root);
    }

    /// <summary>An object whose members are 0, 1, 2, … in this order is a list.</summary>
    private static JsonNode Lists(JsonNode node)
    {
        if (node is not JsonObject members) return node.DeepClone();
        return members.Count > 0 && members.Select((member, at) => member.Key == at.ToString()).All(same => same)
            ? new JsonArray([.. members.Select(member => Lists(member.Value!))])
            : new JsonObject(members.Select(member => KeyValuePair.Create(member.Key, (JsonNode?)Lists(member.Value!))));
    }
}
