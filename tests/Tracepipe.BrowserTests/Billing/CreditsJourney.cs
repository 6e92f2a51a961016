using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: credits that cannot be bought, a cap that cannot be changed or raised, a state of either that breaks in the dark, on a phone, or for a screen reader.</summary>
public sealed class CreditsJourney(BrowserFixture browser, PlanShop app) : ProductTest(browser, app), IClassFixture<PlanShop>
{
    [Theory, InlineData(1440), InlineData(390)]
    public async Task Credits_are_bought_and_every_state_of_them_is_told(int width)
    {
        var person = await App.NewPersonAsync("Maya Okafor");
        var organization = person.OrganizationId;
        var page = await OpenPageAsync(person, Window(width));
        await page.GotoAsync(Url(person, "/settings/billing/credits"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Credits", Level = 1, Exact = true })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("$0.00 available");
        await IsFlawlessAsync(page, $"credits/zero-{width}");

        await page.GetByRole(AriaRole.Button, new() { Name = "Buy credits", Exact = true }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Buy credits" });
        await Expect(dialog.GetByRole(AriaRole.Radio)).ToHaveCountAsync(5);
        await IsFlawlessAsync(page, $"credits/buy-{width}");
        await dialog.GetByRole(AriaRole.Radio, new() { Name = "$100", Exact = true }).CheckAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Go to payment" }).ClickAsync();
        await new PlanWalk(page, p => Url(person, p)).PayAsync(PlanWalk.Visa, "Pay $100.00");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "You bought $100.00 of credits" })).ToBeVisibleAsync();

        var now = app.Clock.GetUtcNow();
        await app.Services.GetRequiredService<CreditGrants>().GrantAsync(organization, Money.Usd(6000), now.AddDays(40), "Sorry for the outage on Tuesday", Actor.System, default);
        await using (var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default))
        {
            await SpendAsync(1250, "x", transaction);
            Assert.True(await Book.HoldCreditsAsync(organization, Money.Usd(2000), new Cause("hold", $"run-{width}#0", Actor.System, now), now, transaction, default));
            await transaction.CommitAsync(default);
        }
        await page.GotoAsync(Url(person, "/settings/billing/credits"));
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("$127.50 available");
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("$20.00 held for work in progress");
        await Expect(page.GetByRole(AriaRole.Row, new() { Name = "Sorry for the outage" })).ToContainTextAsync("+$60.00");
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("$27.50until");
        await page.GetByLabel("Mail me below, in dollars").FillAsync("20");
        await app.Services.GetRequiredService<LowCredits>().SetAsync(organization, Money.Usd(500), Actor.System, default); // the page hears of something: what is typed stays
        await page.GetByRole(AriaRole.Button, new() { Name = "Save alert" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast")).ToContainTextAsync("below $20.00");
        await IsFlawlessAsync(page, $"credits/held-{width}");

        await using (var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default))
        {
            var purchase = await app.ScalarAsync<string>($"select cause_id from ledger_transactions where organization_id = '{organization}' and cause_kind = 'purchase'");
            await Book.ReleaseHeldAsync(organization, $"run-{width}#0", Actor.System, now, transaction, default);
            await SpendAsync(9000, "y", transaction);
            await Book.RefundAsync(organization, purchase, Money.Usd(10_000), Actor.System, now, transaction, default);
            await transaction.CommitAsync(default);
        }
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Credits are −$42.50" })).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"credits/negative-{width}");
        await app.ExecuteAsync($"update standings set is_suspended = true where organization_id = '{organization}'");
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "The account is suspended" })).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"credits/suspended-{width}");

        async Task SpendAsync(long cents, string cause, Transaction transaction)
        {
            Purse? purse = null;
            await transaction.ReadAsync(q => purse = Purse.Ask(q, organization), default);
            await Book.PostAsync(organization, new Cause("settle", cause, Actor.System, now, Memo: "tokens, November 2026"), [.. purse!.Draw(cents, now), new Leg("revenue", Guid.Empty, cents)], transaction, default);
        }
    }

    [Fact]
    public async Task Credits_are_bought_without_script()
    {
        var person = await App.NewPersonAsync("Maya Okafor");
        var page = await OpenPageAsync(person, new() { JavaScriptEnabled = false });
        await page.GotoAsync(Url(person, "/settings/billing/credits"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Buy credits", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Buy credits", Level = 1, Exact = true })).ToBeVisibleAsync();
        await page.GetByLabel("Own amount in dollars").FillAsync("19.99");
        await page.GetByRole(AriaRole.Button, new() { Name = "Go to payment" }).ClickAsync();
        Assert.Contains("/c/pay/", page.Url, StringComparison.Ordinal);
        await Expect(page.GetByText("$19.99").First).ToBeVisibleAsync();
    }

    [Theory, InlineData(1440), InlineData(390)]
    public async Task The_cap_is_changed_and_raised_and_every_level_is_told(int width)
    {
        ExpectedComplaints.Add("422 (Unprocessable");
        var person = await App.NewPersonAsync("Maya Okafor");
        var organization = person.OrganizationId;
        var customer = await app.CustomerAsync(person);
        var method = (await app.StripeAsync(HttpMethod.Post, "/v1/payment_methods/pm_card_visa/attach", new() { ["customer"] = customer })).GetProperty("id").GetString()!;
        await app.StripeAsync(HttpMethod.Post, $"/v1/customers/{customer}", new() { ["invoice_settings[default_payment_method]"] = method });
        await TestApp.EventuallyAsync(() => app.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{organization}' and is_default"), n => n == 1);
        await app.ExecuteAsync($"update billing_accounts set auto_billing_enabled = true where organization_id = '{organization}'");
        var page = await OpenPageAsync(person, Window(width));
        await page.GotoAsync(Url(person, "/settings/billing"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Change cap", Exact = true }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog, new() { Name = "Spend cap" });
        await dialog.GetByLabel("Cap in dollars a month").FillAsync("5.001");
        await IsFlawlessAsync(page, $"cap/dialog-{width}");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Save cap" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Spend cap", Level = 1, Exact = true })).ToBeVisibleAsync();
        await Expect(page.GetByLabel("Cap in dollars a month")).ToHaveAttributeAsync("aria-invalid", "true");
        await IsFlawlessAsync(page, $"cap/wrong-{width}");
        await page.GetByLabel("Cap in dollars a month").FillAsync("10");
        await page.GetByRole(AriaRole.Button, new() { Name = "Save cap" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast")).ToContainTextAsync("The spend cap is $10.00 a month.");

        foreach (var (tokens, level, says) in new[] { (650_000, "normal", "50 % of the spend cap is used"), (300_000, "warning", "80 % of the spend cap is used"), (150_000, "full", "The spend cap of $10.00 is reached"), (200_000, "full", "$2.00 of use is held back") })
        {
            await UseAsync(organization, tokens);
            await page.GotoAsync(Url(person, "/settings/billing"));
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = says })).ToBeVisibleAsync();
            await Expect(page.GetByRole(AriaRole.Meter, new() { Name = "Charged to the card" })).ToHaveAttributeAsync("data-level", level);
            await IsFlawlessAsync(page, $"cap/{tokens}-{level}-{width}");
        }
        await page.GetByLabel("New cap in dollars").FillAsync("20");
        await page.GetByRole(AriaRole.Button, new() { Name = "Raise cap and pay", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast")).ToContainTextAsync("$2.00 that was held back is paid for.");
        await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync("$12.00 of $20.00");
    }

    private async Task UseAsync(Guid organization, decimal tokens)
    {
        await using var transaction = await app.Services.GetRequiredService<Database>().BeginAsync(organization, null, default);
        var standing = await app.Services.GetRequiredService<Standings>().LockAsync(organization, transaction, default);
        var now = app.Clock.GetUtcNow();
        await app.Services.GetRequiredService<Settlement>().UseAsync(standing, [new ReportedUse("tokens", null, tokens, now)], now, transaction, default);
        await app.Services.GetRequiredService<Settlement>().SettleAsync(standing, now, transaction, default);
        await transaction.CommitAsync(default);
    }
}
