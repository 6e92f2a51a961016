using System.Globalization;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Storefront.Metering;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: an event that is read as something else than it says, or two that are taken for one.</summary>
public sealed class CloudEventPropertyTests
{
    private static readonly Guid Organization = Guid.Parse("0197a3c2-5b1e-7c4d-9a60-2f1e8d7c6b5a");

    private static List<Sent> Read(string json, out bool isList) => CloudEvents.Read(Encoding.UTF8.GetBytes(json), t => t is "tokens" ? null : "", 10_000, out isList);

    private static string Write(string id, string source, decimal quantity, string? model, IEnumerable<(string Name, string Value)> more, int order, bool isSpaced)
    {
        var fields = new List<(string Name, string Value)>
        {
            ("id", JsonSerializer.Serialize(id)), ("source", JsonSerializer.Serialize(source)), ("type", "\"tokens\""), ("specversion", "\"1.0\""), ("subject", $"\"{Organization}\""), ("time", "\"2027-01-31T12:00:00.123456+01:00\""),
            ("data", $"{{\"quantity\":{quantity.ToString(CultureInfo.InvariantCulture)}{(model is null ? "" : ",\"model\":" + JsonSerializer.Serialize(model))}}}"),
        };
        fields.AddRange(more);
        var random = new Random(order);
        var mixed = fields.ToArray();
        random.Shuffle(mixed);
        var space = isSpaced ? " \n" : "";
        return $"{space}{{{string.Join($"{space},{space}", mixed.Select(f => $"\"{f.Name}\"{space}:{space}{f.Value}"))}{space}}}{space}";
    }

    [Fact]
    public void What_is_written_is_what_is_read_and_order_and_spaces_mean_nothing()
    {
        var text = ArbMap.Default.GeneratorFor<NonEmptyString>().Select(s => s.Get.Length > 60 ? s.Get[..60] : s.Get).Where(s => !s.Any(c => c < ' ' || char.IsSurrogate(c)));
        var quantity = Gen.Choose(1, int.MaxValue).SelectMany(n => Gen.Choose(0, 12).Select(scale => new decimal(n, 0, 0, false, (byte)scale)));
        var all = text.SelectMany(id => text.SelectMany(source => text.SelectMany(model => quantity.SelectMany(q => Gen.Choose(0, 1000).Select(order => (Id: id, Source: source, Model: model, Quantity: q, Order: order))))));
        Prop.ForAll(all.ToArbitrary(), c =>
        {
            var one = Assert.Single(Read(Write(c.Id, c.Source, c.Quantity, c.Model, [("colour", "{\"a\":[1,2]}"), ("tracestate", "\"x  y\"")], c.Order, isSpaced: false), out var isList));
            var other = Assert.Single(Read(Write(c.Id, c.Source, c.Quantity, c.Model, [("tracestate", "\"x  y\""), ("colour", "{ \"a\" : [ 1,\t2 ] }")], c.Order + 1, isSpaced: true), out _));
            return !isList && one.Event is { } e && other.Event is { } o && (e.Id, e.Source, e.Model, e.Quantity) == (c.Id, c.Source, c.Model, c.Quantity)
                && e.Time == new DateTimeOffset(2027, 1, 31, 11, 0, 0, TimeSpan.Zero).AddMicroseconds(123456) && e.Digest == o.Digest && e.Body == o.Body && e.Details == o.Details;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Two_that_differ_in_anything_are_told_apart()
    {
        var digests = new HashSet<(Guid, Guid)>();
        var bodies = new HashSet<Guid>();
        // source and id run together the same way, and still are not one event
        foreach (var (source, id) in new[] { ("a", "bc"), ("ab", "c"), ("1:a", "b"), ("a", "b"), ("1", ":ab") }) Assert.True(digests.Add((Read(Write(id, source, 1, null, [], 0, false), out _)[0].Event!.Digest, default)));
        foreach (var (quantity, model, more) in new (decimal, string?, (string, string)[])[] { (1, null, []), (2, null, []), (1, "m", []), (1, "n", []), (1, null, [("x", "1")]), (1, null, [("x", "2")]), (1, null, [("y", "1")]) })
            Assert.True(bodies.Add(Read(Write("id", "s", quantity, model, more, 0, false), out _)[0].Event!.Body));
        Assert.False(bodies.Add(Read(Write("id", "s", 1.000m, null, [], 3, true), out _)[0].Event!.Body)); // 1.000 is 1
    }

    [Fact]
    public void Random_damage_is_refused_or_read_and_never_breaks_the_reader()
    {
        var good = Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Range(0, 5).Select(i => Write($"i{i}", "s", 1.5m, "m", [("x", "{\"deep\":[1,{\"a\":\"\\u00e9\"}]}")], i, i % 2 == 0)))}]");
        Prop.ForAll(Gen.Choose(0, good.Length - 1).SelectMany(at => Gen.Choose(0, 255).SelectMany(b => Gen.Choose(0, good.Length).Select(cut => (at, (byte)b, cut)))).ToArbitrary(), damage =>
        {
            var bytes = good.ToArray();
            bytes[damage.at] = damage.Item2;
            if (damage.cut % 3 == 0) bytes = bytes[..damage.cut];
            try
            {
                var read = CloudEvents.Read(bytes, t => t is "tokens" ? null : "", 10_000, out _);
                return read.All(r => r.Event is not null != r.Reason is not null);
            }
            catch (JsonException)
            {
                return true;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }
}
