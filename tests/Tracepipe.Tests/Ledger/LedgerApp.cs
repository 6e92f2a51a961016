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

    /// <summary>Spends as much of so many cents as there is, for use that has happened.</summary>
    public Task<long> SpendAsync(Guid organization, long cents, string cause, DateTimeOffset? usedAt = null) => InAsync(organization, async t =>
    {
        Purse? purse = null;
        await t.ReadAsync(q => purse = Purse.Ask(q, organization), default);
        var drawn = purse!.Draw(cents, usedAt ?? Clock.GetUtcNow());
        var spent = -drawn.Sum(l => l.AmountMinor);
        return spent > 0 && await Book.PostAsync(organization, new Cause("settle", cause, Actor.System, Clock.GetUtcNow()), [.. drawn, new Leg("revenue", Guid.Empty, spent)], t, default) ? spent : 0;
    });

    /// <summary>A card on file that pays for use, up to a cap in cents.</summary>
    public Task CardAsync(Guid organization, long? cap = 10000) => ExecuteAsync($"""
        update billing_accounts set auto_billing_enabled = true, status = 'active', spend_cap_cents = {cap?.ToString() ?? "null"} where organization_id = '{organization}';
        insert into payment_methods (organization_id, id, type, is_default, attached_at) values ('{organization}', 'pm_{organization:N}', 'card', true, now());
        """);

    /// <summary>Uses a quantity, and decides who pays.</summary>
    public Task<bool> UseAsync(Guid organization, string meter, decimal quantity, DateTimeOffset? usedAt = null) => LockedAsync(organization, async (settlement, standing, t) =>
    {
        await settlement.UseAsync(standing, [new ReportedUse(meter, null, quantity, usedAt ?? Clock.GetUtcNow())], Clock.GetUtcNow(), t, default);
        await settlement.SettleAsync(standing, Clock.GetUtcNow(), t, default);
        return true;
    });

    public Task<bool> SettleAsync(Guid organization) => LockedAsync(organization, async (settlement, standing, t) =>
    {
        await settlement.SettleAsync(standing, Clock.GetUtcNow(), t, default);
        return true;
    });

    public Task<bool> CloseAsync(Guid organization, DateTimeOffset? month = null, DateTimeOffset? at = null) =>
        LockedAsync(organization, (settlement, standing, t) => settlement.CloseAsync(standing, BillMonth.Of(month ?? Clock.GetUtcNow()), at ?? Clock.GetUtcNow(), t, default));

    public Task<long> PayHeldBackAsync(Guid organization) => LockedAsync(organization, (_, _, t) => Settlement.PayHeldBackAsync(organization, fromCardToo: true, Clock.GetUtcNow(), t, default));

    /// <summary>Stores so many bytes more, or fewer.</summary>
    public Task<bool> StoreAsync(Guid organization, long delta, DateTimeOffset at) => LockedAsync(organization, async (_, standing, t) =>
    {
        await Services.GetRequiredService<StorageLevels>().ChangeAsync(standing, delta, at, t, default);
        return true;
    });

    /// <summary>Gives the organization this plan, since the beginning of the month.</summary>
    public Task<bool> PlanAsync(Guid organization, string tier, DateTimeOffset? at = null) => LockedAsync(organization, async (_, _, t) =>
    {
        if (at is { } moment) Clock.MoveTo(moment);
        var month = Period.CalendarMonth(Clock.GetUtcNow());
        await Services.GetRequiredService<Standings>().SetPlanAsync(organization,
            new Plan(tier, PlanSource.Stripe, Services.GetRequiredService<Storefront.Catalog.Catalogs>().Current.Number, "active", month.Start, month, null, null), t, default);
        return true;
    });

    /// <summary>Cents of all accruals: from credits, metered, held back.</summary>
    public async Task<(long Credits, long Metered, long HeldBack)> PaidAsync(Guid organization)
    {
        var paid = (await ScalarAsync<string>($"select coalesce(sum(credits_minor), 0) || ' ' || coalesce(sum(metered_minor), 0) || ' ' || coalesce(sum(held_back_minor), 0) from accruals where organization_id = '{organization}'")).Split(' ').Select(long.Parse).ToArray();
        return (paid[0], paid[1], paid[2]);
    }

    private Task<T> LockedAsync<T>(Guid organization, Func<Settlement, Standing, Transaction, Task<T>> act) => InAsync(organization, async t =>
        await act(Services.GetRequiredService<Settlement>(), await Services.GetRequiredService<Standings>().LockAsync(organization, t, default), t));

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
