namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>What a trace may be before it is refused. Reading one costs memory in proportion to these numbers, never to the file.</summary>
internal sealed record TraceLimits
{
    /// <summary>Bytes as sent.</summary>
    public long FileBytes { get; init; } = 2_000_000_000;

    /// <summary>Bytes after unpacking.</summary>
    public long UnpackedBytes { get; init; } = 8_000_000_000;

    /// <summary>Unpacked bytes per packed byte, asked once <see cref="RatioFrom"/> bytes are unpacked: traces pack 10 to 40 times, bombs a thousand times.</summary>
    public int Ratio { get; init; } = 200;

    /// <summary>Unpacked bytes from which the ratio is asked: small files of zeros harm nobody.</summary>
    public long RatioFrom { get; init; } = 8_000_000;

    /// <summary>Objects and arrays inside each other.</summary>
    public int Depth { get; init; } = 64;

    /// <summary>Members of one event, those of its arguments included.</summary>
    public int MembersPerEvent { get; init; } = 10_000;

    /// <summary>Bytes of one string or number: a screenshot is the longest that Chrome writes.</summary>
    public int TokenBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>Unpacked bytes that are read and parsed at a time.</summary>
    public int PieceBytes { get; init; } = 480 * 1024;

    /// <summary>Whether the file is read behind other requests, too, not only parsed and hashed.</summary>
    public bool IsReadBehind { get; init; }
}
