using System.Globalization;

namespace Tracepipe.Benchmarks;

/// <summary>
/// The benchmark and all of its programs in one group for the scheduler, as a service manager or a container has the product run. Outside of any group Linux makes one of each
/// session (<c>sched_autogroup_enabled</c>): every single process of PostgreSQL would be given as much of the processors as the product and its callers together, and priorities
/// would count only within each of them.
/// </summary>
internal sealed class SchedulingGroup : IDisposable
{
    private readonly string? folder;

    private SchedulingGroup(string? made) => folder = made;

    /// <summary>Enters a group of its own, unless there is one already or the system knows none. Where it may not, it says so and goes on without.</summary>
    public static SchedulingGroup Enter()
    {
        const string Automatic = "/proc/sys/kernel/sched_autogroup_enabled";
        if (!File.Exists(Automatic) || File.ReadAllText(Automatic).Trim() != "1") return new(null);
        // A line is NUMBER:CONTROLLERS:PATH; the second version of control groups has one without controllers.
        var lines = File.ReadAllLines("/proc/self/cgroup").Select(l => l.Split(':', 3)).ToList();
        var mine = lines.Find(l => l[1].Split(',').Contains("cpu")) ?? lines.Find(l => l[1].Length == 0);
        if (mine is not [_, var controllers, "/"]) return new(null);
        var folder = Path.Combine("/sys/fs/cgroup", controllers, "tracepipe-bench");
        try
        {
            Directory.CreateDirectory(folder);
            if (!File.Exists(Path.Combine(folder, controllers.Length == 0 ? "cpu.weight" : "cpu.shares"))) throw new IOException("The controller of processors is not in use.");
            Move(folder);
            return new(folder);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Console.WriteLine($"Each session has its own share of the processors here, and no group could be made: {failure.Message} Figures under load are worse than those of a service or a container.");
            return new(null);
        }
    }

    /// <summary>Leaves it and takes it away; it is empty once all programs have ended.</summary>
    public void Dispose()
    {
        if (folder is null) return;
        Move(Path.GetDirectoryName(folder)!);
        try
        {
            Directory.Delete(folder);
        }
        catch (IOException)
        {
            // A process of PostgreSQL is still on its way out: the next run enters the same group.
        }
    }

    private static void Move(string folder) => File.WriteAllText(Path.Combine(folder, "cgroup.procs"), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
}
