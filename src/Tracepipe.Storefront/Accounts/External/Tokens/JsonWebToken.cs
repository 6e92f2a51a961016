using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace Tracepipe.Storefront.Accounts.External.Tokens;

/// <summary>What is wrong with a token. Each is one step of OpenID Connect Core 1.0, section 3.1.3.7, or of the format.</summary>
internal enum TokenFault
{
    None, Malformed, Kind, Algorithm, UnknownKey, Signature, Issuer, Tenant, Audience, AuthorizedParty, Expired, NotYetValid, IssuedAt, Nonce, Subject, AccessTokenHash,
}

/// <summary>A signed token, taken apart and not yet believed.</summary>
internal sealed class JsonWebToken
{
    private const int Longest = 16 * 1024;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    private JsonWebToken(JsonElement header, JsonElement claims, byte[] signed, byte[] signature) => (Header, Claims, Signed, Signature) = (header, claims, signed, signature);

    public JsonElement Header { get; }

    public JsonElement Claims { get; }

    /// <summary>What the signature is over.</summary>
    public byte[] Signed { get; }

    public byte[] Signature { get; }

    public string? Algorithm => Text(Header, "alg");

    public string? KeyId => Text(Header, "kid");

    public string? Type => Text(Header, "typ");

    /// <summary>A claim that is a text.</summary>
    public string? this[string claim] => Text(Claims, claim);

    public static JsonWebToken? Parse(string? text)
    {
        if (text is not { Length: > 0 and <= Longest }) return null;
        var parts = text.Split('.');
        if (parts.Length != 3) return null;
        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]), Strict);
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]), Strict);
            if (header.RootElement.ValueKind is not JsonValueKind.Object || claims.RootElement.ValueKind is not JsonValueKind.Object) return null;
            return new JsonWebToken(header.RootElement.Clone(), claims.RootElement.Clone(), Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]));
        }
        catch (Exception wrong) when (wrong is FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A claim in seconds since 1970; null when it is not there, the least instant when it is no number.</summary>
    public DateTimeOffset? Instant(string claim)
    {
        if (!Claims.TryGetProperty(claim, out var value)) return null;
        const double last = 253_402_300_799; // the end of the year 9999
        return value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds is >= 0 and <= last ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : DateTimeOffset.MinValue;
    }

    /// <summary>The audiences: one text or several.</summary>
    public IReadOnlyList<string> Audiences => !Claims.TryGetProperty("aud", out var aud) ? [] : aud.ValueKind switch
    {
        JsonValueKind.String when TextOf(aud) is { } one => [one],
        JsonValueKind.Array when aud.EnumerateArray().All(a => TextOf(a) is not null) => [.. aud.EnumerateArray().Select(a => TextOf(a)!)],
        _ => [],
    };

    /// <summary>A claim that says yes: true, "true", 1 or "1".</summary>
    public static bool IsTrue(JsonElement claims, string claim) => claims.TryGetProperty(claim, out var value) && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.String => TextOf(value) is "true" or "1",
        JsonValueKind.Number => value.TryGetInt32(out var number) && number == 1,
        _ => false,
    };

    /// <summary>A member that is a text; null when it is not there or is none.</summary>
    public static string? Text(JsonElement of, string name) => of.ValueKind is JsonValueKind.Object && of.TryGetProperty(name, out var value) ? TextOf(value) : null;

    // Half of a surrogate pair is well-formed JSON and yet no text: the reader throws, and whoever sent it must not get an error of ours.
    private static string? TextOf(JsonElement value)
    {
        if (value.ValueKind is not JsonValueKind.String) return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
