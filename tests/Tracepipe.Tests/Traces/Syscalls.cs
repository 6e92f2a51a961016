using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Tracepipe.Tests.Traces;

/// <summary>
/// What a program asked of the system, as <c>strace</c> wrote it down, and from it: what would still be on disk if the power had failed at some moment. Only what has been
/// flushed would, content and name alike.
/// </summary>
internal sealed partial class Syscalls
{
    private readonly Dictionary<string, Inode> files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> newNames = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Call, string Arguments, long At)> unfinished = new(StringComparer.Ordinal);
    private long line;

    /// <summary>Why this machine cannot watch a program; null: it can.</summary>
    public static string? WhyNot { get; } = Probe();

    /// <summary>The command that runs a program and writes down what is needed here.</summary>
    /// <param name="more">More for strace: faults to inject.</param>
    public static IReadOnlyList<string> Watching(string log, params string[] more) =>
        ["strace", "-D", "-f", "-y", "--seccomp-bpf", "-s", "16", "-o", log, "-e", "trace=openat,mkdir,link,linkat,rename,renameat,renameat2,unlink,unlinkat,write,writev,pwrite64,pwritev,ftruncate,fsync,fdatasync,sendto,sendmsg", .. more];

    /// <summary>Reads a log. At each answer of the program over HTTP the next question is asked: would this file have survived?</summary>
    /// <param name="root">A folder that was there before the program.</param>
    /// <param name="paths">The file of each answer; null: none.</param>
    /// <returns>The answers in their order: the status, and what of the file would be gone.</returns>
    public IReadOnlyList<(int Status, string? Lost)> Read(IEnumerable<string> log, string root, IReadOnlyList<string?> paths)
    {
        var answers = new List<(int, string?)>();
        foreach (var text in log)
        {
            line++;
            if (Line().Match(text) is not { Success: true } m) continue;
            var process = m.Groups["process"].Value;
            var (call, arguments, begun) = (m.Groups["call"].Value, m.Groups["arguments"].Value, line);
            if (m.Groups["resumed"].Success)
            {
                if (!unfinished.Remove(process, out var first)) continue;
                (call, arguments, begun) = (first.Call, first.Arguments + arguments, first.At);
            }
            else if (call is "sendto" or "sendmsg" or "write" or "writev" && Answer().Match(arguments) is { Success: true } answer)
                answers.Add((int.Parse(answer.Groups["status"].Value), answers.Count < paths.Count && paths[answers.Count] is { } path ? LostOf(path, root) : null));
            if (arguments.EndsWith("<unfinished ...>", StringComparison.Ordinal)) unfinished[process] = (call, arguments[..^"<unfinished ...>".Length], begun);
            Apply(call, arguments, begun);
        }
        return answers;
    }

    private void Apply(string call, string arguments, long begun)
    {
        var (names, isDone, isOpen) = (Quoted().Matches(arguments).Select(n => n.Groups["name"].Value).ToList(), Done().IsMatch(arguments), Open().Match(arguments).Groups["path"].Value);
        switch (call)
        {
            case "write" or "writev" or "pwrite64" or "pwritev" or "ftruncate": // counts from its begin to its end, whatever it answers
                if (files.TryGetValue(isOpen, out var written)) written.ChangedAt = line;
                break;
            case "openat" when isDone && arguments.Contains("O_CREAT", StringComparison.Ordinal) && files.TryAdd(names[0], new Inode()):
                newNames[names[0]] = line;
                break;
            case "mkdir" when isDone:
                newNames[names[0]] = line;
                break;
            case "link" or "linkat" or "rename" or "renameat" or "renameat2" when isDone && files.TryGetValue(names[0], out var file):
                files[names[1]] = file;
                newNames[names[1]] = line;
                if (call.StartsWith("rename", StringComparison.Ordinal)) files.Remove(names[0]);
                break;
            case "unlink" or "unlinkat" when isDone:
                files.Remove(names[0]);
                break;
            case "fsync" or "fdatasync" when isDone:
                if (files.TryGetValue(isOpen, out var flushed) && flushed.ChangedAt < begun) flushed.ChangedAt = 0;
                foreach (var name in newNames.Where(n => n.Value < begun && string.Equals(Path.GetDirectoryName(n.Key), isOpen, StringComparison.Ordinal)).ToList()) newNames.Remove(name.Key);
                break;
        }
    }

    private string? LostOf(string path, string root)
    {
        if (!files.TryGetValue(path, out var file)) return $"all of {path}";
        if (file.ChangedAt > 0) return $"content of {path}";
        for (var name = path; name.Length > root.Length; name = Path.GetDirectoryName(name)!)
            if (newNames.ContainsKey(name)) return $"name {name}";
        return null;
    }

    private static string? Probe()
    {
        if (!OperatingSystem.IsLinux()) return "Only Linux has strace.";
        try
        {
            using var process = Process.Start(new ProcessStartInfo("strace", ["-D", "-f", "--seccomp-bpf", "-e", "trace=fsync", "-o", "/dev/null", "true"]) { RedirectStandardError = true })!;
            var said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 && said.Length == 0 ? null : $"This machine does not let strace watch a program: {said.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            return $"strace is not installed: {missing.Message}";
        }
    }

    /// <summary>The content of a file, under whatever names.</summary>
    private sealed class Inode
    {
        /// <summary>The line of its last change that is not flushed; 0: none.</summary>
        public long ChangedAt { get; set; }
    }

    [GeneratedRegex(@"^(?<process>\d+) +(<\.\.\. (?<resumed>\w+) resumed>|(?<call>\w+)\()(?<arguments>.*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Line();

    [GeneratedRegex(@"""HTTP/1\.1 (?<status>[2-5]\d\d)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Answer();

    [GeneratedRegex(@"""(?<name>/[^""]*)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^\d+<(?<path>/[^>]*)>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Open();

    [GeneratedRegex(@"\) += \d+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Done();
}
