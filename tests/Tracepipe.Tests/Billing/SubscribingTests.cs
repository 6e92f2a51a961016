using System.Text.Json;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Scenario 19 of the billing rules. Catches: a second subscription, a plan that nobody paid for, a payment that gave nothing.</summary>
public sealed class SubscribingTests(PlanApp app) : IClassFixture<PlanApp>
{
    [Fact]
    public async Task A_paid_checkout_gives_the_plan_with_Stripes_period()
    {
        var buyer = await app.NewBuyerAsync();
        Assert.Equal(JsonValueKind.Null, (await buyer.PlanAsync()).ValueKind);
        var plan = await app.SubscribeAsync(buyer, "pro");
        Assert.Equal(["id", "organization_id", "billing_account_id", "tier", "status", "current_period_start", "current_period_end", "cancel_at_period_end", "canceled_at", "trial_start", "trial_end",
            "workflows_limit", "workflows_used", "workflows_remaining", "agents_limit", "storage_limit_gb", "storage_used_gb", "is_lifetime", "lifetime_purchase_date", "lifetime_purchase_amount", "is_byo",
            "byo_providers_configured", "created_at", "updated_at"], plan.EnumerateObject().Select(p => p.Name));
        Assert.True(plan.Is("pro", "active"));
        Assert.Equal((100, 5, 50, 0, 100), (plan.Number("workflows_limit"), plan.Number("agents_limit"), plan.Number("storage_limit_gb"), plan.Number("workflows_used"), plan.Number("workflows_remaining")));
        var stripe = Assert.Single(await app.AtStripeAsync(buyer.Organization));
        var item = stripe.GetProperty("items").GetProperty("data")[0];
        Assert.Equal(item.Number("current_period_start"), plan.GetProperty("current_period_start").GetDateTimeOffset().ToUnixTimeSeconds());
        Assert.Equal(item.Number("current_period_end"), plan.GetProperty("current_period_end").GetDateTimeOffset().ToUnixTimeSeconds());
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization));

        var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 409, """{"tier":"team"}""");
        Assert.Equal("subscription_exists", problem.Text("code"));
        Assert.Contains("change", problem.GetProperty("details").Text("instead"), StringComparison.Ordinal);
    }
}
