using Microsoft.Extensions.Options;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Metering;

/// <summary>How many requests the keys of an organization may make: what its plan says, in the version that was bought.</summary>
internal static class PlanLimits
{
    public static IServiceCollection AddPlanLimits(this IServiceCollection services)
    {
        services.AddSingleton<LimitsOf>(s =>
        {
            var configured = s.GetRequiredService<IOptions<KeysOptions>>().Value.Limits;
            return (organization, cancel) => configured is not null ? ValueTask.FromResult(configured) : OfAsync(s, organization, cancel);
        });
        // Every node reads the keys of an organization anew when its plan changes.
        services.AddAfter<StandingChanged>((changed, transaction, s, cancel) => s.GetRequiredService<KeyRing>().ReadAnewAsync(changed.OrganizationId, transaction, cancel));
        return services;
    }

    private static async ValueTask<KeyLimits> OfAsync(IServiceProvider services, Guid organization, CancellationToken cancel)
    {
        Answer<Standing?>? standing = null;
        await services.GetRequiredService<Database>().ReadAsync(organization, person: null, q => standing = Standings.Ask(q, organization), cancel);
        if (standing!.Value is not { } found) return KeyLimits.Default;
        var allowance = await services.GetRequiredService<Standings>().AllowanceAsync(found, services.GetRequiredService<TimeProvider>().GetUtcNow(), cancel);
        var requests = allowance.Tier.Requests;
        return new KeyLimits(requests.RequestsPerMinute, requests.UploadsPerMinute, requests.KeyChangesPerMinute);
    }
}
