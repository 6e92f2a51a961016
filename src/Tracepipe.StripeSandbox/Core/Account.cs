using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Where objects are read from: what is committed, or a unit of work that has not been yet.</summary>
internal interface IObjects
{
    JsonObject? Body(string id);
    string? Kind(string id);
    JsonObject? Hidden(string id);
    Account Account { get; }
    IEnumerable<string> Children(string parent, string kind);
}

/// <summary>
/// Everything behind one secret key. One writer at a time; a change is in the journal before anyone sees it.
/// </summary>
internal sealed class Account : IObjects
{
    private const string SettingsId = "account";
    private readonly Lock _writing = new();
    private readonly Dictionary<string, Record> _records = [];
    private readonly Dictionary<string, RecordList> _kinds = [];
    private readonly Dictionary<(string Owner, string Kind), RecordList> _owned = [];
    private readonly Dictionary<string, SortedSet<(long At, int Rank, long Sequence, string Id)>> _due = [];
    private readonly Accounts _all;
    private long _sequence;

    public Account(Accounts all, string key)
    {
        _all = all;
        Key = key;
        Chaos = new Chaos(all.Options.Chaos);
        Faults = new FaultQueue(Chaos);
        PublishableKey = "pk_test_" + key["sk_test_".Length..];
    }

    public string Key { get; }
    public string PublishableKey { get; }
    public Ids Ids => _all.Ids;
    public Violations Violations => _all.Violations;
    public Chaos Chaos { get; }
    public FaultQueue Faults { get; }
    public SandboxOptions Options => _all.Options;

    /// <summary>The address of this server, for links in objects.</summary>
    public string Origin => _all.Origin;

    /// <summary>Idempotency keys of requests that are under way.</summary>
    public ConcurrentDictionary<string, byte> KeysInUse { get; } = new();

    /// <summary>Wall time, shifted by whoever moved this account's clock.</summary>
    public DateTimeOffset Now => _all.Time.GetUtcNow() + Shift;

    /// <summary>Real time, for what happens between machines: deliveries and their retries.</summary>
    public DateTimeOffset RealNow => _all.Time.GetUtcNow();

    public TimeSpan Shift => TimeSpan.FromTicks(_records.GetValueOrDefault(SettingsId)?.Hidden["shift"]?.GetValue<long>() ?? 0);

    /// <summary>Something waits in the outbox.</summary>
    public bool HasDeliveries { get; private set; }

    /// <summary>Something waits for its time, or a clock is being moved.</summary>
    public bool HasAgenda { get; private set; }

    /// <summary>Raised after a commit, outside the lock: somebody may have work to do.</summary>
    public Action<Account>? Changed { get; set; }

    /// <summary>Runs a change. It is committed when it returns, thrown away when it throws.</summary>
    public T Write<T>(RequestInfo? request, Func<UnitOfWork, T> change)
    {
        T result;
        var changed = false;
        lock (_writing)
        {
            var work = new UnitOfWork(this, request);
            result = change(work);
            if (work.HasChanges)
            {
                Commit(work);
                changed = true;
            }
        }
        if (changed) Changed?.Invoke(this);
        return result;
    }

    public void Write(RequestInfo? request, Action<UnitOfWork> change) =>
        Write(request, work =>
        {
            change(work);
            return 0;
        });

    /// <summary>Reads a consistent state. Whatever the reader writes is thrown away.</summary>
    public T Read<T>(Func<UnitOfWork, T> read)
    {
        lock (_writing) return read(new UnitOfWork(this, null));
    }

    public void MoveClock(TimeSpan by) => Write(null, work =>
    {
        var settings = work.Find(SettingsId) ?? work.New("_account", SettingsId);
        settings.Hidden.Set("shift", Shift.Ticks + by.Ticks);
    });

    /// <summary>Forgets everything but the account itself and the webhook endpoint of the configuration, which nobody could make again.</summary>
    public void Reset() => Write(null, work =>
    {
        foreach (var doc in _records.Keys.Select(id => work.Find(id)!).Where(d => !d.Hidden.Flag("configured"))) work.Delete(doc);
    });

    internal long NextSequence() => ++_sequence;

    /// <summary>How many objects there are of each kind.</summary>
    internal IReadOnlyDictionary<string, int> Counts => _kinds.Where(k => k.Value.Count > 0).ToDictionary(k => k.Key, k => k.Value.Count);

    internal Record? Committed(string id) => _records.GetValueOrDefault(id);

    internal IEnumerable<Record> CommittedOfKind(string kind) => _kinds.TryGetValue(kind, out var all) ? all.NewestFirst : [];

