namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>A file that is not a trace, or one that breaks off: where, and what was expected there.</summary>
internal sealed class MalformedTraceException(TraceFault fault, string message, long? byteOffset = null, long? eventIndex = null, string? expected = null) : Exception(message)
{
    public TraceFault Fault { get; } = fault;

    /// <summary>Bytes from the beginning of the unpacked file.</summary>
    public long? ByteOffset { get; } = byteOffset;

    /// <summary>How many events stand before the one at fault.</summary>
    public long? EventIndex { get; } = eventIndex;

    public string? Expected { get; } = expected;
}

/// <summary>Malformed: 422. Too large once unpacked: 413.</summary>
internal enum TraceFault { Malformed, TooLarge }
