using System.ComponentModel;
using System.Diagnostics;

namespace Tracepipe.Postgres;

/// <summary>One run of a program: as which account, for which cluster, and what came of it.</summary>
internal sealed record Command(string Program, params string[] Arguments)
{
    /// <summary>The account that runs it, null for our own.</summary>
    public string? Account { get; init; }

    /// <summary>The cluster PostgreSQL's programs work on. An environment variable, because pg_ctl would quote an option badly for its shell.</summary>
    public string? Cluster { get; init; }

    /// <summary>The program leaves a server behind that, on Windows, inherits our pipes: reading them to their end would wait for the server's.</summary>
    public bool LeavesServer { get; init; }

    private bool Listens => !LeavesServer || !OperatingSystem.IsWindows();

    public async Task<Outcome> RunAsync(CancellationToken cancel)
    {
        using var process = new Process { StartInfo = Prepare() };
        try
        {
            process.Start();
        }
        catch (Win32Exception refused)
        {
            throw new EmbeddedPostgresException(
                $"{Program} does not run on this machine ({refused.Message}): point ConnectionStrings__Tracepipe at a PostgreSQL server of your own.", refused);
        }

        try
        {
            var said = Listens
                ? await Task.WhenAll(process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel))
                : [];
            await process.WaitForExitAsync(cancel);
            return new Outcome(process.ExitCode, string.Concat(said));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private ProcessStartInfo Prepare()
    {
        var start = new ProcessStartInfo(Program, Arguments)
        {
            RedirectStandardOutput = Listens,
            RedirectStandardError = Listens,
            WorkingDirectory = Path.GetPathRoot(Path.GetFullPath(Program)), // ours may be closed to the account
        };
        if (Account is not null) start.UserName = Account;

        // The server needs none of our environment, which would show our secrets to its account.
        if (!OperatingSystem.IsWindows())
        {
            start.Environment.Clear();
            start.Environment["PATH"] = "/usr/bin:/bin";
        }

        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["LC_ALL"] = "C";
        if (Cluster is not null) start.Environment["PGDATA"] = Cluster;
        return start;
    }
}

/// <summary>How a program ended, and what it wrote.</summary>
internal readonly record struct Outcome(int ExitCode, string Output)
{
    private static readonly string[] Markers = ["FATAL: ", "PANIC: ", "error: "];

    public bool Succeeded => ExitCode == 0;

    /// <summary>Why it failed, as PostgreSQL's programs say it: one line without a full stop.</summary>
    public string Reason
    {
        get
        {
            var lines = Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            foreach (var marker in Markers)
            {
                if (Array.Find(lines, line => line.Contains(marker, StringComparison.Ordinal)) is { } line)
                    return line[(line.IndexOf(marker, StringComparison.Ordinal) + marker.Length)..].Trim().TrimEnd('.');
            }

            return lines.LastOrDefault()?.TrimEnd('.') ?? $"exit code {ExitCode}";
        }
    }
}
