using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tracepipe.Benchmarks;

/// <summary>
/// Begins calls at their times, whether earlier ones are done or not. A thread of its own sleeps from one to the next: the runtime's timers came 1.5 ms late in the middle and up
/// to 5 ms at the 99th percentile, and what a server is blamed for must be its own.
/// </summary>
internal static partial class Pace
{
    /// <summary>Each call is given its number and when it was to begin; it is timed from that moment on.</summary>
    /// <param name="isOver">Asked before each call, with its number.</param>
    /// <returns>Milliseconds of each, ascending, when the last one is done.</returns>
    public static async Task<IReadOnlyList<double>> RunAsync(int perSecond, Func<int, bool> isOver, Func<int, Task> call)
    {
        var begun = new TaskCompletionSource<List<Task<double>>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            var running = new List<Task<double>>();
            var watch = Stopwatch.StartNew();
            for (var i = 0; !isOver(i); i++)
            {
                var (number, due) = (i, TimeSpan.FromSeconds((double)i / perSecond));
                while (due - watch.Elapsed is var left && left > TimeSpan.FromMicroseconds(20)) Sleep((uint)left.TotalMicroseconds);
                running.Add(Task.Run(async () =>
                {
                    await call(number);
                    return (watch.Elapsed - due).TotalMilliseconds;
                }));
            }
            begun.SetResult(running);
        }) { Name = "Pace" };
        thread.Start();
        return [.. (await Task.WhenAll(await begun.Task)).Order()];
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);
}
