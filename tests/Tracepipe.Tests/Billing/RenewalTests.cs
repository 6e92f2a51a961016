using System.Text.Json;
using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Scenarios 20, 21 and 6 of the billing rules. Catches: units that carry over or are lost at a period's end, a plan that dies with its first failed payment, and
/// one that goes on although nobody pays.
/// </summary>
public sealed class RenewalTests(TimedPlanApp app) : IClassFixture<TimedPlanApp>
{
    [Fact]
    public async Task The_first_instant_of_the_next_period_counts_anew_also_before_Stripe_says_so()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.UseAsync(buyer.Organization, 87);
        var before = await app.OverviewAsync(buyer.Organization);
        Assert.Equal(87, before.Workflows.Used);
        var end = before.Plan.PeriodEnd!.Value;

        var was = app.Clock.GetUtcNow();
        app.Clock.MoveTo(end.AddSeconds(1)); // ours alone: Stripe has charged nothing yet
        var after = await app.OverviewAsync(buyer.Organization);
        Assert.Equal((0, 100, end), (after.Workflows.Used, after.Workflows.Remaining, after.Allowance.Period.Start));
        Assert.Equal(end, after.Plan.PeriodStart);
        await app.UseAsync(buyer.Organization, 3);

        app.Clock.MoveTo(was); // both together again
        await app.AdvanceToAsync(end.AddHours(3));
        var renewed = await app.OverviewAsync(buyer.Organization, o => o.Plan.PeriodEnd > end.AddDays(20) && o.Plan.Status is PlanStatus.Active);
        Assert.Equal((3, end), (renewed.Workflows.Used, renewed.Allowance.Period.Start));
        await TestApp.EventuallyAsync(() => app.ChargedAsync(buyer.Organization), c => c == 2 * 7900);

