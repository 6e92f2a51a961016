using System.Globalization;
using Tracepipe.Storefront.Accounts;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Credits as a gift: given by the operator, used before those that were bought, the first to expire first, and written back when no use of their time can be
/// reported any more (billing rules, decision 9).
/// </summary>
internal sealed partial class CreditGrants(Database database, Standings standings, TimeProvider clock, ILogger<CreditGrants> log)
{
    private const long Most = 10_000_000;

    /// <summary>Gives credits. Use that was held back is paid from them first, as from a purchase.</summary>
    /// <param name="expiresAt">They count for use before; null: for good.</param>
    /// <returns>The grant's id.</returns>
    public async Task<Guid> GrantAsync(Guid organization, Money amount, DateTimeOffset? expiresAt, string reason, Actor by, CancellationToken cancel)
    {
        var (now, grant) = (clock.GetUtcNow(), Guid.CreateVersion7());
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        await standings.LockAsync(organization, transaction, cancel);
        await Book.GrantAsync(organization, grant, amount, expiresAt, reason, by, now, transaction, cancel);
        await Settlement.PayHeldBackAsync(organization, fromCardToo: false, now, transaction, cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, "credits.granted", by, $"{amount}: {reason}"), now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
        return grant;
    }

    /// <summary>Writes back what is left of grants whose time has passed, late use included.</summary>
    /// <returns>Of how many organizations.</returns>
    public async Task<int> ExpireAsync(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        Answer<IReadOnlyList<Guid>>? due = null;
        await database.WorkReadAsync(q => due = q.List($"select distinct organization_id from ledger_accounts where kind = 'available' and balance > 0 and expires_at <= {now - Book.LateUse} limit 1000", r => r.GetGuid(0)), cancel);
        return await Turns.EachAsync(due!.Value, async organization =>
        {
            await using var transaction = await database.BeginWorkAsync(cancel);
            await standings.LockAsync(organization, transaction, cancel);
            await Book.ExpireAsync(organization, now, transaction, cancel);
            await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
            await transaction.CommitAsync(cancel);
        }, (failure, o) => Stopped(log, failure, o));
    }

    /// <summary><c>tracepipe credits grant EMAIL-or-ORG AMOUNT --reason TEXT [--expires DATE]</c>.</summary>
    public static async Task<int> RunAsync(IServiceProvider services, IReadOnlyList<string> words, TextWriter output, CancellationToken cancel)
    {
        if (words is not [var named, var typed]) throw new StartupException("Write: credits grant EMAIL-or-ORG AMOUNT --reason TEXT [--expires DATE], with a person's address, or the organization's slug or id.");
        if (!decimal.TryParse(typed, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars) || !Money.TryExact(dollars, out var amount) || amount.Minor is < 1 or > Most)
            throw new StartupException($"“{typed}” is no amount to grant: write dollars from 0.01 to {Most / 100}.00 with at most two decimals.");
        var options = services.GetRequiredService<IConfiguration>();
        if (options["reason"]?.Trim() is not { Length: > 0 and <= 200 } reason || reason.Any(char.IsControl)) throw new StartupException("Say why in at most 200 characters: --reason \"Sorry for the outage\". The buyer reads it.");
        var (organization, slug) = await FindAsync(services, named, cancel)
            ?? throw new StartupException($"There is no organization “{named}”, and nobody with this address: name it by its slug, as in its addresses, or by its id.");
        var expires = OperatorWords.End("--expires", options["expires"], services.GetRequiredService<TimeProvider>().GetUtcNow());
        var grant = await services.GetRequiredService<CreditGrants>().GrantAsync(organization, amount, expires, reason, new Actor("operator", null), cancel);
        await output.WriteLineAsync($"{slug} has {amount} more{(expires is { } end ? $", for use before {end:yyyy-MM-dd HH:mm} UTC" : "")}. Grant {grant}.");
        return 0;
    }

    /// <summary>By slug or id; an address names its person's own organization.</summary>
    private static async Task<(Guid Id, string Slug)?> FindAsync(IServiceProvider services, string named, CancellationToken cancel)
    {
        var database = services.GetRequiredService<Database>();
        if (!named.Contains('@', StringComparison.Ordinal)) return await OperatorWords.FindAsync(database, named, cancel);
        if (await services.GetRequiredService<People>().FindByEmailAsync(named, cancel) is not { } person) return null;
        return (await services.GetRequiredService<Memberships>().OfAsync(person, cancel)).FirstOrDefault(m => m.IsPersonal) is { } own ? (own.OrganizationId, own.Slug) : null;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Expired credits of {Organization} were not written back and are tried again")]
    private static partial void Stopped(ILogger log, Exception failure, Guid organization);
}

/// <summary>The pace at which expired grants are written back.</summary>
internal sealed partial class GrantClock(CreditGrants grants, TimeProvider clock, ILogger<GrantClock> log) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Turns.TakeAsync(TimeSpan.FromMinutes(5), clock, grants.ExpireAsync, reason => Waits(log, reason), stoppingToken);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Expired credits wait for the database: {Reason}")]
    private static partial void Waits(ILogger log, string reason);
}
