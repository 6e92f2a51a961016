using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;
using Tracepipe.Tests.App;
using static Microsoft.Playwright.Assertions;

namespace Tracepipe.BrowserTests.Billing;

/// <summary>Catches: a state of a plan that a page does not know, a meter of the wrong colour, a state that breaks in the dark, on a phone, or for a screen reader.</summary>
public sealed class BillingPictures(BrowserFixture browser, PlanShop app) : ProductTest(browser, app), IClassFixture<PlanShop>
{
    [Theory, InlineData(1440), InlineData(390)]
    public async Task Every_state_is_told_and_flawless(int width)
    {
        var person = await App.NewPersonAsync("Maya Okafor");
        var page = await OpenPageAsync(person, Window(width));
        var walk = new PlanWalk(page, p => Url(person, p));
        var flaws = new List<string>();
        async Task LookAsync(string state, string says, string path = "/settings/billing")
        {
            await page.GotoAsync(Url(person, path));
            await Expect(page.GetByRole(AriaRole.Main)).ToContainTextAsync(says);
            flaws.AddRange(await FlawsAsync(page, $"billing/{state}-{width}"));
        }
        Task SetAsync(string change) => app.ExecuteAsync($"update subscriptions set {change} where organization_id = '{person.OrganizationId}'");

        await LookAsync("free", "5 of 5 left");
        await LookAsync("plans-free", "This code is not known", "/settings/billing/plans?promo=NOTHING");
        await walk.SubscribeAsync("Pro");
        foreach (var (used, level) in new[] { (79, "normal"), (80, "warning"), (100, "full") })
        {
            await app.ExecuteAsync($"""
                insert into quotas (organization_id, pocket, meter, period_start, used) select organization_id, 'included', 'workflow', period_start, {used} from subscriptions where organization_id = '{person.OrganizationId}'
                on conflict (organization_id, pocket, meter, period_start) do update set used = excluded.used
                """);
            await LookAsync($"active-{used}", $"{used} of 100");
            await Expect(page.GetByRole(AriaRole.Meter, new() { Name = "Workflows" })).ToHaveAttributeAsync("data-level", level);
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Upgrade", Exact = true })).ToHaveCountAsync(used == 100 ? 1 : 0);
        }
        await app.ExecuteAsync($"update quotas set used = 12 where organization_id = '{person.OrganizationId}'");
        await LookAsync("plans-pro", "You are on Pro", "/settings/billing/plans");
        await app.ExecuteAsync($"update subscriptions set tier = 'byo' where organization_id = '{person.OrganizationId}'; update standings set plan = 'byo' where organization_id = '{person.OrganizationId}'");
        await LookAsync("byo", "BYO plan");
        await LookAsync("plans-byo", "You are on BYO", "/settings/billing/plans");
        await app.ExecuteAsync($"update subscriptions set tier = 'pro' where organization_id = '{person.OrganizationId}'; update standings set plan = 'pro' where organization_id = '{person.OrganizationId}'");
        await SetAsync("ends_at = period_end, canceled_at = now()");
        await LookAsync("canceling", "Pro ends on");
        await LookAsync("plans-canceling", "Reactivate Pro first", "/settings/billing/plans");
        await SetAsync("ends_at = null, canceled_at = null, next_tier = 'starter', next_at = period_end");
        await LookAsync("scheduled", "The plan changes to Starter");
        await LookAsync("plans-scheduled", "You are on Pro. Changes to Starter on", "/settings/billing/plans");
        await SetAsync("next_tier = null, next_at = null, status = 'past_due', past_due_since = now(), grace_until = now() + interval '7 days'");
        await LookAsync("past-due", "The renewal of Pro was not paid");
        await Expect(page.Locator(".alert[data-tone=danger]")).ToContainTextAsync("The renewal of Pro was not paid");
        await LookAsync("plans-past-due", "The renewal of Pro was not paid", "/settings/billing/plans");
        await SetAsync("is_unpaid = true");
        await LookAsync("unpaid", "Pro is unpaid");
        await app.ExecuteAsync($"update standings set is_suspended = true where organization_id = '{person.OrganizationId}'");
        await LookAsync("suspended", "The account is suspended");
        await LookAsync("plans-suspended", "The account is suspended", "/settings/billing/plans");
        await app.ExecuteAsync($"update standings set is_suspended = false where organization_id = '{person.OrganizationId}'");
        await SetAsync("is_unpaid = false, past_due_since = null, grace_until = null, status = 'trialing', trial_start = now(), trial_end = period_end");
        await LookAsync("trialing", "Trial until");
        await LookAsync("plans-trialing", "Trial until", "/settings/billing/plans");
        await SetAsync("status = 'paused', trial_start = null, trial_end = null");
        await LookAsync("paused", "Pro is paused");
        await SetAsync("status = 'incomplete', is_live = false");
        await LookAsync("incomplete", "The first payment of Pro is missing");
        await LookAsync("plans-incomplete", "The first payment of Pro is missing", "/settings/billing/plans");
        await SetAsync("status = 'canceled', ended_at = now()");
        await LookAsync("canceled", "Pro has ended");
        await LookAsync("plans-canceled", "Pro has ended", "/settings/billing/plans");
        await app.ExecuteAsync($"""
            insert into subscriptions (organization_id, id, source, status, is_live, tier, catalog_version, period_anchor, purchase_cents, created_at, updated_at)
            values ('{person.OrganizationId}', gen_random_uuid(), 'lifetime', 'active', true, 'lifetime', 1, now(), 49900, now(), now());
            update standings set plan = 'lifetime', plan_source = 'lifetime', catalog_version = 1, plan_state = 'active', period_anchor = now() - interval '1 second', period_start = null, period_end = null, ends_at = null
            where organization_id = '{person.OrganizationId}'
            """);
        await LookAsync("lifetime", "paid once");
        await LookAsync("plans-lifetime", "for good", "/settings/billing/plans");
        await app.ExecuteAsync($"update subscriptions set source = 'contract', tier = 'enterprise', purchase_cents = null where organization_id = '{person.OrganizationId}' and is_live; update standings set plan = 'enterprise', plan_source = 'contract' where organization_id = '{person.OrganizationId}'");
        await LookAsync("enterprise", "By contract");
        await Expect(page.GetByRole(AriaRole.Meter)).ToHaveCountAsync(1); // that of the cap: what is unlimited has none
        await Expect(page.GetByRole(AriaRole.Meter, new() { Name = "Charged to the card" })).ToHaveCountAsync(1);
        await Expect(page.GetByText("Unlimited").First).ToBeVisibleAsync();
        await LookAsync("plans-enterprise", "You are on Enterprise", "/settings/billing/plans");
        None(flaws);
    }
}
