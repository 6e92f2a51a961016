using System.Runtime.InteropServices;
using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>Counts of names as they stand in a file, without a string for each. Beyond a number of different names the rest is counted together.</summary>
internal sealed class Tally
{
    /// <summary>What the names beyond the limit are called.</summary>
    public const string Others = "(others)";

    private readonly Dictionary<byte[], long> counts = new(Utf8Names.Instance);
    private readonly Dictionary<byte[], long>.AlternateLookup<ReadOnlySpan<byte>> lookup;
    private readonly int most;
    private long others;

    public Tally(int most)
    {
        this.most = most;
        lookup = counts.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public void Add(ReadOnlySpan<byte> name)
    {
        if (counts.Count < most) CollectionsMarshal.GetValueRefOrAddDefault(lookup, name, out _)++;
        else
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(lookup, name);
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref count)) others++;
            else count++;
        }
    }

    /// <summary>The most frequent first.</summary>
    public IReadOnlyList<NameCount> Top(int number)
    {
        var sorted = counts.Select(c => new NameCount(Encoding.UTF8.GetString(c.Key), c.Value)).OrderByDescending(c => c.Count).ThenBy(c => c.Name, StringComparer.Ordinal).Take(number).ToList();
        var rest = counts.Values.Sum() + others - sorted.Sum(c => c.Count);
        if (rest > 0) sorted.Add(new NameCount(Others, rest));
        return sorted;
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
