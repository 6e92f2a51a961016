using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Makes ids and secrets: a prefix and base-62 characters, unguessable unless a seed makes them repeatable.</summary>
internal sealed class Ids(int? seed)
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private readonly byte[]? _key = seed is { } s ? SHA256.HashData(Encoding.UTF8.GetBytes($"ids {s}")) : null;
    private long _count;

    public string Next(string prefix, int length = 24)
    {
        if (_key is null) return prefix + RandomNumberGenerator.GetString(Alphabet, length);
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(counter, Interlocked.Increment(ref _count));
        return prefix + Base62(HMACSHA512.HashData(_key, counter), length);
    }

    /// <summary>A stable name for a value that must not be stored itself.</summary>
    public static string Digest(string value, int length = 16) => Base62(SHA512.HashData(Encoding.UTF8.GetBytes(value)), length);

    private static string Base62(ReadOnlySpan<byte> bytes, int length)
    {
        var text = new StringBuilder(length);
        for (var i = 0; i < length; i++) text.Append(Alphabet[bytes[i % bytes.Length] % Alphabet.Length]);
        return text.ToString();
    }
}
