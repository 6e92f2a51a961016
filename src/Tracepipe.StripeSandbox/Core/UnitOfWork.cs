using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Spec;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>Who asks for a change: the request whose id and idempotency key its events carry; null for the clock.</summary>
internal sealed record RequestInfo(string Id, string? IdempotencyKey);

/// <summary>
/// One change of an account: reads see its own writes, events are told in order, and all of it is committed
/// (journaled) as one or not at all. Lives only while the account's lock is held.
/// </summary>
internal sealed class UnitOfWork(Account account, RequestInfo? request) : IObjects
{
    private readonly Dictionary<string, Doc> _docs = [];
    private readonly List<Doc> _created = [];
    private readonly DateTimeOffset _now = account.Now;

    public Account Account => account;

    /// <summary>What the agenda says the time of a clock is while it does what was due then.</summary>
    public (string Clock, DateTimeOffset Time)? Pretended { get; private set; }

    /// <summary>Further pause before the events of this change are delivered.</summary>
    public TimeSpan DeliveryDelay { get; private set; }

    /// <summary>The account's wall clock. What concerns a customer asks <see cref="Clocks"/>.</summary>
    public DateTimeOffset Now => Pretended is { } moment && moment.Clock == Clocks.Wall ? moment.Time : _now;

    public long NowUnix => Now.ToUnixTimeSeconds();

    public IEnumerable<Doc> Touched => _docs.Values.Where(d => d.Changed);

    public IEnumerable<string> Deleted => _docs.Values.Where(d => d.IsDeleted && !d.IsNew).Select(d => d.Id);

    public bool HasChanges => _docs.Values.Any(d => d.Changed || d.IsDeleted);

    public string NewId(string prefix, int length = 24) => account.Ids.Next(prefix, length);

    /// <summary>A new object with every member that must be there; those that may be null are.</summary>
    public Doc New(string kind, string id, string? parent = null)
    {
        var body = ApiSpec.Dahlia.Find(kind) is { } schema ? Blank(schema, kind, id) : [];
        var doc = new Doc(new Record(id, kind, account.NextSequence(), parent, body, []), isNew: true);
        _docs[id] = doc;
        _created.Add(doc);
        return doc;
    }

    public Doc? Find(string? id)
    {
        if (id is null) return null;
        if (_docs.TryGetValue(id, out var doc)) return doc.IsDeleted ? null : doc;
        return account.Committed(id) is { } record ? Track(record) : null;
    }

    public Doc? Find(string kind, string? id) => Find(id) is { } doc && doc.Kind == kind ? doc : null;

    public Doc Get(string kind, string id, string? param = null) =>
        Find(kind, id) ?? throw StripeError.Missing(kind.Replace('_', ' '), id, param ?? kind);

    /// <summary>All of a kind, newest first.</summary>
    public IEnumerable<Doc> All(string kind)
    {
        for (var i = _created.Count - 1; i >= 0; i--)
            if (_created[i] is { IsDeleted: false } doc && doc.Kind == kind) yield return doc;
        foreach (var record in account.CommittedOfKind(kind))
            if (Track(record) is { IsDeleted: false, IsNew: false } doc) yield return doc;
    }

    /// <summary>What of a kind was committed before, oldest first.</summary>
    public IEnumerable<Doc> OldestFirst(string kind) => account.OldestOfKind(kind).Select(Track).Where(d => !d.IsDeleted);

    /// <summary>What belongs to an object, oldest first.</summary>
    public IEnumerable<Doc> Children(string parent, string kind) =>
        [.. account.CommittedOf(parent, kind).Select(Track).Concat(_created.Where(d => d.Kind == kind && d.Parent == parent)).Where(d => !d.IsDeleted)];

    /// <summary>What belongs to a customer now, oldest first.</summary>
    public IEnumerable<Doc> OfCustomer(string customer, string kind) =>
        [.. account.CommittedOf(customer, kind).Select(Track)
            .Concat(_docs.Values.Where(d => d.Kind == kind && d.Changed)).Distinct()
            .Where(d => !d.IsDeleted && d.Customer == customer).OrderBy(d => d.Sequence)];

