using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a purchase that is complete without its money, or that leaves something behind when the card was declined.</summary>
public sealed class CheckoutTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private const string Urls = "&success_url=https://app.example/ok?session_id={CHECKOUT_SESSION_ID}&cancel_url=https://app.example/no";
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_subscription_is_bought_and_nothing_existed_before()
    {
        var customer = await _api.CustomerAsync();
        var session = await OpenAsync($"mode=subscription&customer={customer}&client_reference_id=7&line_items[0][price]={await _api.PriceAsync(7900)}&line_items[0][quantity]=1&subscription_data[metadata][org_id]=7&metadata[plan]=pro");
        Assert.Equal(("open", "unpaid", 7900L), (session["status"], session["payment_status"], session.Number("amount_total")));
        Assert.Contains($"/c/pay/{session.Id}", session["url"], StringComparison.Ordinal);
        Assert.Empty((await _api.GetAsync("/v1/subscriptions?status=all")).Ok().Data);
        var seen = (await _api.EventTypesAsync()).Count;
        var result = await PayAsync(session.Id, "4242424242424242");
        Assert.Equal($"https://app.example/ok?session_id={session.Id}", result.Redirect);
        var done = (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}?expand[]=subscription&expand[]=invoice&expand[]=line_items")).Ok();
        Assert.Equal(("complete", "paid", null, "active", "paid", "7"), (done["status"], done["payment_status"], done["url"], done["subscription.status"], done["invoice.status"], done["subscription.metadata.org_id"]));
        Assert.StartsWith("pm_", done["subscription.default_payment_method"], StringComparison.Ordinal);
        Assert.Null((await _api.GetAsync($"/v1/customers/{customer}")).Ok()["invoice_settings.default_payment_method"]);
        Assert.Equal("Pro", done["line_items.data.0.description"]);
        Assert.Equal(
            ["payment_method.attached", "customer.subscription.created", "invoice.created", "payment_intent.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded", "invoice.updated", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "customer.subscription.updated", "checkout.session.completed"],
            await _api.EventsSinceAsync(seen));
        await _api.BooksBalanceAsync(customer);
    }

    [Theory]
    [InlineData("4000000000000002")]
    [InlineData("4000000000000341")]
    [InlineData("4000000000009995")]
    public async Task A_declined_card_leaves_the_session_open_and_nothing_else(string number)
    {
        var customer = await _api.CustomerAsync();
        var session = await OpenAsync($"mode=subscription&customer={customer}&line_items[0][price]={await _api.PriceAsync(7900)}&line_items[0][quantity]=1");
        var refused = await PayAsync(session.Id, number);
        Assert.Equal("card_declined", refused.Refusal!.Code);
        Assert.Equal("open", (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok()["status"]);
        Assert.Empty((await _api.GetAsync("/v1/subscriptions?status=all")).Ok().Data);
        Assert.Empty((await _api.GetAsync("/v1/invoices")).Ok().Data);
        Assert.Empty((await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data);
        Assert.NotNull((await PayAsync(session.Id, "4242424242424242")).Redirect);
        Assert.Single((await _api.GetAsync("/v1/subscriptions")).Ok().Data);
    }

    [Theory]
    [InlineData("subscription", true)]
    [InlineData("subscription", false)]
    [InlineData("payment", true)]
    [InlineData("payment", false)]
    [InlineData("setup", true)]
    [InlineData("setup", false)]
    public async Task The_bank_asks_first(string mode, bool ok)
    {
        var customer = await _api.CustomerAsync();
        var lines = mode == "setup" ? "&currency=usd" : $"&line_items[0][price]={await _api.PriceAsync(7900, mode == "payment" ? "" : "month")}&line_items[0][quantity]=1";
        var session = await OpenAsync($"mode={mode}&customer={customer}{lines}");
        var asked = await PayAsync(session.Id, "4000002760003184");
        var attempt = asked.ChallengeUrl!.Split("/3ds/")[1];
        Assert.Equal("open", (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok()["status"]);
        var next = Challenges.Complete(sandbox.Server.Accounts, attempt, ok);
        Assert.EndsWith(ok ? $"?session_id={session.Id}" : $"/c/pay/{session.Id}", next, StringComparison.Ordinal);
        var after = (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok();
        Assert.Equal((ok ? "complete" : "open", mode == "setup" ? "no_payment_required" : ok ? "paid" : "unpaid"), (after["status"], after["payment_status"]));
        Assert.Throws<StripeError>(() => Challenges.Complete(sandbox.Server.Accounts, attempt, ok));
        if (mode == "setup" && ok) Assert.Single((await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data);
    }

    [Fact]
    public async Task A_payment_brings_its_invoice_only_when_asked_and_keeps_the_card_only_when_asked()
    {
        var customer = await _api.CustomerAsync();
        var price = "&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=2500&line_items[0][price_data][product_data][name]=Credits&line_items[0][quantity]=2";
        var plain = await OpenAsync($"mode=payment&customer={customer}{price}&payment_intent_data[metadata][kind]=credits");
        await PayAsync(plain.Id, "4242424242424242");
        var paid = (await _api.GetAsync($"/v1/checkout/sessions/{plain.Id}?expand[]=payment_intent")).Ok();
        Assert.Equal(("paid", 5000L, "credits", null), (paid["payment_status"], paid.Number("payment_intent.amount_received"), paid["payment_intent.metadata.kind"], paid["invoice"]));
        Assert.Empty((await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data);

        var seen = (await _api.EventTypesAsync()).Count;
        var billed = await OpenAsync($"mode=payment&customer={customer}{price}&invoice_creation[enabled]=true&invoice_creation[invoice_data][metadata][kind]=credits&payment_intent_data[setup_future_usage]=off_session");
        await PayAsync(billed.Id, "4242424242424242");
        var done = (await _api.GetAsync($"/v1/checkout/sessions/{billed.Id}?expand[]=invoice.payments")).Ok();
        Assert.Equal(("paid", 5000L, "credits", done["payment_intent"]), (done["invoice.status"], done.Number("invoice.amount_paid"), done["invoice.metadata.kind"], done["invoice.payments.data.0.payment.payment_intent"]));
        Assert.Single((await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data);
        Assert.Equal(["payment_intent.created", "payment_method.attached", "charge.succeeded", "payment_intent.succeeded", "invoice.created", "invoice.finalized", "invoice.updated", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid", "checkout.session.completed"],
            (await _api.EventsSinceAsync(seen)).Where(e => e is not ("product.created" or "price.created")));
    }

    [Fact]
    public async Task A_trial_costs_nothing_today()
    {
        var customer = await _api.CustomerAsync();
        var session = await OpenAsync($"mode=subscription&customer={customer}&line_items[0][price]={await _api.PriceAsync(7900)}&line_items[0][quantity]=1&subscription_data[trial_period_days]=7");
        Assert.Equal(0, session.Number("amount_total"));
        await PayAsync(session.Id, "4242424242424242");
        var done = (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}?expand[]=subscription")).Ok();
        Assert.Equal(("no_payment_required", "trialing"), (done["payment_status"], done["subscription.status"]));
    }

    [Fact]
    public async Task A_code_is_entered_on_the_page_and_counts_on_the_invoice()
    {
        var coupon = (await _api.PostAsync("/v1/coupons", "percent_off=20&duration=once")).Ok().Id;
        await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=SPRING");
        var session = await OpenAsync($"mode=subscription&customer={await _api.CustomerAsync()}&line_items[0][price]={await _api.PriceAsync(1000)}&line_items[0][quantity]=1&allow_promotion_codes=true");
        Assert.Throws<StripeError>(() => Write(work => CheckoutSessions.UseCode(work, work.Get(CheckoutSessions.Kind, session.Id), "NOPE")));
        Write(work => CheckoutSessions.UseCode(work, work.Get(CheckoutSessions.Kind, session.Id), "spring"));
        Assert.Equal((800L, 200L), ((await _api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok().Number("amount_total"), (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}")).Ok().Number("total_details.amount_discount")));
        await PayAsync(session.Id, "4242424242424242");
        Assert.Equal(800, (await _api.GetAsync($"/v1/checkout/sessions/{session.Id}?expand[]=invoice")).Ok().Number("invoice.total"));
    }

    [Fact]
    public async Task A_code_for_one_use_is_used_once_also_without_an_invoice()
    {
        var coupon = (await _api.PostAsync("/v1/coupons", "percent_off=20&duration=once")).Ok().Id;
        var code = (await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=ONCE&max_redemptions=1")).Ok().Id;
        var form = $"mode=payment&allow_promotion_codes=true&line_items[0][price]={await _api.PriceAsync(5000, "")}&line_items[0][quantity]=1";
        var (first, second) = (await OpenAsync(form), await OpenAsync(form));
        foreach (var session in (string[])[first.Id, second.Id]) Write(work => CheckoutSessions.UseCode(work, work.Get(CheckoutSessions.Kind, session), "once"));
        Assert.NotNull((await PayAsync(first.Id, "4242424242424242")).Redirect);
        var spent = (await _api.GetAsync($"/v1/promotion_codes/{code}")).Ok();
        Assert.Equal(("1", "false"), (spent["times_redeemed"], spent["active"]));
        // The other buyer sees the full price before paying it.
        Assert.Equal("promotion_code", (await PayAsync(second.Id, "4242424242424242")).Refusal?.Param);
        var open = (await _api.GetAsync($"/v1/checkout/sessions/{second.Id}")).Ok();
        Assert.Equal(("open", "5000"), (open["status"], open["amount_total"]));
        Assert.NotNull((await PayAsync(second.Id, "4242424242424242")).Redirect);
        Assert.Equal(new List<long> { 5000, 4000 }, (await _api.GetAsync("/v1/charges")).Ok().Data.Select(c => c["amount"]!.GetValue<long>()));
    }

    [Fact]
    public async Task A_code_holds_for_its_customer_its_least_amount_and_its_products_only()
    {
        var (pro, other) = (await _api.PriceAsync(7900), await _api.PriceAsync(1000, name: "Support"));
        var product = (await _api.GetAsync($"/v1/prices/{pro}")).Ok()["product"];
        var (ada, bob) = (await _api.CustomerAsync(), await _api.CustomerAsync());
        var coupon = (await _api.PostAsync("/v1/coupons", $"percent_off=20&duration=once&applies_to[products][0]={product}")).Ok().Id;
        await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=ADA&customer={ada}");
        await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=LARGE&restrictions[minimum_amount]=10000&restrictions[minimum_amount_currency]=usd");
        string Form(string customer) => $"mode=subscription&allow_promotion_codes=true&customer={customer}&line_items[0][price]={pro}&line_items[0][quantity]=1&line_items[1][price]={other}&line_items[1][quantity]=1";
        var (hers, his) = (await OpenAsync(Form(ada)), await OpenAsync(Form(bob)));
        Assert.Throws<StripeError>(() => Use(his.Id, "ADA"));
        Assert.Throws<StripeError>(() => Use(hers.Id, "LARGE"));
        Use(hers.Id, "ADA");
        var discounted = (await _api.GetAsync($"/v1/checkout/sessions/{hers.Id}")).Ok();
        Assert.Equal((7320, 1580), (discounted.Number("amount_total"), discounted.Number("total_details.amount_discount")));
        Assert.NotNull((await PayAsync(hers.Id, "4242424242424242")).Redirect);
        Assert.Equal(7320, (await _api.GetAsync($"/v1/invoices?customer={ada}")).Ok().Number("data.0.amount_paid"));
        (await _api.PostAsync("/v1/checkout/sessions", Form(bob).Replace("allow_promotion_codes=true", "discounts[0][coupon]=none", StringComparison.Ordinal) + Urls)).Refused(404, "resource_missing");

        void Use(string session, string code) => Write(work => CheckoutSessions.UseCode(work, work.Get(CheckoutSessions.Kind, session), code));
    }

    [Fact]
    public async Task It_expires_by_request_or_by_time_and_is_gone_then()
    {
        var price = await _api.PriceAsync(1000, "");
        var first = await OpenAsync($"mode=payment&line_items[0][price]={price}&line_items[0][quantity]=1");
        var expired = (await _api.PostAsync($"/v1/checkout/sessions/{first.Id}/expire")).Ok();
        Assert.Equal(("expired", null), (expired["status"], expired["url"]));
        (await _api.PostAsync($"/v1/checkout/sessions/{first.Id}/expire")).Refused(400);
        await Assert.ThrowsAsync<StripeError>(() => PayAsync(first.Id, "4242424242424242"));
        var second = await OpenAsync($"mode=payment&line_items[0][price]={price}&line_items[0][quantity]=1");
        (await _api.SandboxAsync("clock", new { advance_seconds = 86400 })).Ok();
        var start = TimeProvider.System.GetTimestamp();
        while ((await _api.GetAsync($"/v1/checkout/sessions/{second.Id}")).Ok()["status"] != "expired")
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(10), "it never expired");
        Assert.Equal(2, (await _api.EventTypesAsync()).Count(t => t == "checkout.session.expired"));
    }

    [Theory]
    [InlineData("mode=payment", "line_items")]
    [InlineData("mode=payment&line_items[0][price]={once}", "line_items[0][quantity]")]
    [InlineData("mode=payment&line_items[0][price]={once}&line_items[0][quantity]=0", "line_items[0][quantity]")]
    [InlineData("mode=payment&line_items[0][price]={monthly}&line_items[0][quantity]=1", "line_items[0][price]")]
    [InlineData("mode=subscription&line_items[0][price]={once}&line_items[0][quantity]=1", "line_items")]
    [InlineData("mode=setup&line_items[0][price]={once}&line_items[0][quantity]=1", "line_items")]
    [InlineData("mode=payment&line_items[0][price]={once}&line_items[0][quantity]=1&subscription_data[description]=x", "subscription_data")]
    [InlineData("mode=payment&line_items[0][price]={once}&line_items[0][quantity]=1&expires_at=1", "expires_at")]
    [InlineData("mode=payment&line_items[0][price]={once}&line_items[0][quantity]=1&customer=cus_1&customer_email=a@b.c", "customer")]
    [InlineData("mode=payment&ui_mode=embedded_page&line_items[0][price]={once}&line_items[0][quantity]=1", "ui_mode")]
    [InlineData("mode=payment&line_items[0][price]=price_none&line_items[0][quantity]=1", "line_items[0][price]")]
    public async Task What_cannot_be_sold_is_refused(string form, string param)
    {
        var filled = form.Replace("{once}", await _api.PriceAsync(1000, ""), StringComparison.Ordinal).Replace("{monthly}", await _api.PriceAsync(1000), StringComparison.Ordinal);
        var refused = await _api.PostAsync("/v1/checkout/sessions", filled + Urls);
        Assert.True(refused.Status is 400 or 404);
        Assert.Equal(param, refused["error.param"]);
    }

    [Fact]
    public async Task Two_open_sessions_can_both_be_paid()
    {
        var customer = await _api.CustomerAsync();
        var price = await _api.PriceAsync(7900);
        var sessions = new[] { await OpenAsync(Form()), await OpenAsync(Form()) };
        foreach (var session in sessions) Assert.NotNull((await PayAsync(session.Id, "4242424242424242")).Redirect);
        Assert.Equal(2, (await _api.GetAsync($"/v1/subscriptions?customer={customer}")).Ok().Data.Count);
        await Assert.ThrowsAsync<StripeError>(() => PayAsync(sessions[0].Id, "4242424242424242"));

        string Form() => $"mode=subscription&customer={customer}&line_items[0][price]={price}&line_items[0][quantity]=1";
    }

    private async Task<Answer> OpenAsync(string form) => (await _api.PostAsync("/v1/checkout/sessions", form + Urls)).Ok();

    private async Task<CheckoutResult> PayAsync(string session, string number)
    {
        await Task.CompletedTask;
        return sandbox.Server.Accounts.Owning(session)!.Write(null, work =>
        {
            var card = Cards.Recognize(number, 12, 2040, "123", work.Now);
            return CheckoutSessions.Confirm(work, work.Get(CheckoutSessions.Kind, session), PaymentMethods.Make(work, card, 12, 2040, true), "ada@example.com");
        });
    }

    private void Write(Action<UnitOfWork> act) => sandbox.Server.Accounts.ForKey(_api.Key).Write(null, act);
}
