using System.Text;
using System.Text.Json.Nodes;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.StripeSandbox.Api;

/// <summary>Whose key a request carries, and whether it came from a browser.</summary>
internal sealed record Caller(Account Account, bool IsBrowser);

/// <summary>Reads the key: Bearer, Basic with the key as user name, or (browsers) the parameter <c>key</c>.</summary>
internal static class Authentication
{
    public static Caller Identify(Accounts accounts, HttpRequest request, JsonObject given)
    {
        var key = FromHeader(request.Headers.Authorization.ToString()) ?? given["key"]?.ToString();
        given.Remove("key");
        if (string.IsNullOrEmpty(key)) throw Refuse("No API key was given. Send it as Authorization: Bearer, or as the user name of Basic authentication.");
        if (IsLive(key))
        {
            request.HttpContext.RequestServices.GetRequiredService<ILogger<Accounts>>().LiveKeyRefused();
            throw Refuse("The billing sandbox refuses live keys. Revoke this key if it went over a network you do not trust.");
        }
        foreach (var prefix in (string[])["sk_test_", "rk_test_", "pk_test_"])
            if (key.StartsWith(prefix, StringComparison.Ordinal) && key[prefix.Length..] is { Length: >= 4 and <= 200 } rest && rest.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
                return new(accounts.ForKey("sk_test_" + rest), prefix == "pk_test_");
        throw Refuse("This is not a test API key.");
    }

    private static string? FromHeader(string header)
    {
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) return header[7..].Trim();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return null;
        Span<byte> decoded = stackalloc byte[512];
        return header.Length < 600 && Convert.TryFromBase64String(header[6..].Trim(), decoded, out var length) ? Encoding.UTF8.GetString(decoded[..length]).Split(':')[0] : null;
    }

    private static bool IsLive(string key) =>
        key.StartsWith("sk_live_", StringComparison.Ordinal) || key.StartsWith("rk_live_", StringComparison.Ordinal) || key.StartsWith("pk_live_", StringComparison.Ordinal);

    private static StripeError Refuse(string message) => new(401, "invalid_request_error", message);
}

internal static partial class AuthenticationLog
{
    [LoggerMessage(Level = LogLevel.Critical, Message = "Billing sandbox: a LIVE key was sent here and refused. Check the configuration of whoever sent it.")]
    public static partial void LiveKeyRefused(this ILogger log);
}
