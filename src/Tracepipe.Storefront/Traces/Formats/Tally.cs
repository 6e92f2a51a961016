using System.Buffers.Binary;
using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>
/// Names as they stand in a file, each kept once with its count, and found again without making a string of it: mostly by one comparison with the name that
/// stood at its place last. Beyond a number of different names the rest is counted together.
/// </summary>
internal sealed class Tally
{
    private const int Recents = 512;

    /// <summary>What the names beyond the limit are called.</summary>
    private const string OthersName = "(others)";

    private readonly Entry?[] recent = new Entry?[Recents];
    private readonly Dictionary<byte[], Entry> entries = new(Utf8Names.Instance);
    private readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> lookup;
    private readonly int most;

    public Tally(int most)
    {
        this.most = most;
        lookup = entries.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>Stands for all names beyond the limit.</summary>
    public Entry Others { get; } = new([]);

    /// <summary>The entry of a name; <see cref="Others"/> when it is new and there are too many.</summary>
    public Entry Find(ReadOnlySpan<byte> name)
    {
        ref var last = ref recent[Place(name)];
        if (last is not null && name.SequenceEqual(last.Name)) return last;
        if (lookup.TryGetValue(name, out var entry)) return last = entry;
        if (entries.Count >= most) return Others;
        entry = new Entry(name.ToArray());
        entries.Add(entry.Name, entry);
        return last = entry;
    }

    /// <summary>Adds those of another one, in the order in which that one met them.</summary>
    public void Add(Tally other)
    {
        foreach (var entry in other.entries.Values) Find(entry.Name).Count += entry.Count;
    }

    public void Clear()
    {
        entries.Clear();
        Array.Clear(recent);
        Others.Count = 0;
    }

    /// <summary>The most frequent first.</summary>
    public IReadOnlyList<NameCount> Top(int number)
    {
        var sorted = entries.Values.Where(e => e.Count > 0).Select(e => new NameCount(Encoding.UTF8.GetString(e.Name), e.Count)).OrderByDescending(c => c.Count).ThenBy(c => c.Name, StringComparer.Ordinal).Take(number).ToList();
        var rest = entries.Values.Sum(e => e.Count) + Others.Count - sorted.Sum(c => c.Count);
        if (rest > 0) sorted.Add(new NameCount(OthersName, rest));
        return sorted;
    }

    // Quick, and anybody can choose names that meet at one place: that costs them the short way, never more than a lookup.
    private static int Place(ReadOnlySpan<byte> name)
    {
        var mixed = name.Length < 4
            ? (uint)(name.Length == 0 ? 0 : name[0] | (name[^1] << 8))
            : BinaryPrimitives.ReadUInt32LittleEndian(name) + (BinaryPrimitives.ReadUInt32LittleEndian(name[^4..]) * 31) + BinaryPrimitives.ReadUInt32LittleEndian(name[((name.Length - 4) / 2)..]) * 17;
        return (int)((mixed + (uint)name.Length) * 0x9E3779B1u >> 23);
    }

    /// <summary>A name and how often it was counted.</summary>
    internal sealed class Entry(byte[] name)
    {
        public byte[] Name { get; } = name;

        public long Count { get; set; }

        /// <summary>What it is made of, such as the categories of <c>input,benchmark</c>; null until somebody has looked.</summary>
        public Entry[]? Parts { get; set; }
    }

    private sealed class Utf8Names : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static Utf8Names Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        // Seeded anew in each process: nobody can choose names that all meet in one bucket.
        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}

internal sealed record NameCount(string Name, long Count);