    internal IEnumerable<Record> OldestOfKind(string kind) => _kinds.TryGetValue(kind, out var all) ? all.OldestFirst : [];

    internal IEnumerable<Record> CommittedOf(string owner, string kind) => _owned.TryGetValue((owner, kind), out var owned) ? owned.OldestFirst : [];

    /// <summary>What is due first on a clock, but for what belongs to those who wait for something else.</summary>
    internal (long At, string Id, string Owner)? NextDue(string clock, IReadOnlySet<string> except)
    {
        lock (_writing)
        {
            if (!_due.TryGetValue(clock, out var waiting)) return null;
            foreach (var (at, _, _, id) in waiting)
                if ((_records[id].Customer ?? id) is var owner && !except.Contains(owner)) return (at, id, owner);
            return null;
        }
    }

    /// <summary>Nothing is due that has not been done, no clock is under way and no news is still to be delivered for the first time.</summary>
    internal bool IsSettled
    {
        get
        {
            lock (_writing)
            {
                return !(_due.TryGetValue(Clocks.Wall, out var waiting) && waiting.Count > 0 && waiting.Min.At <= Now.ToUnixTimeSeconds())
                    && !OldestOfKind(Clocks.Kind).Any(c => c.Body["status"]!.GetValue<string>() == "advancing")
                    && !OldestOfKind(Deliveries.Pending).Any(d => d.Hidden["attempt"]!.GetValue<long>() == 0);
            }
        }
    }

    internal JsonObject? RenderCommitted(string id) => _records.ContainsKey(id) ? Rendering.Render(this, id) : null;

    /// <summary>Takes over what the journal says; called before anyone else knows this account.</summary>
    internal void Apply(IEnumerable<Record> puts, IEnumerable<string> deletes)
    {
        foreach (var id in deletes) Forget(id);
        foreach (var record in puts)
        {
            Forget(record.Id);
            _records[record.Id] = record;
            Index(_kinds, record.Kind).Put(record);
            foreach (var owner in Owners(record)) Index(_owned, (owner, record.Kind)).Put(record);
            if (DueOf(record) is { } due)
            {
                if (!_due.TryGetValue(due.Clock, out var waiting)) _due[due.Clock] = waiting = [];
                waiting.Add(due.Entry);
            }
            _sequence = Math.Max(_sequence, record.Sequence);
        }
        HasDeliveries = _kinds.TryGetValue(Deliveries.Pending, out var pending) && pending.Count > 0;
        HasAgenda = _due.Values.Any(d => d.Count > 0) || (_kinds.TryGetValue(Clocks.Kind, out var clocks) && clocks.OldestFirst.Any(c => c.Body["status"]!.GetValue<string>() == "advancing"));
    }

    internal IReadOnlyCollection<Record> Snapshot()
    {
        lock (_writing) return [.. _records.Values];
    }

    JsonObject? IObjects.Body(string id) => Committed(id)?.Body;

    string? IObjects.Kind(string id) => Committed(id)?.Kind;

    JsonObject? IObjects.Hidden(string id) => Committed(id)?.Hidden;

    Account IObjects.Account => this;

    IEnumerable<string> IObjects.Children(string parent, string kind) => CommittedOf(parent, kind).Select(r => r.Id);

    private void Commit(UnitOfWork work)
    {
        var puts = work.Touched.Select(d => d.ToRecord()).ToList();
        var deletes = work.Deleted.ToList();
        _all.Journal?.Append(Key, puts, deletes);
        Apply(puts, deletes);
    }

    private void Forget(string id)
    {
        if (!_records.Remove(id, out var old)) return;
        _kinds[old.Kind].Remove(old.Sequence);
        foreach (var owner in Owners(old)) _owned[(owner, old.Kind)].Remove(old.Sequence);
        if (DueOf(old) is { } due) _due[due.Clock].Remove(due.Entry);
    }

    private static (string Clock, (long At, int Rank, long Sequence, string Id) Entry)? DueOf(Record record) =>
        record.Hidden["due"] is { } due ? (record.Hidden["clock"]!.GetValue<string>(), (due.GetValue<long>(), Agenda.Rank(record.Kind), record.Sequence, record.Id)) : null;

    private static IEnumerable<string> Owners(Record record)
    {
        if (record.Parent is { } parent) yield return parent;
        if (record.Customer is { } customer && customer != record.Parent) yield return customer;
    }

    private static RecordList Index<TKey>(Dictionary<TKey, RecordList> index, TKey key) where TKey : notnull
    {
        if (!index.TryGetValue(key, out var found)) index[key] = found = new RecordList();
        return found;
    }
}
