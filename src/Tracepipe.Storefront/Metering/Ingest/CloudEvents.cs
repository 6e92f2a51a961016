using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Tracepipe.Storefront.Metering;

/// <summary>
/// Reads CloudEvents 1.0 in JSON, one or a list, without building a document of them. What is wrong with one event is said about that one; only what is no
/// JSON at all is refused as a whole.
/// </summary>
internal ref struct CloudEvents
{
    private const int LongestName = 100, LongestId = 255, LongestSource = 2048, LongestDetails = 64 * 1024;
    private static readonly JsonReaderOptions Options = new() { MaxDepth = 32 };

    private readonly ReadOnlySpan<byte> body;
    private readonly Func<string, string?> refusalOf;
    private Utf8JsonReader reader;

    // Of the event being read.
    private string? wrong;
    private int seen;

    private CloudEvents(ReadOnlySpan<byte> body, Func<string, string?> refusalOf)
    {
        this.body = body;
        this.refusalOf = refusalOf;
        reader = new Utf8JsonReader(body, Options);
    }

    /// <summary>Reads all of it.</summary>
    /// <param name="body">UTF-8.</param>
    /// <param name="refusalOf">Why usage of this type is not reported by events: null, when it is; an empty text, when it is no meter at all.</param>
    /// <param name="most">Events beyond one more than this are looked through and left out.</param>
    /// <param name="isList">Whether it was a list.</param>
    /// <exception cref="JsonException">It is neither an object nor a list of JSON.</exception>
    public static List<Sent> Read(ReadOnlySpan<byte> body, Func<string, string?> refusalOf, int most, out bool isList)
    {
        if (!Utf8.IsValid(body)) throw new JsonException("This is not UTF-8.");
        var events = new CloudEvents(body, refusalOf);
        var all = events.ReadAll(most, out isList);
        return events.reader.Read() ? throw new JsonException("There is something behind the end.") : all;
    }

    private List<Sent> ReadAll(int most, out bool isList)
    {
        var all = new List<Sent>();
        reader.Read();
        isList = reader.TokenType is JsonTokenType.StartArray;
        if (!isList)
        {
            if (reader.TokenType is not JsonTokenType.StartObject) throw new JsonException("An event is an object, a batch a list of them.");
            all.Add(ReadOne(0));
            return all;
        }
        while (reader.Read() && reader.TokenType is not JsonTokenType.EndArray)
        {
            if (all.Count > most) { reader.Skip(); continue; }
            if (reader.TokenType is JsonTokenType.StartObject) { all.Add(ReadOne(all.Count)); continue; }
            all.Add(new Sent(all.Count, null, null, "malformed", "An event is an object."));
            reader.Skip();
        }
        return all;
    }

    private Sent ReadOne(int index)
    {
        (wrong, seen) = (null, 0);
        string? id = null, source = null, type = null;
        Guid? subject = null;
        DateTimeOffset? time = null;
        var (hasVersion, data) = (false, default(Data));
        SortedDictionary<string, string>? attributes = null;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (Is("id"u8, 1)) id = Text("id", LongestId);
            else if (Is("source"u8, 2)) source = Text("source", LongestSource);
            else if (Is("type"u8, 4)) type = Text("type", LongestName);
            else if (Is("subject"u8, 8)) subject = Uuid("subject");
            else if (Is("time"u8, 16)) time = Instant();
            else if (Is("specversion"u8, 32))
            {
                hasVersion = Text("specversion", LongestName) is "1.0";
                if (!hasVersion) wrong ??= "specversion is “1.0”.";
            }
            else if (Is("datacontenttype"u8, 64))
            {
                if (Text("datacontenttype", LongestId) is { } media && !IsJson(media)) wrong ??= "datacontenttype is application/json, or left out.";
            }
            else if (Is("data"u8, 128)) data = ReadData();
            else Keep(ref attributes);
        }
        if (wrong is not null) return new Sent(index, id, null, "malformed", wrong);
        if (id is null || source is null || type is null || subject is null || time is null || !hasVersion || data.Quantity is null)
        {
            (string Name, bool IsMissing)[] fields = [("id", id is null), ("source", source is null), ("type", type is null), ("subject", subject is null), ("time", time is null), ("specversion", !hasVersion), ("data.quantity", data.Quantity is null)];
            return new Sent(index, id, null, "malformed", $"Missing: {string.Join(", ", fields.Where(f => f.IsMissing).Select(f => f.Name))}.");
        }
        if (refusalOf(type) is { } refusal)
        {
            return refusal.Length == 0 ? new Sent(index, id, null, "unknown_meter", $"“{type}” is no meter here.", (type, source, subject))
                : new Sent(index, id, null, "wrong_meter", refusal);
        }
        var details = Details(attributes, data.Members);
        if (details?.Length > LongestDetails) return new Sent(index, id, null, "malformed", $"Attributes and data that we only keep take at most {LongestDetails} characters.");
        return new Sent(index, id, new UsageEvent
        {
            OrganizationId = subject.Value,
            Time = time.Value,
            Meter = type,
            Quantity = data.Quantity.Value,
            Model = data.Model,
            KeyId = data.KeyId,
            SuiteId = data.SuiteId,
            TicketId = data.TicketId,
            Source = source,
            Id = id,
            Details = details,
        }.Sealed());
    }

    private struct Data
    {
        public decimal? Quantity;
        public string? Model, SuiteId, TicketId;
        public Guid? KeyId;
        public SortedDictionary<string, string>? Members;
    }

    private Data ReadData()
    {
        var data = default(Data);
        reader.Read();
        if (reader.TokenType is not JsonTokenType.StartObject)
        {
            wrong ??= "data is an object with a quantity.";
            reader.Skip();
            return data;
        }
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            if (Is("quantity"u8, 256)) data.Quantity = Quantity();
            else if (Is("model"u8, 512)) data.Model = Text("data.model", LongestName, isOptional: true);
            else if (Is("suite_id"u8, 1024)) data.SuiteId = Text("data.suite_id", LongestName, isOptional: true);
            else if (Is("ticket_id"u8, 2048)) data.TicketId = Text("data.ticket_id", LongestId, isOptional: true);
            else if (Is("key_id"u8, 4096)) data.KeyId = Uuid("data.key_id", isOptional: true);
            else Keep(ref data.Members);
        }
        return data;
    }

    /// <summary>Whether the reader stands on this name; a second time is a mistake.</summary>
    private bool Is(ReadOnlySpan<byte> name, int bit)
    {
        if (!reader.ValueTextEquals(name)) return false;
        if ((seen & bit) != 0) wrong ??= $"{Encoding.UTF8.GetString(name)} stands twice.";
        seen |= bit;
        return true;
    }

    private string? Text(string name, int longest, bool isOptional = false)
    {
        reader.Read();
        if (isOptional && reader.TokenType is JsonTokenType.Null) return null;
        if (reader.TokenType is JsonTokenType.String && Unescaped() is { Length: > 0 } text && text.Length <= longest && !text.AsSpan().ContainsAnyInRange('\0', '\u001f')) return text;
        wrong ??= $"{name} is a text of 1 to {longest} characters, on one line.";
        reader.Skip();
        return null;
    }

    /// <summary>Null when it has half a character in it (<c>\ud800</c>).</summary>
    private readonly string? Unescaped()
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private Guid? Uuid(string name, bool isOptional = false)
    {
        reader.Read();
        if (isOptional && reader.TokenType is JsonTokenType.Null) return null;
        if (reader.TokenType is JsonTokenType.String && reader.TryGetGuid(out var id)) return id;
        wrong ??= $"{name} is an id like 0197a3c2-5b1e-7c4d-9a60-2f1e8d7c6b5a.";
        reader.Skip();
        return null;
    }

    private DateTimeOffset? Instant()
    {
        reader.Read();
        if (reader.TokenType is JsonTokenType.String && reader.ValueSpan is { Length: > 16 } text && (text[^1] is (byte)'Z' || (text[^6] is (byte)'+' or (byte)'-' && text[^3] is (byte)':')) && reader.TryGetDateTimeOffset(out var at))
            return new DateTimeOffset(at.UtcTicks - (at.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero); // as exact as the database keeps it
        wrong ??= "time is an instant with its offset, like 2027-01-31T12:00:00Z.";
        reader.Skip();
        return null;
    }

    private decimal? Quantity()
    {
        reader.Read();
        // 28 characters are read exactly; longer ones would be rounded without a word.
        if (reader.TokenType is JsonTokenType.Number && reader.ValueSpan.Length <= 28 && reader.TryGetDecimal(out var number))
        {
            number /= 1.000000000000000000000000000m;
            if (number is > 0 and < 1_000_000_000_000m && number.Scale <= 12) return number;
        }
        wrong ??= "data.quantity is a number above 0 with at most 12 decimals, below 1000000000000.";
        reader.Skip();
        return null;
    }

    /// <summary>Keeps what we do not know: its name, and its value in the shortest writing.</summary>
    private void Keep(ref SortedDictionary<string, string>? members)
    {
        var name = Unescaped();
        reader.Read();
        var from = (int)reader.TokenStartIndex;
        reader.Skip();
        var value = body[from..(int)reader.BytesConsumed];
        if (name is not { Length: > 0 and <= LongestName }) { wrong ??= $"A name has 1 to {LongestName} characters."; return; }
        members ??= new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (!members.TryAdd(name, Compact(value))) wrong ??= "A name stands twice.";
    }

    private static string Compact(ReadOnlySpan<byte> value)
    {
        if (value[0] is not ((byte)'{' or (byte)'[')) return Encoding.UTF8.GetString(value);
        // Whitespace between tokens is the only thing in which two writings of the same may differ without meaning it.
        var text = new StringBuilder(value.Length);
        var (isText, isEscaped) = (false, false);
        foreach (var c in Encoding.UTF8.GetString(value))
        {
            if (!isText && (c is ' ' or '\t' or '\r' or '\n')) continue;
            text.Append(c);
            if (!isText) isText = c is '"';
            else if (isEscaped) isEscaped = false;
            else if (c is '\\') isEscaped = true;
            else if (c is '"') isText = false;
        }
        return text.ToString();
    }

    private static string? Details(SortedDictionary<string, string>? attributes, SortedDictionary<string, string>? members)
    {
        if (attributes is null && members is null) return null;
        var text = new StringBuilder("{");
        Append("attributes", attributes);
        if (attributes is not null && members is not null) text.Append(',');
        Append("data", members);
        return text.Append('}').ToString();

        void Append(string name, SortedDictionary<string, string>? values)
        {
            if (values is null) return;
            text.Append(CultureInfo.InvariantCulture, $"\"{name}\":{{");
            var isFirst = true;
            foreach (var (key, value) in values)
            {
                if (!isFirst) text.Append(',');
                isFirst = false;
                text.Append(JsonSerializer.Serialize(key)).Append(':').Append(value);
            }
            text.Append('}');
        }
    }

    private static bool IsJson(string media)
    {
        var bare = media.Split(';')[0].Trim();
        return bare.Equals("application/json", StringComparison.OrdinalIgnoreCase) || bare.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
    }
}
