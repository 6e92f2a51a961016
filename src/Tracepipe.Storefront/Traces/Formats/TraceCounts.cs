using System.Text;

namespace Tracepipe.Storefront.Traces.Formats;

/// <summary>What is counted of a trace's events. The counts of its parts, added in their order, are those of the whole, down to the choice of names that are kept.</summary>
internal sealed class TraceCounts
{
    private const int TopNames = 50;
    private const int TopCategories = 100;

    private TraceCounts(int mostCategories, int mostCategoryTexts, int mostNames, int mostThreads, int mostSeconds)
    {
        (Categories, CategoryTexts, Names) = (new Tally(mostCategories), new Tally(mostCategoryTexts), new Tally(mostNames));
        (Processes, Timeline) = (new ProcessTable(mostThreads), new Timeline(mostSeconds));
        FindKnownNames();
    }

    public Tally Categories { get; }

    /// <summary>Categories as events name them: several in one text.</summary>
    public Tally CategoryTexts { get; }

    public Tally Names { get; }

    public ProcessTable Processes { get; }

    public Timeline Timeline { get; }

    public long[] Phases { get; } = new long[128];

    /// <summary>By <see cref="InputKinds"/>.</summary>
    public long[] Inputs { get; } = new long[InputKinds.Count];

    public long Events { get; set; }

    public Tally.Entry Unnamed { get; private set; } = null!;

    public Tally.Entry Dispatch { get; private set; } = null!;

    public Tally.Entry ProcessName { get; private set; } = null!;

    public Tally.Entry ThreadName { get; private set; } = null!;

    /// <summary>Of a whole trace: keeps so many names and no more, however many there are.</summary>
    public static TraceCounts OfWhole() => new(mostCategories: 1_000, mostCategoryTexts: 4_000, mostNames: 20_000, mostThreads: 4_096, mostSeconds: 200_000);

    /// <summary>Of a part that is in memory: keeps all names. Which of them are too many shows only when it is added.</summary>
    public static TraceCounts OfPart() => new(int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue);

    /// <summary>Adds what comes behind.</summary>
    public void Add(TraceCounts part)
    {
        Events += part.Events;
        for (var i = 0; i < Phases.Length; i++) Phases[i] += part.Phases[i];
        for (var i = 0; i < Inputs.Length; i++) Inputs[i] += part.Inputs[i];
        Categories.Add(part.Categories);
        CategoryTexts.Add(part.CategoryTexts);
        Names.Add(part.Names);
        Processes.Add(part.Processes);
        Timeline.Add(part.Timeline);
    }

    public void Clear()
    {
        Events = 0;
        Array.Clear(Phases);
        Array.Clear(Inputs);
        Categories.Clear();
        CategoryTexts.Clear();
        Names.Clear();
        Processes.Clear();
        Timeline.Clear();
        FindKnownNames();
    }

    public TraceSummary Summarize(TraceFormat format, bool isCut, long unpackedBytes, IReadOnlyList<string> warnings) => new(
        format, isCut, Events, Timeline.DurationMs, Categories.Top(TopCategories), Counted(Phases, p => ((char)p).ToString()), Processes.List(),
        Counted(Inputs, k => Encoding.UTF8.GetString(InputKinds.NameOf(k))), Names.Top(TopNames), Timeline.Activity(), unpackedBytes, warnings);

    /// <summary>The most frequent first.</summary>
    private static IReadOnlyList<NameCount> Counted(long[] counts, Func<int, string> nameOf) =>
        [.. counts.Select((count, i) => (count, i)).Where(c => c.count > 0).Select(c => new NameCount(nameOf(c.i), c.count)).OrderByDescending(c => c.Count).ThenBy(c => c.Name, StringComparer.Ordinal)];

    private void FindKnownNames() => (Unnamed, Dispatch, ProcessName, ThreadName) = (Names.Find([]), Names.Find("EventDispatch"u8), Names.Find("process_name"u8), Names.Find("thread_name"u8));
}
