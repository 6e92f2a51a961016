using System.Text;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// Exists to catch: a portal that offers more than its configuration, shows one price and charges another, or loses a flow's
/// way back; an invoice page that is paid without money.
/// </summary>
public sealed class PortalPageTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    [Fact]
    public async Task An_upgrade_costs_what_its_preview_says()
    {
        var visit = await NewVisitAsync("always_invoice");
        var page = await OpenAsync(visit);
        await page.GetByRole(AriaRole.Link, new() { Name = "Update plan" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Radio, new() { Name = "Pro" })).ToBeDisabledAsync();
        await page.GetByRole(AriaRole.Radio, new() { Name = "Team" }).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Pro to Team")).ToBeVisibleAsync();
        var due = await page.GetByRole(AriaRole.Definition).Last.TextContentAsync();
        Assert.Equal("$80.00", due);
        await page.GetByRole(AriaRole.Button, new() { Name = "Confirm" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("The plan was changed.");
        await Assertions.Expect(page.GetByRole(AriaRole.Article, new() { Name = "Team" })).ToBeVisibleAsync();
        Assert.Equal("8000", await shop.ReadAsync($"/v1/invoices?customer={visit.Customer}&limit=1", "data.0.amount_paid"));
    }

    [Fact]
    public async Task A_cancellation_is_noted_with_its_reason_and_taken_back()
    {
        var visit = await NewVisitAsync();
        var page = await OpenAsync(visit);
        await page.GetByRole(AriaRole.Link, new() { Name = "Cancel plan" }).ClickAsync();
        await page.GetByRole(AriaRole.Radio, new() { Name = "Too expensive" }).CheckAsync();
        await page.GetByLabel("Comment (optional)").FillAsync("see you");
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel plan" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("The cancellation is noted.");
        await Assertions.Expect(page.GetByText("Ends on")).ToBeVisibleAsync();
        Assert.NotNull(await shop.ReadAsync($"/v1/subscriptions/{visit.Subscription}", "cancel_at"));
        Assert.Equal("too_expensive", await shop.ReadAsync($"/v1/subscriptions/{visit.Subscription}", "cancellation_details.feedback"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Don't cancel" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Renews on")).ToBeVisibleAsync();
        Assert.Null(await shop.ReadAsync($"/v1/subscriptions/{visit.Subscription}", "cancel_at"));
    }

    [Fact]
    public async Task Cards_are_added_with_and_without_the_banks_question_made_default_and_removed()
    {
        var visit = await NewVisitAsync();
        var page = await OpenAsync(visit);
        await AddAsync("5555 5555 5555 4444");
        await Assertions.Expect(page.GetByText("The payment method was added.")).ToBeVisibleAsync();
        await AddAsync("4000 0025 0000 3155");
        await page.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await Assertions.Expect(page.GetByText("The payment method was added.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Make mastercard 4444 the default" }).ClickAsync();
        await Assertions.Expect(page.GetByText("The default payment method was changed.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove visa 3155" }).ClickAsync();
        await Assertions.Expect(page.GetByText("The payment method was removed.")).ToBeVisibleAsync();
        var fallback = await shop.ReadAsync($"/v1/customers/{visit.Customer}", "invoice_settings.default_payment_method");
        Assert.Equal("4444", await shop.ReadAsync($"/v1/payment_methods/{fallback}", "card.last4"));

        async Task AddAsync(string number)
        {
            await page.GetByRole(AriaRole.Link, new() { Name = "Add payment method" }).ClickAsync();
            await page.GetByLabel("Card number").FillAsync(number);
            await page.GetByLabel("MM / YY").FillAsync("12 / 34");
            await page.GetByLabel("CVC").FillAsync("123");
            await page.GetByRole(AriaRole.Button, new() { Name = "Add card" }).ClickAsync();
        }
    }

    [Fact]
    public async Task A_refused_card_says_why_and_a_failed_question_saves_nothing()
    {
        ExpectedComplaints.Add("422");
        var visit = await NewVisitAsync();
        var page = await OpenAsync(visit);
        await page.GetByRole(AriaRole.Link, new() { Name = "Add payment method" }).ClickAsync();
        foreach (var (number, says) in ((string, string)[])[("4000 0000 0000 0002", "The card was declined."), ("4000 0025 0000 3155", "The card could not be authenticated. Choose another card and try again.")])
        {
            await page.GetByLabel("Card number").FillAsync(number);
            await page.GetByLabel("MM / YY").FillAsync("12 / 34");
            await page.GetByLabel("CVC").FillAsync("123");
            await page.GetByRole(AriaRole.Button, new() { Name = "Add card" }).ClickAsync();
            if (number.EndsWith("3155", StringComparison.Ordinal)) await page.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" }).ClickAsync();
            await Assertions.Expect(page.GetByRole(AriaRole.Alert).First).ToHaveTextAsync(says);
        }
        Assert.Equal("1", $"{(await shop.CallAsync(HttpMethod.Get, $"/v1/customers/{visit.Customer}/payment_methods")).RootElement.GetProperty("data").GetArrayLength()}");
    }

    [Fact]
    public async Task The_last_card_of_a_running_subscription_stays()
    {
        ExpectedComplaints.Add("422");
        var page = await OpenAsync(await NewVisitAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove visa 4242" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToHaveTextAsync("An active subscription needs a payment method.");
    }

    [Fact]
    public async Task A_flow_opens_directly_and_ends_where_its_session_says()
    {
        var visit = await NewVisitAsync();
        var page = await OpenAsync(visit, ("flow_data[type]", "subscription_cancel"), ("flow_data[subscription_cancel][subscription]", visit.Subscription),
            ("flow_data[after_completion][type]", "redirect"), ("flow_data[after_completion][redirect][return_url]", $"{shop.Url}done"));
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Cancel your plan" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel plan" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Back in the shop" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task What_the_configuration_does_not_offer_is_not_there()
    {
        ExpectedComplaints.Add("404");
        var visit = await NewVisitAsync();
        var bare = await shop.NewAsync("/v1/billing_portal/configurations", "id", ("features[invoice_history][enabled]", "true"));
        var page = await OpenAsync(visit, ("configuration", bare));
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Invoice history" })).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Cancel plan" })).ToHaveCountAsync(0);
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Payment methods" })).ToHaveCountAsync(0);
        await page.GotoAsync($"{page.Url}/cancel/{visit.Subscription}");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Nothing here" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task An_open_invoice_is_paid_on_its_page_and_printed()
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"), ("name", "Ada (Lovelace)"));
        var invoice = await shop.NewAsync("/v1/invoices", "id", ("customer", customer));
        await shop.NewAsync("/v1/invoiceitems", "id", ("customer", customer), ("invoice", invoice), ("amount", "5000"), ("currency", "usd"), ("description", "Storage, 31.4 GB-months"));
        using var finalized = await shop.CallAsync(HttpMethod.Post, $"/v1/invoices/{invoice}/finalize");
        var page = await OpenPageAsync();
        await page.GotoAsync(finalized.RootElement.GetProperty("hosted_invoice_url").GetString()!);
        await page.GetByLabel("Card number").FillAsync("4000 0027 6000 3184");
        await page.GetByLabel("MM / YY").FillAsync("12 / 34");
        await page.GetByLabel("CVC").FillAsync("123");
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay $50.00" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Amount due")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Pay $50.00" })).ToHaveCountAsync(0);
        Assert.Equal("paid", await shop.ReadAsync($"/v1/invoices/{invoice}", "status"));
        using var browser = new HttpClient();
        var pdf = Encoding.Latin1.GetString(await browser.GetByteArrayAsync(new Uri(finalized.RootElement.GetProperty("invoice_pdf").GetString()!)));
        Assert.StartsWith("%PDF-1.4", pdf, StringComparison.Ordinal);
        Assert.Contains("(Ada \\(Lovelace\\)) Tj", pdf, StringComparison.Ordinal);
        Assert.Contains("(Storage, 31.4 GB-months) Tj", pdf, StringComparison.Ordinal);
        Assert.Contains("($50.00 paid on ", pdf, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guessed_or_spent_address_opens_nothing()
    {
        ExpectedComplaints.Add("404");
        var page = await OpenPageAsync();
        foreach (var path in (string[])["p/session/guess", "i/guess", "i/" + new string('a', 45), "c/pay/cs_test_guess", "3ds/setatt_guess"])
        {
            var answer = await page.GotoAsync(shop.Sandbox.Url + path);
            Assert.Equal(404, answer!.Status);
        }
    }

    [Theory]
    [InlineData(1280, ColorScheme.Light)]
    [InlineData(360, ColorScheme.Dark)]
    [InlineData(390, ColorScheme.Light)]
    [InlineData(1440, ColorScheme.Dark)]
    public async Task Every_page_is_accessible_and_fits(int width, ColorScheme scheme)
    {
        var visit = await NewVisitAsync();
        var page = await OpenAsync(visit, new BrowserNewContextOptions { ViewportSize = new() { Width = width, Height = 800 }, ColorScheme = scheme });
        var home = page.Url;
        foreach (var path in (string[])["", $"/plan/{visit.Subscription}", $"/plan/{visit.Subscription}?price={visit.Other}", $"/cancel/{visit.Subscription}", "/card", "/details"])
        {
            await page.GotoAsync(home + path);
            await CheckAsync(path.Split('/', '?') is [_, var name, ..] ? name + (path.Contains('?', StringComparison.Ordinal) ? "-preview" : "") : "home");
        }
        await page.GotoAsync((await shop.ReadAsync($"/v1/invoices?customer={visit.Customer}", "data.0.hosted_invoice_url"))!);
        await CheckAsync("invoice");
        var open = await shop.NewAsync("/v1/invoices", "id", ("customer", visit.Customer));
        await shop.NewAsync("/v1/invoiceitems", "id", ("customer", visit.Customer), ("invoice", open), ("amount", "5000"), ("currency", "usd"), ("description", "Storage, 31.4 GB-months"));
        await page.GotoAsync(await shop.NewAsync($"/v1/invoices/{open}/finalize", "hosted_invoice_url"));
        await CheckAsync("invoice-open");

        Task CheckAsync(string name) => IsSoundAsync(page, $"sandbox/portal-{name}-{width}-{scheme}");
    }

    /// <param name="Other">The price that the portal offers besides the current one.</param>
    private sealed record Visit(string Customer, string Subscription, string Configuration, string Other);

    private async Task<Visit> NewVisitAsync(string proration = "none")
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"), ("name", "Ada"));
        var card = await shop.NewAsync("/v1/payment_methods/pm_card_visa/attach", "id", ("customer", customer));
        await shop.NewAsync($"/v1/customers/{customer}", "id", ("invoice_settings[default_payment_method]", card));
        var (pro, proProduct) = await PlanAsync("Pro", 4000);
        var (team, teamProduct) = await PlanAsync("Team", 12000);
        var subscription = await shop.NewAsync("/v1/subscriptions", "id", ("customer", customer), ("items[0][price]", pro), ("billing_mode[type]", "flexible"));
        var configuration = await shop.NewAsync("/v1/billing_portal/configurations", "id",
            ("features[invoice_history][enabled]", "true"), ("features[payment_method_update][enabled]", "true"), ("features[customer_update][enabled]", "true"), ("features[customer_update][allowed_updates][0]", "email"),
            ("features[customer_update][allowed_updates][1]", "name"), ("features[subscription_cancel][enabled]", "true"), ("features[subscription_cancel][cancellation_reason][enabled]", "true"),
            ("features[subscription_cancel][cancellation_reason][options][0]", "too_expensive"), ("features[subscription_cancel][cancellation_reason][options][1]", "other"),
            ("features[subscription_update][enabled]", "true"), ("features[subscription_update][default_allowed_updates][0]", "price"), ("features[subscription_update][proration_behavior]", proration),
            ("features[subscription_update][products][0][product]", proProduct), ("features[subscription_update][products][0][prices][0]", pro),
            ("features[subscription_update][products][1][product]", teamProduct), ("features[subscription_update][products][1][prices][0]", team));
        return new(customer, subscription, configuration, team);
    }

    private async Task<(string Price, string Product)> PlanAsync(string name, int cents)
    {
        using var price = await shop.CallAsync(HttpMethod.Post, "/v1/prices", [("currency", "usd"), ("unit_amount", $"{cents}"), ("recurring[interval]", "month"), ("product_data[name]", name)]);
        return (price.RootElement.GetProperty("id").GetString()!, price.RootElement.GetProperty("product").GetString()!);
    }

    private Task<IPage> OpenAsync(Visit visit, params (string, string)[] more) => OpenAsync(visit, new BrowserNewContextOptions(), more);

    private async Task<IPage> OpenAsync(Visit visit, BrowserNewContextOptions options, params (string Name, string)[] more)
    {
        (string, string)[] configuration = more.Any(m => m.Name == "configuration") ? [] : [("configuration", visit.Configuration)];
        var page = await OpenPageAsync(options);
        await page.GotoAsync(await shop.NewAsync("/v1/billing_portal/sessions", "url", [("customer", visit.Customer), ("return_url", $"{shop.Url}done"), .. configuration, .. more]));
        return page;
    }
}
