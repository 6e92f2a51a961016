namespace Tracepipe.StripeSandbox.Core;

/// <summary>Answers and events that the description does not allow; a test run with one has failed.</summary>
internal sealed class Violations
{
    private readonly Lock _lock = new();
    private readonly List<string> _all = [];

    public void Add(string violation)
    {
        lock (_lock) _all.Add(violation);
    }

    public IReadOnlyList<string> All
    {
        get { lock (_lock) return [.. _all]; }
    }
}
