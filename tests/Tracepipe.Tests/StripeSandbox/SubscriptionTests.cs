namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a subscription that is active without its money, or money taken without a subscription.</summary>
public sealed class SubscriptionTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_first_payment_makes_it_active()
    {
        var (_, customer) = await _api.ClockedAsync();
        var price = await _api.PriceAsync(7900);
        var before = (await _api.EventTypesAsync()).Count;
        var made = (await _api.SubscribeAsync(customer, price, "&metadata[org_id]=7&expand[]=latest_invoice.payments")).Ok();
        Assert.Equal(("active", "paid", 7900L), (made["status"], made["latest_invoice.status"], made.Number("latest_invoice.amount_paid")));
        Assert.Equal("subscription_create", made["latest_invoice.billing_reason"]);
        Assert.Equal(made.Id, made["latest_invoice.parent.subscription_details.subscription"]);
        Assert.Equal("7", made["latest_invoice.parent.subscription_details.metadata.org_id"]);
        Assert.Equal("paid", made["latest_invoice.payments.data.0.status"]);
        Assert.Equal((BillingWorld.Start.Unix(), new DateTimeOffset(2026, 2, 28, 10, 30, 0, TimeSpan.Zero).Unix()), (made.Number("items.data.0.current_period_start"), made.Number("items.data.0.current_period_end")));
        Assert.Equal(
            ["customer.subscription.created", "invoice.created", "payment_intent.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded", "invoice.updated", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated"],
            await _api.EventsSinceAsync(before));
        await _api.BooksBalanceAsync(customer);
    }

    [Theory]
    [InlineData("allow_incomplete", 200, "incomplete")]
    [InlineData("default_incomplete", 200, "incomplete")]
    [InlineData("error_if_incomplete", 402, null)]
    public async Task A_declined_first_payment_follows_the_payment_behavior(string behavior, int status, string? state)
    {
        var (_, customer) = await _api.ClockedAsync("pm_card_chargeCustomerFail");
        var price = await _api.PriceAsync(7900);
        var made = await _api.SubscribeAsync(customer, price, $"&payment_behavior={behavior}&expand[]=latest_invoice");
        Assert.Equal((status, state), (made.Status, made["status"]));
        if (status == 402)
        {
            Assert.Equal("card_declined", made["error.code"]);
            Assert.Empty((await _api.GetAsync("/v1/subscriptions?status=all")).Ok().Data);
            Assert.Empty((await _api.GetAsync("/v1/invoices")).Ok().Data);
            Assert.Empty((await _api.GetAsync("/v1/charges")).Ok().Data);
            return;
        }
        Assert.Equal(("open", behavior == "allow_incomplete" ? 1 : 0), (made["latest_invoice.status"], made.Number("latest_invoice.attempt_count")));
        Assert.Null(made["latest_invoice.next_payment_attempt"]);
    }

    [Fact]
    public async Task An_incomplete_one_is_finished_in_the_browser()
    {
        var (_, customer) = await _api.ClockedAsync("");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900), "&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription&expand[]=latest_invoice.confirmation_secret")).Ok();
        var secret = made["latest_invoice.confirmation_secret.client_secret"]!;
        var intent = secret.Split("_secret_")[0];
        var confirmed = (await _api.PostAsync($"/v1/payment_intents/{intent}/confirm",
            $"client_secret={secret}&payment_method_data[type]=card&payment_method_data[card][number]=4000002500003155&payment_method_data[card][exp_month]=12&payment_method_data[card][exp_year]=40&payment_method_data[card][cvc]=123", key: _api.PublishableKey)).Ok();
        Assert.Equal("requires_action", confirmed["status"]);
        Assert.Contains("pay 79.00 USD", Tracepipe.StripeSandbox.Core.Challenges.Find(sandbox.Server.Accounts, confirmed["next_action.use_stripe_sdk.source"]!)!.Description, StringComparison.Ordinal);
        Tracepipe.StripeSandbox.Core.Challenges.Complete(sandbox.Server.Accounts, confirmed["next_action.use_stripe_sdk.source"]!, true);
        var after = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("active", "paid"), (after["status"], after["latest_invoice.status"]));
        Assert.StartsWith("pm_", after["default_payment_method"], StringComparison.Ordinal);
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task After_23_hours_without_payment_it_expires()
    {
        var (clock, customer) = await _api.ClockedAsync("pm_card_chargeCustomerFail");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok();
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddHours(22));
        Assert.Equal("incomplete", (await _api.SubscriptionAsync(made.Id))["status"]);
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddHours(23));
        var after = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("incomplete_expired", "void"), (after["status"], after["latest_invoice.status"]));
        (await _api.DeleteAsync($"/v1/subscriptions/{made.Id}")).Refused(404, "resource_missing");
    }

    [Fact]
    public async Task A_customer_without_a_card_cannot_be_charged() =>
        (await _api.SubscribeAsync((await _api.ClockedAsync("")).Customer, await _api.PriceAsync(7900))).Refused(400, "resource_missing", "customer");

    [Fact]
    public async Task A_trial_costs_nothing_warns_and_turns_into_a_paid_period()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900), "&trial_period_days=14&expand[]=latest_invoice")).Ok();
        Assert.Equal(("trialing", "paid", 0L), (made["status"], made["latest_invoice.status"], made.Number("latest_invoice.total")));
        var seen = (await _api.EventTypesAsync()).Count;
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(12));
        Assert.Equal(["customer.subscription.trial_will_end"], (await _api.EventsSinceAsync(seen)).Where(e => e.Contains("trial", StringComparison.Ordinal)));
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(14).AddHours(2));
        var after = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("active", "paid", 7900L), (after["status"], after["latest_invoice.status"], after.Number("latest_invoice.amount_paid")));
        Assert.Equal(BillingWorld.Start.AddDays(14).AddMonths(1).Unix(), after.Number("items.data.0.current_period_end"));
    }

    [Theory]
    [InlineData("cancel", "canceled")]
    [InlineData("pause", "paused")]
    [InlineData("create_invoice", "past_due")]
    public async Task A_trial_without_a_card_ends_as_asked(string behavior, string status)
    {
        var (clock, customer) = await _api.ClockedAsync("");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900), $"&trial_period_days=7&trial_settings[end_behavior][missing_payment_method]={behavior}")).Ok();
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddDays(7).AddHours(2));
        Assert.Equal(status, (await _api.SubscriptionAsync(made.Id))["status"]);
    }

    [Fact]
    public async Task Nothing_due_and_no_card_asks_for_one()
    {
        var (_, customer) = await _api.ClockedAsync("");
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900), "&trial_period_days=7&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription&expand[]=pending_setup_intent")).Ok();
        Assert.Equal("requires_payment_method", made["pending_setup_intent.status"]);
        (await _api.PostAsync($"/v1/setup_intents/{made["pending_setup_intent.id"]}/confirm", "payment_method=pm_card_visa")).Ok();
        var after = await _api.SubscriptionAsync(made.Id);
        Assert.Null(after["pending_setup_intent"]);
        Assert.StartsWith("pm_", after["default_payment_method"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_period_from_the_31st_is_clamped_and_comes_back()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok();
        var ends = new List<DateTimeOffset>();
        for (var month = 1; month <= 4; month++)
        {
            ends.Add(DateTimeOffset.FromUnixTimeSeconds((await _api.SubscriptionAsync(made.Id)).Number("items.data.0.current_period_end")));
            await _api.AdvanceAsync(clock, ends[^1].AddHours(2));
        }
        Assert.Equal([(2, 28), (3, 31), (4, 30), (5, 31)], ends.Select(e => (e.Month, e.Day)));
        Assert.All(ends, e => Assert.Equal((10, 30), (e.Hour, e.Minute)));
        Assert.Equal(5, (await _api.GetAsync($"/v1/invoices?customer={customer}&status=paid")).Ok().Data.Count);
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_leap_day_is_kept()
    {
        var (clock, customer) = await _api.ClockedAsync(start: new DateTimeOffset(2028, 2, 29, 12, 0, 0, TimeSpan.Zero));
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900, "year"))).Ok();
        Assert.Equal(new DateTimeOffset(2029, 2, 28, 12, 0, 0, TimeSpan.Zero).Unix(), made.Number("items.data.0.current_period_end"));
        await _api.AdvanceAsync(clock, new DateTimeOffset(2029, 3, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.Equal(new DateTimeOffset(2030, 2, 28, 12, 0, 0, TimeSpan.Zero).Unix(), (await _api.SubscriptionAsync(made.Id)).Number("items.data.0.current_period_end"));
    }

    [Fact]
    public async Task A_renewal_is_told_a_week_ahead_drafted_at_its_time_and_paid_an_hour_later()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok();
        var end = BillingWorld.Start.AddMonths(1);
        var seen = (await _api.EventTypesAsync()).Count;
        await _api.AdvanceAsync(clock, end.AddDays(-6));
        Assert.Equal(["invoice.upcoming"], (await _api.EventsSinceAsync(seen)).Where(e => !e.StartsWith("test_helpers", StringComparison.Ordinal)));
        var upcoming = (await _api.GetAsync("/v1/events?type=invoice.upcoming")).Ok();
        Assert.Null(upcoming["data.0.data.object.id"]);
        Assert.Equal(7900, upcoming.Number("data.0.data.object.amount_due"));

        await _api.AdvanceAsync(clock, end.AddMinutes(30));
        var drafted = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("active", "draft", "subscription_cycle"), (drafted["status"], drafted["latest_invoice.status"], drafted["latest_invoice.billing_reason"]));
        Assert.Equal(end.Unix(), drafted.Number("items.data.0.current_period_start"));
        seen = (await _api.EventTypesAsync()).Count;
        await _api.AdvanceAsync(clock, end.AddHours(1));
        Assert.Equal("paid", (await _api.SubscriptionAsync(made.Id))["latest_invoice.status"]);
        Assert.Equal(["payment_intent.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded", "invoice.updated", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid"],
            (await _api.EventsSinceAsync(seen)).Where(e => !e.StartsWith("test_helpers", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Finalization_waits_until_the_draft_was_heard_of()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Status = _ => 500;
        (await _api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=invoice.created")).Ok();
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok();
        var end = BillingWorld.Start.AddMonths(1);
        await _api.AdvanceAsync(clock, end.AddHours(48));
        Assert.Equal("draft", (await _api.SubscriptionAsync(made.Id))["latest_invoice.status"]);
        await _api.AdvanceAsync(clock, end.AddHours(73));
        Assert.Equal("paid", (await _api.SubscriptionAsync(made.Id))["latest_invoice.status"]);
    }

    [Fact]
    public async Task Canceled_at_period_end_it_runs_to_the_end_and_can_be_taken_back_before()
    {
        var (clock, customer) = await _api.ClockedAsync();
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(7900))).Ok();
        var end = BillingWorld.Start.AddMonths(1);
        var ending = (await _api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at_period_end=true&cancellation_details[feedback]=too_expensive")).Ok();
        Assert.Equal(("active", "true", end.Unix(), "cancellation_requested"), (ending["status"], ending["cancel_at_period_end"], ending.Number("cancel_at"), ending["cancellation_details.reason"]));
        var back = (await _api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at_period_end=false&cancel_at=")).Ok();
        Assert.Equal(("false", null, null), (back["cancel_at_period_end"], back["cancel_at"], back["canceled_at"]));
        (await _api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at_period_end=true")).Ok();
        await _api.AdvanceAsync(clock, end.AddDays(2));
        var over = await _api.SubscriptionAsync(made.Id);
        Assert.Equal(("canceled", end.Unix()), (over["status"], over.Number("ended_at")));
        Assert.Single((await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data);
        Assert.Contains("customer.subscription.deleted", await _api.EventTypesAsync());
        (await _api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at_period_end=false")).Refused(400);
    }

    [Fact]
    public async Task Canceled_now_with_proration_the_rest_comes_back_as_credit()
    {
        var (clock, customer) = await _api.ClockedAsync(start: new DateTimeOffset(2026, 4, 1, 0, 0, 0, TimeSpan.Zero));
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(3000))).Ok();
        await _api.AdvanceAsync(clock, new DateTimeOffset(2026, 4, 11, 0, 0, 0, TimeSpan.Zero));
        var over = (await _api.DeleteAsync($"/v1/subscriptions/{made.Id}?prorate=true&invoice_now=true")).Ok();
        Assert.Equal("canceled", over["status"]);
        Assert.Equal(-2000, (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance"));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task An_end_in_the_middle_shortens_the_period_and_gives_back_the_rest()
    {
        var (clock, customer) = await _api.ClockedAsync(start: new DateTimeOffset(2026, 4, 1, 0, 0, 0, TimeSpan.Zero));
        var made = (await _api.SubscribeAsync(customer, await _api.PriceAsync(3000))).Ok();
        var middle = new DateTimeOffset(2026, 4, 16, 0, 0, 0, TimeSpan.Zero);
        var ending = (await _api.PostAsync($"/v1/subscriptions/{made.Id}", $"cancel_at={middle.Unix()}")).Ok();
        Assert.Equal(middle.Unix(), ending.Number("items.data.0.current_period_end"));
        Assert.Equal(-1500, (await _api.GetAsync($"/v1/invoiceitems?customer={customer}&pending=true")).Ok().Number("data.0.amount"));
        var back = (await _api.PostAsync($"/v1/subscriptions/{made.Id}", "cancel_at=")).Ok();
        Assert.Equal(new DateTimeOffset(2026, 5, 1, 0, 0, 0, TimeSpan.Zero).Unix(), back.Number("items.data.0.current_period_end"));
        Assert.Empty((await _api.GetAsync($"/v1/invoiceitems?customer={customer}&pending=true")).Ok().Data);
        (await _api.PostAsync($"/v1/subscriptions/{made.Id}", $"cancel_at={middle.Unix()}")).Ok();
        await _api.AdvanceAsync(clock, middle.AddHours(2));
        Assert.Equal("canceled", (await _api.SubscriptionAsync(made.Id))["status"]);
        Assert.Equal(-1500, (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance"));
    }
}
