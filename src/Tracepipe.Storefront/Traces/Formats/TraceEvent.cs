using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The event being read: the few members that the summary needs, in memory that is used again for the next one.</summary>
internal sealed class TraceEvent
{
    private const int MostNameBytes = 256;

    public Name Category { get; } = new();

    public Name Title { get; } = new();

    /// <summary><c>args.name</c>: the name of a process or thread in an event about it.</summary>
    public Name ArgumentName { get; } = new();

    /// <summary><c>args.data.type</c>: which DOM event was dispatched. In lines of input: the event's type.</summary>
    public Name Type { get; } = new();

    /// <summary>The phase letter; 0 when none has been read.</summary>
    public byte Phase { get; set; }

    /// <summary>Microseconds.</summary>
    public long? At { get; set; }

    /// <summary>Microseconds.</summary>
    public long Duration { get; set; }

    public long Pid { get; set; }

    public long Tid { get; set; }

    public bool HasX { get; set; }

    public bool HasY { get; set; }

    public bool HasKey { get; set; }

    /// <summary>Its members so far, those of its arguments included.</summary>
    public int Members { get; set; }

    /// <summary>Where it begins in the unpacked file.</summary>
    public long Offset { get; set; }

    public void Begin(long offset)
    {
        Category.Clear();
        Title.Clear();
        ArgumentName.Clear();
        Type.Clear();
        (Phase, At, Duration, Pid, Tid, Members, Offset) = (0, null, 0, 0, 0, 0, offset);
        HasX = HasY = HasKey = false;
    }

    /// <summary>A short text as UTF-8; longer ones are cut.</summary>
    internal sealed class Name
    {
        private readonly byte[] bytes = new byte[MostNameBytes];
        private int length;

        public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, length);

        public bool IsEmpty => length == 0;

        public void Clear() => length = 0;

        public void Set(ReadOnlySpan<byte> value)
        {
            if (value.Length > MostNameBytes)
            {
                var end = MostNameBytes;
                while (end > 0 && (value[end] & 0xC0) == 0x80) end--; // not through the middle of a character
                value = value[..end];
            }
            value.CopyTo(bytes);
            length = value.Length;
        }

        public override string ToString() => Encoding.UTF8.GetString(Bytes);
    }
}
