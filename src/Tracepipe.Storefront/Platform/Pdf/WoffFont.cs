using System.Buffers.Binary;
using System.IO.Compression;

namespace Tracepipe.Storefront.Platform.Pdf;

/// <summary>A TrueType font in a WOFF 1.0 file: which glyph a character has, how wide it is, and a copy with only the glyphs that a document uses.</summary>
internal sealed class WoffFont
{
    private const string Head = "head", Hhea = "hhea", Maxp = "maxp", Hmtx = "hmtx", Loca = "loca", Glyf = "glyf", Cmap = "cmap";

    private static readonly string[] Embedded = ["cvt ", "fpgm", Glyf, Head, Hhea, Hmtx, Loca, Maxp, "prep"]; // in the order of the table of contents

    private readonly Dictionary<string, byte[]> tables = new(StringComparer.Ordinal);
    private readonly Dictionary<int, ushort> glyphs = [];
    private readonly int widths;

    /// <exception cref="InvalidDataException">The file is not a TrueType font in WOFF 1.0.</exception>
    public WoffFont(string name, ReadOnlySpan<byte> file)
    {
        Name = name;
        if (file.Length < 44 || !file[..4].SequenceEqual("wOFF"u8) || BinaryPrimitives.ReadUInt32BigEndian(file[4..]) != 0x00010000) throw new InvalidDataException($"{name} is not a TrueType font in WOFF 1.0.");
        for (var i = 0; i < BinaryPrimitives.ReadUInt16BigEndian(file[12..]); i++)
        {
            var entry = file[(44 + (20 * i))..];
            var (offset, packed, length) = (Int(entry, 4), Int(entry, 8), Int(entry, 12));
            tables[System.Text.Encoding.ASCII.GetString(entry[..4])] = packed == length ? file.Slice(offset, length).ToArray() : Inflate(file.Slice(offset, packed), length);
        }
        UnitsPerEm = BinaryPrimitives.ReadUInt16BigEndian(tables[Head].AsSpan(18));
        Box = [.. Enumerable.Range(0, 4).Select(i => (int)BinaryPrimitives.ReadInt16BigEndian(tables[Head].AsSpan(36 + (2 * i))))];
        Ascent = BinaryPrimitives.ReadInt16BigEndian(tables[Hhea].AsSpan(4));
        Descent = BinaryPrimitives.ReadInt16BigEndian(tables[Hhea].AsSpan(6));
        widths = BinaryPrimitives.ReadUInt16BigEndian(tables[Hhea].AsSpan(34));
        ReadCharacters(tables[Cmap]);
    }

    public string Name { get; }

    public int UnitsPerEm { get; }

    /// <summary>The box that every glyph fits into: left, bottom, right, top, in units of the em.</summary>
    public IReadOnlyList<int> Box { get; }

    public int Ascent { get; }

    public int Descent { get; }

    /// <summary>The glyph of a character; 0 when the font has none.</summary>
    public ushort GlyphOf(int character) => glyphs.GetValueOrDefault(character);

    /// <summary>How far the pen moves, in units of the em.</summary>
    public int WidthOf(ushort glyph) => BinaryPrimitives.ReadUInt16BigEndian(tables[Hmtx].AsSpan(4 * Math.Min(glyph, widths - 1)));

    /// <summary>A TrueType file in which only these glyphs have outlines. Glyphs keep their numbers.</summary>
    public byte[] Subset(IEnumerable<ushort> used)
    {
        var (loca, glyf) = (Locations(), tables[Glyf]);
        var kept = new SortedSet<ushort>(used) { 0 };
        var open = new Queue<ushort>(kept);
        while (open.TryDequeue(out var glyph))
            foreach (var part in Parts(glyf.AsSpan(loca[glyph]..loca[glyph + 1])))
                if (kept.Add(part)) open.Enqueue(part);

        using var outlines = new MemoryStream();
        var places = new byte[4 * loca.Length];
        for (var glyph = 0; glyph < loca.Length; glyph++)
        {
            BinaryPrimitives.WriteInt32BigEndian(places.AsSpan(4 * glyph), (int)outlines.Position);
            if (glyph == loca.Length - 1 || !kept.Contains((ushort)glyph)) continue;
            outlines.Write(glyf.AsSpan(loca[glyph]..loca[glyph + 1]));
            while (outlines.Position % 4 != 0) outlines.WriteByte(0);
        }
        var head = (byte[])tables[Head].Clone();
        BinaryPrimitives.WriteInt16BigEndian(head.AsSpan(50), 1); // locations have four bytes
        return Assemble(new(tables, StringComparer.Ordinal) { [Glyf] = outlines.ToArray(), [Loca] = places, [Head] = head });
    }

