using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Tracepipe.Storefront.Keys;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a key that can be guessed, mistyped unnoticed, or that two customers could share.</summary>
public sealed class ApiKeyFormatTests
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void A_key_is_its_prefix_32_random_characters_and_the_CRC32_of_both()
    {
        foreach (var (kind, prefix) in new[] { (KeyKind.Live, "tp_live_"), (KeyKind.Service, "tp_svc_") })
        {
            var key = ApiKeyFormat.Generate(kind);
            Assert.StartsWith(prefix, key);
            Assert.Equal(prefix.Length + 38, key.Length);
            Assert.All(key[prefix.Length..], c => Assert.True(char.IsAsciiLetterOrDigit(c)));
            Assert.Equal(Base62(Crc32(key[..^6])), key[^6..]);
            Assert.True(ApiKeyFormat.IsWellFormed(key));
            Assert.Equal(kind is KeyKind.Service, ApiKeyFormat.IsService(key));
        }
        Assert.Equal(0xCBF43926u, Crc32("123456789")); // the check value of the standard, so that the yardstick itself is right
    }

    [Fact]
    public void Any_single_wrong_character_and_any_swap_of_neighbours_is_noticed()
    {
        var edits = from at in Gen.Choose(0, 45) from to in Gen.Elements(Alphabet.ToCharArray()) select (at, to);
        Prop.ForAll(edits.ToArbitrary(), edit =>
        {
            var key = ApiKeyFormat.Generate(KeyKind.Live);
            var wrong = key.ToCharArray();
            wrong[edit.at] = edit.to;
            var swapped = key.ToCharArray();
            if (edit.at > 0) (swapped[edit.at], swapped[edit.at - 1]) = (swapped[edit.at - 1], swapped[edit.at]);
            return ApiKeyFormat.IsWellFormed(wrong) == (key[edit.at] == edit.to) && ApiKeyFormat.IsWellFormed(swapped) == swapped.AsSpan().SequenceEqual(key);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    [Fact]
    public void Arbitrary_text_is_no_key_and_never_an_error() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string?>(), text => !ApiKeyFormat.IsWellFormed(text) && !ApiKeyFormat.IsWellFormed("tp_live_" + text)).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    [Theory]
    [InlineData("tp_test_")]
    [InlineData("TP_LIVE_")]
    [InlineData("sk_live_")]
    [InlineData("")]
    public void Other_prefixes_are_no_keys_even_with_a_right_checksum(string prefix)
    {
        var text = prefix + ApiKeyFormat.Generate(KeyKind.Live)[8..40];
        Assert.False(ApiKeyFormat.IsWellFormed(text + Base62(Crc32(text))));
    }

    [Fact]
    public void Checking_and_hashing_allocate_nothing()
    {
        var key = ApiKeyFormat.Generate(KeyKind.Live);
        var seen = new Dictionary<KeyHash, bool> { [ApiKeyFormat.Hash(key)] = true };
        Check(key, seen); // the first time compiles
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) Check(key, seen);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        static void Check(string key, Dictionary<KeyHash, bool> seen) => Assert.True(ApiKeyFormat.IsWellFormed(key) && seen[ApiKeyFormat.Hash(key)]);
    }

    [Fact]
    public void The_hash_is_the_SHA256_of_the_characters()
    {
        var key = ApiKeyFormat.Generate(KeyKind.Service);
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(key)), ApiKeyFormat.Hash(key).ToArray());
    }

    [Fact]
    public void Many_keys_never_meet_and_use_every_character_in_every_place()
    {
        var count = Environment.GetEnvironmentVariable("TRACEPIPE_LONG") == "1" ? 1_000_000 : 100_000;
        var seen = new HashSet<KeyHash>(count);
        var places = new HashSet<(int, char)>();
        for (var i = 0; i < count; i++)
        {
            var key = ApiKeyFormat.Generate(KeyKind.Live);
            Assert.True(seen.Add(ApiKeyFormat.Hash(key)));
            if (i >= 5000) continue;
            for (var at = 8; at < 40; at++) places.Add((at, key[at]));
        }
        Assert.Equal(32 * 62, places.Count);
    }

    // Bit by bit, unlike the product's table.
    private static uint Crc32(string text)
    {
        var crc = 0xFFFFFFFFu;
        foreach (var b in Encoding.ASCII.GetBytes(text))
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) == 1 ? 0xEDB88320u : 0);
        }
        return ~crc;
    }

    private static string Base62(uint value)
    {
        var text = "";
        for (var i = 0; i < 6; i++, value /= 62) text = Alphabet[(int)(value % 62)] + text;
        return text;
    }
}
