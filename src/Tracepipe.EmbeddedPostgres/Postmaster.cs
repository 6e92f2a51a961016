using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Tracepipe.Postgres;

/// <summary>How a server is stopped.</summary>
public enum PostgresStop
{
    /// <summary>Open transactions are rolled back, everything is written, the next start has nothing to recover.</summary>
    Fast,

    /// <summary>As in a crash: the next start recovers from the write-ahead log.</summary>
    Immediate,
}

/// <summary>The server process of a cluster, as its <c>postmaster.pid</c> describes it.</summary>
internal sealed record Postmaster(int ProcessId, Endpoint Endpoint)
{
    private const int NoProcess = int.MaxValue; // above every system's highest process id
    private static readonly TimeSpan OrphansLeaveWithin = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The cluster's running server, null when there is none. The file of a server that died with the machine is disarmed:
    /// its process id may by now be another program's, and PostgreSQL would refuse to start beside it.
    /// </summary>
    public static async Task<Postmaster?> FindAsync(ServerFolder folder, CancellationToken cancel)
    {
        var path = Path.Combine(folder.Cluster, "postmaster.pid");
        while (File.Exists(path))
        {
            var lines = ReadShared(path).Split('\n', StringSplitOptions.TrimEntries);
            if (Read(lines) is not { } found)
            {
                File.Delete(path); // cut off by a power failure: PostgreSQL does not start over it
                return null;
            }

            if (!found.IsAlive(folder))
            {
                // The rest of the file stays: by it PostgreSQL checks that no orphaned backend still writes.
                lines[0] = NoProcess.ToString(CultureInfo.InvariantCulture);
                folder.Write(path, string.Join('\n', lines));
                if (ServerFolder.SamePath(lines[1], folder.Cluster)) found.Endpoint.Remove(); // in a copy of a folder it is the original's
                return null;
            }

            if (found.Endpoint.Host.Length > 0) return found;
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancel); // it has just been started and does not listen yet
        }

        return null;
    }

    /// <summary>The cluster's running server, as far as its file tells; nothing is put right on the way.</summary>
    public static Postmaster? Peek(ServerFolder folder)
    {
        var path = Path.Combine(folder.Cluster, "postmaster.pid");
        return File.Exists(path) && Read(ReadShared(path).Split('\n', StringSplitOptions.TrimEntries)) is { Endpoint.Host.Length: > 0 } found && found.IsAlive(folder) ? found : null;
    }

    /// <summary>Starts the server in a session of its own, where no Ctrl+C of our terminal reaches it, and waits until it serves.</summary>
    public static async Task<Postmaster> StartAsync(ServerFolder folder, Endpoint endpoint, ILogger log)
    {
        RotateLog(folder);
        var start = folder.Command("pg_ctl", "start", "--silent", "--wait", "--timeout=300", "--log=" + folder.Log,
            "--options=" + $"-c \"config_file={folder.Configuration}\" {endpoint.Settings}") with { LeavesServer = true };
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var logged = new FileInfo(folder.Log).Length;
            // Not to be cancelled half-way: it would leave a server behind that nobody knows. The caller stops it afterwards.
            var started = await start.RunAsync(CancellationToken.None);
            if (started.Succeeded && await FindAsync(folder, CancellationToken.None) is { } server) return server;

            var told = new Outcome(started.ExitCode, ReadShared(folder.Log, logged));
            if (told.Output.Contains("shared memory block", StringComparison.Ordinal) && Stopwatch.GetElapsedTime(began) < OrphansLeaveWithin)
            {
                log.WaitsForOrphans();
                await Task.Delay(TimeSpan.FromMilliseconds(100));
                continue;
            }

            var reason = told.Output.Length > 0 ? told.Reason : started.Reason;
            throw new EmbeddedPostgresException($"PostgreSQL did not start in {folder.Path} ({reason}): read {folder.Log} and put that right, or choose another data folder with --data DIR.");
        }
    }

    /// <summary>Stops the server in less than five seconds: if it cannot finish in time, as in a crash, from which it recovers.</summary>
    public async Task StopAsync(ServerFolder folder, PostgresStop how, ILogger log)
    {
        if (how is PostgresStop.Fast && IsAlive(folder) && !await StoppedAsync(folder, "fast", seconds: 3)) log.StopTookTooLong();
        if (IsAlive(folder) && !await StoppedAsync(folder, "immediate", seconds: 1)) log.DidNotStop(ProcessId);
    }

    /// <summary>The process lives and is our own copy of the server, not another program that has got the number since.</summary>
    public bool IsAlive(ServerFolder folder) =>
        ProgramOf(ProcessId) is { Length: > 0 } program && // a dying process has an empty one
        ServerFolder.SamePath(program, EmbeddedPostgresBinaries.Program(folder.Binaries, "postgres"));

    private async Task<bool> StoppedAsync(ServerFolder folder, string mode, int seconds)
    {
        var stop = folder.Command("pg_ctl", "stop", "--silent", "--wait", "--mode=" + mode, "--timeout=" + seconds.ToString(CultureInfo.InvariantCulture));
        if ((await stop.RunAsync(CancellationToken.None)).Succeeded)
        {
            // pg_ctl waits for the pid file to go, which is shortly before the process does.
            var began = Stopwatch.GetTimestamp();
            while (IsAlive(folder) && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(1)) await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        return !IsAlive(folder);
    }

    /// <summary>Lines: process, data folder, start time, port, socket folder, address.</summary>
    private static Postmaster? Read(string[] lines) =>
        lines.Length >= 5 && lines[1].Length > 0
        && int.TryParse(lines[0], CultureInfo.InvariantCulture, out var process)
        && int.TryParse(lines[3], CultureInfo.InvariantCulture, out var port)
            ? new Postmaster(process, new Endpoint(lines[4].Length > 0 ? lines[4] : lines.ElementAtOrDefault(5) ?? "", port))
            : null;

    private static string? ProgramOf(int id)
    {
        try
        {
            // Everyone may read a command line (it is empty once the process has ended); for the executable of another account's process root needs a right that containers lack.
            if (OperatingSystem.IsLinux()) return File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/cmdline").Split('\0')[0];
            using var process = Process.GetProcessById(id);
            return process.MainModule?.FileName;
        }
        catch (Exception gone) when (gone is IOException or ArgumentException or InvalidOperationException or Win32Exception)
        {
            return null; // no such process, or none of ours
        }
    }

    private static void RotateLog(ServerFolder folder)
    {
        const int enough = 1 << 20;
        if (new FileInfo(folder.Log) is { Exists: true, Length: > enough }) File.Move(folder.Log, folder.Log + ".1", overwrite: true);
        if (!File.Exists(folder.Log)) folder.Write(folder.Log, "");
    }

    private static string ReadShared(string path, long from = 0)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(from, SeekOrigin.Begin);
        return new StreamReader(file).ReadToEnd();
    }
}
