using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>A provider as it is written in the configuration, <c>Oidc:Providers:0:…</c>.</summary>
internal sealed class OidcProviderOptions
{
    /// <summary><c>EntraExternalId</c>, or nothing for any other provider.</summary>
    public string? Preset { get; init; }

    /// <summary>Its short name in addresses: lower-case letters, digits and dashes.</summary>
    public string? Name { get; init; }

    /// <summary>What people call it.</summary>
    public string? Label { get; init; }

    public string? Authority { get; init; }

    /// <summary>What tokens say as <c>iss</c>, when that is not the authority.</summary>
    public string? Issuer { get; init; }

    /// <summary>Entra: the first part of <c>….ciamlogin.com</c>.</summary>
    public string? Tenant { get; init; }

    /// <summary>Entra: the directory's id, a GUID. Tokens of another one are refused.</summary>
    public string? TenantId { get; init; }

    public string? ClientId { get; init; }

    public string? ClientSecret { get; init; }

    /// <summary>A PEM file with a private key (RSA or P-256), and the certificate when the provider wants its thumbprint: instead of a secret.</summary>
    public string? PrivateKeyFile { get; init; }

    /// <summary>The name of that key at the provider (<c>kid</c>).</summary>
    public string? PrivateKeyId { get; init; }

    public string? Scopes { get; init; }

    public string? ButtonText { get; init; }

    /// <summary><c>microsoft</c>, <c>building</c>, <c>key</c>, or the address of a picture on this site.</summary>
    public string? Icon { get; init; }

    /// <summary>The claim that names the person for ever.</summary>
    public string? SubjectClaim { get; init; }

    /// <summary>Audiences besides the client id that a token may name, separated by spaces.</summary>
    public string? TrustedAudiences { get; init; }

    /// <summary>The audience of access tokens that <c>/api/billing</c> and <c>/v1</c> take; none are taken without it.</summary>
    public string? ApiAudience { get; init; }

    /// <summary>Log-out leads through the provider's own.</summary>
    public bool SignOutAtProvider { get; init; } = true;
}

/// <summary>An OpenID provider that people may log in with: configured, completed by its preset and checked.</summary>
internal sealed record OidcProvider
{
    public required string Name { get; init; }

    public required string Label { get; init; }

    public required string ButtonText { get; init; }

    public required string Icon { get; init; }

    /// <summary>Without a slash at the end; its discovery document stands below it.</summary>
    public required string Authority { get; init; }

    /// <summary>The issuers that its discovery document may name; exactly one of them is then what tokens must say.</summary>
    public required IReadOnlyList<string> Issuers { get; init; }

    public string? TenantId { get; init; }

    public required string ClientId { get; init; }

    public string? ClientSecret { get; init; }

    public ClientKey? ClientKey { get; init; }

    public required string Scopes { get; init; }

    public required string SubjectClaim { get; init; }

    /// <summary>Any of these, when true, says that the provider has checked the address.</summary>
    public required IReadOnlyList<string> VerifiedClaims { get; init; }

    public required IReadOnlyList<string> TrustedAudiences { get; init; }

    public string? ApiAudience { get; init; }

    public required bool SignOutAtProvider { get; init; }

    /// <summary>The framework's name of the scheme.</summary>
    public string Scheme => "oidc-" + Name;

    /// <summary>Where the provider sends the browser back to: registered there as redirect URI.</summary>
    public string CallbackPath => "/signin-oidc/" + Name;
}

/// <summary>The private key that proves who we are at the token endpoint (<c>private_key_jwt</c>).</summary>
internal sealed record ClientKey(string Pem, string Algorithm, string? Id, string? CertificateThumbprint)
{
    /// <param name="rsaAlgorithm">RS256, or PS256 for a provider that asks for it.</param>
    /// <exception cref="ArgumentException">The text holds no private key of RSA or P-256.</exception>
    public static ClientKey Read(string pem, string? id, string rsaAlgorithm)
    {
        string? thumbprint = null;
        if (PemEncoding.TryFind(pem, out _) && pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal))
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            thumbprint = System.Buffers.Text.Base64Url.EncodeToString(certificate.GetCertHash(HashAlgorithmName.SHA256));
        }
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(PrivateKeyOf(pem));
            return new ClientKey(PrivateKeyOf(pem), rsaAlgorithm, id, thumbprint);
        }
        catch (Exception other) when (other is ArgumentException or CryptographicException)
        {
            using var ec = ECDsa.Create();
            ec.ImportFromPem(PrivateKeyOf(pem));
            if (ec.KeySize != 256) throw new ArgumentException("The private key is neither RSA nor P-256.", nameof(pem), other);
            return new ClientKey(PrivateKeyOf(pem), "ES256", id, thumbprint);
        }
    }

    public byte[] Sign(byte[] input)
    {
        if (Algorithm is "RS256" or "PS256")
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(Pem);
            return rsa.SignData(input, HashAlgorithmName.SHA256, Algorithm is "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
        }
        using var ec = ECDsa.Create();
        ec.ImportFromPem(Pem);
        return ec.SignData(input, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    public override string ToString() => $"{Algorithm} key {Id}"; // never the key itself

    // A file may hold the certificate, too; the importers want the key alone.
    private static string PrivateKeyOf(string pem)
    {
        for (var rest = pem.AsSpan(); PemEncoding.TryFind(rest, out var found); rest = rest[found.Location.End..])
            if (rest[found.Label].EndsWith("PRIVATE KEY", StringComparison.Ordinal)) return rest[found.Location].ToString();
        throw new ArgumentException("The file holds no private key.", nameof(pem));
    }
}
