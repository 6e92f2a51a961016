using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces;

/// <summary>
/// The threads that read, hash and write traces: as many as there are cores and no more, and where the system knows priorities of threads (Linux) behind
/// every other thread of the program: each on a processor of its own, with a small share of it when it is busy, in turns that any other thread that wakes up
/// ends at once. However many uploads arrive, other requests are answered first; and while there are many, half of these threads rest, so that who wakes up finds a processor free.
/// </summary>
internal sealed partial class QuietThreads : TaskScheduler, IDisposable
{
    private const int Niceness = 10;
    private const ulong TurnNanoseconds = 3_000_000; // on two processors twice that of others: who asks for shorter turns goes first; who asks for much longer ones keeps others from theirs
    private readonly BlockingCollection<Task> waiting = [];
    private readonly ManualResetEventSlim all = new(initialState: true); // not set: the latter half rests

    public QuietThreads()
    {
        for (var i = 0; i < MaximumConcurrencyLevel; i++)
        {
            var processor = i;
            new Thread(() => Work(processor)) { IsBackground = true, Name = "Traces" }.Start();
        }
    }

    public override int MaximumConcurrencyLevel => Environment.ProcessorCount;

    /// <summary>Work of milliseconds that waits for nothing but the disk.</summary>
    public Task<T> RunAsync<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    /// <inheritdoc cref="RunAsync{T}(Func{T})"/>
    public Task RunAsync(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    /// <summary>The same, with waiting for other things in between, which takes up no thread.</summary>
    public Task<T> RunAsync<T>(Func<Task<T>> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <inheritdoc cref="RunAsync{T}(Func{Task{T}})"/>
    public Task RunAsync(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();

    /// <summary>Whether half of the threads rest, one at least at work, when they have done what they are at.</summary>
    public void RestHalf(bool isWished)
    {
        if (isWished) all.Reset();
        else all.Set();
    }

    public void Dispose()
    {
        waiting.CompleteAdding();
        all.Set();
    }

    protected override void QueueTask(Task task) => waiting.Add(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => waiting;

    private void Work(int processor)
    {
        StandBack(processor);
        var mayRest = processor >= Math.Max(1, MaximumConcurrencyLevel / 2);
        while (true)
        {
            if (mayRest) all.Wait();
            if (!waiting.TryTake(out var task, Timeout.Infinite)) return;
            TryExecuteTask(task);
        }
    }

    // Refused, or a system that knows nothing of it: the threads run as others do.
    private static void StandBack(int processor)
    {
        if (!OperatingSystem.IsLinux()) return;
        var call = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 314, Architecture.Arm64 => 274, _ => 0 };
        var wish = new Wish { Size = (uint)Marshal.SizeOf<Wish>(), Nice = Niceness, Runtime = TurnNanoseconds };
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

    // sched_setattr(2), which libc got a name for only lately. Systems before Linux 6.12 take the niceness and leave the length of the turns as it is.
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
