using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Accounts.External;
using Tracepipe.Storefront.Accounts.LogIn;
using Tracepipe.Storefront.Accounts.Passwords;
using Tracepipe.Storefront.Accounts.Registration;
using Tracepipe.Storefront.Accounts.Sessions;
using Tracepipe.Storefront.Accounts.Settings;
using Tracepipe.Storefront.Platform;
using Tracepipe.Storefront.Ui;

namespace Tracepipe.Storefront.Accounts;

/// <summary>
/// People. Owns: registration, log in and out, passwords, sessions of browsers, a person's name and address. Does not own: organizations and rights
/// (Organizations), API keys (Keys).
/// </summary>
internal static class AccountsModule
{
    public static WebApplicationBuilder AddAccounts(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        builder.AddEdge();
        services.AddOptions<AccountsOptions>().BindConfiguration("Accounts").ValidateDataAnnotations().ValidateOnStart();

        services.AddDbContext<AccountsDb>((provider, options) => options.UseNpgsql(provider.GetRequiredService<Database>().Work));
        services.AddIdentityCore<Person>(identity => identity.Stores.SchemaVersion = IdentitySchemaVersions.Version3).AddEntityFrameworkStores<AccountsDb>();
        services.RemoveAll<IUserValidator<Person>>(); // the address is checked where it is typed, and is unique by its index
        services.RemoveAll<IPasswordValidator<Person>>(); // PasswordRules, which know the person's name and address
        services.Configure<PasswordHasherOptions>(hasher => hasher.IterationCount = PasswordWork.Iterations);
        services.AddSingleton<IPasswordHasher<Person>, PasswordHasher<Person>>();
        services.AddSingleton<ILookupNormalizer, UpperInvariantLookupNormalizer>();

        services.AddAuthentication(SessionCookie.Scheme).AddCookie(SessionCookie.Scheme);
        services.AddOptions<CookieAuthenticationOptions>(SessionCookie.Scheme).Configure<IHttpContextAccessor, IOptions<AccountsOptions>>((cookie, accessor, accounts) =>
        {
            cookie.Cookie = new SiteCookie(SessionCookie.Name, accessor);
            cookie.EventsType = typeof(SessionCookie);
            cookie.ExpireTimeSpan = accounts.Value.SessionIdle;
        });
        services.AddAntiforgery().AddOptions<AntiforgeryOptions>().Configure<IHttpContextAccessor>((forgery, accessor) => forgery.Cookie = new SiteCookie("tracepipe-form", accessor));

        services.AddSingleton<PasswordWork>();
        services.AddSingleton<Delays>();
        services.AddSingleton<KnownDevice>();
        services.AddSingleton<SignedInDevices>();
        services.AddSingleton<SessionCookie>();
        services.AddSingleton<NewPeople>();
        services.AddSingleton<Registrations>();
        services.AddSingleton<EmailChange>();
        services.AddSingleton<People>();
        services.AddScoped<LogInDesk>();
        services.AddScoped<PasswordChange>();
        services.AddSingleton<MailTray>();
        builder.AddExternalSignIn();
        services.AddHostedService<Sweeper>();
        services.AddSingleton(new NavItem(NavSection.Settings, "Profile", "/settings/profile", Lucide.UserRound, 20, OfOrganization: false));
        services.AddSingleton(new NavItem(NavSection.Settings, "Security", "/settings/security", Lucide.ShieldCheck, 30, OfOrganization: false));
        // The framework writes whole addresses of requests, and those of mailed links carry their secret: not at any level.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        return builder;
    }

    public static WebApplication MapAccounts(this WebApplication app)
    {
        if (!app.Environment.IsDevelopment()) app.UseWhen(context => context.Request.Path.StartsWithSegments("/dev", StringComparison.OrdinalIgnoreCase), dev => dev.Run(NotFound));
        app.Use(ReturnUrl.GuardAsync);
        app.UseAuthentication();
        app.UseMiddleware<CrossSite>();
        app.UseAuthorization();
        app.UseCheckedForms();
        app.MapDevices();
        app.MapExternalSignIn();
        return app;
    }

    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }
}

/// <summary>A person has proved an e-mail address and now exists, in the running transaction: other modules add what belongs to him (an organization).</summary>
internal sealed record PersonMade(Guid PersonId, string Name, string Email);

/// <summary>A person did something about his own account, in the running transaction: it belongs into an audit log.</summary>
/// <param name="Action">Noun and past participle: <c>sign_in.linked</c>.</param>
/// <param name="Target">What it was done to, as a person would name it. Never a secret.</param>
/// <param name="Address">The network address it came from.</param>
internal sealed record AccountActed(Guid PersonId, string Action, string? Target, string? Address);
