using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Ledger;

/// <summary>The product with organizations that have a book, and nobody who pays.</summary>
public class LedgerApp(TestServers servers) : TestApp(servers)
{
    private int number;

    internal Database Database => Services.GetRequiredService<Database>();

    public async Task<Guid> NewOrganizationAsync()
    {
        await using var transaction = await Database.BeginWorkAsync(default);
        var (id, _) = await Services.GetRequiredService<Memberships>().MakePersonalAsync(Guid.CreateVersion7(), $"Organization {Interlocked.Increment(ref number)}", "o@example.com", transaction, default);
        await transaction.CommitAsync(default);
        return id;
    }

    /// <summary>Runs in a transaction of the organization and commits.</summary>
    internal async Task<T> InAsync<T>(Guid organization, Func<Transaction, Task<T>> act)
    {
        await using var transaction = await Database.BeginAsync(organization, null, default);
        var result = await act(transaction);
        await transaction.CommitAsync(default);
        return result;
    }

    public Task<bool> BuyAsync(Guid organization, long cents, string payment) =>
        InAsync(organization, t => Book.PostPurchaseAsync(organization, Money.Usd(cents), new Cause("purchase", payment, Actor.System, Clock.GetUtcNow()), t, default));

    public Task<bool> GrantAsync(Guid organization, long cents, DateTimeOffset? expires = null) =>
        InAsync(organization, t => Book.GrantAsync(organization, Guid.CreateVersion7(), Money.Usd(cents), expires, "Welcome", Actor.System, Clock.GetUtcNow(), t, default));

    public Task<bool> HoldCreditsAsync(Guid organization, long cents, string hold, DateTimeOffset? usedAt = null) =>
        InAsync(organization, t => Book.HoldCreditsAsync(organization, Money.Usd(cents), new Cause("hold", hold, Actor.System, Clock.GetUtcNow()), usedAt ?? Clock.GetUtcNow(), t, default));

    public Task<bool> SettleHoldAsync(Guid organization, string hold, long cents) =>
        InAsync(organization, t => Book.CommitHeldAsync(organization, hold, Money.Usd(cents), null, Actor.System, Clock.GetUtcNow(), t, default));

    public Task<long> RefundAsync(Guid organization, string payment, long cumulative) =>
        InAsync(organization, async t => (await Book.RefundAsync(organization, payment, Money.Usd(cumulative), Actor.System, Clock.GetUtcNow(), t, default)).Minor);

    public Task<long> SpendAsync(Guid organization, long cents, string cause, DateTimeOffset? usedAt = null) =>
        InAsync(organization, async t => (await Book.SpendAsync(organization, Money.Usd(cents), new Cause("settle", cause, Actor.System, Clock.GetUtcNow()), usedAt ?? Clock.GetUtcNow(), t, default)).Minor);

    /// <summary>Available and held cents.</summary>
    public async Task<(long Available, long Held)> BalanceAsync(Guid organization)
    {
        Answer<CreditBalance?>? balance = null;
        await Database.ReadAsync(organization, null, q => balance = Book.AskBalance(q, organization, Clock.GetUtcNow()), default);
        return (balance!.Value!.Available.Minor, balance.Value.Held.Minor);
    }

    /// <summary>An account's balance, cents, credit side positive.</summary>
    public Task<long> AccountAsync(Guid organization, string kind) => ScalarAsync<long>($"select coalesce(sum(balance), 0)::bigint from ledger_accounts where organization_id = '{organization}' and kind = '{kind}'");

    /// <summary>What the book must always be, added up the long way.</summary>
    public async Task<string?> BrokenAsync(Guid organization) => await ScalarAsync<string?>($"""
        select string_agg(wrong, '; ') from (
          select 'transaction ' || transaction_id || ' sums to ' || sum(amount_minor) from ledger_entries where organization_id = '{organization}' group by transaction_id, currency having sum(amount_minor) <> 0
          union all
          select a.kind || ' has ' || a.balance || ' but entries of ' || coalesce(sum(e.amount_minor), 0) from ledger_accounts a
          left join ledger_entries e on e.organization_id = a.organization_id and e.account_id = a.id
          where a.organization_id = '{organization}' group by a.id, a.kind, a.balance, a.entries having a.balance <> coalesce(sum(e.amount_minor), 0) or a.entries <> count(e.place)
          union all
          select 'all accounts sum to ' || sum(balance) from ledger_accounts where organization_id = '{organization}' having sum(balance) <> 0) w (wrong)
        """);
}
