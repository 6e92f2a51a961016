using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.StripeSandbox;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: pages that fall with Stripe, a card form that spins for ever, a card that is half there.</summary>
public sealed class SandboxAwayTests(BrowserFixture browser, SandboxAwayTests.LonelyApp app) : ProductTest(browser, app), IClassFixture<SandboxAwayTests.LonelyApp>
{
    [Fact]
    public async Task Without_Stripe_pages_work_and_adding_a_card_says_so()
    {
        ExpectedComplaints.Add("ERR_CONNECTION_REFUSED");
        ExpectedComplaints.Add("502");
        var (page, person) = await SignedInAsync();
        await page.GotoAsync(Url(person, PaymentMethodsWalk.Path));
        var walk = new PaymentMethodsWalk(page);
        await walk.AddAsync("4242 4242 4242 4242");

        await walk.OpenFormAsync(); // Stripe goes while the form stands open
        await walk.Form.FillAsync("5555 5555 5555 4444");
        await ((LonelyApp)App).StopStripeAsync();
        await walk.Form.Save.ClickAsync();
        await Expect(walk.Failure).ToContainTextAsync("The card was not saved: Stripe could not do it right now.");
        await IsFlawlessAsync(page, "cards/away-while-saving", isOnlyHere: true);

        foreach (var path in new[] { "/dashboard", "/keys", PaymentMethodsWalk.Path })
            Assert.Equal(200, (await page.GotoAsync(Url(person, path)))!.Status);
        await Expect(walk.Row("Visa ending in 4242")).ToBeVisibleAsync();
        await walk.Add.ClickAsync();
        await Expect(walk.Failure).ToContainTextAsync("Stripe");
        var retry = walk.Panel.GetByRole(AriaRole.Button, new() { Name = "Retry" });
        await Expect(retry).ToBeVisibleAsync();
        await Expect(walk.Form.Save).ToBeHiddenAsync();
        await IsFlawlessAsync(page, "cards/away", isOnlyHere: true);
        await retry.ClickAsync();
        await Expect(walk.Failure).ToContainTextAsync("Stripe");

        await page.GetByRole(AriaRole.Button, new() { Name = "Remove Visa ending in 4242" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove card" }).ClickAsync();
        await Expect(walk.Toast).ToContainTextAsync("Stripe");
        await Expect(walk.Cards).ToHaveCountAsync(1);
        Assert.Equal("4242", await App.ScalarAsync<string>($"select string_agg(last4, ',') from payment_methods where organization_id = '{person.OrganizationId}' and detached_at is null"));
    }

    /// <summary>The product with a sandbox of its own, which can be stopped without taking it from other tests.</summary>
    public sealed class LonelyApp(TestServers servers) : TestApp(servers)
    {
        private SandboxServer stripe = null!;

        public Task StopStripeAsync() => stripe.StopAsync();

        public override async ValueTask InitializeAsync()
        {
            stripe = await SandboxServer.StartAsync(new SandboxOptions { StrictResponses = true }, TimeProvider.System);
            await base.InitializeAsync();
        }

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await stripe.DisposeAsync();
        }

        protected override void Configure(WebApplicationBuilder builder) => builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["Stripe:ApiBase"] = stripe.Url.ToString().TrimEnd('/'),
            ["Stripe:JsUrl"] = new Uri(stripe.Url, "/js/dahlia/stripe.js").ToString(),
            ["Stripe:CheckoutOrigins"] = stripe.Url.GetLeftPart(UriPartial.Authority),
        });
    }
}
