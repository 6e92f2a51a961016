using System.Diagnostics;
using System.Globalization;

namespace Tracepipe.Benchmarks;

/// <summary>Another process of the benchmark, with threads and a heap of its own, that does what it is told, a line at a time, until its input ends.</summary>
internal sealed class SideProgram : IDisposable
{
    private readonly Process process;

    private SideProgram(Process started) => process = started;

    /// <param name="arguments">The benchmark's name, and what it needs to know.</param>
    /// <param name="isBehind">It takes what all others leave of the processors.</param>
    public static SideProgram Start(bool isBehind, params string[] arguments)
    {
        string[] program = [Environment.ProcessPath!, .. Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? new[] { typeof(SideProgram).Assembly.Location } : [], .. arguments];
        if (isBehind) program = ["chrt", "--idle", "0", .. program];
        return new(Process.Start(new ProcessStartInfo(program[0], program[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true }) ?? throw new BenchmarkException($"{program[0]} does not start."));
    }

    public async Task TellAsync(string what)
    {
        await process.StandardInput.WriteLineAsync(what);
        await process.StandardInput.FlushAsync();
    }

    /// <summary>Its answer, one line.</summary>
    public async Task<string> AskAsync(string what)
    {
        await TellAsync(what);
        return await process.StandardOutput.ReadLineAsync() ?? throw new BenchmarkException("A program of the benchmark has ended.");
    }

    /// <summary>Writes milliseconds as an answer.</summary>
    public static void Answer(IEnumerable<double> times) => Console.WriteLine(string.Join(' ', times.Select(t => t.ToString("0.###", CultureInfo.InvariantCulture))));

    /// <summary>Milliseconds as they were written.</summary>
    public static IReadOnlyList<double> Times(string answer) => [.. answer.Split(' ').Select(t => double.Parse(t, CultureInfo.InvariantCulture))];

    /// <summary>Ends it: it has nothing more to read.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }
}
