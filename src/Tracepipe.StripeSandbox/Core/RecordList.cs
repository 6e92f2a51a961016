using System.Runtime.InteropServices;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Records in the order they were made, walked from either end without copying.</summary>
internal sealed class RecordList
{
    private readonly List<Record> _records = [];

    public int Count => _records.Count;

    public IEnumerable<Record> OldestFirst => _records;

    public IEnumerable<Record> NewestFirst
    {
        get
        {
            for (var i = _records.Count - 1; i >= 0; i--) yield return _records[i];
        }
    }

    /// <summary>Adds a record, or replaces the one of the same sequence.</summary>
    public void Put(Record record)
    {
        var at = Find(record.Sequence);
        if (at >= 0) _records[at] = record;
        else _records.Insert(~at, record);
    }

    public void Remove(long sequence)
    {
        var at = Find(sequence);
        if (at >= 0) _records.RemoveAt(at);
    }

    private int Find(long sequence) => CollectionsMarshal.AsSpan(_records).BinarySearch(new AtSequence(sequence));

    private readonly struct AtSequence(long sequence) : IComparable<Record>
    {
        public int CompareTo(Record? other) => sequence.CompareTo(other!.Sequence);
    }
}
