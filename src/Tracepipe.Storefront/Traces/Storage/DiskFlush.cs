using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Puts files, and the names in folders, on disk, and says so only when they are. The framework flushes no folders, and of a file whose flush has failed it says nothing
/// (seen in .NET 10.0: EIO is not told).
/// </summary>
internal static partial class DiskFlush
{
    private const int Interrupted = 4; // EINTR

    /// <summary>Makes a folder and those above it that are missing; their names are on disk when this returns.</summary>
    public static void MakeFolder(string folder)
    {
        var above = new List<string>();
        for (var missing = folder; !Directory.Exists(missing) && Path.GetDirectoryName(missing) is { } parent; missing = parent) above.Add(parent);
        Directory.CreateDirectory(folder);
        foreach (var parent in above) Folder(parent);
    }

    /// <summary>The names in a folder.</summary>
    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void Folder(string folder)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals names by itself
        using var handle = Open(folder, 0);
        if (handle.IsInvalid) throw Failure($"The folder {folder} cannot be opened");
        Flush(handle, folder);
    }

    /// <summary>The content of a file.</summary>
    /// <exception cref="IOException">It cannot be flushed: what of it is on disk, nobody knows, and to ask once more would not tell.</exception>
    public static void File(FileStream file)
    {
        file.Flush();
        if (OperatingSystem.IsWindows()) RandomAccess.FlushToDisk(file.SafeFileHandle);
        else Flush(file.SafeFileHandle, file.Name);
    }

    private static void Flush(SafeFileHandle handle, string name)
    {
        while (Sync(handle) < 0)
            if (Marshal.GetLastPInvokeError() != Interrupted) throw Failure($"{name} cannot be flushed");
    }

    private static IOException Failure(string what) => new($"{what}: {Marshal.GetLastPInvokeErrorMessage()}", Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(SafeFileHandle handle);
}
