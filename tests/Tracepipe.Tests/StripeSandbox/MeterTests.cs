namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: usage that is counted twice, lost, or billed for the wrong period.</summary>
public sealed class MeterTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task Reported_usage_shows_in_summaries_once()
    {
        var (meter, name) = await MeterAsync("sum");
        var (_, customer) = await _api.ClockedAsync();
        var at = BillingWorld.Start.Unix();
        (await ReportAsync(name, customer, 3, at, "a")).Ok();
        (await ReportAsync(name, customer, 3, at, "a")).Refused(400, "resource_already_exists", "identifier");
        (await ReportAsync(name, customer, 4, at - 3600, "b")).Ok();
        (await ReportAsync(name, await _api.CustomerAsync(), 100, TimeProvider.System.GetUtcNow().Unix(), "c")).Ok();
        var total = (await SummariesAsync(meter, customer, at - (2 * 3600), at + 3600)).Ok();
        Assert.Equal(7, total.Number("data.0.aggregated_value"));
        var hours = (await _api.GetAsync($"/v1/billing/meters/{meter}/event_summaries?customer={customer}&start_time={at / 3600 * 3600 - 7200}&end_time={at / 3600 * 3600 + 3600}&value_grouping_window=hour")).Ok();
        Assert.Equal([3L, 4L], hours.Data.Select(s => s["aggregated_value"]!.GetValue<long>()));
    }

    [Theory]
    [InlineData("count", 3)]
    [InlineData("last", 2)]
    [InlineData("sum", 10)]
    public async Task A_meter_aggregates_as_it_says(string formula, long expected)
    {
        var (meter, name) = await MeterAsync(formula);
        var (_, customer) = await _api.ClockedAsync();
        var at = BillingWorld.Start.Unix();
        foreach (var (value, offset) in ((int, int)[])[(2, 0), (3, -60), (5, -120)]) (await ReportAsync(name, customer, value, at + offset, $"{formula}{offset}")).Ok();
        Assert.Equal(expected, (await SummariesAsync(meter, customer, at - 3600, at + 60)).Ok().Number("data.0.aggregated_value"));
    }

    [Fact]
    public async Task Too_old_too_early_and_not_whole_are_refused_what_belongs_to_nobody_is_listed()
    {
        var (_, name) = await MeterAsync("sum");
        var customer = await _api.CustomerAsync();
        var now = TimeProvider.System.GetUtcNow().Unix();
        (await ReportAsync(name, customer, 1, now - (36 * 86400), "a")).Refused(400, null, "timestamp");
        (await ReportAsync(name, customer, 1, now + 600, "b")).Refused(400, null, "timestamp");
        (await _api.PostAsync("/v1/billing/meter_events", $"event_name={name}&payload[stripe_customer_id]={customer}&payload[value]=1.5")).Refused(400, null, "payload[value]");
        (await ReportAsync("nobody", customer, 1, now, "c")).Ok();
        (await ReportAsync(name, "cus_none", 1, now, "d")).Ok();
        Assert.Equal(["meter_event_customer_not_found", "no_meter"], [.. (await _api.GetAsync("/_sandbox/meter-errors")).Ok().Data.Select(e => e["error"]!.ToString())]);
        (await _api.PostAsync("/v1/billing/meters", $"display_name=x&event_name={name}&default_aggregation[formula]=sum")).Refused(400, "resource_already_exists", "event_name");
    }

    [Fact]
    public async Task An_event_can_be_taken_back_within_a_day()
    {
        var (meter, name) = await MeterAsync("sum");
        var (_, customer) = await _api.ClockedAsync();
        (await ReportAsync(name, customer, 5, BillingWorld.Start.Unix(), "a")).Ok();
        Assert.Equal("complete", (await _api.PostAsync("/v1/billing/meter_event_adjustments", $"event_name={name}&type=cancel&cancel[identifier]={name}a")).Ok()["status"]);
        Assert.Equal(0, (await SummariesAsync(meter, customer, BillingWorld.Start.Unix() - 3600, BillingWorld.Start.Unix() + 60)).Ok().Number("data.0.aggregated_value"));
        (await _api.PostAsync("/v1/billing/meter_event_adjustments", $"event_name={name}&type=cancel&cancel[identifier]=zzz")).Refused(404, "resource_missing");
    }

    [Fact]
    public async Task A_metered_price_is_billed_for_the_period_that_ended()
    {
        var (meter, name) = await MeterAsync("sum");
        var (clock, customer) = await _api.ClockedAsync();
        var price = await PriceAsync(meter, "&billing_scheme=tiered&tiers_mode=graduated&tiers[0][up_to]=10&tiers[0][unit_amount]=0&tiers[1][up_to]=inf&tiers[1][unit_amount]=200");
        var made = (await _api.SubscribeAsync(customer, price)).Ok();
        Assert.Equal(("active", null, null), (made["status"], made["latest_invoice"], made["items.data.0.quantity"]));
        (await ReportAsync(name, customer, 12, BillingWorld.Start.AddMinutes(1).Unix(), "a")).Ok();
        var end = BillingWorld.Start.AddMonths(1);
        await _api.AdvanceAsync(clock, end.AddMinutes(10));
        Assert.Equal(400, (await _api.SubscriptionAsync(made.Id)).Number("latest_invoice.total"));
        (await ReportAsync(name, customer, 3, end.AddMinutes(-5).Unix(), "late")).Ok();
        (await ReportAsync(name, customer, 50, end.AddMinutes(5).Unix(), "next")).Ok();
        await _api.AdvanceAsync(clock, end.AddHours(2));
        var billed = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("paid", 1000L, 15L), (billed["latest_invoice.status"], billed.Number("latest_invoice.amount_paid"), billed.Number("latest_invoice.lines.data.0.quantity")));
        (await _api.SubscribeAsync(customer, price, "&items[0][quantity]=1")).Refused(400, null, "items[0][quantity]");
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task The_last_usage_is_billed_when_it_is_canceled_and_asked_for()
    {
        var (meter, name) = await MeterAsync("sum");
        var (_, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await PriceAsync(meter, "&unit_amount=100"))).Ok();
        (await ReportAsync(name, customer, 7, BillingWorld.Start.Unix(), "a")).Ok();
        var lost = (await _api.SubscribeAsync(customer, await PriceAsync(meter, "&unit_amount=100"))).Ok();
        (await _api.DeleteAsync($"/v1/subscriptions/{lost.Id}")).Ok();
        Assert.Empty((await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data);
        await _api.AdvanceAsync((await _api.GetAsync($"/v1/customers/{customer}")).Ok()["test_clock"]!, BillingWorld.Start.AddDays(1));
        (await _api.DeleteAsync($"/v1/subscriptions/{made.Id}?invoice_now=true")).Ok();
        Assert.Equal(700, (await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Number("data.0.amount_paid"));
    }

    private async Task<(string Meter, string Name)> MeterAsync(string formula)
    {
        var name = "m" + Guid.CreateVersion7().ToString("N")[20..];
        return ((await _api.PostAsync("/v1/billing/meters", $"display_name=Runs&event_name={name}&default_aggregation[formula]={formula}&customer_mapping[type]=by_id&customer_mapping[event_payload_key]=stripe_customer_id&value_settings[event_payload_key]=value")).Ok().Id, name);
    }

    private async Task<string> PriceAsync(string meter, string more) =>
        (await _api.PostAsync("/v1/prices", $"product_data[name]=Runs&currency=usd&recurring[interval]=month&recurring[usage_type]=metered&recurring[meter]={meter}{more}")).Ok().Id;

    private Task<Answer> ReportAsync(string name, string customer, int value, long at, string identifier) =>
        _api.PostAsync("/v1/billing/meter_events", $"event_name={name}&identifier={name}{identifier}&timestamp={at}&payload[stripe_customer_id]={customer}&payload[value]={value}");

    private Task<Answer> SummariesAsync(string meter, string customer, long start, long end) =>
        _api.GetAsync($"/v1/billing/meters/{meter}/event_summaries?customer={customer}&start_time={start / 60 * 60}&end_time={end / 60 * 60}");
}
