using System.Globalization;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: credits that were paid and not given, given twice, or kept after the money went back.</summary>
public sealed class CreditsTests(PlanApp app) : IClassFixture<PlanApp>
{
    private async Task<string> BuyAsync(Buyer buyer, decimal dollars)
    {
        var begun = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", json: string.Create(CultureInfo.InvariantCulture, $$"""{"amount_usd":{{dollars}}}"""));
        Assert.NotNull(await app.PayAsync(begun.GetProperty("checkout_url").GetString()!));
        return begun.GetProperty("session_id").GetString()!;
    }

    private static Task<decimal> BalanceAsync(Buyer buyer, decimal wanted) =>
        TestApp.EventuallyAsync(async () => (await buyer.AccountAsync()).GetProperty("credit_balance").GetDecimal(), b => b == wanted);

    [Fact]
    public async Task Scenario_12_credits_are_posted_once_however_often_the_event_comes()
    {
        var buyer = await app.NewBuyerAsync();
        var session = await BuyAsync(buyer, 19.99m);
        await BalanceAsync(buyer, 19.99m);
        for (var i = 0; i < 5; i++) Assert.Equal(200, await app.DeliverAsync(BillingApp.Event($"evt_again{i}_{session[^8..]}", i % 2 == 0 ? "checkout.session.completed" : "checkout.session.async_payment_succeeded", session)));
        await app.SettledAsync();
        await BalanceAsync(buyer, 19.99m);
        Assert.Equal(1, await app.ScalarAsync<long>($"select count(*) from ledger_transactions where organization_id = '{buyer.Organization}' and cause_kind = 'purchase'"));
        Assert.Equal(1999, await app.ChargedAsync(buyer.Organization));
        var line = Assert.Single((await buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/credits/ledger")).EnumerateArray());
        Assert.Equal((19.99m, 19.99m), (line.GetProperty("amount").GetDecimal(), line.GetProperty("balance").GetDecimal()));
        foreach (var wrong in (string[])["0", "-1", "0.49", "1000.01", "19.999"])
            await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", 422, $$"""{"amount_usd":{{wrong}}}""");
        foreach (var right in (string[])["0.50", "1000.00"])
            await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", 200, $$"""{"amount_usd":{{right}}}""");
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/credits/checkout", 422, """{"amount_usd":5,"success_url":"https://evil.example/"}""");
    }

    [Fact]
    public async Task Scenario_13_what_goes_back_at_Stripe_is_taken_back_here()
    {
        var buyer = await app.NewBuyerAsync();
        await BuyAsync(buyer, 100m);
        await BalanceAsync(buyer, 100m);
        await app.UseAsync(buyer.Organization, 5); // the free ones
        for (var i = 0; i < 3; i++) await app.UseAsync(buyer.Organization, 1);
        await BalanceAsync(buyer, 70m);
        var payment = await app.ScalarAsync<string>($"select payment_intent from checkouts where organization_id = '{buyer.Organization}'");
        foreach (var (cents, left) in ((int, decimal)[])[(3000, 40m), (2000, 20m), (5000, -30m)])
        {
            await app.StripeAsync(HttpMethod.Post, "/v1/refunds", new() { ["payment_intent"] = payment, ["amount"] = cents.ToString(CultureInfo.InvariantCulture) });
            await BalanceAsync(buyer, left);
        }
        await app.SettledAsync();
        await BalanceAsync(buyer, -30m);
        Assert.Equal("quota_exhausted", await app.RefusalAsync(buyer.Organization));
        await BuyAsync(buyer, 45m);
        await BalanceAsync(buyer, 15m);
        Assert.Null(await app.RefusalAsync(buyer.Organization));
    }

    [Fact]
    public async Task Scenario_28_the_cap_is_set_by_the_buyer()
    {
        var buyer = await app.NewBuyerAsync();
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 422, """{"amount_usd":-1}""");
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 422, """{"amount_usd":1.001}""");
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 400, """{"amount_usd":"5"}""");
        var set = await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 200, """{"amount_usd":5.00}""");
        Assert.Equal(5m, set.GetProperty("amount_usd").GetDecimal());
        Assert.Equal(500, await app.ScalarAsync<long>($"select spend_cap_cents from billing_accounts where organization_id = '{buyer.Organization}'"));
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 200, """{"amount_usd":null}""");
        Assert.True(await app.ScalarAsync<bool>($"select spend_cap_cents is null from billing_accounts where organization_id = '{buyer.Organization}'"));
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/spend-cap", 400, "{}");
    }
}