    private static byte[] Assemble(Dictionary<string, byte[]> tables)
    {
        var names = Embedded.Where(tables.ContainsKey).ToArray();
        using var file = new MemoryStream();
        var directory = new byte[12 + (16 * names.Length)];
        BinaryPrimitives.WriteUInt32BigEndian(directory, 0x00010000);
        BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(4), (ushort)names.Length);
        var power = (int)Math.Log2(names.Length);
        BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(6), (ushort)(16 << power));
        BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(8), (ushort)power);
        BinaryPrimitives.WriteUInt16BigEndian(directory.AsSpan(10), (ushort)((16 * names.Length) - (16 << power)));
        file.Write(directory);
        for (var i = 0; i < names.Length; i++)
        {
            var table = tables[names[i]];
            var entry = directory.AsSpan(12 + (16 * i));
            System.Text.Encoding.ASCII.GetBytes(names[i], entry);
            BinaryPrimitives.WriteUInt32BigEndian(entry[4..], Checksum(table));
            BinaryPrimitives.WriteInt32BigEndian(entry[8..], (int)file.Position);
            BinaryPrimitives.WriteInt32BigEndian(entry[12..], table.Length);
            file.Write(table);
            while (file.Position % 4 != 0) file.WriteByte(0);
        }
        file.Position = 0;
        file.Write(directory);
        return file.ToArray();
    }

    private static uint Checksum(byte[] table)
    {
        var sum = 0u;
        Span<byte> word = stackalloc byte[4];
        for (var i = 0; i < table.Length; i += 4)
        {
            word.Clear();
            table.AsSpan(i, Math.Min(4, table.Length - i)).CopyTo(word);
            sum = unchecked(sum + BinaryPrimitives.ReadUInt32BigEndian(word));
        }
        return sum;
    }

    private int[] Locations()
    {
        var (count, loca) = (BinaryPrimitives.ReadUInt16BigEndian(tables[Maxp].AsSpan(4)) + 1, tables[Loca]);
        var isLong = BinaryPrimitives.ReadInt16BigEndian(tables[Head].AsSpan(50)) == 1;
        return [.. Enumerable.Range(0, count).Select(i => isLong ? BinaryPrimitives.ReadInt32BigEndian(loca.AsSpan(4 * i)) : 2 * BinaryPrimitives.ReadUInt16BigEndian(loca.AsSpan(2 * i)))];
    }

    // An Ł may be made of an L and a stroke.
    private static List<ushort> Parts(ReadOnlySpan<byte> glyph)
    {
        var parts = new List<ushort>();
        if (glyph.Length < 10 || BinaryPrimitives.ReadInt16BigEndian(glyph) >= 0) return parts;
        for (var at = 10; ;)
        {
            var flags = BinaryPrimitives.ReadUInt16BigEndian(glyph[at..]);
            parts.Add(BinaryPrimitives.ReadUInt16BigEndian(glyph[(at + 2)..]));
            at += 4 + ((flags & 0x0001) != 0 ? 4 : 2) + ((flags & 0x0008) != 0 ? 2 : (flags & 0x0040) != 0 ? 4 : (flags & 0x0080) != 0 ? 8 : 0);
            if ((flags & 0x0020) == 0) return parts;
        }
    }

    private void ReadCharacters(ReadOnlySpan<byte> cmap)
    {
        for (var i = 0; i < BinaryPrimitives.ReadUInt16BigEndian(cmap[2..]); i++)
        {
            var table = cmap[Int(cmap, 4 + (8 * i) + 4)..];
            switch (BinaryPrimitives.ReadUInt16BigEndian(table))
            {
                case 4: ReadSegments(table); break;
                case 12: ReadGroups(table); break;
            }
        }
    }

    private void ReadSegments(ReadOnlySpan<byte> table)
    {
        var size = BinaryPrimitives.ReadUInt16BigEndian(table[6..]);
        for (var i = 0; i < size; i += 2)
        {
            var (end, start) = (BinaryPrimitives.ReadUInt16BigEndian(table[(14 + i)..]), BinaryPrimitives.ReadUInt16BigEndian(table[(16 + size + i)..]));
            var (delta, range) = (BinaryPrimitives.ReadUInt16BigEndian(table[(16 + (2 * size) + i)..]), BinaryPrimitives.ReadUInt16BigEndian(table[(16 + (3 * size) + i)..]));
            for (int character = start; character <= end && character != 0xFFFF; character++)
            {
                var glyph = range == 0 ? (ushort)character : BinaryPrimitives.ReadUInt16BigEndian(table[(16 + (3 * size) + i + range + (2 * (character - start)))..]);
                if (range == 0 || glyph != 0) glyph = unchecked((ushort)(glyph + delta));
                if (glyph != 0) glyphs.TryAdd(character, glyph);
            }
        }
    }

    private void ReadGroups(ReadOnlySpan<byte> table)
    {
        for (var i = 0; i < Int(table, 12); i++)
        {
            var (start, end, glyph) = (Int(table, 16 + (12 * i)), Int(table, 20 + (12 * i)), Int(table, 24 + (12 * i)));
            for (var character = start; character <= end; character++) glyphs.TryAdd(character, (ushort)(glyph + character - start));
        }
    }

    private static byte[] Inflate(ReadOnlySpan<byte> packed, int length)
    {
        var table = new byte[length];
        using var inflate = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
        inflate.ReadExactly(table);
        return table;
    }

    private static int Int(ReadOnlySpan<byte> at, int offset) => checked((int)BinaryPrimitives.ReadUInt32BigEndian(at[offset..]));
}
