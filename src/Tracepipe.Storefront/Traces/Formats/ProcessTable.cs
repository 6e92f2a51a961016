namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The processes and threads of a trace: their names and how much they do.</summary>
/// <param name="most">Threads, and names of processes, that are kept.</param>
internal sealed class ProcessTable(int most)
{
    private const int Recents = 64;
    private readonly Dictionary<(long Pid, long Tid), Entry> threads = [];
    private readonly Dictionary<long, string> processNames = [];
    private readonly Entry?[] recent = new Entry?[Recents];

    public void Count(long pid, long tid)
    {
        if (Of(pid, tid) is { } entry) entry.Events++;
    }

    public void NameProcess(long pid, string name)
    {
        if (processNames.Count < most || processNames.ContainsKey(pid)) processNames[pid] = name;
    }

    public void NameThread(long pid, long tid, string name)
    {
        if (Of(pid, tid) is { } entry) entry.Name = name;
    }

    /// <summary>Adds those of another one, which come behind these.</summary>
    public void Add(ProcessTable other)
    {
        foreach (var thread in other.threads.Values)
        {
            if (Of(thread.Pid, thread.Tid) is not { } entry) continue;
            entry.Events += thread.Events;
            entry.Name = thread.Name ?? entry.Name;
        }
        foreach (var (pid, name) in other.processNames) NameProcess(pid, name);
    }

    public void Clear()
    {
        threads.Clear();
        processNames.Clear();
        Array.Clear(recent);
    }

    /// <summary>The busiest first.</summary>
    public IReadOnlyList<TraceProcess> List() =>
    [
        .. threads.GroupBy(t => t.Key.Pid)
            .Select(p => new TraceProcess(p.Key, processNames.GetValueOrDefault(p.Key, ""), p.Sum(t => t.Value.Events),
                [.. p.Select(t => new TraceThread(t.Key.Tid, t.Value.Name ?? "", t.Value.Events)).OrderByDescending(t => t.Events).ThenBy(t => t.Tid)]))
            .OrderByDescending(p => p.Events).ThenBy(p => p.Pid),
    ];

    private Entry? Of(long pid, long tid)
    {
        ref var last = ref recent[(int)(((ulong)pid * 31 + (ulong)tid) % Recents)];
        if (last is not null && last.Pid == pid && last.Tid == tid) return last;
        if (threads.TryGetValue((pid, tid), out var entry)) return last = entry;
        if (threads.Count >= most) return null;
        return threads[(pid, tid)] = last = new Entry(pid, tid);
    }

    private sealed class Entry(long pid, long tid)
    {
        public readonly long Pid = pid;
        public readonly long Tid = tid;
        public string? Name; // null: the trace has not said
        public long Events;
    }
}
