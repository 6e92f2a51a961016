using Microsoft.AspNetCore.Http.HttpResults;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Accounts.External;

/// <summary>
/// Signing in with OpenID providers (Microsoft Entra External ID and others). Owns: their configuration, tokens and what is believed of them, which
/// identities open which accounts. Does not own: people and sessions, which are the same as with a password.
/// </summary>
internal static class ExternalModule
{
    public static void AddExternalSignIn(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        var providers = OidcProviders.Read(builder.Configuration);
        services.AddSingleton(providers);
        services.AddSingleton<ProviderDesk>();
        services.AddSingleton<UsedStates>();
        services.AddSingleton<ExternalIdentities>();
        services.AddSingleton<ProviderSessions>();
        services.AddSingleton<SignInLog>();
        services.AddSingleton<AccessTokens>();
        services.AddScoped<ExternalSignIn>();
        services.AddScoped<OidcEvents>();
        foreach (var provider in providers.All)
        {
            services.AddAuthentication().AddOAuth<OidcSchemeOptions, OidcHandler>(provider.Scheme, provider.Label, scheme =>
            {
                scheme.Provider = provider;
                scheme.CallbackPath = provider.CallbackPath;
                scheme.UsePkce = true;
                scheme.EventsType = typeof(OidcEvents);
            });
            services.AddOptions<OidcSchemeOptions>(provider.Scheme).Configure<IHttpContextAccessor>((scheme, accessor) => scheme.CorrelationCookie = new SiteCookie("tracepipe-sign-in", accessor));
        }
    }

    public static void MapExternalSignIn(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/login/with/{provider}", BeginAsync).AllowAnonymous().ExcludeFromDescription();
        // Answered by the scheme's handler, which stands before all routes; it is named here so that the address exists.
        routes.MapGet("/signin-oidc/{provider}", () => TypedResults.NotFound()).AllowAnonymous().ExcludeFromDescription();
        routes.MapPost("/settings/security/identities/{id:guid}/unlink", UnlinkAsync).RequireAntiforgery().RequireAuthorization().ExcludeFromDescription();
    }

    // GET, because a form's redirect to another origin is stopped by our own Content-Security-Policy; it changes nothing but a cookie.
    private static async Task<Results<EmptyHttpResult, NotFound, RedirectHttpResult>> BeginAsync(string provider, HttpContext context, OidcProviders providers, ExternalSignIn signIn)
    {
        if (providers.Find(provider) is not { } found) return TypedResults.NotFound();
        if (context.Request.IsPrefetch()) { context.Response.StatusCode = 425; return TypedResults.Empty; } // too early: nobody has followed the link yet
        if (context.Request.Query["proof"].ToString() is { Length: > 0 } proof)
        {
            if (!await signIn.BeginLinkAsync(context, found, proof)) return TypedResults.Redirect($"/settings/security/link/{found.Name}");
        }
        else await signIn.BeginAsync(context, found, context.Request.Query["returnUrl"]);
        return TypedResults.Empty;
    }

    private static async Task UnlinkAsync(Guid id, HttpContext context, ExternalIdentities identities, OidcProviders providers, CancellationToken cancel)
    {
        var person = context.User.PersonId();
        var linked = (await identities.WaysOfAsync(person, cancel)).Identities.FirstOrDefault(i => i.Id == id);
        var label = linked is null ? "" : providers.Find(linked.Provider)?.Label ?? linked.Provider;
        var gone = linked is null ? null : await identities.UnlinkAsync(person, id, label, Tried.NetworkOf(context.Connection.RemoteIpAddress), cancel);
        var (tone, words) = gone switch
        {
            true => (Tone.Success, $"{label} unlinked"),
            false => (Tone.Danger, $"{label} is your only way to log in. Choose a password first, then unlink it."),
            null => (Tone.Info, "That was unlinked already."),
        };
        Flash.Set(context, tone, words);
        context.SeeOther("/settings/security");
    }
}
