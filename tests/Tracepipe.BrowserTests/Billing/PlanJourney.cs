using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>
/// Catches: a button that Turbo or the content security policy keeps from Stripe's page, a charge that is not the one shown, a page that does not say what
/// became of a payment. Every journey begins at our own button.
/// </summary>
public sealed class PlanJourney(BrowserFixture browser, PlanShop app) : ProductTest(browser, app), IClassFixture<PlanShop>
{
    [Theory, InlineData(1440), InlineData(390)]
    public async Task Pro_is_bought_with_a_card(int width)
    {
        var (page, person, walk) = await BuyerAsync(width);
        await walk.SubscribeAsync("Pro");
        await Expect(page.GetByText("$79.00 per month")).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"billing/success-{width}");
        Assert.Equal(7900, await app.ChargedAsync(person));
        await page.GetByRole(AriaRole.Link, new() { Name = "Go to Billing" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pro plan" })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Meter, new() { Name = "Workflows" })).ToHaveAttributeAsync("aria-valuetext", "0 of 100");
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Recent invoices" }).GetByText("Paid").First).ToBeAttachedAsync();
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task Pro_is_bought_after_a_decline_and_the_banks_question(int width)
    {
        ExpectedComplaints.Add("422"); // the browser notes the status of Stripe's page
        var (page, person, walk) = await BuyerAsync(width);
        await walk.ChooseAsync("Choose Pro");
        await walk.PayAsync("4000 0000 0000 9995", "Subscribe");
        await Expect(page.GetByRole(AriaRole.Alert).First).ToContainTextAsync("funds");
        await walk.PayAsync("4000 0027 6000 3184", "Subscribe");
        await walk.Button("Complete authentication").ClickAsync();
        await walk.IsThankedAsync("Your plan is Pro");
        Assert.Equal(7900, await app.ChargedAsync(person));
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task Starter_is_bought_with_a_saved_card(int width)
    {
        var (page, person, walk) = await BuyerAsync(width);
        await app.StripeAsync(HttpMethod.Post, "/v1/payment_methods/pm_card_mastercard/attach", new() { ["customer"] = await app.CustomerAsync(person) });
        await walk.ChooseAsync("Choose Starter");
        await Expect(page.GetByRole(AriaRole.Radio, new() { Name = "Mastercard ending in 4444" })).ToBeCheckedAsync();
        await walk.Button("Subscribe").ClickAsync();
        await walk.IsThankedAsync("Your plan is Starter");
        Assert.Equal(2900, await app.ChargedAsync(person));
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task An_upgrade_charges_what_its_preview_shows_and_a_downgrade_is_taken_back(int width)
    {
        var (page, person, walk) = await BuyerAsync(width);
        await walk.SubscribeAsync("Pro");
        await walk.OpenPlansAsync();
        await walk.Button("Upgrade to Team").ClickAsync();
        var dialog = walk.Dialog("Upgrade to Team");
        await Expect(dialog.GetByRole(AriaRole.Row, new() { Name = "Workflows" })).ToContainTextAsync("500");
        await IsFlawlessAsync(page, $"billing/upgrade-{width}");
        var pay = dialog.GetByRole(AriaRole.Button, new() { Name = "and upgrade" });
        var shown = (await pay.TextContentAsync())!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        await pay.ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Your plan is Team now.");
        Assert.Equal(shown, $"${(await app.ChargedAsync(person) - 7900) / 100m:0.00}");
        await Expect(walk.Tier("Team").GetByText("Current plan")).ToBeVisibleAsync();

        await walk.Button("Downgrade to Starter").ClickAsync();
        var down = walk.Dialog("Downgrade to Starter");
        await Expect(down.GetByText("$0.00")).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"billing/downgrade-{width}");
        await down.GetByRole(AriaRole.Button, new() { Name = "Downgrade on " }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("The plan changes to Starter on");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "The plan changes to Starter on" })).ToBeVisibleAsync();
        await walk.Button("Keep Team").ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Your plan stays Team.");
        await Expect(walk.Button("Downgrade to Starter")).ToBeVisibleAsync();
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task A_bank_that_asks_before_an_upgrade_is_answered_on_Stripes_page(int width)
    {
        var (page, person, walk) = await BuyerAsync(width);
        await walk.SubscribeAsync("Pro");
        await app.PayWithAsync(person, "pm_card_authenticationRequired");
        await walk.OpenPlansAsync();
        await walk.Button("Upgrade to Team").ClickAsync();
        await walk.Dialog("Upgrade to Team").GetByRole(AriaRole.Button, new() { Name = "and upgrade" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pay this invoice" })).ToBeVisibleAsync();
        Assert.Equal(7900, await app.ChargedAsync(person));
        await page.GetByRole(AriaRole.Button, new() { Name = "Pay" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Complete authentication", Exact = true }).ClickAsync();
        await TestApp.EventuallyAsync(() => app.ScalarAsync<string>($"select tier from subscriptions where organization_id = '{person.OrganizationId}' and is_live"), tier => tier == "team");
        await walk.OpenPlansAsync();
        await Expect(walk.Tier("Team").GetByText("Current plan")).ToBeVisibleAsync();
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task A_plan_is_canceled_and_reactivated(int width)
    {
        var (page, _, walk) = await BuyerAsync(width);
        await walk.SubscribeAsync("Pro");
        await walk.OpenPlansAsync();
        await walk.Button("Cancel plan").ClickAsync();
        var question = walk.Dialog("Cancel Pro?");
        await Expect(question.GetByRole(AriaRole.Button, new() { Name = "Keep plan" })).ToBeFocusedAsync();
        await question.GetByRole(AriaRole.Button, new() { Name = "Cancel plan" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Plan canceled.");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pro ends on" })).ToBeVisibleAsync();
        await walk.Button("Reactivate plan").ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Pro goes on.");
        await Expect(walk.Button("Cancel plan")).ToBeVisibleAsync();
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task The_last_lifetime_seat_has_one_owner(int width)
    {
        await app.ExecuteAsync($"delete from lifetime_seats; insert into lifetime_seats (tier, seat, organization_id, sold_at) select 'lifetime', n, gen_random_uuid(), now() from generate_series(1, 99) n");
        var (first, one, here) = await BuyerAsync(width);
        var (second, two, there) = await BuyerAsync(width);
        await here.OpenPlansAsync();
        await Expect(first.GetByText("1 of 100 seats left")).ToBeVisibleAsync();
        await here.ChooseAsync("Buy Lifetime");
        await there.ChooseAsync("Buy Lifetime");
        await Task.WhenAll(here.PayAsync(PlanWalk.Visa, "Pay $499.00"), there.PayAsync(PlanWalk.Visa, "Pay $499.00"));
        var bought = new List<bool>();
        foreach (var page in new[] { first, second })
        {
            var won = page.GetByRole(AriaRole.Heading, new() { Name = "You bought Lifetime" });
            await Expect(won.Or(page.GetByRole(AriaRole.Heading, new() { Name = "Your money goes back" }))).ToBeVisibleAsync();
            bought.Add(await won.IsVisibleAsync());
        }
        Assert.Single(bought, b => b);
        await TestApp.EventuallyAsync(async () => await app.ChargedAsync(one) + await app.ChargedAsync(two), c => c == 49900);
        var (late, _, walk) = await BuyerAsync(width);
        await walk.OpenPlansAsync();
        await Expect(late.GetByText("Sold out")).ToBeVisibleAsync();
        await Expect(walk.Button("Buy Lifetime")).ToHaveCountAsync(0);
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task A_card_that_was_added_in_the_portal_is_here_without_reloading(int width)
    {
        var (page, person, walk) = await BuyerAsync(width);
        await walk.SubscribeAsync("Pro");
        await page.GotoAsync(Url(person, "/settings/billing"));
        await walk.Button("Open billing portal").ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Add payment method" }).ClickAsync();
        await page.GetByLabel("Card number").FillAsync("5555 5555 5555 4444");
        await page.GetByLabel("MM / YY").FillAsync("12 / 40");
        await page.GetByLabel("CVC").FillAsync("123");
        await walk.Button("Add card").ClickAsync();
        await walk.Button("Make mastercard 4444 the default").ClickAsync();
        await Expect(page.GetByText("The default payment method was changed.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Return to the shop" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Billing", Level = 1 })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Listitem).Filter(new() { HasText = "Mastercard ending in 4444" }).GetByText("Default")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task What_happens_at_Stripe_reaches_an_open_page()
    {
        var (page, person, walk) = await BuyerAsync(1440);
        await walk.SubscribeAsync("Pro");
        await page.GotoAsync(Url(person, "/settings/billing"));
        await Expect(page.GetByText("Renews ")).ToBeVisibleAsync();
        await page.EvaluateAsync("window.stayed = true");
        var id = await app.ScalarAsync<string>($"select stripe_subscription_id from subscriptions where organization_id = '{person.OrganizationId}' and is_live");
        await app.StripeAsync(HttpMethod.Post, $"/v1/subscriptions/{id}", new() { ["cancel_at_period_end"] = "true" });
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pro ends on" })).ToBeVisibleAsync();
        Assert.True(await page.EvaluateAsync<bool>("window.stayed"));
    }

    [Fact]
    public async Task Without_script_a_plan_is_chosen_paid_and_told()
    {
        var (page, person) = await SignedInAsync(new() { JavaScriptEnabled = false });
        var walk = new PlanWalk(page, p => Url(person, p));
        await walk.ChooseAsync("Choose Pro");
        await walk.PayAsync(PlanWalk.Visa, "Subscribe");
        await walk.IsThankedAsync("Your plan is Pro");
        await walk.OpenPlansAsync();
        await walk.Button("Upgrade to Team").ClickAsync();
        await Expect(page.GetByText("To pay now")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "and upgrade" }).ClickAsync();
        await Expect(walk.Tier("Team").GetByText("Current plan")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_checkout_that_was_left_says_so()
    {
        var (page, person, walk) = await BuyerAsync(1440);
        await page.GotoAsync(Url("/billing/cancel"));
        await Expect(page).ToHaveURLAsync(Url(person, "/billing/cancel"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Checkout canceled", Level = 1 })).ToBeVisibleAsync();
        await IsFlawlessAsync(page, "billing/cancel", isOnlyHere: true);
        await page.GetByRole(AriaRole.Link, new() { Name = "Back to plans" }).ClickAsync();
        await Expect(walk.Button("Choose Pro")).ToBeVisibleAsync();
        await page.GotoAsync(Url("/billing/success?session_id=cs_test_unknown"));
        await Expect(page.GetByText("This address names no purchase of this organization")).ToBeVisibleAsync();
    }

    private async Task<(IPage Page, TestPerson Person, PlanWalk Walk)> BuyerAsync(int width)
    {
        var (page, person) = await SignedInAsync(Window(width));
        return (page, person, new PlanWalk(page, p => Url(person, p)));
    }
}

/// <summary>Catches: a buyer who came back before Stripe's word and is left alone with his money gone.</summary>
public sealed class LateWebhookJourney(BrowserFixture browser, PlanShop app) : ProductTest(browser, app), IClassFixture<PlanShop>
{
    [Theory, InlineData(20), InlineData(31)]
    public async Task A_payment_that_Stripe_tells_late_or_never_is_told_in_the_end(int seconds)
    {
        await app.SilenceAsync();
        var (page, person) = await SignedInAsync(Window(1440));
        var walk = new PlanWalk(page, p => Url(person, p));
        await walk.ChooseAsync("Choose Pro");
        await walk.PayAsync(PlanWalk.Visa, "Subscribe");
        await walk.IsThankedAsync("Waiting for the confirmation of your payment");
        await Expect(page.GetByText("Pro plan")).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"billing/success-waiting-{seconds}", isOnlyHere: true);
        app.Clock.Advance(TimeSpan.FromSeconds(seconds));
        if (seconds > 30)
        {
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Stripe has not confirmed the payment yet" })).ToBeVisibleAsync();
            await IsFlawlessAsync(page, "billing/success-late", isOnlyHere: true);
        }
        await page.EvaluateAsync("window.stayed = true");
        await app.CatchUp.RunAsync(CancellationToken.None); // what a late webhook would bring
        await walk.IsThankedAsync("Your plan is Pro");
        Assert.True(await page.EvaluateAsync<bool>("window.stayed"));
    }
}
