using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tracepipe.Storefront.Platform;

/// <summary>
/// Instants in JSON: ISO 8601 in UTC with a Z, to the microsecond that the database keeps, so that an instant reads the same in every answer. One that
/// comes in must name its offset: without it, the machine's time zone would decide.
/// </summary>
internal sealed class InstantConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType is JsonTokenType.String ? reader.GetString()! : throw new JsonException("An instant is a string.");
        var hasOffset = text.EndsWith('Z') || (text.Length > 16 && text.AsSpan(text.Length - 6) is [('+' or '-'), _, _, ':', _, _]);
        return hasOffset && reader.TryGetDateTimeOffset(out var instant) ? instant.ToUniversalTime() : throw new JsonException("An instant is written 2027-01-31T00:00:00Z.");
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture));
}
