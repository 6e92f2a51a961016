using System.Text.Json;
using Tracepipe.Storefront.Billing;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Scenario 22 of the billing rules. Catches: another charge than the preview showed, a plan that is given before it is paid, a downgrade that comes too early
/// or cannot be taken back.
/// </summary>
public sealed class PlanChangeTests(TimedPlanApp app) : IClassFixture<TimedPlanApp>
{
    /// <summary>A buyer on Pro with 87 used and exactly half of a 30-day period left.</summary>
    private async Task<Buyer> HalfwayAsync()
    {
        // a first day of a month that has 30 days
        var now = app.Clock.GetUtcNow();
        var start = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1);
        while (DateTime.DaysInMonth(start.Year, start.Month) != 30) start = start.AddMonths(1);
        await app.AdvanceToAsync(start.AddHours(1));
        var buyer = await app.NewBuyerAsync();
        var plan = await app.SubscribeAsync(buyer, "pro");
        await app.UseAsync(buyer.Organization, 87);
        var (from, to) = (plan.GetProperty("current_period_start").GetDateTimeOffset(), plan.GetProperty("current_period_end").GetDateTimeOffset());
        Assert.Equal(TimeSpan.FromDays(30), to - from);
        await app.AdvanceToAsync(from.AddDays(15));
        return await app.AgainAsync(buyer);
    }

    [Fact]
    public async Task An_upgrade_halfway_costs_what_was_shown_and_is_charged_before_it_is_given()
    {
        var buyer = await HalfwayAsync();
        var preview = await buyer.PreviewAsync("team");
        Assert.Equal(["preview_id", "expires_at", "credit", "charge", "net", "currency", "effective", "exceeds"], preview.EnumerateObject().Select(p => p.Name));
        Assert.Equal((39.50m, 99.50m, 60.00m, "USD", "now"), (preview.Amount("credit"), preview.Amount("charge"), preview.Amount("net"), preview.Text("currency"), preview.Text("effective")));
        Assert.Equal(0, preview.GetProperty("exceeds").GetArrayLength());
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization)); // looking costs nothing

        // confirmed some minutes later: the charge is that of the preview
        await app.AdvanceAsync(TimeSpan.FromMinutes(10));
        var plan = await buyer.ChangeAsync("team", preview.Text("preview_id"));
        Assert.True(plan.Is("team", "active"));
        Assert.Equal((500, 15, 200, 87, 413), (plan.Number("workflows_limit"), plan.Number("agents_limit"), plan.Number("storage_limit_gb"), plan.Number("workflows_used"), plan.Number("workflows_remaining")));
        Assert.Equal(7900 + 6000, await app.ChargedAsync(buyer.Organization));
        // confirming again is the same change, not another one
        Assert.True((await buyer.ChangeAsync("team", preview.Text("preview_id"))).Is("team", "active"));
        Assert.Equal(7900 + 6000, await app.ChargedAsync(buyer.Organization));
        Assert.Equal("subscription_update 6000 2", await TestApp.EventuallyAsync(async () =>
        {
            await app.HearAsync();
            return await app.ScalarAsync<string?>($"""
                select billing_reason || ' ' || total_cents || ' ' || (select count(*) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id and l.is_proration)
                from invoices i where organization_id = '{buyer.Organization}' and billing_reason = 'subscription_update' and status = 'paid'
                """);
        }, s => s is not null));
    }

    [Fact]
    public async Task A_refused_card_leaves_the_old_plan_as_it_was()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.AdvanceAsync(TimeSpan.FromDays(3));
        buyer = await app.AgainAsync(buyer);
        await app.PayWithAsync(buyer.Organization, "pm_card_chargeCustomerFail");
        var preview = await buyer.PreviewAsync("team");
        var problem = await buyer.ChangeAsync("team", preview.Text("preview_id"), 402);
        Assert.Equal("card_declined", problem.Text("code"));
        Assert.True((await buyer.PlanAsync()).Is("pro", "active"));
        Assert.Equal(100, (await buyer.PlanAsync()).Number("workflows_limit"));
        Assert.Equal(7900, await app.ChargedAsync(buyer.Organization));
        // its bill can be paid by nobody any more, and the same preview does not charge again
        await TestApp.EventuallyAsync(() => app.AtStripeAsync(buyer.Organization, "invoices", "&status=open"), open => open.Count == 0);
        Assert.Equal("preview_stale", (await buyer.ChangeAsync("team", preview.Text("preview_id"), 409)).Text("code"));

        await app.PayWithAsync(buyer.Organization, "pm_card_visa");
        preview = await buyer.PreviewAsync("team");
        Assert.True((await buyer.ChangeAsync("team", preview.Text("preview_id"))).Is("team", "active"));
    }

    // Seen to fail while only the one who waited had the bill voided: it stayed open, and would have been paid and given behind his back when the card was mended.
    [Fact]
    public async Task A_refusal_whose_answer_was_lost_takes_its_bill_back_too()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.PayWithAsync(buyer.Organization, "pm_card_chargeCustomerFail");
        var preview = await buyer.PreviewAsync("team");
        await app.FaultAsync("drop_after", "POST", "/v1/subscriptions/{subscription_exposed_id}", 2);
        Assert.Equal("stripe_unavailable", (await buyer.ChangeAsync("team", preview.Text("preview_id"), 502)).Text("code"));
        await TestApp.EventuallyAsync(async () => string.Join(',', (await app.AtStripeAsync(buyer.Organization, "invoices", "")).Select(i => i.Text("status"))), all => all == "void,paid");
        Assert.True((await buyer.PlanAsync()).Is("pro", "active"));
        Assert.Equal("preview_stale", (await buyer.ChangeAsync("team", preview.Text("preview_id"), 409)).Text("code"));
        await app.PayWithAsync(buyer.Organization, "pm_card_visa");
        preview = await buyer.PreviewAsync("team");
        Assert.True((await buyer.ChangeAsync("team", preview.Text("preview_id"))).Is("team", "active"));
        Assert.Equal(7900 + (long)(preview.Amount("net") * 100), await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task A_bank_that_asks_keeps_the_old_plan_until_it_was_answered()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        await app.AdvanceAsync(TimeSpan.FromDays(3));
        buyer = await app.AgainAsync(buyer);
        await app.PayWithAsync(buyer.Organization, "pm_card_authenticationRequired");
        var preview = await buyer.PreviewAsync("team");
        var problem = await buyer.ChangeAsync("team", preview.Text("preview_id"), 402);
        Assert.Equal("authentication_required", problem.Text("code"));
        Assert.StartsWith("http", problem.GetProperty("details").Text("payment_url"), StringComparison.Ordinal);
        Assert.True((await buyer.PlanAsync()).Is("pro", "active"));
        // the person pays the bill on Stripe's page
        var card = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization), "pm_card_visa");
        var invoice = Assert.Single(await app.AtStripeAsync(buyer.Organization, "invoices", "&status=open"));
        await app.StripeAsync(HttpMethod.Post, $"/v1/invoices/{invoice.Text("id")}/pay", new() { ["payment_method"] = card });
        await app.PlanAsync(buyer, p => p.Is("team", "active"));
    }

    [Fact]
    public async Task A_downgrade_names_what_exceeds_waits_for_the_periods_end_and_can_be_taken_back()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "team");
        await app.UseAsync(buyer.Organization, 150);
        var preview = await buyer.PreviewAsync("starter");
        Assert.Equal((0m, 0m, 0m, "period_end"), (preview.Amount("credit"), preview.Amount("charge"), preview.Amount("net"), preview.Text("effective")));
        var exceeds = Assert.Single(preview.GetProperty("exceeds").EnumerateArray());
        Assert.Equal(("workflows", 150, 20), (exceeds.Text("limit"), exceeds.Number("used"), exceeds.Number("new_limit")));

        Assert.True((await buyer.ChangeAsync("starter", preview.Text("preview_id"))).Is("team", "active"));
        var scheduled = await app.OverviewAsync(buyer.Organization, o => o.Plan.Next is not null);
        Assert.Equal(("starter", scheduled.Plan.PeriodEnd), (scheduled.Plan.Next!.Tier.Key, scheduled.Plan.Next.At));

        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/subscription/change");
        Assert.Null((await app.OverviewAsync(buyer.Organization)).Plan.Next);
        Assert.Equal(JsonValueKind.Null, (await app.AtStripeAsync(buyer.Organization))[0].GetProperty("schedule").ValueKind);
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/subscription/change", 409);

        preview = await buyer.PreviewAsync("starter");
        await buyer.ChangeAsync("starter", preview.Text("preview_id"));
        await app.OverviewAsync(buyer.Organization, o => o.Plan.Next is not null);
        await app.AdvanceToAsync(scheduled.Plan.PeriodEnd!.Value.AddHours(2));
        buyer = await app.AgainAsync(buyer);
        var plan = await app.PlanAsync(buyer, p => p.Is("starter", "active"));
        Assert.Equal((20, 0), (plan.Number("workflows_limit"), plan.Number("workflows_used")));
        await TestApp.EventuallyAsync(() => app.ChargedAsync(buyer.Organization), c => c == 19900 + 2900);
        Assert.Null((await app.OverviewAsync(buyer.Organization)).Plan.Next);
    }

    [Fact]
    public async Task An_upgrade_or_a_cancellation_takes_the_scheduled_downgrade_back_first()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "pro");
        var down = await buyer.PreviewAsync("starter");
        await buyer.ChangeAsync("starter", down.Text("preview_id"));
        var up = await buyer.PreviewAsync("team");
        Assert.True((await buyer.ChangeAsync("team", up.Text("preview_id"))).Is("team", "active"));
        Assert.Null((await app.OverviewAsync(buyer.Organization)).Plan.Next);

        down = await buyer.PreviewAsync("starter");
        await buyer.ChangeAsync("starter", down.Text("preview_id"));
        var plan = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/cancel", json: "{}");
        Assert.True(plan.GetProperty("cancel_at_period_end").GetBoolean());
        Assert.Equal(JsonValueKind.Null, (await app.AtStripeAsync(buyer.Organization))[0].GetProperty("schedule").ValueKind);
        await buyer.PreviewAsync("pro", 409); // reactivate first
    }

    [Fact]
    public async Task What_cannot_be_changed_says_so()
    {
        var buyer = await app.NewBuyerAsync();
        Assert.Equal("not_found", (await buyer.PreviewAsync("team", 404)).Text("code"));
        await app.SubscribeAsync(buyer, "pro");
        Assert.Equal("conflict", (await buyer.PreviewAsync("pro", 409)).Text("code"));
        Assert.Equal("validation_error", (await buyer.PreviewAsync("gold", 422)).Text("code"));
        Assert.Equal("validation_error", (await buyer.PreviewAsync("free", 422)).Text("code"));
        Assert.Equal("not_found", (await buyer.ChangeAsync("team", Guid.CreateVersion7().ToString(), 404)).Text("code"));
        var preview = await buyer.PreviewAsync("team");
        Assert.Equal("validation_error", (await buyer.ChangeAsync("starter", preview.Text("preview_id"), 422)).Text("code"));
        var stranger = await app.NewBuyerAsync();
        await app.SubscribeAsync(stranger, "pro");
        Assert.Equal("not_found", (await stranger.ChangeAsync("team", preview.Text("preview_id"), 404)).Text("code"));
    }

    [Fact]
    public async Task A_preview_that_is_old_or_no_longer_true_is_stale()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "starter");
        var old = await buyer.PreviewAsync("pro");
        await app.AdvanceAsync(TimeSpan.FromMinutes(15));
        Assert.Equal("preview_stale", (await buyer.ChangeAsync("pro", old.Text("preview_id"), 409)).Text("code"));

        var (first, second) = (await buyer.PreviewAsync("pro"), await buyer.PreviewAsync("team"));
        await buyer.ChangeAsync("pro", first.Text("preview_id"));
        var charged = await app.ChargedAsync(buyer.Organization);
        Assert.Equal("preview_stale", (await buyer.ChangeAsync("team", second.Text("preview_id"), 409)).Text("code"));
        Assert.Equal(charged, await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task Ten_clicks_at_once_charge_once()
    {
        var buyer = await app.NewBuyerAsync();
        await app.SubscribeAsync(buyer, "starter");
        await app.AdvanceAsync(TimeSpan.FromDays(1));
        buyer = await app.AgainAsync(buyer);
        var preview = await buyer.PreviewAsync("team");
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => app.Subscriptions.ChangeAsync(buyer.Organization, "team", Guid.Parse(preview.Text("preview_id")), PlanApp.Somebody, default)));
        Assert.Contains(answers, a => a.IsDone);
        await app.PlanAsync(buyer, p => p.Is("team", "active"));
        Assert.Equal(2900 + (long)(preview.Amount("net") * 100), await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task BYO_is_a_plan_without_limits_on_work()
    {
        var buyer = await app.NewBuyerAsync();
        var plan = await app.SubscribeAsync(buyer, "byo");
        Assert.Equal((-1, -1, -1, 50, true), (plan.Number("workflows_limit"), plan.Number("workflows_remaining"), plan.Number("agents_limit"), plan.Number("storage_limit_gb"), plan.GetProperty("is_byo").GetBoolean()));
        Assert.Equal(0, plan.GetProperty("byo_providers_configured").GetArrayLength());
        await app.UseAsync(buyer.Organization, 10_000);
        Assert.Null(await app.RefusalAsync(buyer.Organization));
    }
}
