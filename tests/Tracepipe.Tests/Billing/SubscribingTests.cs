using System.Net;
using System.Text.Json;
using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Scenario 19 of the billing rules. Catches: a second subscription, a plan that nobody paid for, a payment that gave nothing.</summary>
public sealed class SubscribingTests(PlanApp app) : IClassFixture<PlanApp>
{
    [Fact]
    public async Task A_paid_checkout_gives_the_plan_with_Stripes_period()
    {
        var buyer = await app.NewBuyerAsync();
        Assert.Equal(JsonValueKind.Null, (await buyer.PlanAsync()).ValueKind);
        var plan = await app.SubscribeAsync(buyer, "pro");
        Assert.Equal(["id", "organization_id", "billing_account_id", "tier", "status", "current_period_start", "current_period_end", "cancel_at_period_end", "canceled_at", "trial_start", "trial_end",
            "workflows_limit", "workflows_used", "workflows_remaining", "agents_limit", "storage_limit_gb", "storage_used_gb", "is_lifetime", "lifetime_purchase_date", "lifetime_purchase_amount", "is_byo",
            "byo_providers_configured", "created_at", "updated_at"], plan.EnumerateObject().Select(p => p.Name));
        Assert.True(plan.Is("pro", "active"));
        Assert.Equal((100, 5, 50, 0, 100), (plan.Number("workflows_limit"), plan.Number("agents_limit"), plan.Number("storage_limit_gb"), plan.Number("workflows_used"), plan.Number("workflows_remaining")));
        var stripe = Assert.Single(await app.AtStripeAsync(buyer.Organization));
        var item = stripe.GetProperty("items").GetProperty("data")[0];
        Assert.Equal(item.Number("current_period_start"), plan.GetProperty("current_period_start").GetDateTimeOffset().ToUnixTimeSeconds());
        Assert.Equal(item.Number("current_period_end"), plan.GetProperty("current_period_end").GetDateTimeOffset().ToUnixTimeSeconds());
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization));
        Assert.Equal("paid 7900 7900", await TestApp.EventuallyAsync(() => app.ScalarAsync<string?>($"select status || ' ' || total_cents || ' ' || amount_paid_cents from invoices where organization_id = '{buyer.Organization}'"), s => s?.StartsWith("paid", StringComparison.Ordinal) == true));

        var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 409, """{"tier":"team"}""");
        Assert.Equal("subscription_exists", problem.Text("code"));
        Assert.Contains("change", problem.GetProperty("details").Text("instead"), StringComparison.Ordinal);
    }

    // Scenario 24: a code of Stripe's takes 20 % off Pro, from the field on the page to the charge.
    [Fact]
    public async Task A_promo_code_is_typed_on_the_plans_page_and_taken_off_at_the_checkout()
    {
        var buyer = await app.NewBuyerAsync();
        var coupon = await app.StripeAsync(HttpMethod.Post, "/v1/coupons", new() { ["percent_off"] = "20", ["duration"] = "once" });
        await app.StripeAsync(HttpMethod.Post, "/v1/promotion_codes", new() { ["promotion[type]"] = "coupon", ["promotion[coupon]"] = coupon.Text("id"), ["code"] = "TWENTY" });
        var plans = $"/o/{buyer.Person.Slug}/settings/billing/plans";
        var wrong = await buyer.Person.Browser.PageAsync($"{plans}?promo=NOTHING");
        Assert.Equal("This code is not known, or no longer valid.", wrong.QuerySelector("#promo-note")!.TextContent);
        Assert.Empty(wrong.QuerySelectorAll("input[name=promo_code]"));

        var page = await buyer.Person.Browser.PageAsync($"{plans}?promo=+twenty+");
        Assert.Equal("TWENTY: 20% off the first payment. Choose a plan to use it.", page.QuerySelector("#promo-note")!.TextContent);
        var left = await buyer.Person.Browser.SubmitAsync(page, new Uri(app.Address, plans), [], "Choose Pro");
        Assert.Equal(HttpStatusCode.SeeOther, left.StatusCode);
        Assert.NotNull(await app.PayAsync(left.Headers.Location!.ToString()));
        await app.PlanAsync(buyer, p => p.Is("pro", "active"));
        Assert.Equal(6320, await app.ChargedAsync(buyer.Organization));
        Assert.Null((await buyer.Person.Browser.PageAsync(plans)).QuerySelector("#promo-code")); // it is for the first subscription

        var other = await app.NewBuyerAsync();
        var refused = await other.CallAsync(HttpMethod.Post, $"{other.Account}/subscription/checkout", 422, """{"tier":"pro","promo_code":"NOTHING"}""");
        Assert.Equal("This code is not known, or no longer valid.", refused.GetProperty("details").Text("promo_code"));
    }

    [Fact]
    public async Task A_refused_card_gives_nothing_and_the_page_stays_open()
    {
        var buyer = await app.NewBuyerAsync();
        var begun = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"starter"}""");
        Assert.Null(await app.PayAsync(begun.Text("checkout_url"), "4000000000000002"));
        Assert.Equal(JsonValueKind.Null, (await buyer.PlanAsync()).ValueKind);
        Assert.Equal(PurchaseState.Waiting, (await app.Subscriptions.BoughtAsync(buyer.Organization, begun.Text("session_id"), default))!.State);
        var back = await app.PayAsync(begun.Text("checkout_url"));
        Assert.Equal($"/o/{buyer.Person.Slug}/billing/success?session_id={begun.Text("session_id")}", back!.PathAndQuery);
        await app.PlanAsync(buyer, p => p.Is("starter", "active"));
        var bought = await TestApp.EventuallyAsync(() => app.Subscriptions.BoughtAsync(buyer.Organization, begun.Text("session_id"), default), b => b!.State is PurchaseState.Done);
        Assert.Equal(("subscription", "starter", 2900, 2900), (bought!.Kind, bought.Tier!.Key, bought.Amount.Minor, bought.Paid!.Value.Minor));
        var stranger = await app.NewBuyerAsync();
        Assert.Null(await app.Subscriptions.BoughtAsync(stranger.Organization, begun.Text("session_id"), default));
    }

    [Fact]
    public async Task The_buyer_who_comes_back_before_any_webhook_is_served_at_once()
    {
        await using var silent = new TimedPlanApp(app.Servers);
        await silent.InitializeAsync();
        var buyer = await silent.NewBuyerAsync();
        var begun = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""");
        await silent.PayAsync(begun.Text("checkout_url"));
        var waiting = await silent.Subscriptions.BoughtAsync(buyer.Organization, begun.Text("session_id"), default);
        Assert.Equal(("pro", PurchaseState.Waiting), (waiting!.Tier!.Key, waiting.State));
        var bought = await silent.Subscriptions.ConfirmAsync(buyer.Organization, begun.Text("session_id"), default);
        Assert.Equal(PurchaseState.Done, bought!.State);
        Assert.True((await buyer.PlanAsync()).Is("pro", "active"));
    }

    [Fact]
    public async Task Two_tabs_that_both_pay_end_with_one_subscription_and_the_money_of_the_other_back()
    {
        var buyer = await app.NewBuyerAsync();
        await app.FaultAsync("error", "POST", "/v1/checkout/sessions/{session}/expire", 1000); // the older page cannot be closed
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""");
        var second = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""");
        Assert.NotNull(await app.PayAsync(first.Text("checkout_url")));
        Assert.NotNull(await app.PayAsync(second.Text("checkout_url")));
        await app.HealAsync();
        await app.PlanAsync(buyer, p => p.Is("pro", "active"));
        await TestApp.EventuallyAsync(() => app.ChargedAsync(buyer.Organization), c => c == 7900);
        Assert.Single(await app.AtStripeAsync(buyer.Organization), s => s.Text("status") == "active");
        Assert.Single(await app.AtStripeAsync(buyer.Organization), s => s.Text("status") == "canceled");
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from subscriptions where organization_id = '{buyer.Organization}' and is_live"));
        await TestApp.EventuallyAsync(() => app.MailsAsync(buyer.Person.Email), m => m.Contains("second one was canceled", StringComparison.Ordinal));
        var outcomes = await TestApp.EventuallyAsync(async () => new[]
        {
            await app.Subscriptions.BoughtAsync(buyer.Organization, first.Text("session_id"), default), await app.Subscriptions.BoughtAsync(buyer.Organization, second.Text("session_id"), default),
        }, both => both.All(o => o is { State: PurchaseState.Done or PurchaseState.Refunded }));
        Assert.Single(outcomes, o => o is { State: PurchaseState.Done });
        Assert.Single(outcomes, o => o is { State: PurchaseState.Refunded, RefundReason: "duplicate" });
    }

    [Fact]
    public async Task The_database_itself_allows_one_live_subscription()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => app.ExecuteAsync($"""
            insert into subscriptions (organization_id, id, source, stripe_subscription_id, status, is_live, tier, catalog_version, period_anchor, created_at, updated_at)
            select organization_id, gen_random_uuid(), source, 'sub_other', status, true, tier, catalog_version, period_anchor, created_at, updated_at from subscriptions where organization_id = '{buyer.Organization}'
            """));
        Assert.Equal("subscriptions_one_live", refused.ConstraintName);
    }

    [Fact]
    public async Task A_newer_page_closes_the_older_one()
    {
        var buyer = await app.NewBuyerAsync();
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""");
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"team"}""");
        Assert.Equal("expired", (await app.StripeAsync(HttpMethod.Get, $"/v1/checkout/sessions/{first.Text("session_id")}")).Text("status"));
        Assert.Equal(PurchaseState.Abandoned, (await app.Subscriptions.BoughtAsync(buyer.Organization, first.Text("session_id"), default))!.State);
    }

    [Fact]
    public async Task An_incomplete_first_payment_gives_nothing_and_blocks_nothing()
    {
        var buyer = await app.NewBuyerAsync();
        var customer = await app.CustomerAsync(buyer.Organization);
        var price = await app.ScalarAsync<string>("select price_id from stripe_prices where tier = 'pro'");
        await app.AttachAtStripeAsync(customer);
        await app.StripeAsync(HttpMethod.Post, "/v1/subscriptions", new() { ["customer"] = customer, ["items[0][price]"] = price, ["payment_behavior"] = "default_incomplete", ["billing_mode[type]"] = "flexible" });
        await app.PlanAsync(buyer, p => p.Is("pro", "incomplete"));
        var overview = await app.OverviewAsync(buyer.Organization);
        Assert.Equal((PlanStatus.Incomplete, "free", 5), (overview.Plan.Status, overview.Allowance.Tier.Key, overview.Workflows.Limit));
        Assert.False(overview.Plan.GivesAccess);
        await app.SubscribeAsync(buyer, "starter");
    }

    [Theory]
    [InlineData("gold")]
    [InlineData("free")]
    [InlineData("lifetime")]
    [InlineData("enterprise")]
    [InlineData("bench")]
    [InlineData("")]
    public async Task A_tier_that_is_not_sold_by_the_month_is_422(string tier)
    {
        var buyer = await app.NewBuyerAsync();
        var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 422, $$"""{"tier":"{{tier}}"}""");
        Assert.Equal("validation_error", problem.Text("code"));
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from checkouts where organization_id = '{buyer.Organization}'"));
    }

    [Theory]
    [InlineData("https://evil.example/thanks")]
    [InlineData("//evil.example")]
    [InlineData("/\\\\evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("http://user@localhost/")]
    [InlineData("ftp://localhost/")]
    public async Task A_return_address_elsewhere_is_422_for_every_purchase(string url)
    {
        var buyer = await app.NewBuyerAsync();
        foreach (var (path, body) in new[] { ("subscription/checkout", """ "tier":"pro", """), ("lifetime/checkout", ""), ("credits/checkout", """ "amount_usd":20, """) })
        {
            foreach (var field in new[] { "success_url", "cancel_url" })
            {
                var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/{path}", 422, $$"""{ {{body}} "{{field}}":"{{url}}" }""");
                Assert.True(problem.GetProperty("details").TryGetProperty(field, out _));
            }
        }
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/portal", 422, $$"""{"return_url":"{{url}}"}""");
    }

    [Fact]
    public async Task A_path_of_ours_or_an_address_on_our_host_is_where_Stripe_leads_back()
    {
        var buyer = await app.NewBuyerAsync();
        var own = new Uri(app.Address, "/somewhere?a=b").ToString();
        foreach (var (wish, expected) in new[] { ("/somewhere?a=b", own), (own, own) })
        {
            var begun = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: $$"""{"tier":"pro","success_url":"{{wish}}"}""");
            Assert.Equal(expected, (await app.StripeAsync(HttpMethod.Get, $"/v1/checkout/sessions/{begun.Text("session_id")}")).Text("success_url"));
        }
    }

    [Fact]
    public async Task When_Stripe_is_away_nothing_is_begun_and_it_says_so()
    {
        var buyer = await app.NewBuyerAsync();
        await app.FaultAsync("rate_limit", "POST", "/v1/checkout/sessions", 10);
        var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 502, """{"tier":"pro"}""");
        Assert.Equal("stripe_unavailable", problem.Text("code"));
        await app.HealAsync();
        Assert.Equal("failed", await app.ScalarAsync<string>($"select state from checkouts where organization_id = '{buyer.Organization}'"));
        await app.SubscribeAsync(buyer, "pro");
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task The_same_Idempotency_Key_opens_one_page()
    {
        var buyer = await app.NewBuyerAsync();
        var key = ("Idempotency-Key", Guid.CreateVersion7().ToString());
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""", header: key);
        var again = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: """{"tier":"pro"}""", header: key);
        Assert.Equal(first.GetRawText(), again.GetRawText());
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 422, """{"tier":"team"}""", key);
    }

    [Fact]
    public async Task Who_may_not_pay_may_look_and_a_stranger_finds_nothing()
    {
        var buyer = await app.NewBuyerAsync();
        var posts = new[] { "subscription/checkout", "subscription/change/preview", "subscription/change", "subscription/cancel", "subscription/reactivate", "lifetime/checkout", "credits/checkout", "portal" };
        await app.ExecuteAsync($"update members set role = 'viewer' where organization_id = '{buyer.Organization}'");
        foreach (var path in (string[])["subscription", "usage-summary"]) await buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/{path}");
        foreach (var path in posts) Assert.Equal(HttpStatusCode.Forbidden, (await buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/{path}", "{}")).StatusCode);
        var stranger = await app.NewBuyerAsync();
        foreach (var path in posts) Assert.Equal(HttpStatusCode.NotFound, (await stranger.SendAsync(HttpMethod.Post, $"{buyer.Account}/{path}", "{}")).StatusCode);
        foreach (var path in posts) Assert.Equal(HttpStatusCode.Unauthorized, (await TestApp.Http.PostAsync(new Uri(app.Address, $"{buyer.Account}/{path}"), null)).StatusCode);
        await stranger.CallAsync(HttpMethod.Get, $"{buyer.Account}/subscription", 404);
        await app.ExecuteAsync($"update members set role = 'owner' where organization_id = '{buyer.Organization}'");
        Assert.Equal(HttpStatusCode.BadRequest, (await buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/subscription/cancel", "{}", withToken: false)).StatusCode);
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/cancel", 400, """{"now":true}""");
    }

    [Theory]
    [InlineData("active", "active", true)]
    [InlineData("trialing", "trialing", true)]
    [InlineData("past_due", "past_due", true)]
    [InlineData("unpaid", "past_due", true)]
    [InlineData("canceled", "canceled", true)]
    [InlineData("incomplete", "incomplete", true)]
    [InlineData("incomplete_expired", "canceled", true)]
    [InlineData("paused", "paused", true)]
    [InlineData("something_new", "paused", false)]
    public void A_status_of_Stripes_is_one_of_the_guides_and_an_unknown_one_gives_nothing(string stripe, string ours, bool isKnown)
    {
        Assert.Equal((ours, isKnown), (PlanSubscription.StatusOf(stripe), PlanSubscription.IsKnown(stripe)));
    }
}
