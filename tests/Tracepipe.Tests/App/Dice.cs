using System.Text.Json;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Tests.App;

/// <summary>A seeded source of nonsense that is near to what the API takes.</summary>
internal sealed class Dice(int seed)
{
    private ulong state = (ulong)seed + 0x9E3779B97F4A7C15;

    public int Next(int sides)
    {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (int)(state % (ulong)sides);
    }

    public string Plain() => new([.. Enumerable.Range(0, Next(20)).Select(_ => (char)(' ' + Next(95)))]);

    public string Text() => Next(6) switch
    {
        0 => "",
        1 => "'; drop table api_keys; --",
        2 => "<script>alert(1)</script>\u202e\u0000\n",
        3 => new string('x', Next(2000)),
        4 => string.Concat(Enumerable.Range(0, Next(12)).Select(_ => char.ConvertFromUtf32(Next(5) == 0 ? 0x1F600 + Next(60) : 1 + Next(0xD000)))),
        _ => Plain(),
    };

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(from.Count)];

    /// <summary>JSON, or nearly.</summary>
    /// <param name="names">Members that mean something where it is sent.</param>
    public string Json(IReadOnlyList<string> names, int depth = 0) => Next(depth > 3 ? 6 : 9) switch
    {
        0 => "null",
        1 => Next(2) == 0 ? "true" : "1e400",
        2 => (Next(2_000_000) - 1_000_000).ToString(),
        3 => JsonSerializer.Serialize(Text()),
        4 => "\"2090-01-01T00:00:00Z\"",
        5 => JsonSerializer.Serialize(Pick(Permissions.OfKeys)),
        6 => $"[{string.Join(',', Enumerable.Range(0, Next(4)).Select(_ => Json(names, depth + 1)))}]",
        7 => "{" + Plain(),
        _ => "{" + string.Join(',', Enumerable.Range(0, Next(5)).Select(_ => $"{JsonSerializer.Serialize(Next(4) == 0 || names.Count == 0 ? Plain() : Pick(names))}:{Json(names, depth + 1)}")) + "}",
    };
}
