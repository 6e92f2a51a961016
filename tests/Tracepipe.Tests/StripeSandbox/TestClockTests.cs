namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a clock that jumps further than real ones do, and time that passes for the wrong customers.</summary>
public sealed class TestClockTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_clock_moves_forwards_by_two_intervals_at_most()
    {
        var (clock, customer) = await _api.ClockedAsync();
        (await AdvanceAsync(clock, BillingWorld.Start)).Refused(400, null, "frozen_time");
        (await AdvanceAsync(clock, BillingWorld.Start.AddYears(3))).Refused(400, null, "frozen_time");
        (await _api.SubscribeAsync(customer, await _api.PriceAsync(1000))).Ok();
        (await AdvanceAsync(clock, BillingWorld.Start.AddMonths(2).AddSeconds(1))).Refused(400, null, "frozen_time");
        Assert.Equal("advancing", (await AdvanceAsync(clock, BillingWorld.Start.AddMonths(2))).Ok()["status"]);
        await _api.ReadyAsync(clock);
        Assert.Contains("test_helpers.test_clock.ready", await _api.EventTypesAsync());
        Assert.Equal(3, (await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data.Count);
    }

    [Fact]
    public async Task Time_passes_for_its_customers_alone()
    {
        var (clock, _) = await _api.ClockedAsync();
        var outside = await _api.CustomerAsync();
        await _api.UseCardAsync(outside, "pm_card_visa");
        var subscription = (await _api.SubscribeAsync(outside, await _api.PriceAsync(1000))).Ok();
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(400));
        Assert.Single((await _api.GetAsync($"/v1/invoices?customer={outside}")).Ok().Data);
        Assert.DoesNotContain(outside, (await _api.GetAsync($"/v1/customers?test_clock={clock}")).Ok().Data.Select(c => c["id"]!.ToString()));
        Assert.Equal([subscription.Id], (await _api.GetAsync("/v1/subscriptions")).Ok().Data.Select(s => s["id"]!.ToString()));
    }

    [Fact]
    public async Task Wall_time_renews_too_when_it_is_shifted()
    {
        var customer = await _api.CustomerAsync();
        await _api.UseCardAsync(customer, "pm_card_visa");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(1000))).Ok();
        (await _api.SandboxAsync("clock", new { advance_seconds = 70 * 86400 })).Ok();
        var start = TimeProvider.System.GetTimestamp();
        while ((await _api.GetAsync($"/v1/invoices?customer={customer}&status=paid")).Ok().Data.Count < 3)
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(10), "it never renewed");
        var renewed = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(renewed.Number("items.data.0.current_period_start"), renewed.Number("latest_invoice.created"));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task After_a_jump_of_wall_time_all_that_fell_due_happens_in_its_order_and_then_it_is_settled()
    {
        await using var receiver = await Receiver.StartAsync();
        (await _api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=*")).Ok();
        var customer = await _api.CustomerAsync();
        await _api.UseCardAsync(customer, "pm_card_visa");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(1000))).Ok();
        await _api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
        (await _api.SandboxAsync("clock", new { })).Refused(400, "parameter_missing");
        var moved = (await _api.SandboxAsync("clock", new { advance_days = 100 })).Ok();
        Assert.Equal("false", moved["settled"]);
        var start = TimeProvider.System.GetTimestamp();
        while ((await _api.GetAsync("/_sandbox/clock")).Ok()["settled"] != "true") Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(20), "it never settled");
        Assert.Equal("unpaid", (await _api.SubscriptionAsync(made.Id))["status"]);
        var invoices = (await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data;
        Assert.Equal(["draft", "draft", "open", "paid"], invoices.Select(i => i["status"]!.ToString()));
        Assert.Equal(5, invoices[2]["attempt_count"]!.GetValue<long>());
        var charges = (await _api.GetAsync($"/v1/charges?customer={customer}&limit=100")).Ok().Data.Select(c => c["created"]!.GetValue<long>()).ToList();
        var first = charges[^2];
        Assert.Equal([0, 1, 3, 5, 8], charges.AsEnumerable().Reverse().Skip(1).Select(c => (c - first) / 86400));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task Deleting_a_clock_deletes_what_lives_by_it()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(1000))).Ok();
        Assert.Equal("true", (await _api.DeleteAsync($"/v1/test_helpers/test_clocks/{clock}")).Ok()["deleted"]);
        Assert.Equal("true", (await _api.GetAsync($"/v1/customers/{customer}")).Ok()["deleted"]);
        Assert.Equal("canceled", (await _api.SubscriptionAsync(made.Id))["status"]);
    }

    [Fact]
    public async Task A_year_of_a_subscription_adds_up()
    {
        var (clock, customer) = await _api.ClockedAsync(start: new DateTimeOffset(2027, 12, 31, 23, 59, 59, TimeSpan.Zero));
        (await _api.SubscribeAsync(customer, await _api.PriceAsync(1000))).Ok();
        for (var month = 1; month <= 12; month++) await _api.AdvanceAsync(clock, new DateTimeOffset(2027, 12, 31, 23, 59, 59, TimeSpan.Zero).AddMonths(month).AddHours(2));
        var invoices = (await _api.GetAsync($"/v1/invoices?customer={customer}&limit=100")).Ok().Data;
        Assert.Equal(13, invoices.Count);
        Assert.Equal(13, invoices.Select(i => i["number"]!.ToString()).Distinct().Count());
        var lines = invoices.Select(i => i["lines"]!["data"]![0]!["period"]!).Select(p => (p["start"]!.GetValue<long>(), p["end"]!.GetValue<long>())).Order().ToList();
        for (var i = 1; i < lines.Count; i++) Assert.Equal(lines[i - 1].Item2, lines[i].Item1);
        await _api.BooksBalanceAsync(customer);
    }

    private Task<Answer> AdvanceAsync(string clock, DateTimeOffset to) => _api.PostAsync($"/v1/test_helpers/test_clocks/{clock}/advance", $"frozen_time={to.Unix()}");
}
