using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.WebUtilities;
using Tracepipe.Storefront.Accounts.External.Tokens;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Which of our sessions came from which provider, so that log-out leads through the provider's own (OpenID Connect RP-Initiated Logout 1.0).</summary>
internal sealed class ProviderSessions(Database database, OidcProviders providers, ProviderDesk desk, PublicAddress site, IDataProtectionProvider protection)
{
    private readonly IDataProtector protector = protection.CreateProtector("Tracepipe.ProviderSession");

    public async Task KeepAsync(Guid session, OidcProvider provider, string idToken, CancellationToken cancel)
    {
        if (!provider.SignOutAtProvider) return;
        await database.WorkReadAsync(q => q.Execute($"""
            insert into external_sessions (session_id, provider, id_token) values ({session}, {provider.Name}, {protector.Protect(idToken)}) on conflict do nothing
            """), cancel);
    }

    /// <summary>Where the browser of an ended session goes on to, once; null when it came from no provider, or from one that knows no log-out or is away.</summary>
    public async Task<(OidcProvider Provider, string Address)?> TakeAsync(Guid session, CancellationToken cancel)
    {
        if (providers.All.Count == 0) return null;
        Answer<(string Provider, string IdToken)>? found = null;
        await database.WorkReadAsync(q => found = q.First($"delete from external_sessions where session_id = {session} returning provider, id_token", r => (r.GetString(0), r.GetString(1))), cancel);
        if (found!.Value.Provider is not { } name || providers.Find(name) is not { SignOutAtProvider: true } provider) return null;
        try
        {
            if ((await desk.DocumentsOf(provider).MetadataAsync(cancel)).EndSessionEndpoint is not { } endpoint) return null;
            return (provider, QueryHelpers.AddQueryString(endpoint, new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["id_token_hint"] = protector.Unprotect(found.Value.IdToken),
                ["client_id"] = provider.ClientId,
                ["post_logout_redirect_uri"] = site.Link("/login"),
            }));
        }
        catch (Exception lost) when (lost is ProviderUnavailableException or CryptographicException)
        {
            return null; // here the person is logged out either way
        }
    }
}
