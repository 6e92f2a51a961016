using System.Collections.Concurrent;
using System.Globalization;

namespace Tracepipe.Storefront.Traces.Storage;

/// <summary>
/// Traces on disk: a file per content and organization, named by its SHA-256. A file arrives under <c>incoming</c>, is flushed, and gets its name in one
/// step, so that under a name there is always a whole file.
/// </summary>
internal sealed class TraceFiles(string root, QuietThreads threads)
{
    private const int MostFlushed = 20_000;
    private readonly ConcurrentDictionary<Guid, byte> held = new();
    private readonly ConcurrentDictionary<string, byte> flushed = new(StringComparer.Ordinal);

    public string Root { get; } = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));

    /// <summary>Opens the place where a file arrives. Opening it again continues what is there.</summary>
    public FileStream OpenIncoming(Guid id)
    {
        Directory.CreateDirectory(Path.Combine(Root, "incoming"));
        return new FileStream(IncomingPath(id), new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.Read, BufferSize = 0, Options = FileOptions.Asynchronous });
    }

    /// <summary>A request of this process is at work on what arrives there, until this is disposed: no sweep takes it away.</summary>
    public IDisposable Hold(Guid id)
    {
        held[id] = 0;
        return new Held(this, id);
    }

    /// <summary>How many bytes have arrived.</summary>
    public long IncomingBytes(Guid id) => new FileInfo(IncomingPath(id)) is { Exists: true } file ? file.Length : 0;

    public FileStream ReadIncoming(Guid id) => Open(IncomingPath(id));

    /// <summary>Forgets what has arrived; nothing happens when that is nothing.</summary>
    public void DropIncoming(Guid id)
    {
        var path = IncomingPath(id);
        if (File.Exists(path)) File.Delete(path); // the folder is made with the first piece
    }

    /// <summary>Makes sure that what arrives is found again after a power cut; its bytes are flushed by who writes them.</summary>
    public Task KeepIncomingAsync() => threads.RunAsync(() => FlushNames(Path.Combine(Root, "incoming")));

    /// <summary>Gives what has arrived its name; it stays under <c>incoming</c> as well until it is dropped there. What has that name already is the same content and stays. The file must have been flushed.</summary>
    public Task KeepAsync(Guid incoming, Guid organization, byte[] sha256) => threads.RunAsync(() =>
    {
        var path = PathOf(organization, sha256);
        var folder = Path.GetDirectoryName(path)!;
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(folder);
            HardLink.Make(IncomingPath(incoming), path);
        }
        FlushNames(folder); // what is there already may have been made a moment ago, by one that has not come to its flush, or was killed before it
    });

    // The names in a folder, and that of the folder itself in the one above it, up to the root, which FolderOwner has flushed. No folder ever goes: flushed once is enough.
    private void FlushNames(string folder)
    {
        DiskFlush.Folder(folder);
        if (string.Equals(folder, Root, StringComparison.Ordinal) || flushed.ContainsKey(folder)) return;
        FlushNames(Path.GetDirectoryName(folder)!);
        if (flushed.Count > MostFlushed) flushed.Clear();
        flushed[folder] = 0;
    }

    /// <exception cref="FileNotFoundException">The file has been erased.</exception>
    public FileStream Read(Guid organization, ReadOnlySpan<byte> sha256) => Open(PathOf(organization, sha256));

    /// <summary>Whether the file lies in this folder.</summary>
    public bool Has(Guid organization, ReadOnlySpan<byte> sha256) => File.Exists(PathOf(organization, sha256));

    /// <summary>Erases a file; nothing happens when it is gone already.</summary>
    public void Erase(Guid organization, ReadOnlySpan<byte> sha256)
    {
        var path = PathOf(organization, sha256);
        if (!File.Exists(path)) return;
        File.Delete(path);
        DiskFlush.Folder(Path.GetDirectoryName(path)!);
    }

    /// <summary>All that is stored, by name.</summary>
    public IEnumerable<(Guid Organization, byte[] Sha256)> Stored()
    {
        var files = Path.Combine(Root, "files");
        if (!Directory.Exists(files)) yield break;
        foreach (var file in Directory.EnumerateFiles(files, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetFileName(file);
            if (name.Length == 64 && Guid.TryParseExact(Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(file))), "N", out var organization))
                yield return (organization, Convert.FromHexString(name));
        }
    }

    /// <summary>Whether a request of this process is at work on it.</summary>
    public bool IsHeld(Guid id) => held.ContainsKey(id);

    /// <summary>All that has arrived and has no name yet.</summary>
    public IEnumerable<(Guid Id, DateTimeOffset ChangedAt)> Incoming()
    {
        var incoming = Path.Combine(Root, "incoming");
        if (!Directory.Exists(incoming)) yield break;
        foreach (var file in Directory.EnumerateFiles(incoming))
            if (Guid.TryParseExact(Path.GetFileName(file), "N", out var id)) yield return (id, new DateTimeOffset(File.GetLastWriteTimeUtc(file)));
    }

    // Two levels of 256 keep folders small; a name made of a hash can hold no path trick.
    private string PathOf(Guid organization, ReadOnlySpan<byte> sha256)
    {
        var name = Convert.ToHexStringLower(sha256);
        return Path.Combine(Root, "files", organization.ToString("N", CultureInfo.InvariantCulture), name[..2], name);
    }

    private string IncomingPath(Guid id) => Path.Combine(Root, "incoming", id.ToString("N", CultureInfo.InvariantCulture));

    private static FileStream Open(string path) =>
        new(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read | FileShare.Delete, BufferSize = 0, Options = FileOptions.Asynchronous | FileOptions.SequentialScan });

    private sealed class Held(TraceFiles files, Guid id) : IDisposable
    {
        public void Dispose() => files.held.TryRemove(id, out _);
    }
}
