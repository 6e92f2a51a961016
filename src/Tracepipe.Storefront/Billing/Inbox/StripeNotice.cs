using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Tracepipe.Storefront.Billing;

/// <summary>What we read of an event of any API release: which, of what kind, and the id of what it is about. The rest is fetched from Stripe.</summary>
/// <param name="Created">When Stripe made it, UTC; null when it does not say.</param>
/// <param name="Account">The connected account it belongs to; ours when null.</param>
internal sealed partial record StripeNotice(string Id, string Type, string? ApiVersion, bool Livemode, DateTimeOffset? Created, string? Account, string? ObjectId)
{
    /// <summary>Reads a body whose signature has been verified.</summary>
    /// <returns>False when it is no event of the v1 API.</returns>
    public static bool TryRead(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out StripeNotice? notice)
    {
        notice = null;
        try
        {
            using var json = JsonDocument.Parse(body);
            var root = json.RootElement;
            if (Text(root, "id") is not { } id || Text(root, "type") is not { } type || !Name().IsMatch(id) || !Name().IsMatch(type)) return false;
            if (!root.TryGetProperty("data", out var data) || data.ValueKind != JsonValueKind.Object || !data.TryGetProperty("object", out var about)) return false;
            var isLive = root.TryGetProperty("livemode", out var mode) && mode.ValueKind == JsonValueKind.True;
            notice = new StripeNotice(id, type, Text(root, "api_version"), isLive, Time(root, "created"), Text(root, "account"), Text(about, "id"));
            return true;
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException) // the second: text that is not UTF-8
        {
            return false;
        }
    }

    private static string? Text(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static DateTimeOffset? Time(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seconds) && seconds is > 0 and < 100_000_000_000
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    [GeneratedRegex("^[A-Za-z0-9_.-]{1,255}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Name();
}
