using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts.External.Tokens;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>The framework's options of one provider's scheme. Its endpoints come from discovery when they are needed: the site starts while the provider is away.</summary>
internal sealed class OidcSchemeOptions : OAuthOptions
{
    public OidcProvider Provider { get; set; } = default!;

    public override void Validate()
    {
        // What there is to check was checked when the configuration was read.
    }
}

/// <summary>
/// The authorization code flow of OpenID Connect on the framework's OAuth handler, which brings the state, its cookie and the verifier of PKCE. Here: the
/// nonce, the discovered endpoints, the client's proof, and the checks of the id_token.
/// </summary>
internal sealed class OidcHandler(IOptionsMonitor<OidcSchemeOptions> options, UrlEncoder encoder, ProviderDesk desk, UsedStates states, PublicAddress site)
    : OAuthHandler<OidcSchemeOptions>(options, NullLoggerFactory.Instance, encoder) // its log lines hold whole addresses with state and cookies
{
    /// <summary>Parameter of the properties: who came, when the ticket is made.</summary>
    public const string Identity = "identity";

    /// <summary>Parameter of the properties: the id_token, which the provider wants to see at log-out.</summary>
    public const string IdToken = "id_token";

    /// <summary>Parameter of the properties that asks the provider to have the person prove himself anew.</summary>
    public const string Anew = "anew";

    /// <summary>A sign-in that takes longer has been left.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromMinutes(15);

    private const string NonceItem = "nonce";
    private const string BegunItem = "begun";
    private ProviderMetadata metadata = default!;

    private OidcProvider Provider => Options.Provider;

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        metadata = await desk.DocumentsOf(Provider).MetadataAsync(Context.RequestAborted);
        properties.Items[NonceItem] = Secret.New();
        properties.Items[BegunItem] = TimeProvider.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        await base.HandleChallengeAsync(properties);
    }

    protected override string BuildChallengeUrl(AuthenticationProperties properties, string redirectUri)
    {
        var verifier = Secret.New();
        properties.Items[OAuthConstants.CodeVerifierKey] = verifier;
        var parameters = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["client_id"] = Provider.ClientId,
            ["response_type"] = "code",
            ["redirect_uri"] = RedirectUri,
            ["scope"] = Provider.Scopes,
            ["nonce"] = properties.Items[NonceItem],
            [OAuthConstants.CodeChallengeKey] = WebEncoders.Base64UrlEncode(Secret.Hash(verifier)),
            [OAuthConstants.CodeChallengeMethodKey] = OAuthConstants.CodeChallengeMethodS256,
        };
        if (properties.GetParameter<bool>(Anew)) parameters["prompt"] = "login";
        parameters["state"] = Options.StateDataFormat.Protect(properties);
        return QueryHelpers.AddQueryString(metadata.AuthorizationEndpoint, parameters);
    }

    protected override Task<HandleRequestResult> HandleAccessDeniedErrorAsync(AuthenticationProperties properties) =>
        Task.FromResult(HandleRequestResult.Fail(new SignInRefusedException(SignInProblem.Canceled, "the person canceled"), properties));

    protected override async Task<OAuthTokenResponse> ExchangeCodeAsync(OAuthCodeExchangeContext context)
    {
        await CheckReturnAsync(context.Properties);
        context.Properties.Items.Remove(OAuthConstants.CodeVerifierKey, out var verifier);
        var answer = await desk.ExchangeAsync(Provider, context.Code, RedirectUri, verifier, Context.RequestAborted);
        var error = JsonWebToken.Text(answer.RootElement, "error");
        if (error is null && JsonWebToken.Text(answer.RootElement, "access_token") is not null) return OAuthTokenResponse.Success(answer);
        answer.Dispose();
        throw new SignInRefusedException(SignInProblem.Refused, $"the token endpoint answered {(error is null ? "without a token" : Plain(error))}");
    }

    protected override async Task<AuthenticationTicket> CreateTicketAsync(ClaimsIdentity identity, AuthenticationProperties properties, OAuthTokenResponse tokens)
    {
        var cancel = Context.RequestAborted;
        var sent = JsonWebToken.Text(tokens.Response!.RootElement, "id_token");
        if (JsonWebToken.Parse(sent) is not { } token) throw Untrusted(TokenFault.Malformed);
        if (await desk.DocumentsOf(Provider).CheckSignatureAsync(token, cancel) is not TokenFault.None and var unsigned) throw Untrusted(unsigned);
        metadata = await desk.DocumentsOf(Provider).MetadataAsync(cancel);
        var rules = new TokenRules(Provider, metadata.Issuer, TimeProvider.GetUtcNow());
        if (rules.CheckIdToken(token, properties.Items[NonceItem]!, tokens.AccessToken) is not TokenFault.None and var fault) throw Untrusted(fault);

        var userInfo = token["email"] is null ? await desk.AskAboutAsync(Provider, tokens.AccessToken!, cancel) : null;
        // 5.3.2: whose it is must be said, or it may be somebody else's.
        if (userInfo is { } info && !string.Equals(JsonWebToken.Text(info, "sub"), token["sub"], StringComparison.Ordinal)) userInfo = null;
        properties.SetParameter(Identity, ExternalIdentity.Of(Provider, token, userInfo));
        properties.SetParameter(IdToken, sent);
        return new AuthenticationTicket(new ClaimsPrincipal(identity), properties, Scheme.Name);
    }

    // As registered at the provider: from the configured public address, never from the Host header.
    private string RedirectUri => site.Link(Provider.CallbackPath);

    /// <summary>What is checked of the way back before the code is worth anything: its age, that it comes once, and from whom (RFC 9207).</summary>
    private async Task CheckReturnAsync(AuthenticationProperties properties)
    {
        var now = TimeProvider.GetUtcNow();
        var begun = DateTimeOffset.FromUnixTimeSeconds(long.Parse(properties.Items[BegunItem]!, CultureInfo.InvariantCulture));
        if (now - begun > Lasts) throw new SignInRefusedException(SignInProblem.Expired, "the sign-in took too long");
        if (!await states.TakeAsync(Request.Query["state"].ToString(), now + Lasts + Lasts, Context.RequestAborted)) throw new SignInRefusedException(SignInProblem.Expired, "the state was used before");
        var issuer = (await desk.DocumentsOf(Provider).MetadataAsync(Context.RequestAborted)) is var known && Request.Query.TryGetValue("iss", out var sent) ? sent.ToString() : null;
        if (issuer is null ? known.SendsIssuer : !string.Equals(issuer, known.Issuer, StringComparison.Ordinal)) throw new SignInRefusedException(SignInProblem.Untrusted, "the answer came from another issuer");
    }

    private static SignInRefusedException Untrusted(TokenFault fault) => new(SignInProblem.Untrusted, $"the id_token failed the check {fault}");

    /// <summary>An error's code as the standard has it; anything else is not repeated into the log.</summary>
    internal static string Plain(string error) => error.Length <= 40 && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? error : "an unknown error";
}
