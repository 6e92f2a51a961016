using Tracepipe.Storefront.Accounts.External.Tokens;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Whose access token it is.</summary>
/// <param name="Person">Somebody who is linked to the identity; null when the token is not believed or nobody is.</param>
/// <param name="IsAway">The provider's keys cannot be had: the token is neither good nor bad.</param>
internal readonly record struct TokenBearer(Guid? Person, bool IsAway = false);

/// <summary>
/// Access tokens of the configured providers, for our API as their audience. Off unless a provider has an <c>ApiAudience</c>. They speak for people who
/// are linked here, held to the same checks as at log-in; nobody is made or linked by one.
/// </summary>
internal sealed partial class AccessTokens(OidcProviders providers, ProviderDesk desk, Database database, TimeProvider clock, ILogger<AccessTokens> log)
{
    private readonly IReadOnlyList<OidcProvider> taken = [.. providers.All.Where(p => p.ApiAudience is not null)];

    /// <summary>Whether any are taken.</summary>
    public bool AreTaken => taken.Count > 0;

    public async Task<TokenBearer> FindAsync(string text, CancellationToken cancel)
    {
        if (JsonWebToken.Parse(text) is not { } token) return default;
        try
        {
            foreach (var provider in taken)
            {
                // Not believed yet: it only says whose keys to try. A provider is not asked about the tokens of others.
                if (token["iss"] is not { } issuer || !provider.Issuers.Contains(issuer, StringComparer.Ordinal)) continue;
                var documents = desk.DocumentsOf(provider);
                var metadata = await documents.MetadataAsync(cancel);
                var fault = await documents.CheckSignatureAsync(token, cancel);
                if (fault is TokenFault.None) fault = new TokenRules(provider, metadata.Issuer, clock.GetUtcNow()).CheckAccessToken(token);
                if (fault is TokenFault.None) return new TokenBearer(await PersonOfAsync(metadata.Issuer, token[provider.SubjectClaim]!, cancel));
                Refused(log, provider.Name, fault);
            }
            return default;
        }
        catch (ProviderUnavailableException)
        {
            return new TokenBearer(null, IsAway: true);
        }
    }

    private async Task<Guid?> PersonOfAsync(string issuer, string subject, CancellationToken cancel)
    {
        Answer<Guid>? found = null;
        await database.WorkReadAsync(q => found = q.First($"select person_id from external_identities where issuer = {issuer} and subject = {subject}", r => r.GetGuid(0)), cancel);
        return found!.Value == Guid.Empty ? null : found.Value;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "An access token of {Provider} failed the check {Fault}")]
    private static partial void Refused(ILogger log, string provider, TokenFault fault);
}
