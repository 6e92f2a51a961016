using System.Text.Json;

namespace Tracepipe.Storefront.Accounts.External.Tokens;

/// <summary>A provider does not answer, or not with what the standard says.</summary>
internal sealed class ProviderUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What a provider says of itself (OpenID Connect Discovery 1.0).</summary>
internal sealed record ProviderMetadata(string Issuer, string AuthorizationEndpoint, string TokenEndpoint, string? UserInfoEndpoint, string? EndSessionEndpoint, string KeysAddress,
    IReadOnlyList<string> ClientAuthentication, bool SendsIssuer);

/// <summary>
/// A provider's discovery document and keys as this node knows them: fetched when first needed, kept, renewed from time to time. A provider that is away is
/// told at once for a few seconds rather than asked by every visitor; one that was there before is believed until it comes back.
/// </summary>
internal sealed partial class ProviderDocuments(OidcProvider provider, HttpClient http, TimeSpan refreshEvery, TimeProvider clock, ILogger log) : IDisposable
{
    private const int UnplannedPerMinute = 5;
    private static readonly TimeSpan AwayFor = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim fetching = new(1);
    private Known? known;
    private (long At, ProviderUnavailableException Why)? away;
    private (long Since, int Count) unplanned;

    private sealed record Known(ProviderMetadata Metadata, IReadOnlyList<SigningKey> Keys, long At);

    /// <exception cref="ProviderUnavailableException">It does not answer and never has.</exception>
    public async Task<ProviderMetadata> MetadataAsync(CancellationToken cancel) => (await KnownAsync(cancel)).Metadata;

    /// <summary>Believes or refuses a signature. A key that is not known may be a new one: then the keys are fetched once more, at most five times a minute.</summary>
    /// <exception cref="ProviderUnavailableException">It does not answer and never has.</exception>
    public async Task<TokenFault> CheckSignatureAsync(JsonWebToken token, CancellationToken cancel)
    {
        if (TokenRules.CheckHeader(token) is not TokenFault.None and var fault) return fault;
        var before = await KnownAsync(cancel);
        var first = TokenRules.CheckSignature(token, before.Keys);
        if (first is not TokenFault.UnknownKey) return first;
        return await RenewKeysAsync(before, cancel) is { } renewed ? TokenRules.CheckSignature(token, renewed.Keys) : TokenFault.UnknownKey;
    }

    public void Dispose() => fetching.Dispose();

    private async Task<Known> KnownAsync(CancellationToken cancel)
    {
        if (known is { } fresh && clock.GetElapsedTime(fresh.At) < refreshEvery) return fresh;
        await fetching.WaitAsync(cancel);
        try
        {
            if (known is { } already && clock.GetElapsedTime(already.At) < refreshEvery) return already;
            if (away is { } failed && clock.GetElapsedTime(failed.At) < AwayFor) return known ?? throw new ProviderUnavailableException(failed.Why.Message, failed.Why);
            try
            {
                var metadata = await FetchMetadataAsync(cancel);
                known = new Known(metadata, await FetchKeysAsync(metadata, cancel), clock.GetTimestamp());
                away = null;
            }
            catch (ProviderUnavailableException why)
            {
                away = (clock.GetTimestamp(), why);
                if (known is null) throw;
                NotRenewed(log, provider.Name, why.Message);
            }
            return known;
        }
        finally
        {
            fetching.Release();
        }
    }

    private async Task<Known?> RenewKeysAsync(Known before, CancellationToken cancel)
    {
        await fetching.WaitAsync(cancel);
        try
        {
            if (known is { } other && !ReferenceEquals(other, before)) return other; // somebody else has just asked
            if (clock.GetElapsedTime(unplanned.Since) > TimeSpan.FromMinutes(1)) unplanned = (clock.GetTimestamp(), 0);
            if (unplanned.Count >= UnplannedPerMinute) return null; // tokens with made-up key names must not become requests to the provider
            unplanned.Count++;
            return known = before with { Keys = await FetchKeysAsync(before.Metadata, cancel) }; // the discovery document is as old as it was
        }
        catch (ProviderUnavailableException why)
        {
            NotRenewed(log, provider.Name, why.Message);
            return null;
        }
        finally
        {
            fetching.Release();
        }
    }

    private async Task<ProviderMetadata> FetchMetadataAsync(CancellationToken cancel)
    {
        var document = await FetchAsync(provider.Authority + "/.well-known/openid-configuration", cancel);
        string? Text(string name) => JsonWebToken.Text(document, name);
        var issuer = Text("issuer");
        if (issuer is null || !provider.Issuers.Contains(issuer, StringComparer.Ordinal))
            throw new ProviderUnavailableException($"its discovery document names another issuer than {string.Join(" or ", provider.Issuers)}");
        string Address(string name) => OidcProviders.IsAddress(Text(name)) ? Text(name)! : throw new ProviderUnavailableException($"its discovery document has no usable {name}");
        string? Optional(string name) => OidcProviders.IsAddress(Text(name)) ? Text(name) : null;
        var methods = document.TryGetProperty("token_endpoint_auth_methods_supported", out var listed) && listed.ValueKind is JsonValueKind.Array
            ? listed.EnumerateArray().Where(m => m.ValueKind is JsonValueKind.String).Select(m => m.GetString()!).ToList() : ["client_secret_basic"];
        return new ProviderMetadata(issuer, Address("authorization_endpoint"), Address("token_endpoint"), Optional("userinfo_endpoint"), Optional("end_session_endpoint"), Address("jwks_uri"), methods,
            document.TryGetProperty("authorization_response_iss_parameter_supported", out var sends) && sends.ValueKind is JsonValueKind.True);
    }

    private async Task<IReadOnlyList<SigningKey>> FetchKeysAsync(ProviderMetadata metadata, CancellationToken cancel)
    {
        try
        {
            return SigningKey.ReadSet(await FetchAsync(metadata.KeysAddress, cancel));
        }
        catch (JsonException wrong)
        {
            throw new ProviderUnavailableException("its key set cannot be read", wrong);
        }
    }

    private async Task<JsonElement> FetchAsync(string address, CancellationToken cancel)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(address), cancel);
            if (!answer.IsSuccessStatusCode) throw new ProviderUnavailableException($"{new Uri(address).AbsolutePath} answered {(int)answer.StatusCode}");
            using var document = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(cancel), cancellationToken: cancel);
            return document.RootElement.ValueKind is JsonValueKind.Object ? document.RootElement.Clone() : throw new ProviderUnavailableException($"{new Uri(address).AbsolutePath} is no JSON object");
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException || (failure is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            throw new ProviderUnavailableException($"{new Uri(address).AbsolutePath} cannot be read: {failure.GetType().Name}", failure);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is known of the sign-in provider {Provider} was not renewed: {Reason}")]
    private static partial void NotRenewed(ILogger log, string provider, string reason);
}
