using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Ledger;

/// <summary>Catches: credits spent twice, posted twice, lost, changed afterwards, or a balance that is not the sum of its entries.</summary>
public sealed class BookTests(LedgerApp app) : IClassFixture<LedgerApp>
{
    [Fact]
    public async Task A_purchase_posts_once_however_often_it_is_told()
    {
        var organization = await app.NewOrganizationAsync();
        var told = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => app.BuyAsync(organization, 1999, "pi_1")));
        Assert.Single(told, t => t);
        Assert.Equal((1999L, 0L), await app.BalanceAsync(organization));
        Assert.Equal(-1999, await app.AccountAsync(organization, "cash"));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task Scenario_10_five_at_once_for_two_find_two()
    {
        for (var round = 0; round < 10; round++)
        {
            var organization = await app.NewOrganizationAsync();
            await app.BuyAsync(organization, 2000, "pi_1");
            var held = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => app.HoldCreditsAsync(organization, 1000, $"h{i}")));
            Assert.Equal(2, held.Count(h => h));
            Assert.Equal((0L, 2000L), await app.BalanceAsync(organization));
            await app.SettleHoldAsync(organization, $"h{Array.IndexOf(held, value: true)}", 0);
            Assert.Equal((1000L, 1000L), await app.BalanceAsync(organization));
            Assert.True(await app.HoldCreditsAsync(organization, 1000, "third"));
            Assert.Null(await app.BrokenAsync(organization));
        }
    }

    [Fact]
    public async Task Holds_across_two_pockets_of_credits_race_and_none_is_overdrawn()
    {
        for (var round = 0; round < 10; round++)
        {
            var organization = await app.NewOrganizationAsync();
            await app.BuyAsync(organization, 1500, "pi_1");
            await app.GrantAsync(organization, 700, app.Clock.GetUtcNow().AddDays(40));
            var held = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => app.HoldCreditsAsync(organization, 500, $"h{i}")));
            Assert.Equal(4, held.Count(h => h));
            Assert.Equal((200L, 2000L), await app.BalanceAsync(organization));
            Assert.Null(await app.BrokenAsync(organization));
        }
    }

    [Fact]
    public async Task A_hold_is_settled_once_and_what_was_not_used_goes_back_to_where_it_came_from()
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 1000, "pi_1");
        await app.GrantAsync(organization, 600, app.Clock.GetUtcNow().AddDays(10));
        Assert.True(await app.HoldCreditsAsync(organization, 1000, "h"));
        Assert.True(await app.HoldCreditsAsync(organization, 1000, "h")); // told again
        Assert.Equal((600L, 1000L), await app.BalanceAsync(organization));

        var settled = await Task.WhenAll(app.SettleHoldAsync(organization, "h", 700), app.SettleHoldAsync(organization, "h", 0), app.SettleHoldAsync(organization, "h", 700));
        Assert.Single(settled, s => s);
        var (available, held) = await app.BalanceAsync(organization);
        Assert.Equal(0, held);
        Assert.Equal(1600 - available, await app.AccountAsync(organization, "revenue"));
        Assert.Contains(available, new[] { 900L, 1600L });
        await Assert.ThrowsAsync<InvalidOperationException>(() => app.SettleHoldAsync(organization, "nothing", 0));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task Scenario_13_refunds_are_told_as_a_sum_and_may_leave_a_hole_that_a_purchase_fills_first()
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 10000, "pi_1");
        Assert.Equal(3000, await app.SpendAsync(organization, 3000, "s1"));
        Assert.Equal(3000, await app.RefundAsync(organization, "pi_1", 3000));
        Assert.Equal(2000, await app.RefundAsync(organization, "pi_1", 5000));
        Assert.Equal(0, await app.RefundAsync(organization, "pi_1", 3000)); // late
        Assert.Equal((2000L, 0L), await app.BalanceAsync(organization));
        var told = await Task.WhenAll(new[] { 6000L, 10000, 7000, 10000, 8000, 9000 }.Select(sum => app.RefundAsync(organization, "pi_1", sum)));
        Assert.Equal(5000, told.Sum());
        Assert.Equal((-3000L, 0L), await app.BalanceAsync(organization));
        Assert.Equal((0L, 0L), (await app.AccountAsync(organization, "cash"), await app.AccountAsync(organization, "refunds"))); // what came in went out; refunds are what invoices gave back

        Assert.False(await app.HoldCreditsAsync(organization, 1, "h1"));
        await app.BuyAsync(organization, 2000, "pi_2");
        Assert.False(await app.HoldCreditsAsync(organization, 1, "h2"));
        await app.BuyAsync(organization, 2000, "pi_3");
        Assert.Equal((1000L, 0L), await app.BalanceAsync(organization));
        Assert.True(await app.HoldCreditsAsync(organization, 1000, "h3"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => app.RefundAsync(organization, "pi_1", 10001));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task A_grant_counts_for_use_before_its_end_and_is_written_back_when_no_late_use_can_come()
    {
        var organization = await app.NewOrganizationAsync();
        var now = app.Clock.GetUtcNow();
        var expires = now.AddDays(-1); // a grant that was made and ran out before
        await app.GrantAsync(organization, 1000, expires);
        await app.BuyAsync(organization, 300, "pi_1");
        Assert.Equal((300L, 0L), await app.BalanceAsync(organization));
        Assert.False(await app.HoldCreditsAsync(organization, 400, "late", now));
        Assert.Equal(400, await app.SpendAsync(organization, 400, "of its time", expires.AddSeconds(-1)));
        Assert.Equal((300L, 0L), await app.BalanceAsync(organization)); // the grant paid, what was bought stays

        Assert.Equal(0, await ExpireAsync(organization, expires + Book.LateUse - TimeSpan.FromSeconds(1)));
        Assert.Equal(600, await ExpireAsync(organization, expires + Book.LateUse));
        Assert.Equal(0, await ExpireAsync(organization, expires + Book.LateUse));
        Assert.Equal(-400, await app.AccountAsync(organization, "promotions"));
        Assert.Null(await app.BrokenAsync(organization));
    }

    private Task<long> ExpireAsync(Guid organization, DateTimeOffset now) => app.InAsync(organization, async t => (await Book.ExpireAsync(organization, now, t, default)).Minor);

    [Fact]
    public async Task The_statement_names_every_change_with_the_balance_after_it_page_by_page()
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 5000, "pi_1");
        await app.HoldCreditsAsync(organization, 1000, "h1");
        await app.SettleHoldAsync(organization, "h1", 1000);
        await app.HoldCreditsAsync(organization, 1000, "h2");
        await app.SettleHoldAsync(organization, "h2", 0);
        await app.GrantAsync(organization, 250);
        await app.RefundAsync(organization, "pi_1", 500);

        var lines = new List<CreditLine>();
        string? next = null;
        do
        {
            var page = await app.InAsync(organization, t => Book.StatementAsync(organization, next, 2, t, default));
            Assert.InRange(page.Lines.Count, 1, 2);
            lines.AddRange(page.Lines);
            next = page.Next;
        }
        while (next is not null);
        Assert.Equal([("refund", -500L, 3750L), ("grant", 250L, 4250L), ("hold_settled", -1000L, 4000L), ("purchase", 5000L, 5000L)], lines.Select(l => (l.Kind, l.Amount.Minor, l.Balance.Minor)));
    }

    [Fact]
    public async Task Nobody_who_serves_changes_or_deletes_what_was_posted()
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 1000, "pi_1");
        foreach (var sql in (string[])["update ledger_entries set amount_minor = 1", "delete from ledger_entries", "truncate ledger_entries", "update ledger_transactions set memo = 'x'", "delete from ledger_transactions",
            "delete from ledger_accounts", "update ledger_accounts set lot = gen_random_uuid()", "update ledger_accounts set expires_at = null"])
        {
            foreach (var door in (NpgsqlDataSource[])[app.Database.Web, app.Database.Work])
            {
                await using var command = door.CreateCommand(sql);
                Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState);
            }
        }
    }

    [Theory]
    [InlineData("update ledger_accounts set balance = balance + 1 where organization_id = '{0}' and kind = 'available'", "ledger_balance")]
    [InlineData("update ledger_accounts set balance = balance + 1, entries = entries + 1 where organization_id = '{0}' and kind = 'available'", "ledger_balance")]
    [InlineData("insert into ledger_transactions (organization_id, id, cause_kind, cause_id, actor_kind, posted_at) values ('{0}', gen_random_uuid(), 'purchase', 'x', 'system', now())", "ledger_two_sides")]
    [InlineData("""
        with t as (insert into ledger_transactions (organization_id, id, cause_kind, cause_id, actor_kind, posted_at) values ('{0}', gen_random_uuid(), 'purchase', 'x', 'system', now()) returning id),
        a as (update ledger_accounts set balance = balance + case kind when 'available' then 5 else -4 end, entries = entries + 1 where organization_id = '{0}' and kind in ('available', 'cash') and lot = '00000000-0000-0000-0000-000000000000' returning *)
        insert into ledger_entries select a.organization_id, a.id, a.entries, t.id, case a.kind when 'available' then 5 else -4 end, 'USD', a.balance from a, t
        """, "ledger_zero_sum")]
    [InlineData("""
        with t as (insert into ledger_transactions (organization_id, id, cause_kind, cause_id, actor_kind, posted_at) values ('{0}', gen_random_uuid(), 'settle', 'x', 'system', now()) returning id),
        a as (update ledger_accounts set balance = balance + case kind when 'available' then -1001 else 1001 end, entries = entries + 1 where organization_id = '{0}' and kind in ('available', 'revenue') returning *)
        insert into ledger_entries select a.organization_id, a.id, a.entries, t.id, case a.kind when 'available' then -1001 else 1001 end, 'USD', a.balance from a, t
        """, "ledger_overdrawn")]
    [InlineData("insert into ledger_entries select organization_id, account_id, place + 1, transaction_id, -amount_minor, 'USD', 0 from ledger_entries where organization_id = '{0}'", "ledger_")]
    public async Task The_database_refuses_a_posting_that_does_not_add_up(string sql, string rule)
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 1000, "pi_1");
        await using var connection = await app.Database.Work.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand(sql.Replace("{0}", organization.ToString(), StringComparison.Ordinal), connection, transaction)) await command.ExecuteNonQueryAsync();
        var refused = await Assert.ThrowsAsync<PostgresException>(() => transaction.CommitAsync());
        Assert.StartsWith(rule, refused.ConstraintName, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_debits_of_one_transaction_do_not_both_pass()
    {
        var organization = await app.NewOrganizationAsync();
        await app.BuyAsync(organization, 1000, "pi_1");
        var held = await app.InAsync(organization, async t => (
            await Book.HoldCreditsAsync(organization, Money.Usd(600), new Cause("hold", "a", Actor.System, app.Clock.GetUtcNow()), app.Clock.GetUtcNow(), t, default),
            await Book.HoldCreditsAsync(organization, Money.Usd(600), new Cause("hold", "b", Actor.System, app.Clock.GetUtcNow()), app.Clock.GetUtcNow(), t, default)));
        Assert.Equal((true, false), held);
        Assert.Equal((400L, 600L), await app.BalanceAsync(organization));
    }

    [Fact]
    public async Task Another_organization_does_not_see_the_book()
    {
        var (one, other) = (await app.NewOrganizationAsync(), await app.NewOrganizationAsync());
        await app.BuyAsync(one, 1000, "pi_1");
        Assert.Empty((await app.InAsync(other, t => Book.StatementAsync(one, null, 10, t, default))).Lines);
        Assert.Equal(0, await app.InAsync(other, t => t.FirstAsync($"select count(*) from ledger_entries", r => r.GetInt64(0), default)));
    }

    /// <summary>One step of a random life: what, how much, of which earlier step.</summary>
    public sealed record Step(int Verb, int Cents, int Which);

    [Fact]
    public void Random_lives_keep_the_book_in_balance_and_equal_to_a_model()
    {
        var step = from verb in Gen.Choose(0, 6) from cents in Gen.Choose(1, 900) from which in Gen.Choose(0, 9) select new Step(verb, cents, which);
        Prop.ForAll(Arb.From(Gen.ListOf(step, 25)), steps => LiveAsync([.. steps]).GetAwaiter().GetResult()).Check(Config.QuickThrowOnFailure.WithMaxTest(30));
    }

    private async Task LiveAsync(IReadOnlyList<Step> steps)
    {
        var organization = await app.NewOrganizationAsync();
        long available = 0, held = 0, revenue = 0;
        var bought = new List<(string Id, long Paid, long Refunded)>();
        var holds = new List<(string Id, long Cents, bool IsSettled)>();
        for (var i = 0; i < steps.Count; i++)
        {
            var (verb, cents, which) = (steps[i].Verb, (long)steps[i].Cents, steps[i].Which);
            switch (verb)
            {
                case 0:
                    Assert.True(await app.BuyAsync(organization, cents, $"pi_{i}"));
                    bought.Add(($"pi_{i}", cents, 0));
                    available += cents;
                    break;
                case 1:
                    Assert.True(await app.GrantAsync(organization, cents, which > 5 ? app.Clock.GetUtcNow().AddDays(which) : null));
                    available += cents;
                    break;
                case 2:
                    var isHeld = await app.HoldCreditsAsync(organization, cents, $"h_{i}");
                    Assert.Equal(available >= cents, isHeld);
                    if (isHeld) (available, held) = (available - cents, held + cents);
                    if (isHeld) holds.Add(($"h_{i}", cents, false));
                    break;
                case 3 or 4 when holds.Count > 0:
                    var hold = holds[which % holds.Count];
                    var used = verb == 3 ? Math.Min(hold.Cents, cents) : 0;
                    Assert.Equal(!hold.IsSettled, await app.SettleHoldAsync(organization, hold.Id, used));
                    if (!hold.IsSettled) (available, held, revenue) = (available + hold.Cents - used, held - hold.Cents, revenue + used);
                    holds[which % holds.Count] = hold with { IsSettled = true };
                    break;
                case 5:
                    var spent = Math.Max(0, Math.Min(available, cents));
                    Assert.Equal(spent, await app.SpendAsync(organization, cents, $"s_{i}"));
                    (available, revenue) = (available - spent, revenue + spent);
                    break;
                case 6 when bought.Count > 0:
                    var purchase = bought[which % bought.Count];
                    var sum = Math.Min(purchase.Paid, cents);
                    var fresh = Math.Max(0, sum - purchase.Refunded);
                    Assert.Equal(fresh, await app.RefundAsync(organization, purchase.Id, sum));
                    available -= fresh;
                    bought[which % bought.Count] = purchase with { Refunded = purchase.Refunded + fresh };
                    break;
            }
            Assert.Equal((available, held), await app.BalanceAsync(organization));
        }
        Assert.Equal(revenue, await app.AccountAsync(organization, "revenue"));
        Assert.Null(await app.BrokenAsync(organization));
    }
}
