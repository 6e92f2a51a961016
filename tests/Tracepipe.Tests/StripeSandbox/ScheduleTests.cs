namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a planned downgrade that comes early, late, or not at all.</summary>
public sealed class ScheduleTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly DateTimeOffset End = BillingWorld.Start.AddMonths(1);
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_downgrade_at_period_end_changes_the_price_with_the_renewal()
    {
        var (clock, customer, subscription, pro, basic) = await SubscribedAsync();
        var schedule = await DowngradeAsync(subscription, pro, basic);
        Assert.Equal(("active", schedule.Id), (schedule["status"], (await _api.SubscriptionAsync(subscription))["schedule"]));
        await _api.AdvanceAsync(clock, End.AddMinutes(-1));
        Assert.Equal(7900, (await _api.SubscriptionAsync(subscription)).Number("items.data.0.price.unit_amount"));
        await _api.AdvanceAsync(clock, End.AddHours(2));
        var after = await _api.SubscriptionAsync(subscription);
        Assert.Equal((2900L, 2900L, "paid"), (after.Number("items.data.0.price.unit_amount"), after.Number("latest_invoice.total"), after["latest_invoice.status"]));
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(2).AddHours(2));
        Assert.Equal("completed", (await _api.GetAsync($"/v1/subscription_schedules/{schedule.Id}")).Ok()["status"]);
        Assert.Equal((null, "active"), ((await _api.SubscriptionAsync(subscription))["schedule"], (await _api.SubscriptionAsync(subscription))["status"]));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task Released_it_changes_nothing()
    {
        var (clock, _, subscription, pro, basic) = await SubscribedAsync();
        var schedule = await DowngradeAsync(subscription, pro, basic);
        Assert.Equal("released", (await _api.PostAsync($"/v1/subscription_schedules/{schedule.Id}/release")).Ok()["status"]);
        Assert.Null((await _api.SubscriptionAsync(subscription))["schedule"]);
        await _api.AdvanceAsync(clock, End.AddHours(2));
        Assert.Equal(7900, (await _api.SubscriptionAsync(subscription)).Number("latest_invoice.total"));
        (await _api.PostAsync($"/v1/subscription_schedules/{schedule.Id}/release")).Refused(400);
    }

    [Fact]
    public async Task The_next_invoice_is_shown_with_the_plan_that_will_hold_then_and_with_the_discount_that_stays()
    {
        var (clock, _, subscription, pro, basic) = await SubscribedAsync();
        var coupon = (await _api.PostAsync("/v1/coupons", "percent_off=50&duration=forever")).Ok().Id;
        (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"discounts[0][coupon]={coupon}")).Ok();
        var made = (await _api.PostAsync("/v1/subscription_schedules", $"from_subscription={subscription}")).Ok();
        var discount = made["phases.0.discounts.0.discount"];
        Assert.StartsWith("di_", discount, StringComparison.Ordinal);
        var planned = (await _api.PostAsync($"/v1/subscription_schedules/{made.Id}", $"phases[0][items][0][price]={pro}&phases[0][start_date]={made["phases.0.start_date"]}&phases[0][end_date]={made["phases.0.end_date"]}" +
            $"&phases[0][discounts][0][discount]={discount}&phases[1][items][0][price]={basic}&phases[1][items][0][metadata][tier]=starter&phases[1][discounts][0][discount]={discount}&phases[1][description]=Starter")).Ok();
        Assert.Equal("Starter", planned["phases.1.description"]);
        var price = (await _api.GetAsync($"/v1/prices/{basic}")).Ok().Number("unit_amount");
        foreach (var asked in (string[])[$"subscription={subscription}", $"schedule={made.Id}"])
        {
            var preview = (await _api.PostAsync("/v1/invoices/create_preview", asked)).Ok();
            Assert.Equal((price, price / 2), (preview.Number("subtotal"), preview.Number("total")));
        }
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(1).AddHours(2));
        var now = await _api.SubscriptionAsync(subscription);
        Assert.Equal((basic, "Starter", discount), (now["items.data.0.price.id"], now["description"], now["discounts.0"]));
        Assert.Equal("starter", now["items.data.0.metadata.tier"]);
        Assert.Equal(price / 2, now.Number("latest_invoice.amount_paid"));
        Assert.Equal(1, (await _api.GetAsync($"/v1/coupons/{coupon}")).Ok().Number("times_redeemed"));
    }

    [Fact]
    public async Task A_planned_end_shows_no_further_invoice_and_stays_planned_after_a_release_that_keeps_it()
    {
        var (_, _, subscription, pro, _) = await SubscribedAsync();
        var made = (await _api.PostAsync("/v1/subscription_schedules", $"from_subscription={subscription}")).Ok();
        var end = made.Number("phases.0.end_date");
        (await _api.PostAsync($"/v1/subscription_schedules/{made.Id}", $"end_behavior=cancel&phases[0][items][0][price]={pro}&phases[0][start_date]={made["phases.0.start_date"]}&phases[0][end_date]={end}")).Ok();
        (await _api.PostAsync("/v1/invoices/create_preview", $"subscription={subscription}")).Refused(400, "invoice_upcoming_none");
        (await _api.PostAsync($"/v1/subscription_schedules/{made.Id}/release", "preserve_cancel_date=true")).Ok();
        Assert.Equal(end, (await _api.SubscriptionAsync(subscription)).Number("cancel_at"));
    }

    [Fact]
    public async Task Canceled_it_takes_the_subscription_along()
    {
        var (_, _, subscription, pro, basic) = await SubscribedAsync();
        var schedule = await DowngradeAsync(subscription, pro, basic);
        Assert.Equal("canceled", (await _api.PostAsync($"/v1/subscription_schedules/{schedule.Id}/cancel")).Ok()["status"]);
        Assert.Equal("canceled", (await _api.SubscriptionAsync(subscription))["status"]);
    }

    [Fact]
    public async Task A_subscription_that_ends_ends_its_schedule()
    {
        var (_, _, subscription, pro, basic) = await SubscribedAsync();
        var schedule = await DowngradeAsync(subscription, pro, basic);
        (await _api.DeleteAsync($"/v1/subscriptions/{subscription}")).Ok();
        Assert.Equal("canceled", (await _api.GetAsync($"/v1/subscription_schedules/{schedule.Id}")).Ok()["status"]);
    }

    [Fact]
    public async Task A_schedule_can_begin_a_subscription_later()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var price = await _api.PriceAsync(7900);
        var schedule = (await _api.PostAsync("/v1/subscription_schedules", $"customer={customer}&start_date={BillingWorld.Start.AddDays(3).Unix()}&end_behavior=cancel&phases[0][items][0][price]={price}&phases[0][duration][interval]=month&phases[0][duration][interval_count]=2")).Ok();
        Assert.Equal(("not_started", null), (schedule["status"], schedule["subscription"]));
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(4));
        var begun = (await _api.GetAsync($"/v1/subscription_schedules/{schedule.Id}?expand[]=subscription")).Ok();
        Assert.Equal(("active", "active"), (begun["status"], begun["subscription.status"]));
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(3).AddMonths(2).AddHours(2));
        Assert.Equal(("completed", "canceled"), ((await _api.GetAsync($"/v1/subscription_schedules/{schedule.Id}")).Ok()["status"], (await _api.SubscriptionAsync(begun["subscription.id"]!))["status"]));
    }

    [Theory]
    [InlineData("phases[0][items][0][price]={0}&phases[0][start_date]={2}&phases[0][end_date]={2}")]
    [InlineData("phases[0][items][0][price]={0}&phases[0][start_date]={2}&phases[0][end_date]={3}&phases[1][items][0][price]={1}&phases[1][start_date]={2}")]
    [InlineData("phases[0][start_date]={2}")]
    public async Task Phases_that_do_not_follow_each_other_are_refused(string form)
    {
        var (_, _, subscription, pro, basic) = await SubscribedAsync();
        var schedule = (await _api.PostAsync("/v1/subscription_schedules", $"from_subscription={subscription}")).Ok();
        Assert.Equal(400, (await _api.PostAsync($"/v1/subscription_schedules/{schedule.Id}", string.Format(System.Globalization.CultureInfo.InvariantCulture, form, pro, basic, BillingWorld.Start.Unix(), End.Unix()))).Status);
        (await _api.PostAsync("/v1/subscription_schedules", $"from_subscription={subscription}")).Refused(400, null, "from_subscription");
    }

    private async Task<(string Clock, string Customer, string Subscription, string Pro, string Basic)> SubscribedAsync()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var (pro, basic) = (await _api.PriceAsync(7900), await _api.PriceAsync(2900, name: "Starter"));
        return (clock, customer, (await _api.SubscribeAsync(customer, pro)).Ok().Id, pro, basic);
    }

    private async Task<Answer> DowngradeAsync(string subscription, string pro, string basic)
    {
        var schedule = (await _api.PostAsync("/v1/subscription_schedules", $"from_subscription={subscription}")).Ok();
        return (await _api.PostAsync($"/v1/subscription_schedules/{schedule.Id}",
            $"end_behavior=release&phases[0][items][0][price]={pro}&phases[0][items][0][quantity]=1&phases[0][start_date]={schedule["phases.0.start_date"]}&phases[0][end_date]={schedule["phases.0.end_date"]}&phases[1][items][0][price]={basic}&phases[1][proration_behavior]=none")).Ok();
    }
}
