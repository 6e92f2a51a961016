using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Keys;

/// <summary>
/// Secrets that call the API. Owns: keys, service keys, their format, verification and request limits, the door of <c>/v1</c>. Does not own: who may be in an
/// organization (Organizations), what a plan allows (Catalog, Billing), what calls cost (Metering).
/// </summary>
internal static class KeysModule
{
    public static WebApplicationBuilder AddKeys(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<KeysOptions>().BindConfiguration("Keys")
            .Validate(o => o.Limits is not { } l || new[] { l.RequestsPerMinute, l.UploadsPerMinute, l.KeyChangesPerMinute }.All(n => n is -1 or >= 1 and <= 100_000_000), "Keys:Limits are requests per minute: 1 to 100000000, or -1 for none.")
            .ValidateOnStart();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<ServiceKeys>();
        services.AddSingleton<NamedKeys>();
        services.AddServiceKeyCommands();
        services.AddSingleton<KeyCache>();
        services.AddSingleton<RequestLimiter>();
        services.AddSingleton<Suites>(() => []);
        services.AddSingleton<LimitsOf>(s =>
        {
            var configured = s.GetRequiredService<IOptions<KeysOptions>>().Value.Limits;
            return (_, _) => ValueTask.FromResult(configured ?? KeyLimits.Default); // Metering, which knows the plans, answers instead
        });
        services.AddSingleton<KeyUseLog>().AddHostedService(s => s.GetRequiredService<KeyUseLog>());
        services.AddSingleton<KeyChanges>().AddHostedService(s => s.GetRequiredService<KeyChanges>());
        services.AddHostedService<KeyUpkeep>();
        services.AddSingleton<KeyTickets>();
        services.AddSingleton(new NavItem(NavSection.Main, "API keys", "/keys", Lucide.KeyRound, 10, Permissions.KeysRead));
        services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, KeyScheme>(KeyClaims.Scheme, displayName: null, configureOptions: null);
        services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, BearerScheme>(BearerClaims.Scheme, displayName: null, configureOptions: null);
        // Where a person's cookie, a key and an access token are all welcome (/api/billing), what a door has let in decides.
        services.Configure<CookieAuthenticationOptions>(SessionCookie.Scheme, cookie => cookie.ForwardDefaultSelector = context =>
            context.Features.Get<VerifiedKey>() is not null ? KeyClaims.Scheme : context.Features.Get<BearerPerson>() is not null ? BearerClaims.Scheme : null);
        return builder;
    }

    /// <summary>Stands before log-in and pages: the door of <c>/v1</c> runs its routes itself.</summary>
    public static WebApplication MapKeys(this WebApplication app)
    {
        app.UseMiddleware<BearerGate>();
        app.UseMiddleware<KeyGate>();
        app.MapKeysApi();
        return app;
    }
}
