using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace Tracepipe.Storefront.Accounts.External.Tokens;

/// <summary>A public key of a provider (RFC 7517) that can sign with RS256 or ES256. Others in its set are passed over.</summary>
internal sealed class SigningKey
{
    private readonly RSAParameters? rsa;
    private readonly ECParameters? ec;

    private SigningKey(string? id, RSAParameters? rsa, ECParameters? ec) => (Id, this.rsa, this.ec) = (id, rsa, ec);

    public string? Id { get; }

    public string Algorithm => rsa is null ? "ES256" : "RS256";

    /// <summary>Whether a token of this header may be signed with this key.</summary>
    public bool Fits(JsonWebToken token) => string.Equals(token.Algorithm, Algorithm, StringComparison.Ordinal) && (token.KeyId is null || string.Equals(token.KeyId, Id, StringComparison.Ordinal));

    public bool HasSigned(JsonWebToken token)
    {
        if (rsa is { } modulus)
        {
            using var key = RSA.Create(modulus);
            return key.VerifyData(token.Signed, token.Signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
        using var curve = ECDsa.Create(ec!.Value);
        return token.Signature.Length == 64 && curve.VerifyData(token.Signed, token.Signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>The keys of a set that can be used here.</summary>
    /// <exception cref="JsonException">It is not a key set.</exception>
    public static IReadOnlyList<SigningKey> ReadSet(JsonElement set)
    {
        if (set.ValueKind is not JsonValueKind.Object || !set.TryGetProperty("keys", out var keys) || keys.ValueKind is not JsonValueKind.Array) throw new JsonException("There are no keys.");
        return [.. keys.EnumerateArray().Select(Read).OfType<SigningKey>()];
    }

    private static SigningKey? Read(JsonElement key)
    {
        string? Of(string name) => JsonWebToken.Text(key, name);
        if (Of("use") is not (null or "sig")) return null;
        try
        {
            switch (Of("kty"))
            {
                case "RSA" when Of("alg") is null or "RS256":
                    var modulus = Base64Url.DecodeFromChars(Of("n"));
                    var exponent = Base64Url.DecodeFromChars(Of("e"));
                    return modulus.Length < 256 || exponent.Length == 0 ? null : Usable(new SigningKey(Of("kid"), new RSAParameters { Modulus = modulus, Exponent = exponent }, ec: null)); // RFC 7518: 2048 bits or more
                case "EC" when Of("alg") is null or "ES256" && Of("crv") is "P-256":
                    var point = new ECPoint { X = Base64Url.DecodeFromChars(Of("x")), Y = Base64Url.DecodeFromChars(Of("y")) };
                    return point is { X.Length: 32, Y.Length: 32 } ? Usable(new SigningKey(Of("kid"), rsa: null, new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point })) : null;
                default:
                    return null;
            }
        }
        catch (Exception unreadable) when (unreadable is FormatException or CryptographicException)
        {
            return null; // a key that cannot be read signs nothing
        }
    }

    /// <exception cref="CryptographicException">The numbers are no key: a point beside the curve.</exception>
    private static SigningKey Usable(SigningKey key)
    {
        if (key.rsa is { } modulus) RSA.Create(modulus).Dispose();
        else ECDsa.Create(key.ec!.Value).Dispose();
        return key;
    }
}
