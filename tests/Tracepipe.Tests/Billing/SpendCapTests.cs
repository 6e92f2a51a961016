using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: a cap that its buyer cannot change without script, or anybody else can; a mail about money that is not sent, sent twice, or sent by each node.</summary>
public sealed class SpendCapTests(UsageInvoiceApp app) : IClassFixture<UsageInvoiceApp>
{
    /// <summary>Eight nodes at once.</summary>
    private Task AlertAsync() => Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
    {
        await app.Services.GetRequiredService<SpendAlerts>().RunAsync(default);
        await app.Services.GetRequiredService<LowCredits>().RunAsync(default);
    })));

    private async Task<string[]> AlertsAsync(Buyer buyer)
    {
        await AlertAsync();
        return await app.ScalarAsync<string[]?>($"select array_agg(subject order by id) from mails where recipient = '{buyer.Person.Email}' and (subject like '%pend cap%' or subject like 'Credits are%')") is { } subjects
            ? [.. subjects.Select(s => s[..s.LastIndexOf(" (", StringComparison.Ordinal)])] : [];
    }

    private static string Billing(Buyer buyer) => $"/o/{buyer.Person.Slug}/settings/billing";

    private static Task<HttpResponseMessage> SetCapAsync(Buyer buyer, string amount, bool noCap = false) =>
        buyer.Person.Browser.SubmitAsync($"{Billing(buyer)}/spend-cap", new() { ["Cap in dollars a month"] = amount, ["No cap"] = noCap ? "on" : "" }, "Save cap");

    // Seen to fail when a changed cap forgot all levels, and when a level that stood was told again.
    [Fact]
    public async Task Each_level_of_the_cap_is_mailed_once_and_again_only_after_a_changed_cap_put_it_out_of_reach()
    {
        var buyer = await app.NewUserAsync();
        Assert.Equal(HttpStatusCode.SeeOther, (await SetCapAsync(buyer, "10")).StatusCode);
        await app.TokensAsync(buyer.Organization, 599_000); // 4.99
        Assert.Empty(await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 1_000); // 5.00
        Assert.Equal(["50 % of the spend cap is used"], await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 300_000); // 8.00
        Assert.Equal(["50 % of the spend cap is used", "80 % of the spend cap is used"], await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 200_000); // 10.00
        Assert.Equal("The spend cap is reached", (await AlertsAsync(buyer))[2..].Single());
        await app.TokensAsync(buyer.Organization, 100_000); // 1.00 is held back
        Assert.Equal(3, (await AlertsAsync(buyer)).Length);

        Assert.Equal(HttpStatusCode.SeeOther, (await SetCapAsync(buyer, "20.00")).StatusCode); // 11.00 of 20.00: 50 stays told, 80 and 100 are ahead
        Assert.Equal(3, (await AlertsAsync(buyer)).Length);
        await app.TokensAsync(buyer.Organization, 500_000); // 16.00
        Assert.Equal("80 % of the spend cap is used", (await AlertsAsync(buyer))[3..].Single());
        Assert.Equal(HttpStatusCode.SeeOther, (await SetCapAsync(buyer, "16.00")).StatusCode); // lowered: 100 is reached at once
        Assert.Equal("The spend cap is reached", (await AlertsAsync(buyer))[4..].Single());

        var was = app.Clock.GetUtcNow();
        try
        {
            app.Clock.MoveTo(new DateTimeOffset(was.Year, was.Month, 1, 12, 0, 0, TimeSpan.Zero).AddMonths(1));
            Assert.Equal(5, (await AlertsAsync(buyer)).Length); // a month begins at nothing
            await app.TokensAsync(buyer.Organization, 1_000_000); // 100,000 are included, 9.00 of 16.00
            Assert.Equal("50 % of the spend cap is used", (await AlertsAsync(buyer))[5..].Single());
        }
        finally
        {
            app.Clock.MoveTo(was);
        }
    }

    [Fact]
    public async Task Levels_that_are_passed_at_once_make_one_mail_and_without_a_cap_there_is_none()
    {
        var buyer = await app.NewUserAsync();
        await SetCapAsync(buyer, "", noCap: true);
        Assert.True(await app.ScalarAsync<bool>($"select spend_cap_cents is null from billing_accounts where organization_id = '{buyer.Organization}'"));
        await app.TokensAsync(buyer.Organization, 1_000_000); // 9.00
        Assert.Empty(await AlertsAsync(buyer));
        await SetCapAsync(buyer, "$10.00");
        Assert.Equal(["80 % of the spend cap is used"], await AlertsAsync(buyer));
    }

    // Seen to fail when a raised cap paid for nothing.
    [Fact]
    public async Task Scenario_28_use_that_was_held_back_is_paid_from_the_page_by_raising_the_cap()
    {
        var buyer = await app.NewUserAsync();
        await SetCapAsync(buyer, "5.00");
        await app.TokensAsync(buyer.Organization, 900_000); // 8.00: 5.00 are charged, 3.00 held back
        Assert.Equal("spend_cap_reached", await app.RefusalAsync(buyer.Organization));
        var page = await buyer.Person.Browser.PageAsync(Billing(buyer));
        Assert.Contains("$3.00 of use is held back", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal("8.00", page.QuerySelector("#raise-cap")!.GetAttribute("value"));
        Assert.Equal(["The spend cap is reached, and use is held back"], await AlertsAsync(buyer));

        await buyer.Person.Browser.SubmitAsync(Billing(buyer), new() { ["New cap in dollars"] = "10.00" }, "Raise cap and pay");
        Assert.Equal((800, 0, 1000), (await app.ScalarAsync<long>($"select metered_minor from spending where organization_id = '{buyer.Organization}'"),
            await app.ScalarAsync<long>($"select sum(held_back_minor)::bigint from accruals where organization_id = '{buyer.Organization}'"), await app.ScalarAsync<long>($"select spend_cap_cents from billing_accounts where organization_id = '{buyer.Organization}'")));
        page = await buyer.Person.Browser.PageAsync(Billing(buyer));
        Assert.DoesNotContain("held back", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("$8.00 of $10.00", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal("spend_cap_reached", await app.RefusalAsync(buyer.Organization)); // a unit costs 10.00
        await app.TokensAsync(buyer.Organization, 100_000);
        Assert.Equal(900, await app.ScalarAsync<long>($"select metered_minor from spending where organization_id = '{buyer.Organization}'"));
    }

    [Fact]
    public async Task Use_without_a_card_is_held_back_until_something_can_pay_now()
    {
        var buyer = await app.NewUserAsync(card: null);
        await app.TokensAsync(buyer.Organization, 300_000); // 2.00 that nobody pays
        var page = await buyer.Person.Browser.PageAsync(Billing(buyer));
        Assert.Contains("No card pays for it", page.Body!.TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain(page.QuerySelectorAll("button"), b => b.TextContent is "Pay now" or "Raise cap and pay");
        await buyer.AddCardAsync(asDefault: true);
        await buyer.Person.Browser.SubmitAsync(Billing(buyer), button: "Pay now");
        Assert.Equal(200, await app.ScalarAsync<long>($"select metered_minor from spending where organization_id = '{buyer.Organization}'"));
        Assert.Null(await app.RefusalAsync(buyer.Organization));
    }

    [Theory]
    [InlineData("19.999", "at most two decimals")]
    [InlineData("-1", "at most two decimals")]
    [InlineData("many", "at most two decimals")]
    [InlineData("", "Write an amount, or choose no cap.")]
    [InlineData("99999999", "10000000.00")]
    public async Task A_wrong_cap_comes_back_with_the_form(string typed, string sentence)
    {
        var buyer = await app.NewBuyerAsync();
        var answer = await SetCapAsync(buyer, typed);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Contains(sentence, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(10_000, await app.ScalarAsync<long>($"select spend_cap_cents from billing_accounts where organization_id = '{buyer.Organization}'"));
    }

    // Seen to fail when the page asked for the right to read only.
    [Theory]
    [InlineData("viewer", 403, true)]
    [InlineData("developer", 403, false)]
    [InlineData("billing", 303, true)]
    [InlineData("admin", 303, true)]
    public async Task Owner_admin_and_billing_change_the_cap(string role, int expected, bool mayRead)
    {
        var buyer = await app.NewBuyerAsync();
        var page = await buyer.Person.Browser.PageAsync($"{Billing(buyer)}/spend-cap");
        await app.ExecuteAsync($"update members set role = '{role}' where organization_id = '{buyer.Organization}'");
        var answer = await buyer.Person.Browser.SubmitAsync(page, new Uri(app.Address, $"{Billing(buyer)}/spend-cap"), new() { ["Cap in dollars a month"] = "7" }, "Save cap");
        Assert.Equal(expected, (int)answer.StatusCode);
        Assert.Equal(expected == 303 ? 700 : 10_000, await app.ScalarAsync<long>($"select spend_cap_cents from billing_accounts where organization_id = '{buyer.Organization}'"));
        Assert.Equal(mayRead ? HttpStatusCode.OK : HttpStatusCode.Forbidden, (await buyer.Person.Browser.GetAsync(Billing(buyer))).StatusCode);
        if (mayRead) Assert.Equal(role is not "viewer", (await buyer.Person.Browser.PageAsync(Billing(buyer))).QuerySelector("#spend-cap") is not null);
    }

    // Seen to fail when the row was not asked whether it had been told.
    [Fact]
    public async Task Low_credits_are_mailed_once_until_they_are_refilled()
    {
        var buyer = await app.NewUserAsync();
        await app.CreditsAsync(buyer.Organization, 2500);
        await buyer.Person.Browser.SubmitAsync($"{Billing(buyer)}/credits", new() { ["Mail me below, in dollars"] = "20" }, "Save alert");
        Assert.Empty(await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 600_000); // 5.00 of 25.00: 20.00 is not below 20.00
        Assert.Empty(await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 1_000);
        Assert.Equal(["Credits are below $20.00"], await AlertsAsync(buyer));
        await app.TokensAsync(buyer.Organization, 100_000);
        Assert.Single(await AlertsAsync(buyer));
        await app.CreditsAsync(buyer.Organization, 5000, "pi_second");
        Assert.Single(await AlertsAsync(buyer)); // takes note of the refill
        await app.TokensAsync(buyer.Organization, 5_000_000);
        Assert.Equal(2, (await AlertsAsync(buyer)).Length);
    }
}
