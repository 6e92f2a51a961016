using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Organizations;

namespace Tracepipe.Storefront.Keys;

/// <summary>Tells the framework's authentication what <see cref="KeyGate"/> has found: the key of the request, or nothing.</summary>
internal sealed class KeyScheme(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Context.Features.Get<VerifiedKey>() is { } key
        ? AuthenticateResult.Success(new AuthenticationTicket(key.Principal, KeyClaims.Scheme))
        : AuthenticateResult.NoResult());
}
