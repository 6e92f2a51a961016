using System.Buffers.Binary;
using System.IO.Compression;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Unpacks one gzip member that is at hand as a whole (RFC 1952). Unlike the framework's stream it takes no truncated one and nothing behind the end: length
/// and checksum at its end are compared.
/// </summary>
internal static class CheckedGzip
{
    private const int Header = 10, Trailer = 8;
    private static readonly uint[] Crc = MakeCrcTable();

    /// <summary>The content; null when it is damaged, or no gzip.</summary>
    /// <param name="isTooLarge">It unpacks to more than <paramref name="most"/> bytes: told before more than that was unpacked.</param>
    public static byte[]? Unpack(ReadOnlyMemory<byte> packed, int most, out bool isTooLarge)
    {
        isTooLarge = false;
        byte[] content;
        var bytes = packed.Span;
        if (bytes.Length < Header + Trailer || bytes[0] != 0x1f || bytes[1] != 0x8b || bytes[2] != 8) return null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[^4..]);
        try
        {
            using var gzip = new GZipStream(new MemoryStream(packed.ToArray(), writable: false), CompressionMode.Decompress);
            if (length > most)
            {
                isTooLarge = IsMoreThan(gzip, most); // what a cut-off file says of its length means nothing
                return null;
            }
            content = new byte[length];
            if (gzip.ReadAtLeast(content, content.Length, throwOnEndOfStream: false) != content.Length || gzip.ReadByte() >= 0) return null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
        return Checksum(content) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[^8..]) ? content : null;
    }

    private static bool IsMoreThan(GZipStream gzip, int most)
    {
        var part = new byte[64 * 1024];
        long all = 0;
        while (gzip.Read(part) is > 0 and var read)
            if ((all += read) > most) return true;
        return false;
    }

    private static uint Checksum(ReadOnlySpan<byte> content)
    {
        var crc = uint.MaxValue;
        foreach (var b in content) crc = Crc[(crc ^ b) & 0xff] ^ (crc >> 8);
        return ~crc;
    }

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
