using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Tells the system to begin writing to disk what it still holds of a file. Then little is left for the flush at the end to wait for, and for the database's own flushes,
/// which on common file systems wait for other files, too. Where the system has no such call, the flush does all of it.
/// </summary>
internal static partial class WriteBack
{
    private const uint Write = 2; // SYNC_FILE_RANGE_WRITE: begin, do not wait

    public static void Begin(SafeFileHandle file, long from, long count)
    {
        if (OperatingSystem.IsLinux()) _ = SyncFileRange(file, from, count, Write); // a hint: what it does not do, the flush does
    }

    [LibraryImport("libc", EntryPoint = "sync_file_range")]
    private static partial int SyncFileRange(SafeFileHandle file, long from, long count, uint flags);
}
