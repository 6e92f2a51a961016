using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Ledger;

/// <summary>Catches: use after the fact that is charged twice, above the cap, from the wrong pocket, or lost.</summary>
public sealed class SettlementTests(LedgerApp app) : IClassFixture<LedgerApp>
{
    [Fact]
    public async Task Scenario_27_credits_pay_while_they_last_and_the_card_for_the_rest()
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 1000, "pi_1");
        await app.UseAsync(organization, "tokens", 1_350_000);
        Assert.Equal((1000L, 250L, 0L), await app.PaidAsync(organization));
        Assert.Equal((0L, 0L), await app.BalanceAsync(organization));
        Assert.Equal((1250L, -250L), (await app.AccountAsync(organization, "revenue"), await app.AccountAsync(organization, "receivable")));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Theory]
    [InlineData(1_000_500, 1000)]
    [InlineData(1_001_500, 1002)]
    public async Task Scenario_27_the_last_cent_is_decided_at_the_close(long beyond, long cents)
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization);
        await app.UseAsync(organization, "tokens", 100_000);
        for (var rest = beyond; rest > 0; rest -= 250_125) await app.UseAsync(organization, "tokens", Math.Min(rest, 250_125));
        Assert.Equal((0L, cents / 10 * 10 + (cents % 10 > 0 ? 1 : 0), 0L), await app.PaidAsync(organization)); // downwards while the month runs
        Assert.True(await app.CloseAsync(organization));
        Assert.False(await app.CloseAsync(organization));
        Assert.Equal((0L, cents, 0L), await app.PaidAsync(organization));
        Assert.Equal(-cents, await app.AccountAsync(organization, "receivable"));
    }

    [Fact]
    public async Task Scenario_28_nothing_is_charged_above_the_cap_until_it_is_raised()
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization, cap: 500);
        await app.UseAsync(organization, "tokens", 100_000 + 800_000);
        Assert.Equal((0L, 500L, 300L), await app.PaidAsync(organization));
        await app.SettleAsync(organization);
        Assert.Equal((0L, 500L, 300L), await app.PaidAsync(organization));
        Assert.Equal(0, await app.PayHeldBackAsync(organization));
        await app.ExecuteAsync($"update billing_accounts set spend_cap_cents = 1000 where organization_id = '{organization}'");
        Assert.Equal(300, await app.PayHeldBackAsync(organization));
        Assert.Equal((0L, 800L, 0L), await app.PaidAsync(organization));
        Assert.Equal(-800, await app.AccountAsync(organization, "receivable"));
        Assert.Equal(800, await app.ScalarAsync<long>($"select metered_minor from spending where organization_id = '{organization}'"));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task What_was_held_back_in_a_closed_month_becomes_a_line_of_the_current_one()
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization, cap: 500);
        var before = app.Clock.GetUtcNow();
        await app.UseAsync(organization, "tokens", 900_000);
        app.Clock.MoveTo(Period.CalendarMonth(before).End.AddHours(2));
        await app.CloseAsync(organization, before);
        Assert.Equal(300, await app.PayHeldBackAsync(organization)); // the new month has room of its own
        var item = await app.ScalarAsync<string>($"select kind || ' ' || bill_month || ' ' || amount_minor || ' ' || trim_scale(quantity) || ' of ' || origin_month from bill_items where organization_id = '{organization}'");
        Assert.Equal($"held_back {BillMonth.Of(app.Clock.GetUtcNow()):yyyy-MM-dd} 300 300000 of {BillMonth.Of(before):yyyy-MM-dd}", item);
        Assert.Equal("500 300", await app.ScalarAsync<string>($"select string_agg(metered_minor::text, ' ' order by bill_month) from spending where organization_id = '{organization}'"));
    }

    [Fact]
    public async Task Without_a_card_use_is_held_back_and_late_use_of_a_closed_month_is_on_the_next_invoice()
    {
        var organization = await app.NewOrganizationAsync();
        await app.UseAsync(organization, "tokens", 200_000);
        Assert.Equal((0L, 0L, 100L), await app.PaidAsync(organization));
        var used = app.Clock.GetUtcNow();
        app.Clock.MoveTo(Period.CalendarMonth(used).End.AddHours(2));
        await app.CloseAsync(organization, used);
        await app.UseAsync(organization, "tokens", 50_000, used);
        var late = await app.ScalarAsync<string>($"select bill_month || ' ' || trim_scale(quantity) from accruals where organization_id = '{organization}' and origin_month <> bill_month");
        Assert.Equal($"{BillMonth.Of(app.Clock.GetUtcNow()):yyyy-MM-dd} 50000", late);
    }

    [Fact]
    public async Task Ten_settle_at_once_and_each_cent_is_decided_once()
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 333, "pi_1");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => app.UseAsync(organization, "tokens", 123_457)));
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => app.SettleAsync(organization)));
        Assert.Equal((333L, 1134 - 333L, 0L), await app.PaidAsync(organization)); // (1,234,570 − 100,000) × 0.00001 = 11.3457
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task Scenario_30_an_upgrade_leaves_what_was_metered_and_counts_what_was_used()
    {
        var organization = await app.NewOrganizationAsync();
        await app.CardAsync(organization);
        await app.PlanAsync(organization, "pro");
        await app.UseAsync(organization, "tokens", 6_000_000);
        Assert.Equal((0L, 1000L, 0L), await app.PaidAsync(organization));
        await app.PlanAsync(organization, "team");
        await app.UseAsync(organization, "tokens", 19_000_000);
        Assert.Equal((0L, 1000L, 0L), await app.PaidAsync(organization));
        await app.UseAsync(organization, "tokens", 100_000);
        Assert.Equal((0L, 1100L, 0L), await app.PaidAsync(organization));
    }

    [Fact]
    public async Task Scenario_26_storage_accrues_above_the_level_of_the_plan_of_its_time()
    {
        var start = Period.CalendarMonth(app.Clock.GetUtcNow()).End.AddHours(1);
        app.Clock.MoveTo(start);
        var (free, upgraded) = (await app.NewOrganizationAsync(), await app.NewOrganizationAsync());
        await app.CardAsync(free);
        await app.CardAsync(upgraded);
        start = app.Clock.GetUtcNow();
        foreach (var organization in (Guid[])[free, upgraded]) await app.StoreAsync(organization, 5_000_000_000, start);
        await app.PlanAsync(upgraded, "starter", start.AddHours(120));
        foreach (var (organization, quantity, cents) in ((Guid, decimal, long)[])[(free, 720m, 14), (upgraded, 360m, 7)])
        {
            await app.StoreAsync(organization, 0, start.AddHours(240));
            await app.StoreAsync(organization, -5_000_000_000, start.AddHours(240));
            await app.CloseAsync(organization, start, start.AddHours(500));
            Assert.Equal((0L, cents, 0L), await app.PaidAsync(organization));
            Assert.InRange(await app.ScalarAsync<decimal>($"select quantity from accruals where organization_id = '{organization}'") - quantity, -0.001m, 0.001m);
        }
    }
}
