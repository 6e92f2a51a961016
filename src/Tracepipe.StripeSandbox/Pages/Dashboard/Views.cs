using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tracepipe.StripeSandbox.Api;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Pages.Dashboard;

/// <summary>An account as the dashboard names it: never by its whole key.</summary>
public sealed record AccountView(string Name, string MaskedKey, int Objects, int Events)
{
    internal static AccountView Of(Account account) => account.Read(_ => new AccountView(NameOf(account), Mask(account.Key),
        account.Counts.Where(c => !c.Key.StartsWith('_') && c.Key != "event").Sum(c => c.Value), account.Counts.GetValueOrDefault("event")));

    internal static Account? Find(Accounts accounts, string name) => accounts.All.FirstOrDefault(a => NameOf(a) == name);

    private static string NameOf(Account account) => Ids.Digest("dashboard " + account.Key, 12);

    private static string Mask(string key) => key.Length > 20 ? $"{key[..12]}…{key[^4..]}" : key[..8] + "…";
}

public sealed record KindView(string Name, int Count);

/// <summary>One line of a list of objects.</summary>
public sealed record ObjectRow(string Id, string Summary, string? Status, DateTimeOffset? Created)
{
    internal static ObjectRow Of(Doc doc) => new(doc.Id, SummaryOf(doc), doc.Flag("deleted") ? "deleted" : doc["status"],
        doc.LongOrNull("created") is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : null);

    private static string SummaryOf(Doc doc) => doc.Kind switch
    {
        "payment_method" when doc["card.brand"] is { } brand => $"{Words.Brand(brand)} •••• {doc["card.last4"]}",
        "price" => Words.Money(doc.Long("unit_amount"), doc["currency"] ?? "usd") + (doc["recurring.interval"] is { } every ? $" a {every}" : ""),
        "invoice" => Words.Money(doc.Long("total"), doc["currency"] ?? "usd"),
        "charge" or "payment_intent" or "refund" => Words.Money(doc.Long("amount"), doc["currency"] ?? "usd"),
        _ => doc["email"] ?? doc["name"] ?? doc["url"] ?? doc["description"] ?? doc["customer"] ?? doc["setup_intent"] ?? "",
    };
}

public sealed record EventRow(string Id, string Type, string? ObjectId, DateTimeOffset Created, long Pending, string? RequestId)
{
    internal static EventRow Of(Doc told) =>
        new(told.Id, told["type"]!, told["data.object.id"], DateTimeOffset.FromUnixTimeSeconds(told.Long("created")), told.Long("pending_webhooks"), told["request.id"]);
}

/// <summary>One way of an event to one endpoint, with what became of it.</summary>
public sealed record DeliveryRow(string Event, string Type, string Endpoint, long Attempts, string Outcome, string State, DateTimeOffset? Next)
{
    /// <summary>Newest first; of one event, or of all.</summary>
    internal static List<DeliveryRow> Of(UnitOfWork work, string? told)
    {
        var all = told is null
            ? work.All(Deliveries.Pending).Concat(work.All(Deliveries.Finished)).OrderByDescending(d => d.Sequence)
            : work.Children(told, Deliveries.Pending).Concat(work.Children(told, Deliveries.Finished)).OrderByDescending(d => d.Sequence);
        return [.. all.Select(d => Of(work, d))];
    }

    private static DeliveryRow Of(UnitOfWork work, Doc delivery)
    {
        var hidden = delivery.Hidden;
        var pending = delivery.Kind == Deliveries.Pending;
        var attempts = hidden.Long("attempt");
        var outcome = (hidden.LongOrNull("status"), hidden["outcome"]) switch
        {
            (null, null) => "",
            (null, var why) => why,
            var (status, reason) => $"{status} {reason}".Trim(),
        };
        return new(hidden["event"]!, hidden["type"] ?? "", work.Find(WebhookEndpoints.Kind, hidden["endpoint"])?["url"] ?? "removed endpoint", attempts, outcome!,
            pending ? attempts == 0 ? "waiting" : "retrying" : hidden.Flag("arrived") ? "delivered" : "given up",
            pending ? DateTimeOffset.FromUnixTimeMilliseconds(hidden.Long("due")) : null);
    }
}

public sealed record EndpointRow(string Id, string Url, string Status, string Types)
{
    internal static EndpointRow Of(Doc endpoint)
    {
        var types = endpoint.Array("enabled_events").Select(t => t!.GetValue<string>()).ToList();
        return new(endpoint.Id, endpoint["url"]!, endpoint.Status, types is ["*"] ? "all events" : types.Count <= 2 ? string.Join(", ", types) : $"{types.Count} types");
    }
}

public sealed record ClockView(DateTimeOffset Now, TimeSpan Shift, IReadOnlyList<TestClockRow> TestClocks)
{
    internal static TestClockRow OfTestClock(Doc clock) => new(clock.Id, clock["name"] ?? "", clock.Status, DateTimeOffset.FromUnixTimeSeconds(clock.Long("frozen_time")));
}

public sealed record TestClockRow(string Id, string Name, string Status, DateTimeOffset Frozen);

public sealed record FaultRow(string Kind, string Method, string? Path, int Count, int Percent);

/// <summary>One operation of the published API and how much of it is here.</summary>
public sealed record CoverageRow(string Method, string Path, bool IsImplemented, IReadOnlyList<string> Parameters)
{
    internal static List<CoverageRow> All() =>
        [.. Operations.Coverage()["operations"]!.AsArray().Select(o => new CoverageRow(o!["method"]!.GetValue<string>(), o["path"]!.GetValue<string>(), o["implemented"]!.GetValue<bool>(),
            [.. o["parameters"]!.AsArray().Select(p => p!.GetValue<string>())]))];
}

/// <summary>A piece of indented JSON: plain, or the id of an object that one can go to.</summary>
public sealed partial record JsonPart(string Text, bool IsLink)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static List<JsonPart> Of(JsonObject json, Func<string, bool> isObject)
    {
        Hide(json);
        var text = json.ToJsonString(Indented);
        var parts = new List<JsonPart>();
        var from = 0;
        foreach (var id in Id().EnumerateMatches(text))
        {
            var name = text.Substring(id.Index + 1, id.Length - 2);
            if (!isObject(name)) continue;
            parts.Add(new(text[from..(id.Index + 1)], false));
            parts.Add(new(name, true));
            from = id.Index + 1 + name.Length;
        }
        parts.Add(new(text[from..], false));
        return parts;
    }

    /// <summary>A client secret lets its bearer act: a screen is no place for it.</summary>
    private static void Hide(JsonNode? node)
    {
        if (node is JsonArray items) foreach (var item in items) Hide(item);
        if (node is not JsonObject members) return;
        foreach (var (name, value) in members.ToList())
            if (name == "client_secret" && value is not null) members[name] = "(hidden)";
            else Hide(value);
    }

    [GeneratedRegex("\"[a-z_]+_[A-Za-z0-9]{8,40}\"", RegexOptions.None, 1000)]
    private static partial Regex Id();
}
