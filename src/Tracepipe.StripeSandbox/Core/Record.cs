using System.Globalization;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>An object as it was last committed. Never changed: a change makes a new one.</summary>
/// <param name="Hidden">What the API never shows, such as a card's behaviour or a webhook's secret.</param>
internal sealed record Record(string Id, string Kind, long Sequence, string? Parent, JsonObject Body, JsonObject Hidden)
{
    public string? Customer => Body["customer"] is JsonValue value && value.TryGetValue<string>(out var id) ? id : null;
}

/// <summary>Members of an object, read and written by dotted path; the first write copies.</summary>
internal sealed class Fields(JsonObject committed, bool isNew)
{
    private JsonObject? _own = isNew ? committed : null;

    public bool Changed => _own is not null;

    /// <summary>Read only: write through <see cref="Set"/>.</summary>
    public JsonObject Json => _own ?? committed;

    public string? this[string path]
    {
        get => Node(path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        set => Set(path, value);
    }

    public long Long(string path) => LongOrNull(path) ?? 0;

    public long? LongOrNull(string path) => Node(path) is JsonValue value ? value.TryGetValue<long>(out var number) ? number : value.TryGetValue<int>(out var small) ? small : null : null;

    public bool Flag(string path) => Node(path) is JsonValue value && value.TryGetValue<bool>(out var flag) && flag;

    public JsonNode? Node(string path)
    {
        JsonNode? node = Json;
        foreach (var segment in path.Split('.'))
        {
            node = node switch
            {
                JsonObject members => members[segment],
                JsonArray items when int.TryParse(segment, CultureInfo.InvariantCulture, out var index) && index < items.Count => items[index],
                _ => null,
            };
            if (node is null) return null;
        }
        return node;
    }

    public JsonArray Array(string path) => Node(path) as JsonArray ?? [];

    /// <summary>Writes a member; missing objects on the way are made. A value that is there already changes nothing.</summary>
    public void Set(string path, JsonNode? value)
    {
        if (JsonNode.DeepEquals(Node(path), value) && (value is not null || Has(path))) return;
        _own ??= (JsonObject)committed.DeepClone();
        var target = _own;
        var segments = path.Split('.');
        foreach (var segment in segments[..^1])
        {
            if (target[segment] is not JsonObject next) target[segment] = next = [];
            target = next;
        }
        target[segments[^1]] = value?.Parent is null ? value : value.DeepClone();
    }

    public void Remove(string name)
    {
        if (!Json.ContainsKey(name)) return;
        _own ??= (JsonObject)committed.DeepClone();
        _own.Remove(name);
    }

    private bool Has(string path)
    {
        var cut = path.LastIndexOf('.');
        return (cut < 0 ? Json : Node(path[..cut]) as JsonObject)?.ContainsKey(path[(cut + 1)..]) ?? false;
    }
}

/// <summary>An object inside one unit of work: what is read is current, what is written is seen after the commit.</summary>
internal sealed class Doc(Record record, bool isNew)
{
    private readonly Fields _body = new(record.Body, isNew);

    public string Id => record.Id;
    public string Kind => record.Kind;
    public long Sequence => record.Sequence;
    public string? Parent => record.Parent;
    public bool IsNew => isNew;
    public bool IsDeleted { get; set; }
    public bool Changed => !IsDeleted && (_body.Changed || Hidden.Changed);
    public Fields Hidden { get; } = new(record.Hidden, isNew);

    /// <summary>Read only: write through <see cref="Set"/>.</summary>
    public JsonObject Json => _body.Json;

    /// <summary>As it was told by the last event, or before this unit of work: what "previous" is measured against.</summary>
    public JsonObject? Told { get; set; }

    public string? this[string path]
    {
        get => _body[path];
        set => _body[path] = value;
    }

    public string Status
    {
        get => _body["status"] ?? "";
        set => _body["status"] = value;
    }

    public string? Customer => _body["customer"];

    public long Long(string path) => _body.Long(path);
    public long? LongOrNull(string path) => _body.LongOrNull(path);
    public bool Flag(string path) => _body.Flag(path);
    public JsonNode? Node(string path) => _body.Node(path);
    public JsonArray Array(string path) => _body.Array(path);
    public void Set(string path, JsonNode? value) => _body.Set(path, value);
    public void Remove(string name) => _body.Remove(name);

    public Record ToRecord() => record with { Body = _body.Json, Hidden = Hidden.Json };
}
