using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>Tells the faults of a disk or a bucket, which the operator mends and the sender waits out, from other failures of files and connections.</summary>
internal static class StorageFault
{
    private const int NoSpace = 28; // ENOSPC
    private const int OverQuota = 122; // EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int Failed = 5; // EIO
    private const int ReadOnly = 30; // EROFS
    private const int Stale = 116; // ESTALE: a network's disk that has gone
    private const int WindowsFailed = unchecked((int)0x8007045D);

    private static readonly Problem Full = new(StatusCodes.Status507InsufficientStorage, "unavailable", "The storage of this installation is full. Nothing was stored. Try again later, or tell the operator.", RetryAfter: 300);
    private static readonly Problem Broken = new(StatusCodes.Status503ServiceUnavailable, "unavailable", "The storage of this installation does not take anything now. Nothing was stored. Try again later, or tell the operator.", RetryAfter: 60);

    private static readonly Problem Unreadable = new(StatusCodes.Status503ServiceUnavailable, "unavailable", "The storage of this installation does not give this trace now. Try again later, or tell the operator.", RetryAfter: 60);

    /// <summary>The answer to a fault of storing; null: the failure is another.</summary>
    public static Problem? Of(IOException failure) => failure switch
    {
        { HResult: NoSpace or OverQuota or WindowsDiskFull } => Full,
        { HResult: Failed or ReadOnly or Stale or WindowsFailed } or StorageAwayException => Broken,
        _ => null,
    };

    /// <summary>The answer to a fault of reading; null: the failure is another.</summary>
    public static Problem? OfReading(IOException failure) => failure is { HResult: Failed or Stale or WindowsFailed } or StorageAwayException ? Unreadable : null;
}
