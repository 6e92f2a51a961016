namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a failed renewal that is forgotten, tried too often, or not forgiven once it is paid.</summary>
public sealed class DunningTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly DateTimeOffset Renewal = BillingWorld.Start.AddMonths(1).AddHours(1);
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_failed_renewal_is_tried_on_its_days_and_then_unpaid()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.AdvanceAsync(clock, Renewal.AddMinutes(1));
        foreach (var (day, next, attempts) in ((int, int?, int)[])[(0, 1, 1), (1, 3, 2), (3, 5, 3), (5, 8, 4)])
        {
            await _api.AdvanceAsync(clock, Renewal.AddDays(day).AddMinutes(2));
            var now = await _api.SubscriptionAsync(subscription);
            Assert.Equal(("past_due", "open", attempts, Renewal.AddDays(next!.Value).Unix()),
                (now["status"], now["latest_invoice.status"], (int)now.Number("latest_invoice.attempt_count"), now.Number("latest_invoice.next_payment_attempt")));
        }
        Assert.Equal("true", (await _api.GetAsync($"/v1/customers/{customer}")).Ok()["delinquent"]);
        await _api.AdvanceAsync(clock, Renewal.AddDays(8).AddMinutes(2));
        var over = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("unpaid", "open", null, 5L), (over["status"], over["latest_invoice.status"], over["latest_invoice.next_payment_attempt"], over.Number("latest_invoice.attempt_count")));
        Assert.Equal(5, (await _api.EventTypesAsync()).Count(t => t == "invoice.payment_failed"));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_new_card_is_not_charged_by_itself_but_by_the_next_try()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.AdvanceAsync(clock, Renewal.AddMinutes(1));
        await _api.UseCardAsync(customer, "pm_card_visa");
        Assert.Equal("past_due", (await _api.SubscriptionAsync(subscription))["status"]);
        await _api.AdvanceAsync(clock, Renewal.AddDays(1).AddMinutes(1));
        var after = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("active", "paid"), (after["status"], after["latest_invoice.status"]));
        Assert.Equal("false", (await _api.GetAsync($"/v1/customers/{customer}")).Ok()["delinquent"]);
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task Paid_by_hand_with_another_card_it_is_active_again_even_when_unpaid()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.AdvanceAsync(clock, Renewal.AddDays(9));
        var unpaid = await _api.SubscriptionAsync(subscription);
        Assert.Equal("unpaid", unpaid["status"]);
        (await _api.PostAsync($"/v1/invoices/{unpaid["latest_invoice.id"]}/pay")).Refused(402, "card_declined");
        var card = await _api.UseCardAsync(customer, "pm_card_visa");
        Assert.Equal("paid", (await _api.PostAsync($"/v1/invoices/{unpaid["latest_invoice.id"]}/pay", $"payment_method={card}&off_session=false")).Ok()["status"]);
        Assert.Equal("active", (await _api.SubscriptionAsync(subscription))["status"]);
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task While_unpaid_further_periods_are_drafts_that_nobody_collects()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.AdvanceAsync(clock, Renewal.AddDays(9));
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMonths(2).AddDays(1));
        var later = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("unpaid", "draft", "false"), (later["status"], later["latest_invoice.status"], later["latest_invoice.auto_advance"]));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_hard_decline_is_counted_but_not_tried_again_until_the_card_changes()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.UseCardAsync(customer, "pm_card_authenticationRequired");
        await _api.AdvanceAsync(clock, Renewal.AddMinutes(1));
        Assert.Contains("invoice.payment_action_required", await _api.EventTypesAsync());
        var charges = (await ChargesAsync(customer)).Count;
        await _api.AdvanceAsync(clock, Renewal.AddDays(1).AddMinutes(1));
        var now = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("past_due", 2L), (now["status"], now.Number("latest_invoice.attempt_count")));
        Assert.Equal(charges, (await ChargesAsync(customer)).Count);
        await _api.UseCardAsync(customer, "pm_card_visa");
        await _api.AdvanceAsync(clock, Renewal.AddDays(3).AddMinutes(1));
        Assert.Equal("active", (await _api.SubscriptionAsync(subscription))["status"]);
    }

    [Fact]
    public async Task The_customer_can_authenticate_what_could_not_be_collected()
    {
        var (clock, customer, subscription) = await FailingAsync();
        await _api.UseCardAsync(customer, "pm_card_authenticationRequired");
        await _api.AdvanceAsync(clock, Renewal.AddMinutes(1));
        var due = (await _api.GetAsync($"/v1/subscriptions/{subscription}?expand[]=latest_invoice.confirmation_secret")).Ok();
        var card = (await _api.GetAsync($"/v1/customers/{customer}/payment_methods?limit=1")).Ok()["data.0.id"];
        var refused = (await _api.PostAsync($"/v1/invoices/{due["latest_invoice.id"]}/pay", $"off_session=false&payment_method={card}")).Refused(402, "invoice_payment_intent_requires_action");
        Tracepipe.StripeSandbox.Core.Challenges.Complete(sandbox.Server.Accounts, refused["error.payment_intent.next_action.use_stripe_sdk.source"]!, true);
        Assert.Equal("active", (await _api.SubscriptionAsync(subscription))["status"]);
    }

    /// <summary>A subscription whose second payment is refused.</summary>
    private async Task<(string Clock, string Customer, string Subscription)> FailingAsync()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var subscription = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok().Id;
        await _api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
        return (clock, customer, subscription);
    }

    private async Task<IReadOnlyList<System.Text.Json.Nodes.JsonNode>> ChargesAsync(string customer) => (await _api.GetAsync($"/v1/charges?customer={customer}&limit=100")).Ok().Data;
}
