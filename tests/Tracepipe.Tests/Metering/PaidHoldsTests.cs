using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
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
        foreach (var sums in (string[])["days", "hours"]) Assert.Equal("502 4", await app.ScalarAsync<string>($"select trim_scale(sum(quantity)) || ' ' || sum(events) from usage_{sums} where organization_id = '{organization}'")); // an event for each record
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

    // Nobody has swept: what others' time was over for is given back in the same transaction, and what is left is read again after it.
    // Seen to fail when the counters that were read before were decided from.
    [Fact]
    public async Task What_an_expired_hold_gives_back_may_be_taken_at_once()
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization, cap: 1000);
        await app.BuyAsync(organization, 1000, "pi_1");
        const string all = "1 included at 0, 1 credits at 10, 1 metered at 10";
        foreach (var id in (string[])["first", "second", "third"])
        {
            Assert.Equal(all, Parts(await HoldAsync(organization, id, 3, TimeSpan.FromMinutes(1))));
            Assert.Equal("spend_cap_reached", Reason(await HoldAsync(organization, "another")));
            app.Clock.Advance(TimeSpan.FromMinutes(2));
        }
        Assert.Equal("committed", (await CommitAsync(organization, "third")).Hold!.State); // its own time is over, too
        Assert.Equal("hold_expired", (await CommitAsync(organization, "second")).Refusal!.Code);
        Assert.Equal(("1000 0", (0L, 0L)), (await SpendingAsync(organization), await app.BalanceAsync(organization)));
        Assert.Equal((500m, 0m), (await QuotaAsync(organization, "used"), await QuotaAsync(organization, "held")));
        Assert.Null(await app.BrokenAsync(organization));
    }

    // Seen to fail when the statements had no condition, and when nobody looked at how many rows they changed.
    [Fact]
    public async Task What_was_read_before_it_changed_lets_nothing_be_taken()
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization, cap: 1000);
        Assert.Equal("1 included, 1 metered", await TakeAsync(organization, units: 2, before: "select 1"));
        await Assert.ThrowsAsync<OvertakenException>(() => TakeAsync(organization, units: 2, before: $"update billing_accounts set spend_cap_cents = 999 where organization_id = '{organization}'"));
        await app.ExecuteAsync($"update billing_accounts set spend_cap_cents = 1000 where organization_id = '{organization}'");
        await Assert.ThrowsAsync<OvertakenException>(() => TakeAsync(organization, units: 2, before: $"update billing_accounts set auto_billing_enabled = false where organization_id = '{organization}'"));
        await Assert.ThrowsAsync<OvertakenException>(() => TakeAsync(organization, units: 1, before: $"update quotas set held = held + 1 where organization_id = '{organization}'"));
    }

    [Fact]
    public async Task A_cap_that_is_lowered_while_a_hold_is_granted_holds()
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization, cap: 1000);
        Task<HoldAnswer> asked;
        await using (var between = await app.Database.BeginWorkAsync(default))
        {
            await between.ExecuteAsync($"select 1 from quotas where organization_id = {organization} for update", default);
            asked = HoldAsync(organization, "two", 2); // has read that there is room, and waits to take the included unit
            await TestApp.EventuallyAsync(() => app.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"), waiting => waiting > 0);
            await between.ExecuteAsync($"update billing_accounts set spend_cap_cents = 999 where organization_id = {organization}", default);
            await between.CommitAsync(default);
        }
        Assert.Equal("spend_cap_reached", Reason(await asked));
        Assert.Equal((499m, 0m), (await QuotaAsync(organization, "used"), await QuotaAsync(organization, "held")));
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from spending where organization_id = '{organization}' and held_minor > 0"));
    }

    // A node commits from memory what it has granted; what has become of it meanwhile decides all the same.
    // Seen to fail without the condition on the state, and without the one on the time.
    [Theory]
    [InlineData("released", "conflict")]
    [InlineData("renewed", "hold_expired")]
    public async Task A_hold_that_does_not_stand_as_it_was_granted_is_not_committed_as_granted(string meanwhile, string answer)
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization);
        await HoldAsync(organization, "two", 2);
        if (meanwhile is "renewed")
        {
            await Holds.RenewAsync(organization, $"{organization:N}-two", TimeSpan.FromMinutes(1), default);
            await app.ExecuteAsync($"update standings set is_suspended = true where organization_id = '{organization}'");
            app.Clock.Advance(TimeSpan.FromMinutes(2));
        }
        else await ReleaseAsync(organization, "two");
        var records = await RecordsAsync(organization);
        Assert.Equal(answer, (await CommitAsync(organization, "two")).Refusal?.Code);
        Assert.Equal((records, 499m), (await RecordsAsync(organization), await QuotaAsync(organization, "used")));
        Assert.Equal(0L, (await app.PaidAsync(organization)).Item2);
    }

    // Seen to fail when a node committed from memory into the month of the grant.
    [Fact]
    public async Task What_is_committed_after_its_month_was_closed_is_on_the_next_invoice()
    {
        var end = Period.CalendarMonth(app.Clock.GetUtcNow()).End;
        app.Clock.MoveTo(end.AddMinutes(-1));
        var organization = await NewAsync("team", 500);
        await app.CardAsync(organization);
        Assert.Equal("1 metered at 10", Parts(await HoldAsync(organization, "late")));
        app.Clock.MoveTo(end.AddMinutes(1));
        await app.CloseAsync(organization, end.AddMinutes(-1));
        Assert.Equal("committed", (await CommitAsync(organization, "late")).Hold!.State);
        Assert.Equal($"{BillMonth.Of(end):yyyy-MM-dd} of {BillMonth.Of(end.AddMinutes(-1)):yyyy-MM-dd}: 1000", await app.ScalarAsync<string>($"select bill_month || ' of ' || origin_month || ': ' || metered_minor from accruals where organization_id = '{organization}'"));
    }

    // Seen to fail when a commit did not look at how many rows its statements changed.
    [Theory]
    [InlineData("quotas")]
    [InlineData("spending")]
    public async Task What_is_held_nowhere_is_not_committed(string counter)
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 1000, "pi_1");
        await HoldAsync(organization, "three", 3);
        var records = await RecordsAsync(organization);
        await app.ExecuteAsync($"delete from {counter} where organization_id = '{organization}'");
        await Assert.ThrowsAsync<OvertakenException>(() => CommitAsync(organization, "three"));
        Assert.Equal((records, 1L), (await RecordsAsync(organization), await app.ScalarAsync<long>($"select count(*) from holds where organization_id = '{organization}' and state = 'open'")));
        Assert.Equal((0L, 0L, 0L), await app.PaidAsync(organization));
    }

    // Seen to fail when a commit went on although the book had left its posting out.
    [Theory]
    [InlineData("hold_settled", "#0")]
    [InlineData("settle", "")]
    public async Task What_was_posted_before_is_not_committed_again(string kind, string attempt)
    {
        var organization = await NewAsync("team", 500);
        await app.CardAsync(organization);
        await app.BuyAsync(organization, 1000, "pi_1");
        await HoldAsync(organization, "two", 2);
        var records = await RecordsAsync(organization);
        var cause = new Cause(kind, $"{(kind is "settle" ? "hold:" : "")}{organization:N}-two{attempt}", Storefront.Organizations.Actor.System, app.Clock.GetUtcNow());
        await app.InAsync(organization, t => Book.PostAsync(organization, cause, Book.Owed(1), t, default));
        await Assert.ThrowsAnyAsync<InvalidOperationException>(() => CommitAsync(organization, "two"));
        Assert.Equal((records, "0 1000", (0L, 1000L)), (await RecordsAsync(organization), await SpendingAsync(organization), await app.BalanceAsync(organization)));
    }

    [Fact]
    public async Task Ten_commits_of_one_hold_at_once_count_it_once()
    {
        var organization = await NewAsync("team", 499);
        await app.CardAsync(organization);
        await HoldAsync(organization, "two", 2);
        var records = await RecordsAsync(organization);
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => CommitAsync(organization, "two")));
        Assert.All(answers, a => Assert.Equal(("committed", 2L), (a.Hold!.State, a.Hold.Committed)));
        Assert.Equal((records + 2, "1000 0"), (await RecordsAsync(organization), await SpendingAsync(organization)));
        Assert.Equal((500m, 0m), (await QuotaAsync(organization, "used"), await QuotaAsync(organization, "held")));
    }

    /// <summary>Takes units after something has happened behind the back of who read what there is; nothing of it stays.</summary>
    private async Task<string> TakeAsync(Guid organization, long units, string before)
    {
        var now = app.Clock.GetUtcNow();
        await using var transaction = await app.Database.BeginAsync(organization, null, default);
        var standings = app.Services.GetRequiredService<Standings>();
        var standing = await standings.LockAsync(organization, transaction, default);
        var means = await Means.ReadAsync(organization, "workflow", now, transaction, default);
        await app.ExecuteAsync(before);
        var allowance = await standings.AllowanceAsync(standing, now, default);
        var (parts, _) = await app.Services.GetRequiredService<Pockets>().DivideAsync(standing, allowance, means, "workflow", units, "stale", now, default);
        await transaction.ReadAsync(q => Pockets.Take(q, organization, parts, allowance, means, now), default);
        return string.Join(", ", parts.Select(p => $"{p.Quantity} {p.Pocket}"));
    }

    private Task<long> RecordsAsync(Guid organization) => app.ScalarAsync<long>($"select count(*) from usage_records where organization_id = '{organization}'");

    private Task<decimal> QuotaAsync(Guid organization, string column) => app.ScalarAsync<decimal>($"select sum({column}) from quotas where organization_id = '{organization}'");

    private Task<string> SpendingAsync(Guid organization) => app.ScalarAsync<string>($"select sum(metered_minor) || ' ' || sum(held_minor) from spending where organization_id = '{organization}'");
}
