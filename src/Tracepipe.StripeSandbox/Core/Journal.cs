using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tracepipe.StripeSandbox.Core;

/// <summary>
/// The file that survives a kill: one line per change with the objects as they became. A line without its end was
/// never answered and is dropped; the rest is replayed at start and written anew without what was overwritten.
/// </summary>
internal sealed class Journal : IDisposable
{
    private readonly Lock _appending = new();
    private readonly ILogger _log;
    private readonly string _path;
    private FileStream _file;

    public Journal(string folder, ILogger log)
    {
        _log = log;
        Directory.CreateDirectory(folder);
        _path = Path.Combine(folder, "journal.jsonl");
        _file = Open(_path);
    }

    public void Append(string account, IReadOnlyCollection<Record> puts, IReadOnlyCollection<string> deletes)
    {
        var line = Line(account, puts, deletes);
        lock (_appending)
        {
            var before = _file.Length;
            try
            {
                _file.Write(line);
                _file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                _file.SetLength(before);
                throw;
            }
        }
    }

    public void Replay(Func<string, Account> account)
    {
        var touched = new HashSet<Account>();
        var (lines, good) = (0, 0L);
        foreach (var (text, end) in Lines())
        {
            var change = JsonNode.Parse(text)!.AsObject();
            var owner = account(change["account"]!.GetValue<string>());
            owner.Apply(change["puts"]!.AsArray().Select(p => Read(p!.AsObject())), change["deletes"]!.AsArray().Select(d => d!.GetValue<string>()));
            touched.Add(owner);
            (lines, good) = (lines + 1, end);
        }
        if (good < _file.Length) _log.UnfinishedLine(_file.Length - good);
        Rewrite(touched);
        if (lines > 0) _log.Replayed(lines, touched.Count);
    }

    public void Dispose() => _file.Dispose();

    private void Rewrite(IEnumerable<Account> accounts)
    {
        var fresh = _path + ".new";
        using (var file = new FileStream(fresh, FileMode.Create, FileAccess.Write, FileShare.Read))
        {
            foreach (var account in accounts) file.Write(Line(account.Key, account.Snapshot(), []));
            file.Flush(flushToDisk: true);
        }
        _file.Dispose();
        File.Move(fresh, _path, overwrite: true);
        _file = Open(_path);
    }

    /// <summary>Complete lines with the position behind each.</summary>
    private IEnumerable<(string Text, long End)> Lines()
    {
        _file.Position = 0;
        using var reader = new StreamReader(_file, Encoding.UTF8, leaveOpen: true);
        var all = reader.ReadToEnd();
        var position = 0L;
        var start = 0;
        while (all.IndexOf('\n', start) is var end and >= 0)
        {
            var text = all[start..end];
            position += Encoding.UTF8.GetByteCount(text) + 1;
            yield return (text, position);
            start = end + 1;
        }
    }

    private static FileStream Open(string path)
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        file.Seek(0, SeekOrigin.End);
        return file;
    }

    private static byte[] Line(string account, IEnumerable<Record> puts, IEnumerable<string> deletes)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("account", account);
            json.WriteStartArray("puts");
            foreach (var record in puts) Write(json, record);
            json.WriteEndArray();
            json.WriteStartArray("deletes");
            foreach (var id in deletes) json.WriteStringValue(id);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void Write(Utf8JsonWriter json, Record record)
    {
        json.WriteStartObject();
        json.WriteString("id", record.Id);
        json.WriteString("kind", record.Kind);
        json.WriteNumber("sequence", record.Sequence);
        if (record.Parent is not null) json.WriteString("parent", record.Parent);
        json.WritePropertyName("body");
        record.Body.WriteTo(json);
        json.WritePropertyName("hidden");
        record.Hidden.WriteTo(json);
        json.WriteEndObject();
    }

    private static Record Read(JsonObject json) => new(
        json["id"]!.GetValue<string>(), json["kind"]!.GetValue<string>(), json["sequence"]!.GetValue<long>(), json["parent"]?.GetValue<string>(),
        (JsonObject)json["body"]!.DeepClone(), (JsonObject)json["hidden"]!.DeepClone());
}

internal static partial class JournalLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Billing sandbox: {Changes} changes of {Accounts} accounts replayed")]
    public static partial void Replayed(this ILogger log, int changes, int accounts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Billing sandbox: the last {Bytes} bytes of the journal were never answered and are dropped")]
    public static partial void UnfinishedLine(this ILogger log, long bytes);
}
