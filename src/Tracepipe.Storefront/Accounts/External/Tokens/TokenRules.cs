using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Tracepipe.Storefront.Accounts.External.Tokens;

/// <summary>
/// When a token is believed: the steps of OpenID Connect Core 1.0, 3.1.3.7, in their order, each with a name. Access tokens (RFC 9068) are held to the same
/// ones as far as they apply.
/// </summary>
internal sealed class TokenRules(OidcProvider provider, string issuer, DateTimeOffset now)
{
    /// <summary>How far the provider's clock and ours may differ.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromMinutes(2);

    /// <summary>An id_token is made at the moment of the exchange: an older one has been kept by somebody.</summary>
    private static readonly TimeSpan OldestIdToken = TimeSpan.FromMinutes(10);

    /// <summary>Whether the header asks for something that is done here. A token without signature, and one signed with a shared secret, never is.</summary>
    public static TokenFault CheckHeader(JsonWebToken token)
    {
        if (token.Header.TryGetProperty("crit", out _)) return TokenFault.Malformed; // RFC 7515, 4.1.11: what must be understood and is not
        return token.Algorithm is "RS256" or "ES256" ? TokenFault.None : TokenFault.Algorithm;
    }

    /// <summary>Whether the provider has signed it with one of these keys.</summary>
    public static TokenFault CheckSignature(JsonWebToken token, IReadOnlyList<SigningKey> keys)
    {
        var fitting = keys.Where(k => k.Fits(token)).ToList();
        if (fitting.Count == 0) return TokenFault.UnknownKey;
        if (fitting.Exists(k => k.HasSigned(token))) return TokenFault.None;
        return token.KeyId is null ? TokenFault.UnknownKey : TokenFault.Signature; // without a name it may be signed with a new key
    }

    /// <summary>The claims of an id_token whose signature is good.</summary>
    /// <param name="nonce">What this sign-in sent.</param>
    /// <param name="accessToken">What came with it.</param>
    public TokenFault CheckIdToken(JsonWebToken token, string nonce, string? accessToken)
    {
        var audiences = token.Audiences;
        if (CheckOrigin(token) is not TokenFault.None and var foreign) return foreign;
        if (!audiences.Contains(provider.ClientId, StringComparer.Ordinal)) return TokenFault.Audience;
        if (audiences.Any(a => !string.Equals(a, provider.ClientId, StringComparison.Ordinal) && !provider.TrustedAudiences.Contains(a, StringComparer.Ordinal))) return TokenFault.Audience;
        var isNamed = token.Claims.TryGetProperty("azp", out _);
        if (isNamed ? !string.Equals(token["azp"], provider.ClientId, StringComparison.Ordinal) : audiences.Count > 1) return TokenFault.AuthorizedParty;
        if (CheckTimes(token) is not TokenFault.None and var untimely) return untimely;
        if (token.Instant("iat") < now - OldestIdToken) return TokenFault.IssuedAt;
        if (!IsSame(token["nonce"], nonce)) return TokenFault.Nonce;
        if (token["at_hash"] is { } hash && (accessToken is null || !IsSame(hash, HalfHash(accessToken)))) return TokenFault.AccessTokenHash;
        return CheckSubject(token);
    }

    /// <summary>The claims of an access token for our API whose signature is good.</summary>
    public TokenFault CheckAccessToken(JsonWebToken token)
    {
        // An id_token is a statement to a client, not a permission: where both have the same audience this tells them apart.
        var isMarked = token.Type is "at+jwt" or "application/at+jwt";
        if (!isMarked && (token["nonce"] is not null || (token["scp"] ?? token["scope"]) is null)) return TokenFault.Kind;
        if (CheckOrigin(token) is not TokenFault.None and var foreign) return foreign;
        if (provider.ApiAudience is null || !token.Audiences.Contains(provider.ApiAudience, StringComparer.Ordinal)) return TokenFault.Audience;
        return CheckTimes(token) is not TokenFault.None and var untimely ? untimely : CheckSubject(token);
    }

    private TokenFault CheckOrigin(JsonWebToken token)
    {
        if (!string.Equals(token["iss"], issuer, StringComparison.Ordinal)) return TokenFault.Issuer;
        return provider.TenantId is { } tenant && !string.Equals(token["tid"], tenant, StringComparison.OrdinalIgnoreCase) ? TokenFault.Tenant : TokenFault.None;
    }

    private TokenFault CheckTimes(JsonWebToken token)
    {
        if (token.Instant("exp") is not { } expires || expires == DateTimeOffset.MinValue || now >= expires + Skew) return TokenFault.Expired;
        if (token.Instant("iat") is not { } issued || issued == DateTimeOffset.MinValue || issued > now + Skew) return TokenFault.IssuedAt;
        return token.Instant("nbf") is { } notBefore && (notBefore == DateTimeOffset.MinValue || notBefore > now + Skew) ? TokenFault.NotYetValid : TokenFault.None;
    }

    private TokenFault CheckSubject(JsonWebToken token) => IsSubject(token["sub"]) && IsSubject(token[provider.SubjectClaim]) ? TokenFault.None : TokenFault.Subject;

    // Section 2: at most 255 characters of ASCII.
    private static bool IsSubject(string? subject) => subject is { Length: > 0 and <= 255 } && subject.All(c => char.IsAscii(c) && !char.IsControl(c));

    private static string HalfHash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)).AsSpan(0, 16));

    private static bool IsSame(string? given, string expected) => given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));
}
