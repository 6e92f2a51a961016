using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces;

/// <summary>
/// The threads that read, hash and write traces: as many as there are cores and no more, and where the system knows priorities of threads (Linux) behind
/// every other thread of the program. However many uploads arrive at once, other requests are answered first.
/// </summary>
internal sealed partial class QuietThreads : TaskScheduler, IDisposable
{
    private const int ThisThread = 0;
    private const int Niceness = 10;
    private readonly BlockingCollection<Task> waiting = [];

    public QuietThreads()
    {
        for (var i = 0; i < MaximumConcurrencyLevel; i++) new Thread(Work) { IsBackground = true, Name = "Traces" }.Start();
    }

    public override int MaximumConcurrencyLevel => Environment.ProcessorCount;

    /// <summary>Work of milliseconds that waits for nothing but the disk.</summary>
    public Task<T> RunAsync<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    /// <inheritdoc cref="RunAsync{T}(Func{T})"/>
    public Task RunAsync(Action work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach | TaskCreationOptions.HideScheduler, this);

    public void Dispose() => waiting.CompleteAdding();

    protected override void QueueTask(Task task) => waiting.Add(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => waiting;

    private void Work()
    {
        if (OperatingSystem.IsLinux()) _ = SetPriority(0, ThisThread, Niceness); // refused: the threads run as others do
        foreach (var task in waiting.GetConsumingEnumerable()) TryExecuteTask(task);
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);
}
