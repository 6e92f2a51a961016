using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.StripeSandbox.Webhooks;

/// <summary>The header that proves where an event comes from: HMAC-SHA256 over time and raw body, once per valid secret.</summary>
internal static class Signature
{
    public static string Header(IEnumerable<string> secrets, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        var time = at.ToUnixTimeSeconds();
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{time}."), .. body];
        var header = new StringBuilder($"t={time}");
        foreach (var secret in secrets) header.Append(",v1=").Append(Hex(secret, signed));
        // An old scheme that test events still carry. Receivers must ignore it.
        return header.Append(",v0=").Append(Hex("v0", signed)).ToString();
    }

    private static string Hex(string secret, byte[] signed) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed));
}
