using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The event being read: the few members that the summary needs, in memory that is used again for the next one.</summary>
internal sealed class TraceEvent
{
    /// <summary>Its <c>cat</c> as written.</summary>
    public Tally.Entry? Category;

    /// <summary><c>cat</c> when there are more different ones than are kept.</summary>
    public readonly ShortText RareCategory = new();

    /// <summary>Its <c>name</c>.</summary>
    public Tally.Entry? Title;

    /// <summary><c>args.name</c>: the name of a process or thread in an event about it.</summary>
    public readonly ShortText ArgumentName = new();

    /// <summary>The kind of input that <c>args.data.type</c> names: which DOM event was dispatched. In lines of input: the event's type.</summary>
    public int Kind;

    /// <summary>The phase letter; 0 when none has been read.</summary>
    public byte Phase;

    /// <summary>Whether a time has been read.</summary>
    public bool HasTime;

    /// <summary>Microseconds.</summary>
    public long At;

    /// <summary>Microseconds.</summary>
    public long Duration;

    public long Pid;

    public long Tid;

    public bool HasX;

    public bool HasY;

    public bool HasKey;

    /// <summary>Its members so far, those of its arguments included.</summary>
    public int Members;

    /// <summary>Where it begins in the unpacked file.</summary>
    public long Offset;

    public void Begin(long offset)
    {
        RareCategory.Clear();
        ArgumentName.Clear();
        (Category, Title, Kind) = (null, null, InputKinds.None);
        (Phase, At, Duration, Pid, Tid, Members, Offset) = (0, 0, 0, 0, 0, 0, offset);
        HasTime = HasX = HasY = HasKey = false;
    }

    /// <summary>A short text as UTF-8; longer ones are cut.</summary>
    internal sealed class ShortText
    {
        private const int Most = 256;
        private readonly byte[] bytes = new byte[Most];
        private int length;

        public ReadOnlySpan<byte> Bytes => bytes.AsSpan(0, length);

        public void Clear() => length = 0;

        public void Set(ReadOnlySpan<byte> value)
        {
            value = Cut(value);
            value.CopyTo(bytes);
            length = value.Length;
        }

        /// <summary>What is kept of a text.</summary>
        public static ReadOnlySpan<byte> Cut(ReadOnlySpan<byte> value)
        {
            if (value.Length <= Most) return value;
            var end = Most;
            while (end > 0 && (value[end] & 0xC0) == 0x80) end--; // not through the middle of a character
            return value[..end];
        }

        public override string ToString() => Encoding.UTF8.GetString(Bytes);
    }
}
