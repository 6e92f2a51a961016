namespace Tracepipe.Storefront.Accounts;

/// <summary>
/// People. Owns: registration, log in and out, passwords, sessions of the browser. Does not own: organizations and rights (Organizations).
/// </summary>
internal static class AccountsModule
{
    public static WebApplicationBuilder AddAccounts(this WebApplicationBuilder builder) => builder;

    public static WebApplication MapAccounts(this WebApplication app) => app;
}
