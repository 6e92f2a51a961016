using System.ComponentModel.DataAnnotations;

namespace Tracepipe.Storefront.Traces;

/// <summary>Settings of <c>Traces:…</c>. The defaults work.</summary>
internal sealed class TracesOptions
{
    /// <summary>Where traces are kept; <c>traces</c> in the data folder when empty. Relative to the shell's folder.</summary>
    public string? Folder { get; init; }

    /// <summary>Bytes of one file as sent.</summary>
    [Range(1_000, 1_000_000_000_000)]
    public long MaxFileBytes { get; init; } = 2_000_000_000;

    /// <summary>Bytes of one file after unpacking.</summary>
    [Range(1_000, 10_000_000_000_000)]
    public long MaxUnpackedBytes { get; init; } = 8_000_000_000;

    /// <summary>Uploads of one organization that run at the same time on this node.</summary>
    [Range(1, 10_000)]
    public int ParallelUploads { get; init; } = 8;

    /// <summary>How long an unfinished upload in pieces is kept after its last piece.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan UploadsLast { get; init; } = TimeSpan.FromHours(24);
}
