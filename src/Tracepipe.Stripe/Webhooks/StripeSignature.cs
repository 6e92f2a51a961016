using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.Stripe;

/// <summary>What the signature of a webhook says.</summary>
public enum SignatureVerdict
{
    /// <summary>Signed with one of the secrets, recently.</summary>
    Valid,

    /// <summary>No header.</summary>
    Missing,

    /// <summary>The header is too long, has no single time or no <c>v1</c> signature.</summary>
    Malformed,

    /// <summary>No secret signs this body at this time.</summary>
    Mismatch,

    /// <summary>Rightly signed, but longer ago than the tolerance: a replay.</summary>
    TooOld,

    /// <summary>Rightly signed, but further ahead than the tolerance: a clock is wrong.</summary>
    TooNew,

    /// <summary>There is no secret to verify with, so nothing can be accepted.</summary>
    NoSecret,
}

/// <summary>The verdict on a webhook's signature, and when it says it was made.</summary>
public readonly record struct SignatureResult(SignatureVerdict Verdict, DateTimeOffset? SignedAt = null)
{
    public bool IsValid => Verdict == SignatureVerdict.Valid;
}

/// <summary>
/// Verifies <c>Stripe-Signature: t=…,v1=…</c>: HMAC-SHA256 of <c>t.body</c> under the endpoint's secret, over the bytes as they came.
/// Several <c>v1</c> and several secrets are tried because a secret that is being rolled stays valid for a day; other schemes are ignored.
/// </summary>
public static class StripeSignature
{
    public const string HeaderName = "Stripe-Signature";

    private const int LongestHeader = 2048, HexLength = 64;

    public static TimeSpan DefaultTolerance { get; } = TimeSpan.FromMinutes(5);

    /// <param name="body">The raw body; a parsed and rewritten one has another signature.</param>
    /// <param name="secrets">The whole <c>whsec_…</c> texts. Empty ones are skipped, for an empty key would let anybody sign.</param>
    /// <param name="tolerance">How far the signature's time may lie from <paramref name="now"/>, in both directions; five minutes when null.</param>
    public static SignatureResult Verify(ReadOnlySpan<byte> body, string? header, IReadOnlyList<string> secrets, DateTimeOffset now, TimeSpan? tolerance = null)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        var allowed = tolerance ?? DefaultTolerance;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(allowed, TimeSpan.Zero, nameof(tolerance));

        if (string.IsNullOrEmpty(header)) return new(SignatureVerdict.Missing);
        if (header.Length > LongestHeader || !TryRead(header, out var time, out var signedAt, out var signatures)) return new(SignatureVerdict.Malformed);

        bool matches = false, anySecret = false;
        foreach (var secret in secrets)
        {
            if (string.IsNullOrWhiteSpace(secret)) continue;
            anySecret = true;
            matches |= Matches(body, time, secret, signatures);
        }

        if (!anySecret) return new(SignatureVerdict.NoSecret);
        if (!matches) return new(SignatureVerdict.Mismatch);
        if (now - signedAt > allowed) return new(SignatureVerdict.TooOld, signedAt);
        if (signedAt - now > allowed) return new(SignatureVerdict.TooNew, signedAt);
        return new(SignatureVerdict.Valid, signedAt);
    }

    /// <summary>The header Stripe would send, for whoever plays Stripe.</summary>
    public static string Sign(ReadOnlySpan<byte> body, string secret, DateTimeOffset at)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(secret);
        var time = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        Span<byte> signature = stackalloc byte[HexLength];
        Compute(body, time, secret, signature);
        return $"t={time},v1={Encoding.ASCII.GetString(signature)}";
    }

    private static bool Matches(ReadOnlySpan<byte> body, string time, string secret, List<byte[]> signatures)
    {
        Span<byte> expected = stackalloc byte[HexLength];
        Compute(body, time, secret, expected);
        var matches = false;
        foreach (var signature in signatures) matches |= CryptographicOperations.FixedTimeEquals(expected, signature);
        return matches;
    }

    private static void Compute(ReadOnlySpan<byte> body, string time, string secret, Span<byte> hex)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hmac.AppendData(Encoding.ASCII.GetBytes(time));
        hmac.AppendData("."u8);
        hmac.AppendData(body);
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hmac.GetHashAndReset(hash);
        Convert.TryToHexStringLower(hash, hex, out _);
    }

    private static bool TryRead(string header, out string time, out DateTimeOffset signedAt, out List<byte[]> signatures)
    {
        (time, signedAt, signatures) = ("", default, []);
        foreach (var part in header.Split(','))
        {
            if (part.StartsWith("t=", StringComparison.Ordinal))
            {
                if (time.Length > 0 || !TryReadTime(part.AsSpan(2), out signedAt)) return false;
                time = part[2..];
            }
            else if (part.StartsWith("v1=", StringComparison.Ordinal))
            {
                signatures.Add(Encoding.UTF8.GetBytes(part[3..]));
            }
        }
        return time.Length > 0 && signatures.Count > 0;
    }

    /// <summary>Digits alone, and few enough to be a date.</summary>
    private static bool TryReadTime(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        var valid = text.Length is > 0 and <= 11 && !text.ContainsAnyExceptInRange('0', '9');
        time = valid ? DateTimeOffset.FromUnixTimeSeconds(long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)) : default;
        return valid;
    }
}
