using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>A second name for a file, made in one step: the framework can move files, not link them. Where the file system has no links, the file moves.</summary>
internal static partial class HardLink
{
    /// <summary>Gives the file another name; nothing happens when that is taken.</summary>
    /// <exception cref="IOException">It can neither be made nor moved.</exception>
    public static void Make(string file, string name)
    {
        if (OperatingSystem.IsWindows() ? MakeOnWindows(name, file, 0) : MakeOnUnix(file, name) == 0) return;
        if (File.Exists(name)) return; // somebody else stored the same content at this moment
        File.Move(file, name, overwrite: true);
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeOnUnix(string file, string name);

    [LibraryImport("kernel32", EntryPoint = "CreateHardLinkW", SetLastError = true, StringMarshalling = StringMarshalling.Utf16)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool MakeOnWindows(string name, string file, nint security);
}
