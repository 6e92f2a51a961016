using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Tracepipe.Storefront.Keys;

/// <summary>What a key is for: customers' programs, or the backend of the sold API.</summary>
internal enum KeyKind { Live, Service }

/// <summary>
/// How a key is written: <c>tp_live_</c> (or <c>tp_svc_</c>), 32 random Base62 characters (190 bits), and 6 that are the CRC32 of everything before
/// them, so that a mistyped key is refused without asking anybody. <c>tp_test_</c> is reserved.
/// </summary>
internal static class ApiKeyFormat
{
    public const string Live = "tp_live_";
    public const string Service = "tp_svc_";
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private const int RandomLength = 32;
    private const int CheckLength = 6;

    /// <summary>The longest text that can be a key.</summary>
    public const int MaxLength = 8 + RandomLength + CheckLength;

    private static readonly uint[] CrcTable = MakeCrcTable();

    /// <summary>Makes a key from the system's random generator.</summary>
    public static string Generate(KeyKind kind)
    {
        var prefix = kind is KeyKind.Live ? Live : Service;
        return string.Create(prefix.Length + RandomLength + CheckLength, prefix, static (key, prefix) =>
        {
            prefix.CopyTo(key);
            RandomNumberGenerator.GetItems<char>(Alphabet, key.Slice(prefix.Length, RandomLength));
            WriteCheck(key[..^CheckLength], key[^CheckLength..]);
        });
    }

    /// <summary>Whether the text has a key's prefix, length, characters and checksum. Allocates nothing and asks nobody.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        var prefix = text.StartsWith(Live, StringComparison.Ordinal) ? Live.Length : text.StartsWith(Service, StringComparison.Ordinal) ? Service.Length : 0;
        if (prefix == 0 || text.Length != prefix + RandomLength + CheckLength) return false;
        foreach (var c in text[prefix..])
            if (!char.IsAsciiLetterOrDigit(c)) return false;
        Span<char> check = stackalloc char[CheckLength];
        WriteCheck(text[..^CheckLength], check);
        return check.SequenceEqual(text[^CheckLength..]);
    }

    public static bool IsService(ReadOnlySpan<char> key) => key.StartsWith(Service, StringComparison.Ordinal);

    /// <summary>The SHA-256 of the key's characters: all that is kept of it. A plain hash is enough for 190 random bits.</summary>
    public static KeyHash Hash(ReadOnlySpan<char> key)
    {
        Span<byte> bytes = stackalloc byte[MaxLength];
        for (var i = 0; i < key.Length; i++) bytes[i] = (byte)key[i]; // well-formed: ASCII only
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..key.Length], digest);
        return new KeyHash(digest);
    }

    /// <summary>The beginning that is kept for people to recognise a key by: <c>tp_live_a1b2</c>.</summary>
    public static string Prefix(string key) => key[..((IsService(key) ? Service : Live).Length + 4)];

    /// <summary>The end that is kept: characters of the checksum.</summary>
    public static string Last4(string key) => key[^4..];

    private static void WriteCheck(ReadOnlySpan<char> before, Span<char> check)
    {
        var crc = uint.MaxValue;
        foreach (var c in before) crc = CrcTable[(crc ^ c) & 0xFF] ^ (crc >> 8);
        crc = ~crc;
        for (var i = CheckLength - 1; i >= 0; i--)
        {
            check[i] = Alphabet[(int)(crc % 62)];
            crc /= 62;
        }
    }

    // The CRC32 of ISO 3309 (zip, PNG), which the processor's own instruction does not compute: that one is CRC32C.
    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (var i = 0u; i < 256; i++)
        {
            var entry = i;
            for (var bit = 0; bit < 8; bit++) entry = (entry & 1) == 1 ? (entry >> 1) ^ 0xEDB88320 : entry >> 1;
            table[i] = entry;
        }
        return table;
    }
}

/// <summary>A SHA-256 as a value: 32 bytes that compare and hash without allocating.</summary>
internal readonly struct KeyHash(ReadOnlySpan<byte> digest) : IEquatable<KeyHash>
{
    private readonly Words words = MemoryMarshal.Read<Words>(digest);

    public byte[] ToArray() => MemoryMarshal.AsBytes(new ReadOnlySpan<Words>(in words)).ToArray();

    public bool Equals(KeyHash other) => words[0] == other.words[0] && words[1] == other.words[1] && words[2] == other.words[2] && words[3] == other.words[3];

    public override bool Equals(object? obj) => obj is KeyHash other && Equals(other);

    // The digest is evenly spread already.
    public override int GetHashCode() => (int)BitOperations.RotateLeft(words[0], 7);

    [InlineArray(4)]
    private struct Words
    {
        private ulong first;
    }
}
