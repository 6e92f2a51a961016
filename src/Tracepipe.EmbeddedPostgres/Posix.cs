using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Tracepipe.Postgres;

/// <summary>The few calls to the C library that .NET has no method for.</summary>
internal static partial class Posix
{
    /// <summary>A user or group id that lchown leaves as it is.</summary>
    internal const uint Unchanged = uint.MaxValue;

    /// <summary>The user id and main group id of an account of this machine, null when there is none of that name.</summary>
    internal static (uint Uid, uint Gid)? Account(string name)
    {
        var entry = GetPasswordEntry(name);
        if (entry == 0) return null;
        // struct passwd begins alike on Linux and macOS: two pointers, then both ids.
        var ids = 2 * nint.Size;
        return ((uint)Marshal.ReadInt32(entry, ids), (uint)Marshal.ReadInt32(entry, ids + sizeof(uint)));
    }

    /// <summary>Gives a file or folder to another user or group; a symbolic link itself, never what it points at.</summary>
    internal static void ChangeOwner(string path, uint uid, uint gid)
    {
        if (LinkChangeOwner(path, uid, gid) != 0)
            throw new IOException($"The owner of {path} cannot be changed: {LastError()}");
    }

    /// <summary>The path without symbolic links, as the kernel and PostgreSQL see it.</summary>
    internal static string RealPath(string path)
    {
        if (OperatingSystem.IsWindows()) return Path.GetFullPath(path);
        var resolved = ResolvePath(path, 0);
        if (resolved == 0) throw new IOException($"{path} cannot be resolved: {LastError()}");
        try
        {
            return Marshal.PtrToStringUTF8(resolved)!;
        }
        finally
        {
            Free(resolved);
        }
    }

    /// <summary>Makes renames inside a folder survive a power cut.</summary>
    internal static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return; // NTFS journals renames by itself
        var descriptor = Open(path, 0);
        if (descriptor < 0) throw new IOException($"{path} cannot be opened: {LastError()}");
        var failed = Sync(descriptor) != 0;
        var error = failed ? LastError() : null;
        _ = Close(descriptor);
        if (failed) throw new IOException($"{path} cannot be written to disk: {error}");
    }

    private static string LastError() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;

    [LibraryImport("libc", EntryPoint = "getpwnam", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetPasswordEntry(string name);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int LinkChangeOwner(string path, uint uid, uint gid);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint ResolvePath(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
