namespace Tracepipe.Postgres;

/// <summary>The data folder, owned by this process for as long as it holds the lock on the folder's <c>.lock</c>.</summary>
internal sealed class DataFolder : IDisposable
{
    private readonly FileStream _lock;

    private DataFolder(string path, FileStream hold) => (Path, _lock) = (path, hold);

    /// <summary>The folder without symbolic links.</summary>
    public string Path { get; }

    /// <exception cref="EmbeddedPostgresException">Another process owns it, or it cannot be written.</exception>
    public static DataFolder Take(string folder)
    {
        var path = System.IO.Path.GetFullPath(folder);
        try
        {
            RefuseWhatShellsInterpret(path);
            Directory.CreateDirectory(path);
            path = Posix.RealPath(path);
            RefuseWhatShellsInterpret(path);
            // FileShare.None is flock on Unix: the kernel lets go of it whatever way we die, and no child inherits it.
            return new DataFolder(path, new FileStream(System.IO.Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException taken) when (MeansLocked(taken))
        {
            throw new EmbeddedPostgresException(
                $"The data folder {path} is in use by another running instance: stop that one, or give this one a folder of its own with --data DIR.", taken);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException(
                $"The data folder {path} cannot be written by {Environment.UserName}: make it writable, or choose another one with --data DIR.", refused);
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>EWOULDBLOCK of Linux and macOS, and Windows' sharing violation.</summary>
    private static bool MeansLocked(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static void RefuseWhatShellsInterpret(string path)
    {
        // pg_ctl starts the server through a shell and puts paths between plain double quotes.
        if (path.IndexOfAny(OperatingSystem.IsWindows() ? ['"', '%', '\n'] : ['"', '$', '`', '\\', '\n', '\r']) >= 0)
        {
            throw new EmbeddedPostgresException(
                $"The data folder {path} has a quote, dollar, backslash or similar in its path, which PostgreSQL's starter cannot pass on: choose another one with --data DIR.");
        }
    }
}
