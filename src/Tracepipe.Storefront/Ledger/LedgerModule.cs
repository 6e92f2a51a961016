using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Ledger;

/// <summary>
/// Who pays for use. Owns: standing (plan, suspension), quota counters, the book of credits and of what is owed, the order of pockets. Does not own: why a plan is live (Billing), what was used
/// (Metering).
/// </summary>
internal static class LedgerModule
{
    public static WebApplicationBuilder AddLedger(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Standings>();
        builder.Services.AddSingleton<StorageLevels>();
        builder.Services.AddSingleton<Settlement>();
        builder.Services.AddAfter<OrganizationMade>((made, transaction, _, cancel) =>
            transaction.ExecuteAsync($"insert into standings (organization_id, changed_at) values ({made.OrganizationId}, {made.At})", cancel));
        builder.Services.AddAfter<OrganizationMade>((made, transaction, _, cancel) => Book.OpenAsync(made.OrganizationId, transaction, cancel));
        builder.Services.AddAfter<StandingChanged>(async (changed, transaction, services, cancel) =>
        {
            // The level that a plan includes counts from the moment of the change.
            var standing = await services.GetRequiredService<Standings>().LockAsync(changed.OrganizationId, transaction, cancel);
            await services.GetRequiredService<StorageLevels>().ChangeAsync(standing, 0, services.GetRequiredService<TimeProvider>().GetUtcNow(), transaction, cancel);
        });
        return builder;
    }

    public static WebApplication MapLedger(this WebApplication app) => app;
}
