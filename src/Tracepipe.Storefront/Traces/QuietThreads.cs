using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces;

/// <summary>
/// The threads that read, hash and write traces, where the system knows priorities of threads (Linux) behind every other thread of the program: however many uploads arrive,
/// other requests are answered first. Two crews, each with a thread on every processor. While few traces are taken in, those work that have a small share of a busy processor, in
/// long turns that any other thread that wakes up ends at once. Many traces are left to those that work only while a processor has nothing else to do: see docs/decisions/0038.
/// </summary>
internal sealed partial class QuietThreads : TaskScheduler, IDisposable
{
    private const int Few = 2;
    private const uint IdlePolicy = 5; // SCHED_IDLE: to the system, a processor with nothing but this is a free one
    private const int Niceness = 10;
    private const ulong TurnNanoseconds = 100_000_000; // the longest there is: who asks for shorter turns, as all others do, goes first
    private const int HelpLastsMilliseconds = 30_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1); // many times as long as any piece of work takes
    private readonly BlockingCollection<Action> idle = [];
    private readonly BlockingCollection<Action> sharing = [];
    private readonly Timer watch;
    private int traces;
    private int open;
    private long done;
    private long seen;
    private long helpUntil;

    public QuietThreads()
    {
        watch = new Timer(_ => Look());
        for (var processor = 0; processor < MaximumConcurrencyLevel; processor++)
        {
            Start(sharing, processor, isIdle: false);
            Start(idle, processor, isIdle: true);
        }
    }

    public override int MaximumConcurrencyLevel => Environment.ProcessorCount;

    /// <summary>A trace is taken in, until <see cref="End"/> is called.</summary>
    /// <returns>Whether it is one of many.</returns>
    public bool Begin() => Interlocked.Increment(ref traces) > Few;

    /// <inheritdoc cref="Begin"/>
    public void End() => Interlocked.Decrement(ref traces);

    /// <summary>Work of milliseconds that waits for nothing.</summary>
    public Task<T> RunAsync<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    /// <inheritdoc cref="RunAsync{T}(Func{T})"/>
    public Task RunAsync(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    /// <summary>The same, with waiting for other things in between, which takes up no thread.</summary>
    public Task<T> RunAsync<T>(Func<Task<T>> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <inheritdoc cref="RunAsync{T}(Func{Task{T}})"/>
    public Task RunAsync(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Something that waits for the disk.</summary>
    public Task WaitAsync(Action work)
    {
        var task = new Task(work, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.RunContinuationsAsynchronously);
        sharing.Add(() => task.RunSynchronously(Default));
        return task;
    }

    public void Dispose()
    {
        watch.Dispose();
        idle.CompleteAdding();
        sharing.CompleteAdding();
    }

    protected override void QueueTask(Task task)
    {
        if (Interlocked.Increment(ref open) == 1) watch.Change(Patience, Patience);
        var isLeft = Volatile.Read(ref traces) > Few && Environment.TickCount64 >= Volatile.Read(ref helpUntil);
        (isLeft ? idle : sharing).Add(() => Execute(task));
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task>? GetScheduledTasks() => null; // for debuggers

    private static void Start(BlockingCollection<Action> waiting, int processor, bool isIdle) => new Thread(() =>
    {
        StandBack(processor, isIdle);
        foreach (var work in waiting.GetConsumingEnumerable()) work();
    }) { IsBackground = true, Name = "Traces" }.Start();

    private void Execute(Task task)
    {
        TryExecuteTask(task);
        Interlocked.Increment(ref done);
        Interlocked.Decrement(ref open);
    }

    // While there is work: when none of it was done, something else keeps the processors busy, and those with a share take over for a while.
    private void Look()
    {
        var now = Volatile.Read(ref done);
        if (Volatile.Read(ref open) == 0)
        {
            watch.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            if (Volatile.Read(ref open) > 0) watch.Change(Patience, Patience); // came meanwhile
        }
        else if (now == seen)
        {
            Volatile.Write(ref helpUntil, Environment.TickCount64 + HelpLastsMilliseconds);
            while (idle.TryTake(out var work)) sharing.Add(work);
        }
        seen = now;
    }

    // Refused, or a system that knows nothing of it: the threads run as others do.
    private static void StandBack(int processor, bool isIdle)
    {
        if (!OperatingSystem.IsLinux()) return;
        var call = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 314, Architecture.Arm64 => 274, _ => 0 };
        var wish = new Wish { Size = (uint)Marshal.SizeOf<Wish>(), Policy = isIdle ? IdlePolicy : 0, Nice = Niceness, Runtime = isIdle ? 0 : TurnNanoseconds };
        if (call == 0 || SetScheduling(call, 0, ref wish, 0) != 0) _ = SetPriority(0, 0, Niceness);
        StayAt(processor);
    }

    // A processor of its own for each. To the system, threads of so small a share weigh nothing: it leaves two of them waiting for each other on one processor while the other one idles.
    private static void StayAt(int processor)
    {
        Span<byte> all = stackalloc byte[128], own = stackalloc byte[128];
        if (GetAffinity(0, all.Length, all) != 0) return;
        for (var i = 0; i < all.Length * 8; i++)
        {
            if ((all[i / 8] >> (i % 8) & 1) == 0 || processor-- > 0) continue;
            own[i / 8] = (byte)(1 << (i % 8));
            _ = SetAffinity(0, own.Length, own);
            return;
        }
    }

    // sched_setattr(2), which libc got a name for only lately. Systems before Linux 6.12 take policy and niceness and leave the length of the turns as it is.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long SetScheduling(long call, int thread, ref Wish wish, uint flags);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nint bytes, Span<byte> processors);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nint bytes, ReadOnlySpan<byte> processors);

    [StructLayout(LayoutKind.Sequential)]
    private struct Wish
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime;
        public ulong Deadline;
        public ulong Period;
    }
}