        // told again, and of other invoices, nothing is counted anew
        await app.ExecuteAsync($"update stripe_events set state = 'pending', tries = 0, due_at = now() - interval '1 day' where state = 'done'");
        app.Inbox.Bell.Ring();
        await app.SettledAsync();
        Assert.Equal(3, (await app.OverviewAsync(buyer.Organization)).Workflows.Used);
    }

    [Fact]
    public async Task A_failed_renewal_keeps_access_for_the_grace_then_suspends_and_paying_lifts_it_all()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.PayWithAsync(buyer.Organization, "pm_card_chargeCustomerFail");
        var end = (await app.OverviewAsync(buyer.Organization)).Plan.PeriodEnd!.Value;
        await app.AdvanceToAsync(end.AddHours(2)); // an hour after its draft the bill was tried

        var due = await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.PastDue);
        Assert.False(due.IsSuspended);
        Assert.Equal("pro", due.Allowance.Tier.Key);
        Assert.NotNull(due.UnpaidInvoice);
        Assert.InRange(due.Plan.GraceUntil!.Value, end.AddDays(7), end.AddDays(7).AddHours(2));
        Assert.Null(await app.RefusalAsync(buyer.Organization));
        buyer = await app.AgainAsync(buyer);
        Assert.True((await buyer.PlanAsync()).Is("pro", "past_due"));
        await buyer.PreviewAsync("team", 409); // first the open bill

        await app.AdvanceToAsync(due.Plan.GraceUntil!.Value.AddSeconds(-30));
        Assert.Null(await app.RefusalAsync(buyer.Organization));
        app.Clock.MoveTo(due.Plan.GraceUntil.Value.AddSeconds(1));
        await TestApp.EventuallyAsync(() => app.RefusalAsync(buyer.Organization), r => r is "account_suspended");
        var suspended = await app.OverviewAsync(buyer.Organization, o => o.IsSuspended);
        Assert.Equal(BillingStatus.Suspended, suspended.Account.Status);
        Assert.Equal(PlanStatus.PastDue, suspended.Plan.Status);

        // the card is replaced and the bill paid
        var card = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization), "pm_card_visa");
        foreach (var invoice in await app.AtStripeAsync(buyer.Organization, "invoices", "&status=open"))
            await app.StripeAsync(HttpMethod.Post, $"/v1/invoices/{invoice.Text("id")}/pay", new() { ["payment_method"] = card });
        var paid = await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.Active);
        Assert.False(paid.IsSuspended);
        Assert.Equal(BillingStatus.Active, paid.Account.Status);
        Assert.Null(paid.UnpaidInvoice);
        Assert.Null(await app.RefusalAsync(buyer.Organization));
    }

    [Fact]
    public async Task A_later_try_of_Stripes_that_succeeds_makes_it_active_again()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "starter");
        await app.PayWithAsync(buyer.Organization, "pm_card_chargeCustomerFail");
        var end = (await app.OverviewAsync(buyer.Organization)).Plan.PeriodEnd!.Value;
        await app.AdvanceToAsync(end.AddHours(2));
        await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.PastDue);
        await app.PayWithAsync(buyer.Organization, "pm_card_visa");
        await app.AdvanceAsync(TimeSpan.FromDays(1.2)); // Stripe tries again after a day
        var paid = await app.OverviewAsync(buyer.Organization, o => o.Plan.Status is PlanStatus.Active);
        Assert.Null(paid.Plan.GraceUntil);
        Assert.Equal(2 * 2900, await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task Unpaid_at_Stripe_is_suspended_here()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.PayWithAsync(buyer.Organization, "pm_card_chargeCustomerFail");
        var end = (await app.OverviewAsync(buyer.Organization)).Plan.PeriodEnd!.Value;
        await app.AdvanceToAsync(end.AddDays(8).AddHours(3)); // past Stripe's last try
        Assert.Equal("unpaid", (await app.AtStripeAsync(buyer.Organization))[0].Text("status"));
        var unpaid = await app.OverviewAsync(buyer.Organization, o => o.Plan.IsUnpaid);
        Assert.True(unpaid.IsSuspended);
        Assert.False(unpaid.Plan.GivesAccess);
        Assert.Equal("account_suspended", await app.RefusalAsync(buyer.Organization));
        buyer = await app.AgainAsync(buyer);
        Assert.True((await buyer.PlanAsync()).Is("pro", "past_due"));
        var check = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/check-execution", json: """{"meter":"workflow","quantity":1}""");
        Assert.Equal((false, "account_suspended"), (check.GetProperty("can_execute").GetBoolean(), check.Text("reason")));
        Assert.Equal("subscription_exists", (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", 409, """{"tier":"pro"}""")).Text("code"));
    }

    [Fact]
    public async Task What_is_used_and_left_is_told_and_whether_more_may_begin()
    {
        var buyer = await app.NewBuyerAsync();
        var summary = await buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/usage-summary");
        Assert.Equal(["tier", "quota_period_start", "quota_period_end", "workflows_used", "workflows_limit", "workflows_remaining", "agents_used", "agents_limit", "free_workflows_remaining", "credit_available",
            "credit_held", "accrued", "held_back", "spend_cap", "can_execute", "reason"], summary.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("free", 0, 5, 5, 1, 5, true), (summary.Text("tier"), summary.Number("workflows_used"), summary.Number("workflows_limit"), summary.Number("workflows_remaining"), summary.Number("agents_limit"),
            summary.Number("free_workflows_remaining"), summary.GetProperty("can_execute").GetBoolean()));

        async Task<string?> CheckAsync(string meter, decimal quantity)
        {
            var body = $$"""{"meter":"{{meter}}","quantity":{{quantity.ToString(System.Globalization.CultureInfo.InvariantCulture)}}}""";
            var answer = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/check-execution", json: body);
            Assert.Equal(answer.GetProperty("reason").ValueKind is JsonValueKind.Null, answer.GetProperty("can_execute").GetBoolean());
            return answer.GetProperty("reason").GetString();
        }

        Assert.Null(await CheckAsync("workflow", 5));
        Assert.Equal("quota_exhausted", await CheckAsync("workflow", 6));
        Assert.Null(await CheckAsync("tokens", 100_000));
        Assert.Equal("quota_exhausted", await CheckAsync("tokens", 100_001));
        Assert.Null(await CheckAsync("examples", 1_000_000));
        foreach (var wrong in (string[])["""{"meter":"minutes","quantity":1}""", """{"meter":"workflow","quantity":0}""", """{"meter":"workflow","quantity":1.5}""", """{"meter":"workflow","quantity":-1}"""])
            await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/check-execution", 422, wrong);
        for (var i = 0; i < 5; i++) await app.UseAsync(buyer.Organization, 1);
        Assert.Equal("quota_exhausted", await CheckAsync("workflow", 1));
        Assert.Equal("quota_exhausted", (await buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/usage-summary")).Text("reason"));

        await app.SubscribeAsync(buyer, "pro");
        // beyond what is included the card on file pays, within the cap of $100.00: ten workflows
        await app.OverviewAsync(buyer.Organization, o => o.Account.AutoBilling);
        Assert.Null(await CheckAsync("workflow", 110));
        Assert.Equal("spend_cap_reached", await CheckAsync("workflow", 111));
        summary = await buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/usage-summary");
        Assert.Equal(("pro", 0, 100, 0, true), (summary.Text("tier"), summary.Number("workflows_used"), summary.Number("workflows_remaining"), summary.Number("free_workflows_remaining"), summary.GetProperty("can_execute").GetBoolean()));
    }
}
