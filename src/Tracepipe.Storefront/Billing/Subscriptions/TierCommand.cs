using System.Globalization;
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
        var (organization, slug) = await FindAsync(services.GetRequiredService<Database>(), named, cancel) ?? throw new StartupException($"There is no organization “{named}”: name it by its slug, as in its addresses, or by its id.");
        var until = Until(services.GetRequiredService<IConfiguration>()["until"], services.GetRequiredService<TimeProvider>().GetUtcNow());
        var isTaken = tier.Sold is Sold.Free;
        if (isTaken && until is not null) throw new StartupException("Free has no end: leave out --until.");
        await services.GetRequiredService<LifetimePlans>().SetContractAsync(organization, isTaken ? null : (tier.Key, current.Number), until, Actor.System, cancel);
        await output.WriteLineAsync(isTaken ? $"{slug} has no contract any more." : $"{slug} has {tier.Name} {(until is { } end ? $"until {end:yyyy-MM-dd HH:mm} UTC" : "without end")}.");
        return 0;
    }

    private static async Task<(Guid Id, string Slug)?> FindAsync(Database database, string named, CancellationToken cancel)
    {
        Answer<(Guid, string)?>? found = null;
        var id = Guid.TryParse(named, out var parsed) ? parsed : Guid.Empty;
        await database.WorkReadAsync(q => found = q.First($"select id, slug from organizations where (slug = {named} or id = {id}) and deleted_at is null order by slug = {named} desc limit 1", r => ((Guid, string)?)(r.GetGuid(0), r.GetString(1))), cancel);
        return found!.Value;
    }

    /// <summary>A day counts to its end; an instant is taken as it is.</summary>
    private static DateTimeOffset? Until(string? typed, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(typed)) return null;
        DateTimeOffset end;
        if (DateOnly.TryParseExact(typed.Trim(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)) end = new DateTimeOffset(day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero);
        else if (!DateTimeOffset.TryParseExact(typed.Trim(), ["yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd'T'HH:mm:ss'Z'"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out end))
            throw new StartupException($"--until {typed} is no date: write 2027-03-31 (the whole day counts, UTC) or 2027-03-31T12:00Z.");
        return end > now ? end : throw new StartupException($"--until {typed} has passed: choose a day in the future.");
    }
}
