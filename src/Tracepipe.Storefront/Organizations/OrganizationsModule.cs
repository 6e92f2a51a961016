using Microsoft.AspNetCore.Authorization;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Organizations;

/// <summary>
/// Who owns and pays. Owns: organizations, members and their roles, the policies of routes, the audit log, operators. Does not own: people (Accounts),
/// money (Billing), keys (Keys).
/// </summary>
internal static class OrganizationsModule
{
    public static WebApplicationBuilder AddOrganizations(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<Memberships>();
        services.AddScoped<Caller>();
        services.AddScoped<IAuthorizationHandler, PermissionHandler>();
        services.AddScoped<IAuthorizationHandler, OperatorHandler>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationAnswers>();
        services.AddAuthorization(options =>
        {
            options.FallbackPolicy = options.DefaultPolicy; // a route that says nothing is closed
            options.AddPolicy(Policies.SignedIn, policy => policy.RequireAuthenticatedUser());
            options.AddPolicy(Policies.Operator, policy => policy.RequireAuthenticatedUser().AddRequirements(new OperatorRequirement()));
            options.AddPolicy(Policies.Service, policy => policy.RequireAuthenticatedUser().RequireClaim(KeyClaims.Service));
            options.AddPolicy(Policies.ReadCosts, policy => policy.RequireAuthenticatedUser().AddRequirements(new PermissionRequirement(Permissions.UsageRead, Permissions.BillingRead)));
            foreach (var permission in Permissions.All)
                options.AddPolicy(permission, policy => policy.RequireAuthenticatedUser().AddRequirements(new PermissionRequirement(permission)));
        });
        services.AddAfter<PersonMade>((made, transaction, provider, cancel) =>
            provider.GetRequiredService<Memberships>().MakePersonalAsync(made.PersonId, made.Name, made.Email, transaction, cancel));
        services.AddAfter<AccountActed>((acted, transaction, provider, cancel) => AccountAudit.WriteAsync(acted, transaction, provider.GetRequiredService<TimeProvider>().GetUtcNow(), cancel));
        services.AddSubcommand("operator add", "EMAIL", Operators.AddAsync);
        return builder;
    }

    public static WebApplication MapOrganizations(this WebApplication app)
    {
        app.UseMiddleware<IdempotentCalls>();
        app.MapShortAddresses();
        app.MapLive();
        return app;
    }
}
