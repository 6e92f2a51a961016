using System.Security.Cryptography;
using System.Text.Json;

namespace Tracepipe.Postgres;

/// <summary>
/// Our own copy of PostgreSQL's programs beside the data: it stays while npm replaces its packages under a running server,
/// and another account can read it though it may not read the repository.
/// </summary>
internal sealed class Binaries
{
    private readonly string _source;
    private readonly string _copy;
    private readonly string _fingerprint;

    private Binaries(string source, string copy, string fingerprint) => (_source, _copy, _fingerprint) = (source, copy, fingerprint);

    /// <summary>The copy exists and is of these very programs.</summary>
    public bool UpToDate => File.Exists(Label) && File.ReadAllText(Label).StartsWith(_fingerprint, StringComparison.Ordinal);

    /// <summary>The version of the copy, like <c>18.4</c>.</summary>
    public string Version => File.ReadAllText(Label).Split(' ')[^1].Trim();

    private string Label => Path.Combine(_copy, "version");

    /// <exception cref="EmbeddedPostgresException">There are no programs.</exception>
    public static async Task<Binaries> OfAsync(string source, string copy, CancellationToken cancel)
    {
        var server = EmbeddedPostgresBinaries.Program(source, "postgres");
        if (!File.Exists(server))
            throw new EmbeddedPostgresException($"PostgreSQL's binaries are missing, there is no {server}: run npm ci in src/Tracepipe.Storefront.");
        await using var content = File.OpenRead(server);
        return new Binaries(source, copy, Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancel)));
    }

    /// <summary>Copies the programs and, once they have been seen to run, puts them in place of an older copy.</summary>
    public async Task CopyAsync(CancellationToken cancel)
    {
        var draft = _copy + ".new";
        DeleteFolder(draft);
        CopyFolder(_source, draft);
        RestoreLinks(draft);
        var said = await new Command(EmbeddedPostgresBinaries.Program(draft, "postgres"), "--version").RunAsync(cancel);
        if (!said.Succeeded)
        {
            throw new EmbeddedPostgresException(
                $"PostgreSQL's binaries do not run on this machine ({said.Reason}): point ConnectionStrings__Tracepipe at a PostgreSQL server of your own.");
        }

        await File.WriteAllTextAsync(Path.Combine(draft, "version"), $"{_fingerprint} {said.Output.Trim()}", cancel);
        DeleteFolder(_copy);
        Directory.Move(draft, _copy);
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        Open(to, folder: true);
        foreach (var folder in Directory.EnumerateDirectories(from)) CopyFolder(folder, Path.Combine(to, Path.GetFileName(folder)));
        foreach (var path in Directory.EnumerateFiles(from))
        {
            var file = new FileInfo(path);
            if (file.Extension is ".a") continue; // for linking C programs, which nobody does here
            var copy = Path.Combine(to, file.Name);
            if (file.LinkTarget is { } target && !OperatingSystem.IsWindows())
            {
                File.CreateSymbolicLink(copy, target);
                continue;
            }

            file.CopyTo(copy);
            Open(copy, folder: string.Equals(Path.GetFileName(to), "bin", StringComparison.Ordinal));
        }
    }

    /// <summary>Lets every account read, and walk into folders or run programs, whatever the umask of the one that installed them.</summary>
    private static void Open(string path, bool folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var mode = File.GetUnixFileMode(path) | UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        if (folder) mode |= UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        File.SetUnixFileMode(path, mode);
    }

    /// <summary>npm packages hold no symbolic links; this one lists its own for a script that many installations forbid.</summary>
    private static void RestoreLinks(string copy)
    {
        var list = Path.Combine(copy, "pg-symlinks.json");
        if (!File.Exists(list)) return;
        using var links = JsonDocument.Parse(File.ReadAllText(list));
        foreach (var link in links.RootElement.EnumerateArray())
        {
            var source = Inside(copy, link.GetProperty("source").GetString()!);
            var target = Inside(copy, link.GetProperty("target").GetString()!);
            if (Path.Exists(target)) continue;
            if (OperatingSystem.IsWindows()) File.Copy(source, target);
            else File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
        }
    }

    /// <summary>The list writes its paths from the package's folder, of which the copy is the folder <c>native</c>.</summary>
    private static string Inside(string copy, string path) =>
        Path.Combine(copy, path.StartsWith("native/", StringComparison.Ordinal) ? path["native/".Length..] : path);
}
