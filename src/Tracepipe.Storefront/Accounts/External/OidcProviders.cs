using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>The providers of this installation, in the order of the configuration. A wrong setting stops the start.</summary>
internal sealed partial class OidcProviders(IReadOnlyList<OidcProvider> all)
{
    public IReadOnlyList<OidcProvider> All { get; } = all;

    public OidcProvider? Find(string name) => All.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal));

    /// <exception cref="StartupException">Says which setting is wrong and what to write.</exception>
    public static OidcProviders Read(IConfiguration configuration)
    {
        var read = new List<OidcProvider>();
        foreach (var section in configuration.GetSection("Oidc:Providers").GetChildren())
        {
            var provider = Complete(section.Get<OidcProviderOptions>() ?? new(), section.Path.Replace(":", "__", StringComparison.Ordinal));
            if (read.Exists(p => string.Equals(p.Name, provider.Name, StringComparison.Ordinal)))
                throw new StartupException($"Two providers are called “{provider.Name}”: give each its own Oidc__Providers__…__Name.");
            read.Add(provider);
        }
        return new OidcProviders(read);
    }

    private static OidcProvider Complete(OidcProviderOptions options, string path)
    {
        var isEntra = options.Preset switch
        {
            null or "" or "Generic" => false,
            "EntraExternalId" => true,
            var unknown => throw new StartupException($"{path}__Preset is “{unknown}”: write EntraExternalId, or leave it out for another provider."),
        };
        if (isEntra && !Guid.TryParse(options.TenantId, out _))
            throw new StartupException($"{path}__TenantId must be the directory (tenant) id from the Entra admin center, a GUID.");
        var tenantId = options.TenantId?.ToLowerInvariant();
        var authority = options.Authority ?? (isEntra && options.Tenant is { Length: > 0 } tenant ? $"https://{tenant}.ciamlogin.com/{tenantId}/v2.0" : null);
        if (!IsAddress(authority))
            throw new StartupException(isEntra
                ? $"{path}__Tenant must be the first part of your tenant's name, such as contoso for contoso.ciamlogin.com (or set {path}__Authority)."
                : $"{path}__Authority must be the provider's address, such as https://login.example.com; http is for this machine only.");
        if (string.IsNullOrWhiteSpace(options.ClientId)) throw new StartupException($"{path}__ClientId is missing: the application (client) id that the provider gave you.");
        var name = options.Name ?? (isEntra ? "microsoft" : "sso");
        if (!NameFormat().IsMatch(name)) throw new StartupException($"{path}__Name is “{name}”: use lower-case letters, digits and dashes.");
        var scopes = options.Scopes ?? "openid profile email";
        if (!scopes.Split(' ').Contains("openid", StringComparer.Ordinal)) throw new StartupException($"{path}__Scopes must contain openid.");
        if (options.Icon is not (null or "microsoft" or "building" or "key" or ['/', not '/', ..])) throw new StartupException($"{path}__Icon is “{options.Icon}”: write microsoft, building, key, or the path of a picture on this site, such as /assets/logo.svg.");
        var label = options.Label ?? (isEntra ? "Microsoft" : "your organization");
        return new OidcProvider
        {
            Name = name,
            Label = label,
            ButtonText = options.ButtonText ?? $"Continue with {label}",
            Icon = options.Icon ?? (isEntra ? "microsoft" : "building"),
            Authority = authority!.TrimEnd('/'),
            Issuers = IssuersOf(options, isEntra, authority, tenantId),
            TenantId = isEntra ? tenantId : null,
            ClientId = options.ClientId,
            ClientSecret = string.IsNullOrEmpty(options.ClientSecret) ? null : options.ClientSecret,
            ClientKey = KeyOf(options, isEntra, path),
            Scopes = scopes,
            // Entra's sub differs from application to application; oid is the person in the whole directory, so that access tokens name him alike.
            SubjectClaim = options.SubjectClaim ?? (isEntra ? "oid" : "sub"),
            VerifiedClaims = isEntra ? ["email_verified", "xms_edov"] : ["email_verified"],
            TrustedAudiences = options.TrustedAudiences?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [],
            ApiAudience = string.IsNullOrWhiteSpace(options.ApiAudience) ? null : options.ApiAudience,
            SignOutAtProvider = options.SignOutAtProvider,
        };
    }

    private static string[] IssuersOf(OidcProviderOptions options, bool isEntra, string authority, string? tenantId)
    {
        if (options.Issuer is { Length: > 0 } issuer) return [issuer];
        // An external tenant is reached by its name and issues under its id; with a domain of its own, too.
        if (isEntra) return [$"https://{tenantId}.ciamlogin.com/{tenantId}/v2.0", $"https://login.microsoftonline.com/{tenantId}/v2.0"];
        return [authority.TrimEnd('/'), authority.TrimEnd('/') + "/"];
    }

    private static ClientKey? KeyOf(OidcProviderOptions options, bool isEntra, string path)
    {
        if (string.IsNullOrWhiteSpace(options.PrivateKeyFile)) return null;
        try
        {
            return ClientKey.Read(File.ReadAllText(Paths.Typed(options.PrivateKeyFile)), options.PrivateKeyId, isEntra ? "PS256" : "RS256"); // Entra finds the certificate by x5t#S256, which it reads beside PS256
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException or ArgumentException or CryptographicException)
        {
            throw new StartupException($"{path}__PrivateKeyFile cannot be used: name a PEM file with an RSA or P-256 private key.", wrong);
        }
    }

    /// <summary>https, or http to this machine.</summary>
    internal static bool IsAddress(string? text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && string.IsNullOrEmpty(uri.UserInfo) && string.IsNullOrEmpty(uri.Fragment)
        && (string.Equals(uri.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal) || (string.Equals(uri.Scheme, Uri.UriSchemeHttp, StringComparison.Ordinal) && uri.IsLoopback));

    [GeneratedRegex("^[a-z0-9](-?[a-z0-9]){0,30}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NameFormat();
}
