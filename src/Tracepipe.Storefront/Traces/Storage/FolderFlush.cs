using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>A file's name is on disk only when its folder is: the framework can flush files, not folders.</summary>
internal static partial class FolderFlush
{
    /// <summary>Makes a folder and those above it that are missing; their names are on disk when this returns.</summary>
    public static void Make(string folder)
    {
        var above = new List<string>();
        for (var missing = folder; !Directory.Exists(missing) && Path.GetDirectoryName(missing) is { } parent; missing = parent) above.Add(parent);
        Directory.CreateDirectory(folder);
        foreach (var parent in above) Flush(parent);
    }

    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals names by itself
        var handle = Open(folder, 0);
        if (handle < 0) throw new IOException($"The folder {folder} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        try
        {
            if (Sync(handle) < 0) throw new IOException($"The folder {folder} cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        finally
        {
            _ = Close(handle);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
