using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Tracepipe.Benchmarks;

/// <summary>Why a figure cannot be had: one sentence for the one who asked.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);

/// <summary>One run of <c>wrk</c>.</summary>
/// <param name="PerSecond">Requests per second.</param>
/// <param name="P50">Median latency in milliseconds.</param>
/// <param name="P99">99th percentile of the latency in milliseconds.</param>
/// <param name="Requests">Requests in all.</param>
/// <param name="BytesPerRequest">What the server allocated for one request, everything it did meanwhile included.</param>
internal sealed partial record Wrk(double PerSecond, double P50, double P99, long Requests, double BytesPerRequest)
{
    /// <summary>Loads one address of this process for a while.</summary>
    /// <exception cref="BenchmarkException">No wrk, or not all answers were good.</exception>
    public static async Task<Wrk> RunAsync(string url, int seconds, int connections = 32, params string[] headers)
    {
        var start = new ProcessStartInfo("wrk") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in new[] { "-t1", $"-c{connections}", $"-d{seconds}s", "--latency" }) start.ArgumentList.Add(argument);
        foreach (var header in headers)
        {
            start.ArgumentList.Add("-H");
            start.ArgumentList.Add(header);
        }
        start.ArgumentList.Add(url);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        using var process = Start(start);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        if (process.ExitCode != 0) throw new BenchmarkException($"wrk failed at {url}: {output}");
        if (output.Contains("Non-2xx", StringComparison.Ordinal) || output.Contains("Socket errors", StringComparison.Ordinal)) throw new BenchmarkException($"Not every answer of {url} was good:\n{output}");
        var requests = long.Parse(Requested().Match(output).Groups["number"].Value, CultureInfo.InvariantCulture);
        return new Wrk(double.Parse(Rate().Match(output).Groups["number"].Value, CultureInfo.InvariantCulture), Milliseconds(output, "50%"), Milliseconds(output, "99%"), requests, (double)allocated / requests);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            throw new BenchmarkException("wrk is not installed: apt-get install wrk, or put it on the PATH.");
        }
    }

    private static double Milliseconds(string output, string percentile)
    {
        var match = Regex.Match(output, Regex.Escape(percentile) + @"\s+(?<number>[\d.]+)(?<unit>us|ms|s)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        var value = double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
        return match.Groups["unit"].Value switch { "us" => value / 1000, "ms" => value, _ => value * 1000 };
    }

    [GeneratedRegex(@"Requests/sec:\s+(?<number>[\d.]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Rate();

    [GeneratedRegex(@"(?<number>\d+) requests in", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Requested();
}
