using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Scenarios 24 (lifetime), 12 (the purchase) and 20 (months without Stripe) of the billing rules. Catches: a seat sold twice, money kept for nothing, credits
/// given twice or for another amount.
/// </summary>
public sealed class PurchaseTests(TimedPlanApp app) : IClassFixture<TimedPlanApp>
{
    private async Task<(Buyer Buyer, JsonElement Session)> AtTheTillAsync()
    {
        var buyer = await app.NewBuyerAsync();
        return (buyer, await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/lifetime/checkout", json: "{}"));
    }

    private Task SellAllButAsync(int left) => app.ExecuteAsync($"""
        delete from lifetime_seats where organization_id not in (select organization_id from subscriptions where source = 'lifetime' and is_live);
        insert into lifetime_seats (tier, seat, organization_id, sold_at)
          select 'lifetime', (select coalesce(max(seat), 0) from lifetime_seats) + n, gen_random_uuid(), now() from generate_series(1, {100 - left} - (select count(*) from lifetime_seats)::int) n
        """);

    [Fact]
    public async Task The_last_seat_has_one_owner_and_the_other_buyer_gets_the_money_back()
    {
        await SellAllButAsync(1);
        Assert.Equal(new SeatsLeft(100, 1), await app.Subscriptions.SeatsAsync(default));
        var buyers = new[] { await AtTheTillAsync(), await AtTheTillAsync() };
        await Task.WhenAll(buyers.Select(b => app.PayAsync(b.Session.Text("checkout_url"))));
        await Task.WhenAll(buyers.Select(b => app.Subscriptions.ConfirmAsync(b.Buyer.Organization, b.Session.Text("session_id"), default)));
        await app.HearAsync();

        var outcomes = new List<(Buyer Buyer, Purchase Purchase)>();
        foreach (var (buyer, session) in buyers) outcomes.Add((buyer, (await app.Subscriptions.BoughtAsync(buyer.Organization, session.Text("session_id"), default))!));
        var winner = Assert.Single(outcomes, o => o.Purchase.State is PurchaseState.Done).Buyer;
        var loser = Assert.Single(outcomes, o => o.Purchase is { State: PurchaseState.Refunded, RefundReason: "sold_out" }).Buyer;
        Assert.Equal(100L, await app.ScalarAsync<long>("select count(*) from lifetime_seats"));
        Assert.Equal(49900, await app.ChargedAsync(winner.Organization));
        await TestApp.EventuallyAsync(() => app.ChargedAsync(loser.Organization), c => c == 0);
        await TestApp.EventuallyAsync(() => app.MailsAsync(loser.Person.Email), m => m.Contains("The last lifetime seat was sold", StringComparison.Ordinal) && m.Contains("$499.00", StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Null, (await loser.PlanAsync()).ValueKind);

        var plan = await winner.PlanAsync();
        Assert.True(plan.Is("lifetime", "active") && plan.GetProperty("is_lifetime").GetBoolean());
        Assert.Equal((50, 5, 100, 499m), (plan.Number("workflows_limit"), plan.Number("agents_limit"), plan.Number("storage_limit_gb"), plan.Amount("lifetime_purchase_amount")));
        Assert.NotEqual(JsonValueKind.Null, plan.GetProperty("lifetime_purchase_date").ValueKind);
        Assert.Equal("conflict", (await winner.CallAsync(HttpMethod.Post, $"{winner.Account}/subscription/cancel", 409, "{}")).Text("code"));
        Assert.Equal("conflict", (await winner.CallAsync(HttpMethod.Post, $"{winner.Account}/subscription/reactivate", 409, "{}")).Text("code"));
        await winner.CallAsync(HttpMethod.Post, $"{winner.Account}/lifetime/checkout", 409, "{}");
        Assert.Equal("sold_out", (await loser.CallAsync(HttpMethod.Post, $"{loser.Account}/lifetime/checkout", 409, "{}")).Text("code"));
    }

    [Fact]
    public async Task Ten_buyers_at_once_and_three_seats_left()
    {
        await SellAllButAsync(3);
        var buyers = new List<(Buyer Buyer, JsonElement Session)>();
        for (var i = 0; i < 10; i++) buyers.Add(await AtTheTillAsync());
        foreach (var (_, session) in buyers) await app.PayAsync(session.Text("checkout_url"));
        await Task.WhenAll(buyers.Select(b => app.Subscriptions.ConfirmAsync(b.Buyer.Organization, b.Session.Text("session_id"), default)));
        await app.HearAsync();
        Assert.Equal(3L, await app.ScalarAsync<long>($"select count(*) from subscriptions where source = 'lifetime' and is_live and organization_id in ({string.Join(",", buyers.Select(b => $"'{b.Buyer.Organization}'"))})"));
        await TestApp.EventuallyAsync(async () =>
        {
            var total = 0L;
            foreach (var (buyer, _) in buyers) total += await app.ChargedAsync(buyer.Organization);
            return total;
        }, t => t == 3 * 49900);
    }

    [Fact]
    public async Task Bought_twice_in_two_tabs_gives_one_and_the_money_of_the_other_back()
    {
        await SellAllButAsync(50);
        var buyer = await app.NewBuyerAsync();
        await app.FaultAsync("error", "POST", "/v1/checkout/sessions/{session}/expire", 1000);
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/lifetime/checkout", json: "{}");
        var second = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/lifetime/checkout", json: "{}");
        await app.PayAsync(first.Text("checkout_url"));
        await app.PayAsync(second.Text("checkout_url"));
        await app.HealAsync();
        await app.PlanAsync(buyer, p => p.Is("lifetime", "active"));
        await TestApp.EventuallyAsync(() => app.ChargedAsync(buyer.Organization), c => c == 49900);
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from lifetime_seats where organization_id = '{buyer.Organization}'"));
    }

    [Fact]
    public async Task A_lifetime_beside_a_running_plan_ends_that_with_its_period_and_the_higher_limits_apply_till_then()
    {
        await SellAllButAsync(50);
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "team");
        var session = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/lifetime/checkout", json: "{}");
        await app.PayAsync(session.Text("checkout_url"));
        var both = await app.OverviewAsync(buyer.Organization, o => o.Plan is { Status: PlanStatus.Canceling });
        Assert.Equal(("team", 500), (both.Allowance.Tier.Key, both.Workflows.Limit));
        Assert.True((await app.AtStripeAsync(buyer.Organization))[0].GetProperty("cancel_at_period_end").GetBoolean());
        await app.AdvanceToAsync(both.Plan.PeriodEnd!.Value.AddMinutes(1));
        await app.Upkeep.RunAsync(default);
        var alone = await app.OverviewAsync(buyer.Organization, o => o.Plan is { Status: PlanStatus.Lifetime });
        Assert.Equal(("lifetime", 50), (alone.Allowance.Tier.Key, alone.Workflows.Limit));
    }

    [Fact]
    public async Task A_lifetime_renews_by_its_own_day_without_Stripe()
    {
        await SellAllButAsync(50);
        var (buyer, session) = await AtTheTillAsync();
        await app.PayAsync(session.Text("checkout_url"));
        await app.Subscriptions.ConfirmAsync(buyer.Organization, session.Text("session_id"), default);
        // as if it had been bought on the last day of January
        var now = app.Clock.GetUtcNow();
        var january = new DateTimeOffset(now.Year + 1, 1, 31, 9, 0, 0, TimeSpan.Zero);
        await app.ExecuteAsync($"update subscriptions set period_anchor = '{january:O}' where organization_id = '{buyer.Organization}'; update standings set period_anchor = '{january:O}' where organization_id = '{buyer.Organization}'");
        app.Clock.MoveTo(january.AddHours(1));
        try
        {
            await app.UseAsync(buyer.Organization, 50);
            Assert.Equal("quota_exhausted", await app.RefusalAsync(buyer.Organization));
            var february = new DateTimeOffset(january.Year, 2, DateTime.DaysInMonth(january.Year, 2), 9, 0, 0, TimeSpan.Zero);
            app.Clock.MoveTo(february.AddSeconds(-20));
            Assert.Equal("quota_exhausted", await app.RefusalAsync(buyer.Organization));
            app.Clock.MoveTo(february.AddSeconds(1));
            Assert.Null(await app.RefusalAsync(buyer.Organization));
            Assert.Equal(new DateTimeOffset(january.Year, 3, 31, 9, 0, 0, TimeSpan.Zero), (await app.OverviewAsync(buyer.Organization)).Plan.PeriodEnd);
        }
        finally
        {
            app.Clock.MoveTo(now);
        }
    }

    [Fact]
    public async Task A_lifetime_whose_money_went_back_ends_and_its_seat_is_free()
    {
        await SellAllButAsync(50);
        var (buyer, session) = await AtTheTillAsync();
        await app.PayAsync(session.Text("checkout_url"));
        await app.PlanAsync(buyer, p => p.Is("lifetime", "active"));
        var payment = await app.ScalarAsync<string>($"select payment_intent from subscriptions where organization_id = '{buyer.Organization}'");
        await app.StripeAsync(HttpMethod.Post, "/v1/refunds", new() { ["payment_intent"] = payment, ["amount"] = "100" });
        await app.HearAsync();
        Assert.True((await buyer.PlanAsync()).Is("lifetime", "active")); // a part is a courtesy
        await app.StripeAsync(HttpMethod.Post, "/v1/refunds", new() { ["payment_intent"] = payment });
        await app.PlanAsync(buyer, p => p.ValueKind is JsonValueKind.Null);
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from lifetime_seats where organization_id = '{buyer.Organization}'"));
        Assert.Equal("49900", await app.ScalarAsync<string>($"select amount_refunded_cents::text from invoices where organization_id = '{buyer.Organization}' and total_cents = 49900"));
    }

    [Theory]
    [InlineData("0", 422)]
    [InlineData("-1", 422)]
    [InlineData("0.49", 422)]
    [InlineData("1000.01", 422)]
    [InlineData("19.999", 422)]
    [InlineData("99999999999", 422)]
    [InlineData("\"20\"", 400)]
    [InlineData("null", 400)]
    [InlineData("0.50", 200)]
    [InlineData("1000.00", 200)]
    [InlineData("19.99", 200)]
    public async Task Credits_are_sold_from_half_a_dollar_to_a_thousand(string amount, int status)
    {
        var buyer = await app.NewBuyerAsync();
        var answer = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", status, $$"""{"amount_usd":{{amount}}}""");
        if (status is not 200) return;
        Assert.Equal(["checkout_url", "session_id"], answer.EnumerateObject().Select(p => p.Name));
        var cents = (long)(decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture) * 100);
        Assert.Equal(cents, (await app.StripeAsync(HttpMethod.Get, $"/v1/checkout/sessions/{answer.Text("session_id")}")).Number("amount_total"));
    }

    [Fact]
    public async Task Credits_are_recorded_once_however_often_Stripe_tells_of_them()
    {
        var buyer = await app.NewBuyerAsync();
        var session = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", json: """{"amount_usd":19.99}""");
        await app.PayAsync(session.Text("checkout_url"));
        for (var i = 0; i < 5; i++) Assert.Equal(200, await app.DeliverAsync(BillingApp.Event($"evt_credits{i}", i % 2 == 0 ? "checkout.session.completed" : "checkout.session.async_payment_succeeded", session.Text("session_id"))));
        await app.SettledAsync();
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => app.Subscriptions.ConfirmAsync(buyer.Organization, session.Text("session_id"), default)));
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{buyer.Organization}' and action = 'credits.bought'"));
        var bought = await app.Subscriptions.BoughtAsync(buyer.Organization, session.Text("session_id"), default);
        Assert.Equal((PurchaseState.Done, "credits", 1999), (bought!.State, bought.Kind, bought.Paid!.Value.Minor));
        Assert.Equal(1999, await app.ChargedAsync(buyer.Organization));
    }

    [Theory]
    [InlineData("amount_cents = 5000")]
    [InlineData("currency = 'EUR'")]
    [InlineData("kind = 'lifetime', tier = 'lifetime', catalog_version = 1")]
    public async Task A_genuine_event_about_another_amount_currency_or_thing_is_parked_and_gives_nothing(string otherwise)
    {
        var buyer = await app.NewBuyerAsync();
        var session = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", json: """{"amount_usd":1}""");
        await app.PayAsync(session.Text("checkout_url"));
        await app.ExecuteAsync($"update checkouts set {otherwise} where stripe_session_id = '{session.Text("session_id")}'");
        await app.HearAsync();
        Assert.Equal("parked", await app.ScalarAsync<string>($"select state from stripe_events where type = 'checkout.session.completed' and payload->'data'->'object'->>'id' = '{session.Text("session_id")}'"));
        Assert.Equal("open", await app.ScalarAsync<string>($"select state from checkouts where stripe_session_id = '{session.Text("session_id")}'"));
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{buyer.Organization}' and action = 'credits.bought'"));
        Assert.Contains(app.Log, line => line.Contains("parked", StringComparison.Ordinal) && line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_contract_gives_its_tier_until_its_date()
    {
        var buyer = await app.NewBuyerAsync();
        var lifetimes = app.Services.GetRequiredService<LifetimePlans>();
        var until = app.Clock.GetUtcNow().AddDays(10);
        await lifetimes.SetContractAsync(buyer.Organization, ("enterprise", app.Services.GetRequiredService<Catalogs>().Current.Number), until, Actor.System, default);
        var plan = await buyer.PlanAsync();
        Assert.True(plan.Is("enterprise", "active"));
        Assert.Equal((-1, -1, -1), (plan.Number("workflows_limit"), plan.Number("workflows_remaining"), plan.Number("storage_limit_gb")));
        Assert.Equal(PlanStatus.Contract, (await app.OverviewAsync(buyer.Organization)).Plan.Status);
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 409, """{"tier":"pro"}""");
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/cancel", 409, "{}");
        await app.AdvanceToAsync(until);
        Assert.Equal("free", (await app.OverviewAsync(buyer.Organization)).Allowance.Tier.Key);
        await app.Upkeep.RunAsync(default);
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from subscriptions where organization_id = '{buyer.Organization}' and is_live"));
    }
}
