using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Scenario 21, its last sentence. Catches: a status or a price that Stripe has and we do not know, and that is taken for a plan in order.</summary>
public sealed class UnknownWordTests(RetoldApp app) : IClassFixture<RetoldApp>
{
    // Seen to fail when a status that is not known was shown as active.
    [Fact]
    public async Task A_status_that_nobody_knows_gives_nothing_is_told_to_the_operator_and_can_come_right()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.UseAsync(buyer.Organization, 6);
        var id = Assert.Single(await app.AtStripeAsync(buyer.Organization)).Text("id");
        app.Line.Retells = (path, body) => path.StartsWith("/v1/subscriptions", StringComparison.Ordinal) ? body.Replace("\"status\":\"active\"", "\"status\":\"on_hold\"", StringComparison.Ordinal) : body;
        try
        {
            await app.StripeAsync(HttpMethod.Post, $"/v1/subscriptions/{id}", new() { ["metadata[touched]"] = "1" });
            var held = await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.Paused);
            Assert.Equal((false, "free"), (held.Plan.GivesAccess, held.Allowance.Tier.Key));
            await app.UseAsync(buyer.Organization, 5); // what Free gives, and no more of Pro
            Assert.Equal("included 6, free 5", await app.ScalarAsync<string>($"select string_agg(pocket || ' ' || trim_scale(used), ', ' order by used desc) from quotas where organization_id = '{buyer.Organization}'"));
            Assert.True((await buyer.PlanAsync()).Is("pro", "paused"));
            Assert.Contains(app.Log, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains($"Subscription {id} has the status on_hold, which is not known", StringComparison.Ordinal));
            // and nobody sells a second one beside it
            Assert.Equal("subscription_exists", (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 409, """{"tier":"pro"}""")).Text("code"));
        }
        finally
        {
            app.Line.Retells = null;
        }
        await app.StripeAsync(HttpMethod.Post, $"/v1/subscriptions/{id}", new() { ["metadata[touched]"] = "2" });
        var back = await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.Active);
        Assert.Equal(("pro", 6L), (back.Allowance.Tier.Key, back.Workflows.Used));
    }
}
