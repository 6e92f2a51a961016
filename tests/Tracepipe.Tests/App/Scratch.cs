namespace Tracepipe.Tests.App;

/// <summary>
/// Folders for the clusters that tests make. A cluster is a thousand small files and each database eight hundred more, and on a disk these cost ten times what
/// they cost in memory: where memory has room to spare, they lie there.
/// </summary>
internal static class Scratch
{
    private const string Memory = "/dev/shm", Prefix = "tracepipe-test-";

    private static readonly string Place = Choose();

    /// <summary>A path that nothing has yet.</summary>
    public static string NewPath() => Path.Combine(Place, $"{Prefix}{Environment.ProcessId}-{Guid.CreateVersion7().ToString("N")[20..]}");

    private static string Choose()
    {
        if (!Directory.Exists(Memory)) return Path.GetTempPath();
        // What a run that was killed has left there would take memory until the next start of the machine.
        foreach (var left in Directory.EnumerateDirectories(Memory, Prefix + "*"))
            if (!Directory.Exists("/proc/" + Path.GetFileName(left)[Prefix.Length..].Split('-')[0])) Directory.Delete(left, recursive: true);
        return new DriveInfo(Memory).AvailableFreeSpace > 6L << 30 ? Memory : Path.GetTempPath();
    }
}
