using System.Net;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// Exists to catch: a checkout that completes without paying, closes after a decline, charges another customer's card, or
/// cannot be used with a keyboard, without script or on a phone.
/// </summary>
public sealed class CheckoutPageTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    private static readonly (string, string)[] Credits =
        [("line_items[0][price_data][currency]", "usd"), ("line_items[0][price_data][unit_amount]", "2500"), ("line_items[0][price_data][product_data][name]", "Credits"), ("line_items[0][quantity]", "2")];

    [Fact]
    public async Task A_new_buyer_pays_with_a_card_and_comes_back()
    {
        var (id, page) = await OpenAsync("payment", Credits);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pay $50.00" })).ToBeVisibleAsync();
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("new@example.com");
        await PayAsync(page, "4242 4242 4242 4242");
        await IsBackAsync(page);
        Assert.Equal($"{shop.Url}done?session={id}", page.Url);
        Assert.Equal("complete", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "status"));
        Assert.Equal("paid", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "payment_status"));
        Assert.Equal("new@example.com", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "customer_details.email"));
    }

    [Fact]
    public async Task A_declined_card_leaves_it_open_for_another()
    {
        var (id, page) = await OpenAsync("payment", Credits);
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("new@example.com");
        await PayAsync(page, "4000 0000 0000 9995");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert).First).ToHaveTextAsync("The card does not have enough funds.");
        await Assertions.Expect(page.GetByLabel("Email", new() { Exact = true })).ToHaveValueAsync("new@example.com");
        await Assertions.Expect(page.GetByLabel("Card number")).ToHaveValueAsync("");
        Assert.Equal("open", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "status"));
        await PayAsync(page, "4242 4242 4242 4242");
        await IsBackAsync(page);
    }

    [Fact]
    public async Task The_bank_asks_and_the_answer_decides()
    {
        var (id, page) = await OpenAsync("payment", Credits);
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("new@example.com");
        await PayAsync(page, "4000 0027 6000 3184");
        await page.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert).First).ToContainTextAsync("could not be authenticated");
        Assert.Equal("open", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "status"));
        await PayAsync(page, "4000 0027 6000 3184");
        await page.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await IsBackAsync(page);
        Assert.Equal("paid", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "payment_status"));
    }

    [Fact]
    public async Task A_known_customer_subscribes_with_the_card_on_file()
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"), ("name", "Ada"));
        await shop.NewAsync("/v1/payment_methods/pm_card_mastercard/attach", "id", ("customer", customer));
        var (id, page) = await OpenAsync("subscription", [("line_items[0][price]", await PlanAsync("Pro", 4000)), ("line_items[0][quantity]", "1"), ("customer", customer)]);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Subscribe to Pro" })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Renews at $40.00 per month until canceled.")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Radio, new() { Name = "Mastercard ending in 4444" })).ToBeCheckedAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Subscribe" }).ClickAsync();
        await IsBackAsync(page);
        var subscription = await shop.ReadAsync($"/v1/checkout/sessions/{id}", "subscription");
        Assert.Equal("active", await shop.ReadAsync($"/v1/subscriptions/{subscription}", "status"));
    }

    [Fact]
    public async Task A_plan_is_bought_after_a_decline_and_the_banks_question()
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        var (id, page) = await OpenAsync("subscription", [("line_items[0][price]", await PlanAsync("Pro", 7900)), ("line_items[0][quantity]", "1"), ("customer", customer)]);
        await page.GetByRole(AriaRole.Radio, new() { Name = "Card", Exact = true }).CheckAsync();
        await SubscribeAsync("4000 0000 0000 9995");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert).First).ToHaveTextAsync("The card does not have enough funds.");
        await IsUntouchedAsync();
        await SubscribeAsync("4000 0027 6000 3184");
        await page.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert).First).ToContainTextAsync("could not be authenticated");
        await IsUntouchedAsync();
        await SubscribeAsync("4000 0027 6000 3184");
        await page.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await IsBackAsync(page);
        var subscription = await shop.ReadAsync($"/v1/checkout/sessions/{id}", "subscription");
        Assert.Equal("active", await shop.ReadAsync($"/v1/subscriptions/{subscription}", "status"));
        Assert.Equal("3184", await shop.ReadAsync($"/v1/subscriptions/{subscription}?expand[]=default_payment_method", "default_payment_method.card.last4"));
        Assert.Equal("7900", await shop.ReadAsync($"/v1/charges?customer={customer}", "data.0.amount"));

        async Task SubscribeAsync(string number)
        {
            await FillAsync(page, number);
            await page.GetByRole(AriaRole.Button, new() { Name = "Subscribe" }).ClickAsync();
        }

        async Task IsUntouchedAsync()
        {
            Assert.Equal("open", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "status"));
            foreach (var kind in (string[])["subscriptions", "invoices"])
                Assert.Equal("[]", await shop.ReadAsync($"/v1/{kind}?customer={customer}", "data"));
        }
    }

    [Fact]
    public async Task A_plan_is_paid_with_Link_and_renews_with_it()
    {
        var clock = await shop.NewAsync("/v1/test_helpers/test_clocks", "id", ("frozen_time", "1800000000"));
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"), ("test_clock", clock));
        var (id, page) = await OpenAsync("subscription", [("line_items[0][price]", await PlanAsync("Pro", 7900)), ("line_items[0][quantity]", "1"), ("customer", customer)]);
        await page.GetByRole(AriaRole.Radio, new() { Name = "Link" }).CheckAsync();
        await Assertions.Expect(page.GetByLabel("Link e-mail")).ToHaveValueAsync("ada@example.com");
        await page.GetByRole(AriaRole.Button, new() { Name = "Subscribe" }).ClickAsync();
        await IsBackAsync(page);
        Assert.Equal("link", await shop.ReadAsync($"/v1/customers/{customer}/payment_methods", "data.0.type"));
        var subscription = await shop.ReadAsync($"/v1/checkout/sessions/{id}", "subscription");
        await shop.NewAsync($"/v1/test_helpers/test_clocks/{clock}/advance", "id", ("frozen_time", $"{1800000000 + (32 * 86400)}"));
        await shop.UntilAsync($"/v1/test_helpers/test_clocks/{clock}", "status", "ready");
        Assert.Equal("active", await shop.ReadAsync($"/v1/subscriptions/{subscription}", "status"));
        Assert.Equal("paid", await shop.ReadAsync($"/v1/invoices?customer={customer}", "data.0.status"));
        Assert.Equal("subscription_cycle", await shop.ReadAsync($"/v1/invoices?customer={customer}", "data.0.billing_reason"));
    }

    [Fact]
    public async Task A_code_of_20_percent_makes_a_plan_of_79_dollars_cost_63_20()
    {
        var code = "FIFTH" + Guid.CreateVersion7().ToString("N")[24..].ToUpperInvariant();
        var coupon = await shop.NewAsync("/v1/coupons", "id", ("percent_off", "20"), ("duration", "once"));
        await shop.NewAsync("/v1/promotion_codes", "id", ("promotion[type]", "coupon"), ("promotion[coupon]", coupon), ("code", code), ("max_redemptions", "1"));
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        await shop.NewAsync("/v1/payment_methods/pm_card_visa/attach", "id", ("customer", customer));
        var plan = await PlanAsync("Pro", 7900);
        var (id, page) = await OpenAsync("subscription", [("line_items[0][price]", plan), ("line_items[0][quantity]", "1"), ("customer", customer), ("allow_promotion_codes", "true")]);
        await EnterAsync(page);
        await Assertions.Expect(page.GetByText("$63.20")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Renews at $79.00 per month until canceled.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Subscribe" }).ClickAsync();
        await IsBackAsync(page);
        Assert.Equal("6320", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "amount_total"));
        Assert.Equal("6320", await shop.ReadAsync($"/v1/charges?customer={customer}", "data.0.amount"));
        ExpectedComplaints.Add("422");
        var (_, second) = await OpenAsync("subscription", [("line_items[0][price]", plan), ("line_items[0][quantity]", "1"), ("customer", customer), ("allow_promotion_codes", "true")]);
        await EnterAsync(second);
        await Assertions.Expect(second.GetByLabel("Promotion code")).ToHaveAccessibleDescriptionAsync("This code is not valid.");

        async Task EnterAsync(IPage at)
        {
            await at.GetByLabel("Promotion code").FillAsync(code);
            await at.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        }
    }

    [Fact]
    public async Task A_purchase_with_a_promotion_code_and_Link()
    {
        var code = "WELCOME" + Guid.CreateVersion7().ToString("N")[24..].ToUpperInvariant();
        var coupon = await shop.NewAsync("/v1/coupons", "id", ("percent_off", "25"), ("duration", "forever"));
        await shop.NewAsync("/v1/promotion_codes", "id", ("promotion[type]", "coupon"), ("promotion[coupon]", coupon), ("code", code));
        var (id, page) = await OpenAsync("payment", [.. Credits, ("allow_promotion_codes", "true")]);
        ExpectedComplaints.Add("422");
        await page.GetByLabel("Promotion code").FillAsync("NOTHING");
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("Promotion code")).ToHaveAccessibleDescriptionAsync("This code is not valid.");
        await page.GetByLabel("Promotion code").FillAsync(code);
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await Assertions.Expect(page.GetByText($"Discount {code}")).ToBeVisibleAsync();
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("link@example.com");
        await page.GetByRole(AriaRole.Radio, new() { Name = "Link" }).CheckAsync();
        await page.GetByLabel("Link e-mail").FillAsync("link@example.com");
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay $37.50" }).ClickAsync();
        await IsBackAsync(page);
        Assert.Equal("3750", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "amount_total"));
    }

    [Fact]
    public async Task A_card_can_be_saved_without_paying()
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        var (_, page) = await OpenAsync("setup", [("customer", customer), ("currency", "usd")]);
        await page.GetByRole(AriaRole.Radio, new() { Name = "Card", Exact = true }).CheckAsync();
        await FillAsync(page, "4242 4242 4242 4242");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save card" }).ClickAsync();
        await IsBackAsync(page);
        Assert.Equal("4242", await shop.ReadAsync($"/v1/customers/{customer}/payment_methods", "data.0.card.last4"));
    }

    [Fact]
    public async Task A_finished_or_expired_checkout_is_no_longer_available()
    {
        ExpectedComplaints.Add("410");
        var (id, page) = await OpenAsync("payment", Credits);
        await shop.NewAsync($"/v1/checkout/sessions/{id}/expire", "status");
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No longer available" })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Back to the shop" })).ToHaveAttributeAsync("href", $"{shop.Url}empty");
    }

    [Fact]
    public async Task A_checkout_that_nobody_finished_expires_by_itself()
    {
        ExpectedComplaints.Add("410");
        var (id, page) = await OpenAsync("payment", Credits);
        await shop.MoveClockAsync(TimeSpan.FromHours(24));
        await shop.UntilAsync($"/v1/checkout/sessions/{id}", "status", "expired");
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("late@example.com");
        await PayAsync(page, "4242 4242 4242 4242");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "No longer available" })).ToBeVisibleAsync();
        Assert.Null(await shop.ReadAsync($"/v1/checkout/sessions/{id}", "payment_intent"));
    }

    [Fact]
    public async Task A_card_of_another_customer_pays_nothing()
    {
        var stranger = await shop.NewAsync("/v1/customers", "id");
        var card = await shop.NewAsync("/v1/payment_methods/pm_card_visa/attach", "id", ("customer", stranger));
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        var (id, _) = await OpenAsync("payment", [.. Credits, ("customer", customer)]);
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = shop.Sandbox.Url };
        using var form = new FormUrlEncodedContent([new("method", card)]);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await browser.PostAsync(new Uri($"/c/pay/{id}", UriKind.Relative), form)).StatusCode);
        Assert.Equal("open", await shop.ReadAsync($"/v1/checkout/sessions/{id}", "status"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_wrong_with_a_card_stands_at_its_field_with_and_without_script(bool script)
    {
        ExpectedComplaints.Add("422");
        var (_, page) = await OpenAsync("payment", Credits, new() { JavaScriptEnabled = script, ViewportSize = new() { Width = 360, Height = 740 } });
        await page.GetByLabel("Email", new() { Exact = true }).FillAsync("new@example.com");
        await FillAsync(page, "4242 4242 4242 4242", "13 / 34");
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay $50.00" }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("MM / YY")).ToHaveAccessibleDescriptionAsync(script ? "The month goes from 01 to 12." : "The card's expiry month is not valid.");
        await FillAsync(page, "4242 4242 4242 4242");
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay $50.00" }).ClickAsync();
        await IsBackAsync(page);
    }

    [Theory]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(390, ColorScheme.Light)]
    [InlineData(768, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task It_is_accessible_and_fits(int width, ColorScheme scheme)
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        await shop.NewAsync("/v1/payment_methods/pm_card_visa/attach", "id", ("customer", customer));
        var (_, page) = await OpenAsync("subscription", [("line_items[0][price]", await PlanAsync("Pro", 4000)), ("line_items[0][quantity]", "1"), ("customer", customer), ("allow_promotion_codes", "true"), ("subscription_data[trial_period_days]", "14")],
            new() { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme });
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Start trial" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Radio, new() { Name = "Another card" }).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Start trial" }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("Card number")).ToHaveAccessibleDescriptionAsync("Enter the card number.");
        await IsSoundAsync(page, $"sandbox/checkout-{width}-{scheme}");
    }

    private async Task<(string Session, IPage)> OpenAsync(string mode, (string, string)[] form, BrowserNewContextOptions? options = null)
    {
        using var made = await shop.CallAsync(HttpMethod.Post, "/v1/checkout/sessions",
            [("mode", mode), ("success_url", $"{shop.Url}done?session={{CHECKOUT_SESSION_ID}}"), ("cancel_url", $"{shop.Url}empty"), .. form]);
        var page = await OpenPageAsync(options);
        await page.GotoAsync(made.RootElement.GetProperty("url").GetString()!);
        return (made.RootElement.GetProperty("id").GetString()!, page);
    }

    private Task<string> PlanAsync(string name, int cents) => shop.NewAsync("/v1/prices", "id",
        ("currency", "usd"), ("unit_amount", $"{cents}"), ("recurring[interval]", "month"), ("product_data[name]", name));

    private static async Task PayAsync(IPage page, string number)
    {
        await FillAsync(page, number);
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay $50.00" }).ClickAsync();
    }

    private static async Task FillAsync(IPage page, string number, string expiry = "12 / 34")
    {
        await page.GetByLabel("Card number").FillAsync(number);
        await page.GetByLabel("MM / YY").FillAsync(expiry);
        await page.GetByLabel("CVC").FillAsync("123");
    }

    private static Task IsBackAsync(IPage page) => Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Back in the shop" })).ToBeVisibleAsync();
}
