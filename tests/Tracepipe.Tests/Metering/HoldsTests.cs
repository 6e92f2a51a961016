using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a unit granted that nobody pays for, counted twice, or lost between hold and commit.</summary>
public sealed class HoldsTests(TestApp app) : IClassFixture<TestApp>
{
    private static int number;

    private Holds Holds => app.Services.GetRequiredService<Holds>();

    private async Task<Guid> NewOrganizationAsync(string? plan = null, DateTimeOffset? anchor = null)
    {
        var database = app.Services.GetRequiredService<Database>();
        var name = $"Organization {Interlocked.Increment(ref number)}";
        await using var transaction = await database.BeginWorkAsync(default);
        var (id, _) = await app.Services.GetRequiredService<Memberships>().MakePersonalAsync(Guid.CreateVersion7(), name, "o@example.com", transaction, default);
        await transaction.CommitAsync(default);
        if (plan is not null)
        {
            var start = anchor ?? app.Clock.GetUtcNow().AddHours(-1);
            await SetPlanAsync(id, new Plan(plan, PlanSource.Stripe, app.Services.GetRequiredService<Catalogs>().Current.Number, "active", start, Period.Monthly(start, app.Clock.GetUtcNow()), null, null));
        }
        return id;
    }

    private async Task SetPlanAsync(Guid organization, Plan plan)
    {
        await using var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default);
        await app.Services.GetRequiredService<Standings>().SetPlanAsync(organization, plan, transaction, default);
        await transaction.CommitAsync(default);
    }

    private Task<HoldAnswer> HoldAsync(Guid organization, string id, long quantity = 1, TimeSpan? lasts = null) =>
        Holds.HoldAsync(new HoldWish(organization, Id(organization, id), "workflow", quantity, lasts ?? Hold.Lasts, null, [(byte)quantity]), default);

    private Task<HoldAnswer> CommitAsync(Guid organization, string id, long? quantity = null) => Holds.CommitAsync(organization, Id(organization, id), new CommitWish(quantity, null), default);

    private Task<HoldAnswer> ReleaseAsync(Guid organization, string id) => Holds.ReleaseAsync(organization, Id(organization, id), default);

    // An id is one organization's for ever.
    private static string Id(Guid organization, string id) => $"{organization:N}-{id}";

    private Task<decimal> UsedAsync(Guid organization, string pocket) => app.ScalarAsync<decimal>($"select coalesce(sum(used), 0) from quotas where organization_id = '{organization}' and pocket = '{pocket}'");

    private Task<decimal> HeldAsync(Guid organization) => app.ScalarAsync<decimal>($"select coalesce(sum(held), 0) from quotas where organization_id = '{organization}'");

    private Task<long> RecordsAsync(Guid organization) => app.ScalarAsync<long>($"select count(*) from usage_records where organization_id = '{organization}'");

    [Fact]
    public async Task Scenario_5_five_units_are_free_and_the_sixth_is_refused()
    {
        var organization = await NewOrganizationAsync();
        for (var i = 1; i <= 5; i++)
        {
            var hold = (await HoldAsync(organization, $"u{i}")).Hold!;
            Assert.Equal(("free", 0m), (hold.Parts[0].Pocket, hold.Parts[0].UnitPrice));
            Assert.Equal("committed", (await CommitAsync(organization, $"u{i}")).Hold!.State);
        }
        var sixth = (await HoldAsync(organization, "u6")).Refusal!;
        Assert.Equal((402, "quota_exhausted"), (sixth.Status, sixth.Details!["reason"]));
        Assert.Equal((5m, 0m, 5L), (await UsedAsync(organization, "free"), await HeldAsync(organization), await RecordsAsync(organization)));
    }

    [Fact]
    public async Task Scenario_5_a_second_hold_while_one_is_open_meets_the_agents_limit()
    {
        var organization = await NewOrganizationAsync();
        Assert.NotNull((await HoldAsync(organization, "a")).Hold);
        var second = (await HoldAsync(organization, "b")).Refusal!;
        Assert.Equal((429, "agents_limit"), (second.Status, second.Details!["reason"]));
        await ReleaseAsync(organization, "a");
        Assert.NotNull((await HoldAsync(organization, "b")).Hold);
    }

    [Fact]
    public async Task Scenario_6_the_instant_of_the_new_month_counts_anew()
    {
        var now = app.Clock.GetUtcNow();
        var boundary = Period.CalendarMonth(now).End;
        var organization = await NewOrganizationAsync();
        for (var i = 0; i < 5; i++)
        {
            await HoldAsync(organization, $"m{i}");
            await CommitAsync(organization, $"m{i}");
        }
        app.Clock.MoveTo(boundary.AddSeconds(-20));
        Assert.Equal(402, (await HoldAsync(organization, "before")).Refusal!.Status);
        app.Clock.MoveTo(boundary.AddSeconds(1));
        Assert.Equal(boundary, (await HoldAsync(organization, "after")).Hold!.Parts[0].PeriodStart);
    }

    [Fact]
    public async Task Scenario_7_one_place_left_and_ten_at_once_grants_exactly_one()
    {
        for (var round = 0; round < 10; round++)
        {
            var organization = await NewOrganizationAsync("pro");
            await HoldAsync(organization, "first", 99);
            await CommitAsync(organization, "first");
            // planted defect: without the row lock and the condition in the statement, more than one is granted
            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => HoldAsync(organization, $"p{i}")));
            Assert.Single(answers, a => a.Hold is not null);
            Assert.All(answers.Where(a => a.Hold is null), a => Assert.Contains(a.Refusal!.Status, new[] { 402, 429 }));
            Assert.Equal((99m, 1m), (await UsedAsync(organization, "included"), await HeldAsync(organization)));
        }
    }

    [Fact]
    public async Task Scenario_8_failed_work_is_free_and_success_counts_once()
    {
        var organization = await NewOrganizationAsync("pro");
        await HoldAsync(organization, "fails");
        Assert.Equal("released", (await ReleaseAsync(organization, "fails")).Hold!.State);
        Assert.Equal("released", (await ReleaseAsync(organization, "fails")).Hold!.State);
        Assert.Equal((0m, 0m, 0L), (await UsedAsync(organization, "included"), await HeldAsync(organization), await RecordsAsync(organization)));

        await HoldAsync(organization, "works");
        for (var i = 0; i < 3; i++) Assert.Equal("committed", (await CommitAsync(organization, "works")).Hold!.State);
        Assert.Equal((1m, 0m, 1L), (await UsedAsync(organization, "included"), await HeldAsync(organization), await RecordsAsync(organization)));
        Assert.Equal(409, (await ReleaseAsync(organization, "works")).Refusal!.Status);
    }

    [Fact]
    public async Task The_same_id_is_the_same_hold_and_with_other_words_a_conflict()
    {
        var organization = await NewOrganizationAsync("pro");
        var first = (await HoldAsync(organization, "same", 2)).Hold!;
        var again = (await HoldAsync(organization, "same", 2)).Hold!;
        Assert.Equal((first.Quantity, first.Parts.Count), (again.Quantity, again.Parts.Count));
        Assert.Equal(409, (await HoldAsync(organization, "same", 3)).Refusal!.Status);
        Assert.Equal(2m, await HeldAsync(organization));
    }

    [Fact]
    public async Task A_part_of_a_hold_is_committed_and_the_rest_given_back()
    {
        var organization = await NewOrganizationAsync("pro");
        await HoldAsync(organization, "part", 10);
        Assert.Equal(422, (await CommitAsync(organization, "part", 11)).Refusal!.Status);
        Assert.Equal(4, (await CommitAsync(organization, "part", 4)).Hold!.Committed);
        Assert.Equal((4m, 0m), (await UsedAsync(organization, "included"), await HeldAsync(organization)));
    }

    [Fact]
    public async Task More_than_fits_is_refused_completely()
    {
        var organization = await NewOrganizationAsync("starter");
        Assert.Equal(402, (await HoldAsync(organization, "much", 21)).Refusal!.Status);
        Assert.Equal(0m, await HeldAsync(organization));
        Assert.NotNull((await HoldAsync(organization, "all", 20)).Hold);
    }

    [Fact]
    public async Task An_expired_hold_is_released_and_a_late_commit_takes_a_place_again_or_none()
    {
        var organization = await NewOrganizationAsync();
        await HoldAsync(organization, "slow", lasts: TimeSpan.FromMinutes(1));
        app.Clock.Advance(TimeSpan.FromMinutes(2));
        await Holds.SweepAsync(default);
        Assert.Equal(0m, await HeldAsync(organization));
        Assert.Equal("committed", (await CommitAsync(organization, "slow")).Hold!.State);
        Assert.Equal(1m, await UsedAsync(organization, "free"));

        await HoldAsync(organization, "slower", lasts: TimeSpan.FromMinutes(1));
        app.Clock.Advance(TimeSpan.FromMinutes(2));
        for (var i = 0; i < 4; i++)
        {
            await HoldAsync(organization, $"other{i}");
            await CommitAsync(organization, $"other{i}");
        }
        Assert.Equal((409, "hold_expired"), (await CommitAsync(organization, "slower")).Refusal is { } refused ? (refused.Status, refused.Code) : default);
        Assert.Equal((5m, 0m), (await UsedAsync(organization, "free"), await HeldAsync(organization)));
    }

    [Fact]
    public async Task Scenario_11_unlimited_is_unlimited_until_suspended()
    {
        var organization = await NewOrganizationAsync("enterprise");
        await HoldAsync(organization, "big", 10_000);
        await CommitAsync(organization, "big");
        Assert.NotNull((await HoldAsync(organization, "more")).Hold);
        await using (var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default))
        {
            await app.Services.GetRequiredService<Standings>().SuspendAsync(organization, true, transaction, default);
            await transaction.CommitAsync(default);
        }
        var refused = (await HoldAsync(organization, "suspended")).Refusal!;
        Assert.Equal((402, "account_suspended"), (refused.Status, refused.Details!["reason"]));
    }

    [Fact]
    public async Task Scenario_20_a_lifetime_plan_of_the_31st_renews_on_the_last_day_of_short_months()
    {
        var anchor = new DateTimeOffset(2027, 1, 31, 9, 0, 0, TimeSpan.Zero);
        var plan = new Plan("lifetime", PlanSource.Lifetime, 1, "active", anchor, null, null, null);
        Assert.Equal(new DateTimeOffset(2027, 2, 28, 9, 0, 0, TimeSpan.Zero), plan.PeriodAt(anchor).End);
        Assert.Equal(new DateTimeOffset(2027, 3, 31, 9, 0, 0, TimeSpan.Zero), plan.PeriodAt(anchor.AddDays(40)).End);
        Assert.True(plan.IsLiveAt(anchor.AddYears(20)));
        await Task.CompletedTask;
    }

    [Fact]
    public void Scenario_20_the_first_instant_after_the_known_period_is_the_next_one_unless_the_plan_ends()
    {
        var start = new DateTimeOffset(2027, 3, 10, 12, 0, 0, TimeSpan.Zero);
        var plan = new Plan("pro", PlanSource.Stripe, 1, "active", start, new Period(start, start.AddMonths(1)), null, null);
        Assert.Equal(start.AddMonths(1), plan.PeriodAt(start.AddMonths(1)).Start);
        var ending = plan with { EndsAt = start.AddMonths(1) };
        Assert.True(ending.IsLiveAt(start.AddMonths(1).AddTicks(-1)));
        Assert.False(ending.IsLiveAt(start.AddMonths(1)));
    }

    [Fact]
    public async Task A_plan_does_not_burn_the_free_allowance()
    {
        var organization = await NewOrganizationAsync("starter");
        await HoldAsync(organization, "x");
        await CommitAsync(organization, "x");
        Assert.Equal((0m, 1m), (await UsedAsync(organization, "free"), await UsedAsync(organization, "included")));
    }
}
