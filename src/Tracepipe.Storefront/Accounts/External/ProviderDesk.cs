using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Accounts.External.Tokens;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>Our side of the talk with the providers: their documents, the exchange of codes, what they know of a person. Nothing of it is logged by the client.</summary>
internal sealed class ProviderDesk : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(3), PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = TimeSpan.FromSeconds(8),
        MaxResponseContentBufferSize = 1024 * 1024,
        DefaultRequestHeaders = { Accept = { new MediaTypeWithQualityHeaderValue("application/json") } },
    };

    private readonly Dictionary<string, ProviderDocuments> documents;
    private readonly TimeProvider clock;

    public ProviderDesk(OidcProviders providers, IConfiguration configuration, TimeProvider clock, ILogger<ProviderDesk> log)
    {
        this.clock = clock;
        var refreshEvery = configuration.GetValue<TimeSpan?>("Oidc:RefreshEvery") ?? TimeSpan.FromHours(1);
        documents = providers.All.ToDictionary(p => p.Name, p => new ProviderDocuments(p, http, refreshEvery, clock, log), StringComparer.Ordinal);
    }

    public ProviderDocuments DocumentsOf(OidcProvider provider) => documents[provider.Name];

    /// <summary>Exchanges a code for tokens.</summary>
    /// <returns>The provider's answer: tokens, or an error of its own.</returns>
    /// <exception cref="ProviderUnavailableException">It does not answer.</exception>
    public async Task<JsonDocument> ExchangeAsync(OidcProvider provider, string code, string redirectUri, string? verifier, CancellationToken cancel)
    {
        var metadata = await DocumentsOf(provider).MetadataAsync(cancel);
        var form = new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = redirectUri };
        if (verifier is not null) form["code_verifier"] = verifier;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(metadata.TokenEndpoint));
        Identify(provider, metadata, request, form);
        request.Content = new FormUrlEncodedContent(form);
        return await SendAsync(request, "the token endpoint", cancel);
    }

    /// <summary>What the provider knows of the person behind an access token; null when it tells nothing.</summary>
    public async Task<JsonElement?> AskAboutAsync(OidcProvider provider, string accessToken, CancellationToken cancel)
    {
        if ((await DocumentsOf(provider).MetadataAsync(cancel)).UserInfoEndpoint is not { } address) return null;
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address)) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", accessToken) } };
        using var answer = await SendAsync(request, "the userinfo endpoint", cancel);
        return answer.RootElement.Clone();
    }

    public void Dispose()
    {
        foreach (var known in documents.Values) known.Dispose();
        http.Dispose();
    }

    // OpenID Connect Core 1.0, section 9.
    private void Identify(OidcProvider provider, ProviderMetadata metadata, HttpRequestMessage request, Dictionary<string, string> form)
    {
        if (provider.ClientKey is { } key)
        {
            form["client_id"] = provider.ClientId;
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            form["client_assertion"] = Assertion(provider, metadata, key);
        }
        else if (provider.ClientSecret is not { } secret) form["client_id"] = provider.ClientId;
        else if (metadata.ClientAuthentication.Contains("client_secret_basic", StringComparer.Ordinal))
        {
            var pair = $"{Uri.EscapeDataString(provider.ClientId)}:{Uri.EscapeDataString(secret)}"; // RFC 6749, 2.3.1
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        }
        else
        {
            form["client_id"] = provider.ClientId;
            form["client_secret"] = secret;
        }
    }

    private string Assertion(OidcProvider provider, ProviderMetadata metadata, ClientKey key)
    {
        var header = new Dictionary<string, string>(StringComparer.Ordinal) { ["alg"] = key.Algorithm, ["typ"] = "JWT" };
        if (key.Id is { } id) header["kid"] = id;
        if (key.CertificateThumbprint is { } thumbprint) header["x5t#S256"] = thumbprint;
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["iss"] = provider.ClientId,
            ["sub"] = provider.ClientId,
            ["aud"] = metadata.TokenEndpoint,
            ["jti"] = Secret.New(),
            ["iat"] = now,
            ["nbf"] = now - 30,
            ["exp"] = now + 60,
        };
        var signed = $"{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(header))}.{Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(claims))}";
        return $"{signed}.{Base64Url.EncodeToString(key.Sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private async Task<JsonDocument> SendAsync(HttpRequestMessage request, string what, CancellationToken cancel)
    {
        try
        {
            using var answer = await http.SendAsync(request, cancel);
            if ((int)answer.StatusCode >= 500) throw new ProviderUnavailableException($"{what} answered {(int)answer.StatusCode}");
            var document = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(cancel), cancellationToken: cancel);
            if (document.RootElement.ValueKind is JsonValueKind.Object) return document;
            document.Dispose();
            throw new ProviderUnavailableException($"{what} answered with no JSON object");
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException || (failure is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            throw new ProviderUnavailableException($"{what} cannot be read: {failure.GetType().Name}", failure);
        }
    }
}
