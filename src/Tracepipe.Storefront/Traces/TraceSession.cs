using System.Text.Json;
using Npgsql;
using Tracepipe.Storefront.Traces.Formats;

namespace Tracepipe.Storefront.Traces;

/// <summary>An uploaded trace and what people say about it.</summary>
/// <param name="Bytes">As sent and stored.</param>
/// <param name="DuplicateOf">The session that brought the same file before; its bytes are stored and metered once.</param>
/// <param name="KeepUntil">When it deletes itself; null: never.</param>
internal sealed record TraceSession(
    Guid Id,
    string SuiteId,
    string Description,
    string FileName,
    byte[] Sha256,
    long Bytes,
    Guid? DuplicateOf,
    DateTimeOffset CreatedAt,
    DateTimeOffset? KeepUntil,
    TraceHead Head)
{
    /// <summary>The columns that <see cref="Read"/> expects, of <c>trace_sessions s</c>.</summary>
    internal static TraceSession Read(NpgsqlDataReader r) => new(
        r.GetGuid(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetFieldValue<byte[]>(4), r.GetInt64(5), r.IsDBNull(6) ? null : r.GetGuid(6),
        r.GetFieldValue<DateTimeOffset>(7), r.IsDBNull(8) ? null : r.GetFieldValue<DateTimeOffset>(8),
        new TraceHead(JsonSerializer.Deserialize(r.GetString(9), TracesJson.Default.TraceFormat), r.GetBoolean(10), r.GetInt64(11), r.GetDouble(12)));
}

/// <summary>What lists show of a summary.</summary>
internal sealed record TraceHead(TraceFormat Format, bool Truncated, long Events, double DurationMs);

/// <summary>What somebody sends with a trace.</summary>
/// <param name="FileName">As sent; only its last part is kept, without control characters.</param>
internal sealed record TraceWish(string SuiteId, string? Description, string? FileName)
{
    /// <summary>A name that can be shown and downloaded: no folders, no control characters, at most 255 characters.</summary>
    public string CleanFileName()
    {
        var name = FileName ?? "";
        name = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        name = string.Concat(name.Where(c => !char.IsControl(c) && c is not '"' and not '<' and not '>' && char.GetUnicodeCategory(c) is not System.Globalization.UnicodeCategory.Format)).Trim().TrimStart('.');
        if (name.Length > 255) name = name[(char.IsLowSurrogate(name[^255]) ? ^254 : ^255)..]; // no half character
        return name.Length == 0 ? "trace.json" : name;
    }
}
