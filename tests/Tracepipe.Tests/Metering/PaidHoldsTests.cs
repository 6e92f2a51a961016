using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.Ledger;
using Xunit;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a unit paid from the wrong pocket, from two, or by nobody; credits or cap that a hold keeps for ever.</summary>
public sealed class PaidHoldsTests(LedgerApp app) : IClassFixture<LedgerApp>
{
    private Holds Holds => app.Services.GetRequiredService<Holds>();

    private Task<HoldAnswer> HoldAsync(Guid organization, string id, long quantity = 1, TimeSpan? lasts = null) =>
        Holds.HoldAsync(new HoldWish(organization, $"{organization:N}-{id}", "workflow", quantity, lasts ?? Hold.Lasts, null, [(byte)quantity]), default);

    private Task<HoldAnswer> CommitAsync(Guid organization, string id, long? quantity = null) => Holds.CommitAsync(organization, $"{organization:N}-{id}", new CommitWish(quantity, null), default);

    private Task<HoldAnswer> ReleaseAsync(Guid organization, string id) => Holds.ReleaseAsync(organization, $"{organization:N}-{id}", default);

    private async Task<Guid> NewAsync(string plan, long used)
    {
        var organization = await app.NewOrganizationAsync();
        await app.PlanAsync(organization, plan);
        await HoldAsync(organization, "used", used);
        await CommitAsync(organization, "used");
        return organization;
    }

    private static string? Reason(HoldAnswer answer) => answer.Refusal?.Details?["reason"]?.ToString();

    private static string Parts(HoldAnswer answer) => string.Join(", ", answer.Hold!.Parts.Select(p => $"{p.Quantity} {p.Pocket} at {p.UnitPrice:0.##}"));

    [Fact]
    public async Task Scenario_9_included_then_credits_then_refused()
    {
        var organization = await NewAsync("starter", 20);
        await app.BuyAsync(organization, 2500, "pi_1");
        foreach (var (id, left) in ((string, long)[])[("a", 1500), ("b", 500)])
        {
            Assert.Equal("1 credits at 10", Parts(await HoldAsync(organization, id)));
            await CommitAsync(organization, id);
            Assert.Equal((left, 0L), await app.BalanceAsync(organization));
        }
        Assert.Equal("quota_exhausted", Reason(await HoldAsync(organization, "c")));
        Assert.Equal((500L, 0L), await app.BalanceAsync(organization));
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from quotas where organization_id = '{organization}' and pocket = 'free' and used > 0"));
        Assert.Equal((2000L, 0L, 0L), await app.PaidAsync(organization));
        Assert.Equal("included 20 at 0, credits 2 at 10", await app.ScalarAsync<string>($"""
            select string_agg(pocket || ' ' || q || ' at ' || price, ', ' order by price) from (
              select pocket, trim_scale(sum(quantity)) as q, trim_scale(unit_price) as price from usage_records where organization_id = '{organization}' group by pocket, unit_price) r
            """));
    }

    [Fact]
    public async Task Scenario_10_credits_are_held_and_come_back_when_work_fails()
    {
        var organization = await NewAsync("lifetime", 50);
        await app.BuyAsync(organization, 2000, "pi_1");
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => HoldAsync(organization, $"p{i}")));
        Assert.Equal(2, answers.Count(a => a.Hold is not null));
        Assert.Equal((0L, 2000L), await app.BalanceAsync(organization));
        await ReleaseAsync(organization, $"p{Array.FindIndex(answers, a => a.Hold is not null)}");
        Assert.Equal((1000L, 1000L), await app.BalanceAsync(organization));
        Assert.NotNull((await HoldAsync(organization, "third")).Hold);
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task A_hold_is_paid_pocket_by_pocket_and_what_was_not_used_goes_back()
    {
        var organization = await NewAsync("team", 498);
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 1999, "pi_1");
        Assert.Equal("2 included at 0, 1 credits at 10, 3 metered at 10", Parts(await HoldAsync(organization, "six", 6)));
        Assert.Equal("2 included at 0, 1 credits at 10, 3 metered at 10", Parts(await HoldAsync(organization, "six", 6))); // asked again
        Assert.Equal((999L, 1000L), await app.BalanceAsync(organization));
        Assert.Equal("0 3000", await SpendingAsync(organization));
        await CommitAsync(organization, "six", 4);
        await CommitAsync(organization, "six", 4);
        Assert.Equal("1000 0", await SpendingAsync(organization));
        Assert.Equal((999L, 0L), await app.BalanceAsync(organization));
        Assert.Equal((1000L, 1000L, 0L), await app.PaidAsync(organization));
        Assert.Equal((2000L, -1000L), (await app.AccountAsync(organization, "revenue"), await app.AccountAsync(organization, "receivable")));
        Assert.Null(await app.BrokenAsync(organization));
    }

    [Fact]
    public async Task The_cap_has_room_for_exactly_as_many_as_fit_however_many_ask_at_once()
    {
        for (var round = 0; round < 5; round++)
        {
            var organization = await NewAsync("team", 500);
            await app.CardAsync(organization, cap: 3500);
            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => HoldAsync(organization, $"p{i}")));
            Assert.Equal(3, answers.Count(a => a.Hold is not null));
            Assert.All(answers.Where(a => a.Hold is null), a => Assert.Equal("spend_cap_reached", Reason(a)));
            Assert.Equal("0 3000", await SpendingAsync(organization));
        }
    }

    [Fact]
    public async Task Held_back_use_refuses_work_until_it_is_paid()
    {
        var organization = await NewAsync("team", 1);
        await app.CardAsync(organization, cap: 500);
        await app.UseAsync(organization, "tokens", 25_000_000 + 800_000);
        Assert.Equal("spend_cap_reached", Reason(await HoldAsync(organization, "a")));
        await app.ExecuteAsync($"update billing_accounts set auto_billing_enabled = false where organization_id = '{organization}'");
        Assert.Equal("no_payment_method", Reason(await HoldAsync(organization, "a")));
        await app.BuyAsync(organization, 300, "pi_1");
        await app.PayHeldBackAsync(organization);
        Assert.Equal("1 included at 0", Parts(await HoldAsync(organization, "a")));
    }

    [Fact]
    public async Task An_expired_hold_gives_credits_and_cap_back_and_a_late_commit_takes_them_again()
    {
        var organization = await NewAsync("team", 500);
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 1000, "pi_1");
        Assert.Equal("1 credits at 10, 1 metered at 10", Parts(await HoldAsync(organization, "slow", 2, TimeSpan.FromMinutes(1))));
        app.Clock.Advance(TimeSpan.FromMinutes(2));
        await Holds.SweepAsync(default);
        Assert.Equal((1000L, 0L), await app.BalanceAsync(organization));
        Assert.Equal("0 0", await SpendingAsync(organization));
        Assert.Equal("committed", (await CommitAsync(organization, "slow")).Hold!.State);
        Assert.Equal((0L, 0L), await app.BalanceAsync(organization));
        Assert.Equal("1000 0", await SpendingAsync(organization));
        Assert.Null(await app.BrokenAsync(organization));
    }

    private Task<string> SpendingAsync(Guid organization) => app.ScalarAsync<string>($"select sum(metered_minor) || ' ' || sum(held_minor) from spending where organization_id = '{organization}'");
}
