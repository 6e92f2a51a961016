using System.Runtime.InteropServices;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>The processes and threads of a trace: their names and how much they do.</summary>
internal sealed class ProcessTable
{
    private const int MostThreads = 4096;
    private readonly Dictionary<(long Pid, long Tid), Entry> threads = [];
    private readonly Dictionary<long, string> processNames = [];
    private (long Pid, long Tid) lastKey;
    private Entry? lastEntry;

    public void Count(long pid, long tid)
    {
        if (Of(pid, tid) is { } entry) entry.Events++;
    }

    public void NameProcess(long pid, string name)
    {
        if (processNames.Count < MostThreads || processNames.ContainsKey(pid)) processNames[pid] = name;
    }

    public void NameThread(long pid, long tid, string name)
    {
        if (Of(pid, tid) is { } entry) entry.Name = name;
    }

    /// <summary>The busiest first.</summary>
    public IReadOnlyList<TraceProcess> List() =>
    [
        .. threads.GroupBy(t => t.Key.Pid)
            .Select(p => new TraceProcess(p.Key, processNames.GetValueOrDefault(p.Key, ""), p.Sum(t => t.Value.Events),
                [.. p.Select(t => new TraceThread(t.Key.Tid, t.Value.Name, t.Value.Events)).OrderByDescending(t => t.Events).ThenBy(t => t.Tid)]))
            .OrderByDescending(p => p.Events).ThenBy(p => p.Pid),
    ];

    private Entry? Of(long pid, long tid)
    {
        var key = (pid, tid);
        if (lastEntry is not null && lastKey == key) return lastEntry;
        ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(threads, key);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref entry))
        {
            if (threads.Count >= MostThreads) return null;
            threads[key] = lastEntry = new Entry();
        }
        else lastEntry = entry;
        lastKey = key;
        return lastEntry;
    }

    private sealed class Entry
    {
        public string Name = "";
        public long Events;
    }
}
