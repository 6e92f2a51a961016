using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Tracepipe.Stripe;

/// <summary>Unix seconds on the wire, UTC here.</summary>
internal sealed class UnixTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var seconds)) throw new JsonException("A time is a whole number of Unix seconds.");
        try
        {
            return DateTimeOffset.FromUnixTimeSeconds(seconds);
        }
        catch (ArgumentOutOfRangeException outside)
        {
            throw new JsonException("A time lies outside the calendar.", outside);
        }
    }

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.ToUnixTimeSeconds());
}

/// <summary>Reads a reference that is either an id or the object itself.</summary>
internal sealed class RefConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(Ref<>);

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(RefConverter<>).MakeGenericType(typeToConvert.GetGenericArguments()))!;

    private sealed class RefConverter<T> : JsonConverter<Ref<T>> where T : StripeObject
    {
        public override Ref<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.String) return new Ref<T>(reader.GetString()!);
            if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("A reference is an id or an object.");
            using var document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.TryGetProperty("deleted", out var deleted) && deleted.ValueKind == JsonValueKind.True)
                return new Ref<T>(document.RootElement.GetProperty("id").GetString()!) { Deleted = true };
            var value = document.Deserialize((JsonTypeInfo<T>)options.GetTypeInfo(typeof(T)))!;
            return new Ref<T>(value.Id, value);
        }

        public override void Write(Utf8JsonWriter writer, Ref<T> value, JsonSerializerOptions options) => writer.WriteStringValue(value.Id);
    }
}

/// <summary>Writes a value, or the empty string that clears it.</summary>
internal sealed class ClearableConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(Clearable<>);

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(ClearableConverter<>).MakeGenericType(typeToConvert.GetGenericArguments()))!;

    private sealed class ClearableConverter<T> : JsonConverter<Clearable<T>>
    {
        public override Clearable<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("Parameters are only ever sent.");

        public override void Write(Utf8JsonWriter writer, Clearable<T> value, JsonSerializerOptions options)
        {
            if (value.HasValue) JsonSerializer.Serialize(writer, value.Value!, (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T)));
            else writer.WriteStringValue("");
        }
    }
}
