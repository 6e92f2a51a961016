namespace Tracepipe.Storefront.Accounts;

/// <summary>
/// People. Owns: registration, log in and out, passwords, sessions of the browser. Does not own: organizations and rights (Organizations).
/// </summary>
internal static class AccountsModule
{
    public static WebApplicationBuilder AddAccounts(this WebApplicationBuilder builder) => builder;

    public static WebApplication MapAccounts(this WebApplication app) => app;
}

/// <summary>A person has proved an e-mail address and now exists, in the running transaction: other modules add what belongs to him (an organization).</summary>
internal sealed record PersonMade(Guid PersonId, string Name, string Email);
