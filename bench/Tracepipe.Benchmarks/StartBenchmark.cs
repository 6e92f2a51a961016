using System.Diagnostics;
using System.Globalization;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Benchmarks;

/// <summary>
/// The program as a process of its own with an existing database: from its start to the first answered page, and the memory it holds when nobody asks
/// anything, PostgreSQL apart: what is its own (heaps, stacks, compiled code), and all that is resident, with the pages of libraries that every .NET program
/// on the machine shares.
/// </summary>
internal static class StartBenchmark
{
    private const int Rounds = 5;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(15);

    public static async Task RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("tracepipe-bench-").FullName;
        try
        {
            await OnceAsync(folder, idle: false); // makes the database
            var starts = new List<double>();
            Memory? idle = null, used = null;
            for (var round = 0; round < Rounds; round++)
            {
                var last = round == Rounds - 1;
                var (seconds, before, after) = await OnceAsync(folder, idle: last);
                starts.Add(seconds);
                if (last) (idle, used) = (before, after);
            }
            Console.WriteLine($"start to first answered page, existing database   {starts.Order().ElementAt(Rounds / 2):0.00} s (rounds {string.Join(" ", starts.Select(s => s.ToString("0.00", CultureInfo.InvariantCulture)))}); goal 3 s");
            Console.WriteLine($"memory, idle {Quiet.TotalSeconds:0} s after the start                     {idle!.Own:0} MB of its own, {idle.Resident:0} MB with shared libraries; goal 150 MB");
            Console.WriteLine($"the same after 500 pages and {Quiet.TotalSeconds:0} s of rest             {used!.Own:0} MB, {used.Resident:0} MB");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(double Seconds, Memory? Idle, Memory? Used)> OnceAsync(string folder, bool idle)
    {
        using var http = new HttpClient();
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var argument in new[] { Program(), "--urls", "http://127.0.0.1:0", "--sandbox-urls", "http://127.0.0.1:0", "--data", folder, "--environment", "Benchmarks" }) start.ArgumentList.Add(argument);
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        try
        {
            const string marker = "Tracepipe is ready: ";
            string? line;
            do line = await process.StandardOutput.ReadLineAsync() ?? throw new BenchmarkException("The program ended before it was ready.");
            while (!line.Contains(marker, StringComparison.Ordinal));
            var address = new Uri(line[(line.IndexOf(marker, StringComparison.Ordinal) + marker.Length)..].Trim());
            (await http.GetAsync(address)).EnsureSuccessStatusCode();
            var seconds = clock.Elapsed.TotalSeconds;
            var output = process.StandardOutput.ReadToEndAsync();
            if (!idle)
            {
                await StopAsync(process);
                return (seconds, null, null);
            }
            await Task.Delay(Quiet);
            var before = Memory.Of(process.Id);
            for (var i = 0; i < 500; i++) (await http.GetAsync(new Uri(address, i % 2 == 0 ? "/pricing" : "/login"))).EnsureSuccessStatusCode();
            await Task.Delay(Quiet);
            var after = Memory.Of(process.Id);
            await StopAsync(process);
            await output;
            return (seconds, before, after);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static async Task StopAsync(Process process)
    {
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>In MB (10⁶ bytes), from <c>/proc</c>.</summary>
    private sealed record Memory(double Own, double Resident)
    {
        public static Memory Of(int process)
        {
            var kilobytes = File.ReadLines($"/proc/{process}/status").Select(l => l.Split([':', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Where(p => p is [_, _, "kB"])
                .ToDictionary(p => p[0], p => double.Parse(p[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
            return new Memory((kilobytes["RssAnon"] + kilobytes["RssShmem"]) * 1024 / 1e6, kilobytes["VmRSS"] * 1024 / 1e6);
        }
    }

    private static string Program()
    {
        var configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Release" : "Debug";
        return Path.Combine(Paths.Root, "src", "Tracepipe.Storefront", "bin", configuration, "net10.0", typeof(StorefrontApp).Assembly.GetName().Name + ".dll");
    }
}
