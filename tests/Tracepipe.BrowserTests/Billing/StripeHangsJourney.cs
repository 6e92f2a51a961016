using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: a page that stands empty while Stripe hangs, a button that turns for ever, a failure without words.</summary>
public sealed class StripeHangsJourney(BrowserFixture browser, PlanShop app) : ProductTest(browser, app), IClassFixture<PlanShop>
{
    [Theory, InlineData(1440), InlineData(390)]
    public async Task While_Stripe_hangs_pages_are_there_at_once_and_what_needs_it_says_so(int width)
    {
        ExpectedComplaints.Add("502 (Bad Gateway)");
        var (page, person) = await SignedInAsync(Window(width));
        var walk = new PlanWalk(page, p => Url(person, p));
        await walk.SubscribeAsync("Pro");
        await page.GotoAsync(Url(person, "/settings/billing"));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Pro plan" })).ToBeVisibleAsync();
        await app.HangAsync();
        try
        {
            foreach (var (path, title) in new[] { ("/dashboard", "Dashboard"), ("/settings/billing", "Billing"), ("/settings/billing/plans", "Plans"), ("/settings/billing/payment-methods", "Payment methods"), ("/settings/billing/invoices", "Invoices"), ("/settings/billing/credits", "Credits") })
            {
                Assert.Equal(200, (await page.GotoAsync(Url(person, path)))!.Status);
                await Expect(page.GetByRole(AriaRole.Heading, new() { Name = title, Level = 1, Exact = true })).ToBeVisibleAsync();
                var answered = await page.EvaluateAsync<double>("(() => { const n = performance.getEntriesByType('navigation')[0]; return n.responseEnd - n.requestStart; })()");
                Assert.True(answered < 500, $"{path} came after {answered} ms");
            }

            // in three windows at once, because each waits as long as a person is asked to
            var (card, portal) = (await OpenPageAsync(person, Window(width)), await OpenPageAsync(person, Window(width)));
            await Task.WhenAll(UpgradeAsync(page, person, width), AddCardAsync(card, person, width), OpenPortalAsync(portal, person));
        }
        finally
        {
            await app.HealAsync();
        }
        await walk.OpenPlansAsync();
        await walk.Button("Upgrade to Team").ClickAsync();
        await Expect(walk.Dialog("Upgrade to Team").GetByText("To pay now")).ToBeVisibleAsync();
        Assert.Equal(7900, await app.ChargedAsync(person));
    }

    private async Task UpgradeAsync(IPage page, TestPerson person, int width)
    {
        var walk = new PlanWalk(page, p => Url(person, p));
        await walk.OpenPlansAsync();
        await walk.Button("Upgrade to Team").ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Stripe cannot be reached right now. Nothing was changed.");
        await Expect(walk.Tier("Pro").GetByText("Current plan")).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"billing/hangs-plans-{width}");
    }

    private async Task AddCardAsync(IPage page, TestPerson person, int width)
    {
        await page.GotoAsync(Url(person, PaymentMethodsWalk.Path));
        var walk = new PaymentMethodsWalk(page);
        await walk.Add.ClickAsync();
        await Expect(walk.Failure).ToContainTextAsync("Stripe");
        await Expect(walk.Panel.GetByRole(AriaRole.Button, new() { Name = "Retry" })).ToBeVisibleAsync();
        await IsFlawlessAsync(page, $"billing/hangs-card-{width}");
    }

    private async Task OpenPortalAsync(IPage page, TestPerson person)
    {
        await page.GotoAsync(Url(person, "/settings/billing"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Open billing portal" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Region, new() { Name = "Messages" }).Locator(".toast")).ToContainTextAsync("Stripe did");
    }
}