    /// <summary>Forgets what was changed so far; nothing of it is committed.</summary>
    public void Discard()
    {
        _docs.Clear();
        _created.Clear();
    }

    public void Delete(Doc doc) => doc.IsDeleted = true;

    public void Pretend(string clock, DateTimeOffset time) => Pretended = (clock, time);

    /// <summary>Tries something on what is committed, at the same moment; nothing of it is kept.</summary>
    public T Rehearse<T>(Func<UnitOfWork, T> act) => act(new UnitOfWork(account, null) { Pretended = Pretended });

    /// <summary>Lets the redirect of a finished checkout arrive before or after its webhooks.</summary>
    public void DelayDeliveries() => DeliveryDelay = account.Chaos.Up(account.Options.Billing.CheckoutWebhookDelay);

    /// <summary>Tells what happened, with the object as it is now. The ids of the events are the answer.</summary>
    public IReadOnlyList<string> Emit(string type, Doc doc) => Tell(type, doc, Rendering.Render(this, doc), null);

    /// <summary>Tells of a change, with the old values of what changed; silent when nothing did.</summary>
    public void EmitUpdated(string type, Doc doc)
    {
        var before = doc.Told ?? account.RenderCommitted(doc.Id);
        var now = Rendering.Render(this, doc);
        var previous = Differences(before ?? [], now);
        if (previous.Count > 0) Tell(type, doc, now, previous);
    }

    /// <summary>Tells of something that is no object of the API, such as an upcoming invoice.</summary>
    public void EmitLoose(string type, JsonObject snapshot, string? customer) => Events.Add(this, type, snapshot, null, request, customer);

    JsonObject? IObjects.Hidden(string id) => Find(id)?.Hidden.Json;

    JsonObject? IObjects.Body(string id) => Find(id)?.Json;

    string? IObjects.Kind(string id) => Find(id)?.Kind;

    IEnumerable<string> IObjects.Children(string parent, string kind) => (Find(parent)?.Kind == "customer" ? OfCustomer(parent, kind) : Children(parent, kind)).Select(d => d.Id);

    private IReadOnlyList<string> Tell(string type, Doc doc, JsonObject snapshot, JsonObject? previous)
    {
        doc.Told = (JsonObject)snapshot.DeepClone();
        return Events.Add(this, type, snapshot, previous, request, doc.Kind == "customer" ? doc.Id : doc.Customer);
    }

    private Doc Track(Record record)
    {
        if (!_docs.TryGetValue(record.Id, out var doc)) _docs.Add(record.Id, doc = new Doc(record, isNew: false));
        return doc;
    }

    private JsonObject Blank(Schema schema, string kind, string id)
    {
        var body = new JsonObject { ["id"] = id, ["object"] = kind };
        foreach (var name in schema.Required)
        {
            if (body.ContainsKey(name)) continue;
            if (name == "created") body[name] = NowUnix;
            else if (name == "livemode") body[name] = false;
            else if (name == "metadata") body[name] = new JsonObject();
            else if (schema.Properties![name].Nullable) body[name] = null;
        }
        return body;
    }

    private static JsonObject Differences(JsonObject before, JsonObject now)
    {
        var previous = new JsonObject();
        foreach (var (name, value) in now)
        {
            var old = before[name];
            // Links of invoices are made anew all the time.
            if (name is "hosted_invoice_url" or "invoice_pdf" && old is not null) continue;
            if (JsonNode.DeepEquals(old, value)) continue;
            if (old is JsonObject oldMembers && value is JsonObject newMembers && name != "metadata" && !oldMembers.ContainsKey("object")) previous[name] = Differences(oldMembers, newMembers);
            else previous[name] = old?.DeepClone();
        }
        return previous;
    }
}
