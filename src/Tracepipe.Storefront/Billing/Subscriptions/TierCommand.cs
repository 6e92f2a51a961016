using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary><c>tracepipe tier set ORG TIER [--until DATE]</c>: the operator gives a tier that nobody buys here, such as Enterprise, or takes it away with <c>free</c>.</summary>
internal static class TierCommand
{
    public static async Task<int> SetAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words is not [var named, var key]) throw new StartupException("Write: tier set ORG TIER [--until DATE], with the organization's slug or id.");
        var catalogs = services.GetRequiredService<Catalogs>();
        await catalogs.LoadAsync(cancel);
        var current = catalogs.Current;
        var tier = current.Prices.TryTier(key) ?? throw new StartupException($"There is no tier “{key}”: use one of {string.Join(", ", current.Prices.Tiers.Select(t => t.Key))}.");
        var (organization, slug) = await OperatorWords.FindAsync(services.GetRequiredService<Database>(), named, cancel) ?? throw new StartupException($"There is no organization “{named}”: name it by its slug, as in its addresses, or by its id.");
        var until = OperatorWords.End("--until", services.GetRequiredService<IConfiguration>()["until"], services.GetRequiredService<TimeProvider>().GetUtcNow());
        var isTaken = tier.Sold is Sold.Free;
        if (isTaken && until is not null) throw new StartupException("Free has no end: leave out --until.");
        await services.GetRequiredService<LifetimePlans>().SetContractAsync(organization, isTaken ? null : (tier.Key, current.Number), until, Actor.System, cancel);
        await output.WriteLineAsync(isTaken ? $"{slug} has no contract any more." : $"{slug} has {tier.Name} {(until is { } end ? $"until {end:yyyy-MM-dd HH:mm} UTC" : "without end")}.");
        return 0;
    }
}
