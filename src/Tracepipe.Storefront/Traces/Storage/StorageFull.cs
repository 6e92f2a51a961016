using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>Tells a full disk from other failures of files.</summary>
internal static class StorageFull
{
    private const int NoSpace = 28; // ENOSPC
    private const int OverQuota = 122; // EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    public static bool Is(IOException failure) => failure.HResult is NoSpace or OverQuota or WindowsDiskFull;

    public static Problem Problem { get; } = new(StatusCodes.Status507InsufficientStorage, "unavailable", "The storage of this installation is full. Nothing was stored. Try again later, or tell the operator.", RetryAfter: 300);
}
