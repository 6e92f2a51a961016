using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a preview that promises another amount than the change then charges, and a plan that changes without its payment.</summary>
public sealed class PlanChangeTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly DateTimeOffset First = new(2026, 4, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task An_upgrade_charges_the_difference_for_the_rest_of_the_period()
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(3000);
        await _api.AdvanceAsync(clock, First.AddDays(10));
        var pro = await _api.PriceAsync(9000);
        var at = First.AddDays(10).Unix();
        var preview = await PreviewAsync(subscription, item, pro, "always_invoice", at);
        Assert.Equal([-2000L, 6000L], preview.At("lines.data")!.AsArray().Select(l => l!["amount"]!.GetValue<long>()));
        Assert.All(preview.At("lines.data")!.AsArray(), l => Assert.True(l!["parent"]!["subscription_item_details"]!["proration"]!.GetValue<bool>()));
        Assert.StartsWith("upcoming_in", preview.Id, StringComparison.Ordinal);

        var seen = (await _api.EventTypesAsync()).Count;
        var changed = (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]={item}&items[0][price]={pro}&proration_behavior=always_invoice&proration_date={at}&payment_behavior=pending_if_incomplete&expand[]=latest_invoice")).Ok();
        Assert.Equal(("active", pro, "subscription_update", "paid", 4000L), (changed["status"], changed["items.data.0.price.id"], changed["latest_invoice.billing_reason"], changed["latest_invoice.status"], changed.Number("latest_invoice.amount_paid")));
        Assert.Equal(First.AddMonths(1).Unix(), changed.Number("items.data.0.current_period_end"));
        Assert.Contains("customer.subscription.updated", await _api.EventsSinceAsync(seen));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_refused_upgrade_leaves_the_plan_and_waits()
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(3000);
        await _api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
        var pro = await _api.PriceAsync(9000);
        var waiting = (await UpgradeAsync(subscription, item, pro, "pending_if_incomplete")).Ok();
        Assert.Equal(("active", 3000L, pro), (waiting["status"], waiting.Number("items.data.0.price.unit_amount"), waiting["pending_update.subscription_items.0.price.id"]));
        Assert.Equal("open", waiting["latest_invoice.status"]);
        var card = await _api.UseCardAsync(customer, "pm_card_visa");
        (await _api.PostAsync($"/v1/invoices/{waiting["latest_invoice.id"]}/pay", $"payment_method={card}")).Ok();
        var applied = await _api.SubscriptionAsync(subscription);
        Assert.Equal((9000L, null), (applied.Number("items.data.0.price.unit_amount"), applied["pending_update"]));
        Assert.Contains("customer.subscription.pending_update_applied", await _api.EventTypesAsync());
        await _api.AdvanceAsync(clock, First.AddDays(2));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_pending_upgrade_expires_and_costs_nothing()
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(3000);
        await _api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
        var waiting = (await UpgradeAsync(subscription, item, await _api.PriceAsync(9000), "pending_if_incomplete")).Ok();
        await _api.AdvanceAsync(clock, First.AddHours(24));
        var after = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("active", 3000L, null), (after["status"], after.Number("items.data.0.price.unit_amount"), after["pending_update"]));
        Assert.Equal("void", (await _api.InvoiceAsync(waiting["latest_invoice.id"]))["status"]);
        Assert.Contains("customer.subscription.pending_update_expired", await _api.EventTypesAsync());
        Assert.Equal(0, (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance"));
        await _api.BooksBalanceAsync(customer);
    }

    [Theory]
    [InlineData("allow_incomplete", 200, "past_due", 9000)]
    [InlineData("default_incomplete", 200, "past_due", 9000)]
    [InlineData("error_if_incomplete", 402, "active", 3000)]
    public async Task Other_payment_behaviors_do_as_they_say(string behavior, int status, string state, long amount)
    {
        var (_, customer, subscription, item) = await SubscribedAsync(3000);
        await _api.UseCardAsync(customer, "pm_card_chargeCustomerFail");
        Assert.Equal(status, (await UpgradeAsync(subscription, item, await _api.PriceAsync(9000), behavior)).Status);
        var after = await _api.SubscriptionAsync(subscription);
        Assert.Equal((state, amount), (after["status"], after.Number("items.data.0.price.unit_amount")));
        if (status == 402) Assert.Single((await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data);
    }

    [Fact]
    public async Task A_downgrade_with_prorations_credits_the_next_invoice()
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(9000);
        await _api.AdvanceAsync(clock, First.AddDays(15));
        var basic = await _api.PriceAsync(3000);
        (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]={item}&items[0][price]={basic}")).Ok();
        Assert.Single((await _api.GetAsync($"/v1/invoices?customer={customer}")).Ok().Data);
        var next = (await _api.PostAsync("/v1/invoices/create_preview", $"customer={customer}&subscription={subscription}")).Ok();
        Assert.Equal([3000L, -4500L, 1500L], next.At("lines.data")!.AsArray().Select(l => l!["amount"]!.GetValue<long>()));
        await _api.AdvanceAsync(clock, First.AddMonths(1).AddHours(2));
        var renewed = await _api.SubscriptionAsync(subscription);
        Assert.Equal((next.Number("total"), "paid"), (renewed.Number("latest_invoice.total"), renewed["latest_invoice.status"]));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task Another_interval_begins_a_new_period_at_once()
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(3000);
        await _api.AdvanceAsync(clock, First.AddDays(15));
        var yearly = await _api.PriceAsync(30000, "year");
        var changed = (await UpgradeAsync(subscription, item, yearly, "allow_incomplete")).Ok();
        Assert.Equal((First.AddDays(15).Unix(), First.AddDays(15).AddYears(1).Unix()), (changed.Number("items.data.0.current_period_start"), changed.Number("items.data.0.current_period_end")));
        Assert.Equal(28500, changed.Number("latest_invoice.amount_paid"));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task From_free_to_paid_begins_a_new_period()
    {
        var (clock, _, subscription, item) = await SubscribedAsync(0);
        await _api.AdvanceAsync(clock, First.AddDays(15));
        var changed = (await UpgradeAsync(subscription, item, await _api.PriceAsync(3000), "allow_incomplete")).Ok();
        Assert.Equal((3000L, First.AddDays(15).AddMonths(1).Unix()), (changed.Number("latest_invoice.amount_paid"), changed.Number("items.data.0.current_period_end")));
    }

    [Fact]
    public async Task Forgetting_the_items_id_adds_a_second_price()
    {
        var (_, _, subscription, _) = await SubscribedAsync(3000);
        var changed = (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][price]={await _api.PriceAsync(9000)}")).Ok();
        Assert.Equal(2, changed.At("items.data")!.AsArray().Count);
    }

    [Fact]
    public async Task Quantities_items_and_refusals()
    {
        var (_, _, subscription, item) = await SubscribedAsync(3000);
        var seats = await _api.PriceAsync(500, name: "Seat");
        var second = (await _api.PostAsync("/v1/subscription_items", $"subscription={subscription}&price={seats}&quantity=3")).Ok();
        Assert.Equal(3, second.Number("quantity"));
        Assert.Equal(5, (await _api.PostAsync($"/v1/subscription_items/{second.Id}", "quantity=5")).Ok().Number("quantity"));
        (await _api.PostAsync("/v1/subscription_items", $"subscription={subscription}&price={seats}")).Refused(400, null, "items[0][price]");
        Assert.Equal("true", (await _api.DeleteAsync($"/v1/subscription_items/{second.Id}")).Ok()["deleted"]);
        (await _api.DeleteAsync($"/v1/subscription_items/{item}")).Refused(400, null, "items");
        (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]=si_none&items[0][quantity]=2")).Refused(404, "resource_missing", "items[0][id]");
        (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]={item}&items[0][price]={await _api.PriceAsync(100, "")}")).Refused(400, null, "items[0][price]");
        (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]={item}&items[0][quantity]=2&proration_date={First.AddMonths(3).Unix()}")).Refused(400, null, "proration_date");
    }

    [Fact]
    public async Task A_discounted_period_gives_back_only_what_was_paid()
    {
        var coupon = (await _api.PostAsync("/v1/coupons", "percent_off=50&duration=once")).Ok().Id;
        var (clock, customer) = await _api.ClockedAsync(start: First);
        var subscription = (await _api.SubscribeAsync(customer, await _api.PriceAsync(3000), $"&discounts[0][coupon]={coupon}&expand[]=latest_invoice")).Ok();
        Assert.Equal((1500L, 1500L), (subscription.Number("latest_invoice.total"), subscription.Number("latest_invoice.total_discount_amounts.0.amount")));
        await _api.AdvanceAsync(clock, First.AddDays(15));
        (await _api.DeleteAsync($"/v1/subscriptions/{subscription.Id}?prorate=true&invoice_now=true")).Ok();
        Assert.Equal(-750, (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance"));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public void A_preview_equals_the_change_for_any_prices_moment_and_behavior()
    {
        var cases = from before in Gen.Choose(0, 50000)
                    from after in Gen.Choose(0, 50000)
                    from quantity in Gen.Choose(1, 7)
                    from second in Gen.Choose(0, (30 * 86400) - 1)
                    from yearly in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
                    from behavior in Gen.Elements("always_invoice", "create_prorations", "none")
                    select (before, after, quantity, second, yearly, behavior);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(40, 1000)), Prop.ForAll(Arb.From(cases), c =>
        {
            SameAsync(c.before, c.after, c.quantity, c.second, c.yearly, c.behavior).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task SameAsync(int before, int after, int quantity, int second, bool yearly, string behavior)
    {
        var (clock, customer, subscription, item) = await SubscribedAsync(before);
        var at = First.AddSeconds(second);
        if (second > 0) await _api.AdvanceAsync(clock, at);
        var price = await _api.PriceAsync(after, yearly ? "year" : "month");
        var form = $"items[0][id]={item}&items[0][price]={price}&items[0][quantity]={quantity}&proration_behavior={behavior}&proration_date={at.Unix()}";
        var preview = (await _api.PostAsync("/v1/invoices/create_preview", $"customer={customer}&subscription={subscription}&" + string.Join('&', form.Split('&').Select(Nested)))).Ok();
        var changed = (await _api.PostAsync($"/v1/subscriptions/{subscription}", $"{form}&expand[]=latest_invoice")).Ok();
        var invoiced = changed["latest_invoice.billing_reason"] == "subscription_update";
        if (!invoiced)
        {
            await _api.AdvanceAsync(clock, DateTimeOffset.FromUnixTimeSeconds(changed.Number("items.data.0.current_period_end")).AddHours(2));
            changed = await _api.SubscriptionAsync(subscription);
        }
        Assert.Equal(Lines(preview.At("lines.data")!), Lines(changed.At("latest_invoice.lines.data")!));
        Assert.Equal(preview.Number("total"), changed.Number("latest_invoice.total"));
        await _api.BooksBalanceAsync(customer);

        static string Nested(string pair) => pair.StartsWith("items", StringComparison.Ordinal) ? "subscription_details[items]" + pair["items".Length..] : $"subscription_details[{pair.Split('=')[0]}]={pair.Split('=')[1]}";
        static IEnumerable<(long, long, long)> Lines(System.Text.Json.Nodes.JsonNode lines) =>
            lines.AsArray().Select(l => (l!["amount"]!.GetValue<long>(), l["period"]!["start"]!.GetValue<long>(), l["period"]!["end"]!.GetValue<long>())).Order();
    }

    private Task<Answer> UpgradeAsync(string subscription, string item, string price, string behavior) =>
        _api.PostAsync($"/v1/subscriptions/{subscription}", $"items[0][id]={item}&items[0][price]={price}&proration_behavior=always_invoice&payment_behavior={behavior}&expand[]=latest_invoice");

    private async Task<Answer> PreviewAsync(string subscription, string item, string price, string behavior, long at) => (await _api.PostAsync("/v1/invoices/create_preview",
        $"subscription={subscription}&subscription_details[items][0][id]={item}&subscription_details[items][0][price]={price}&subscription_details[proration_behavior]={behavior}&subscription_details[proration_date]={at}")).Ok();

    private async Task<(string Clock, string Customer, string Subscription, string Item)> SubscribedAsync(long amount)
    {
        var (clock, customer) = await _api.ClockedAsync(start: First);
        var subscription = (await _api.SubscribeAsync(customer, await _api.PriceAsync(amount))).Ok();
        return (clock, customer, subscription.Id, subscription["items.data.0.id"]!);
    }
}
