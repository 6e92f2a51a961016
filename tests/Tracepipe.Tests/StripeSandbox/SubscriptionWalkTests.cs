using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a life of a subscription, in an order nobody thought of, that loses money or leaves its state machine.</summary>
public sealed class SubscriptionWalkTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly Dictionary<string, string[]> Moves = new(StringComparer.Ordinal)
    {
        ["incomplete"] = ["incomplete", "active", "incomplete_expired", "canceled"],
        ["trialing"] = ["trialing", "active", "past_due", "canceled", "unpaid"],
        ["active"] = ["active", "past_due", "unpaid", "canceled"],
        ["past_due"] = ["past_due", "active", "unpaid", "canceled"],
        ["unpaid"] = ["unpaid", "active", "canceled", "past_due"],
        ["canceled"] = ["canceled"],
        ["incomplete_expired"] = ["incomplete_expired"],
    };

    private static readonly string[] Steps =
    [
        "hour", "day", "week", "month", "month", "good_card", "bad_card", "asking_card", "upgrade", "downgrade", "upgrade_pending", "yearly", "quantity", "cancel_at_end", "take_back", "cancel_at",
        "cancel", "cancel_prorated", "pay", "schedule", "release", "coupon", "balance", "item", "trial_end", "refund",
    ];

    [Fact]
    public void Any_life_keeps_the_books_and_its_states()
    {
        var walks = from first in Gen.Elements("plain", "trial", "declined", "default_incomplete")
                    from steps in Gen.Elements(Steps).ListOf()
                    select (first, steps: steps.Take(14).ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(40, 1000)).WithEndSize(40), Prop.ForAll(Arb.From(walks), walk =>
        {
            LiveAsync(walk.first, walk.steps).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task LiveAsync(string first, string[] steps)
    {
        var api = sandbox.NewAccount();
        var prices = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["upgrade"] = await api.PriceAsync(9000), ["downgrade"] = await api.PriceAsync(1900), ["yearly"] = await api.PriceAsync(50000, "year"), ["start"] = await api.PriceAsync(2900),
        };
        var coupon = (await api.PostAsync("/v1/coupons", "percent_off=25&duration=repeating&duration_in_months=2")).Ok().Id;
        var (clock, customer) = await api.ClockedAsync(first == "declined" ? "pm_card_chargeCustomerFail" : "pm_card_visa");
        var made = (await api.SubscribeAsync(customer, prices["start"], first switch { "trial" => "&trial_period_days=10", "default_incomplete" => "&payment_behavior=default_incomplete", _ => "" })).Ok();
        var status = made["status"]!;
        foreach (var step in steps)
        {
            var before = await api.SubscriptionAsync(made.Id);
            var answer = await StepAsync(api, step, clock, customer, before, prices, coupon);
            Assert.True(answer is null || answer.Status is 200 or 400 or 402 or 404, answer?.Json.ToJsonString());
            var now = await api.SubscriptionAsync(made.Id);
            var moved = step is "hour" or "day" or "week" or "month";
            Assert.True(Moves[status].Contains(now["status"]) || (moved && Moves[status].Any(m => Moves[m].Contains(now["status"]))), $"{status} → {now["status"]} by {step}");
            await ConsistentAsync(api, customer, now);
            status = now["status"]!;
        }
        var told = await api.EventsSinceAsync(0);
        Assert.Equal(status == "canceled" ? 1 : 0, told.Count(t => t == "customer.subscription.deleted"));
        Assert.Single(told, t => t == "customer.subscription.created");
    }

    private static async Task ConsistentAsync(SandboxClient api, string customer, Answer subscription)
    {
        await api.BooksBalanceAsync(customer);
        var over = subscription["status"] is "canceled" or "incomplete_expired";
        Assert.Equal(over, subscription["ended_at"] is not null);
        if (subscription["status"] == "active" && subscription["latest_invoice.status"] == "open") Assert.NotNull(subscription.At("pending_update"));
        if (subscription["cancel_at_period_end"] == "true") Assert.Equal(subscription["items.data.0.current_period_end"], subscription["cancel_at"]);
        if (!over) Assert.True(subscription.Number("items.data.0.current_period_end") > subscription.Number("items.data.0.current_period_start"));
        // Credit that the balance holds came from somewhere: it never exceeds what was paid, granted or credited.
        var balance = (await api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance");
        var moved = (await api.GetAsync($"/v1/customers/{customer}/balance_transactions?limit=100")).Ok().Data;
        Assert.Equal(balance, moved.Sum(m => m["amount"]!.GetValue<long>()));
    }

    private static async Task<Answer?> StepAsync(SandboxClient api, string step, string clock, string customer, Answer subscription, Dictionary<string, string> prices, string coupon)
    {
        var (id, item) = (subscription.Id, subscription["items.data.0.id"]);
        var now = DateTimeOffset.FromUnixTimeSeconds((await api.GetAsync($"/v1/test_helpers/test_clocks/{clock}")).Ok().Number("frozen_time"));
        switch (step)
        {
            case "hour" or "day" or "week" or "month":
                await api.AdvanceAsync(clock, step switch { "hour" => now.AddHours(1), "day" => now.AddDays(1), "week" => now.AddDays(7), _ => now.AddMonths(1) });
                return null;
            case "good_card" or "bad_card" or "asking_card":
                await api.UseCardAsync(customer, step switch { "good_card" => "pm_card_visa", "bad_card" => "pm_card_chargeCustomerFail", _ => "pm_card_authenticationRequired" });
                return null;
            case "upgrade" or "downgrade" or "yearly":
                return await api.PostAsync($"/v1/subscriptions/{id}", $"items[0][id]={item}&items[0][price]={prices[step]}&proration_behavior={(step == "upgrade" ? "always_invoice" : "create_prorations")}");
            case "upgrade_pending":
                return await api.PostAsync($"/v1/subscriptions/{id}", $"items[0][id]={item}&items[0][price]={prices["upgrade"]}&items[0][quantity]=2&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete");
            case "quantity":
                return await api.PostAsync($"/v1/subscription_items/{item}", "quantity=3");
            case "cancel_at_end":
                return await api.PostAsync($"/v1/subscriptions/{id}", "cancel_at_period_end=true");
            case "take_back":
                return await api.PostAsync($"/v1/subscriptions/{id}", "cancel_at_period_end=false&cancel_at=");
            case "cancel_at":
                return await api.PostAsync($"/v1/subscriptions/{id}", $"cancel_at={now.AddDays(9).Unix()}");
            case "cancel" or "cancel_prorated":
                return await api.DeleteAsync($"/v1/subscriptions/{id}{(step == "cancel" ? "" : "?prorate=true&invoice_now=true")}");
            case "pay":
                return subscription["latest_invoice.id"] is { } invoice ? await api.PostAsync($"/v1/invoices/{invoice}/pay") : null;
            case "schedule":
                var schedule = await api.PostAsync("/v1/subscription_schedules", $"from_subscription={id}");
                return schedule.Status != 200 ? schedule : await api.PostAsync($"/v1/subscription_schedules/{schedule.Id}",
                    $"phases[0][items][0][price]={schedule["phases.0.items.0.price"]}&phases[0][start_date]={schedule["phases.0.start_date"]}&phases[0][end_date]={schedule["phases.0.end_date"]}&phases[1][items][0][price]={prices["downgrade"]}");
            case "release":
                return subscription["schedule"] is { } running ? await api.PostAsync($"/v1/subscription_schedules/{running}/release") : null;
            case "coupon":
                return await api.PostAsync($"/v1/subscriptions/{id}", $"discounts[0][coupon]={coupon}");
            case "balance":
                return await api.PostAsync($"/v1/customers/{customer}/balance_transactions", "amount=-700&currency=usd");
            case "item":
                return await api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=450&currency=usd");
            case "trial_end":
                return await api.PostAsync($"/v1/subscriptions/{id}", "trial_end=now");
            default:
                var charge = (await api.GetAsync($"/v1/charges?customer={customer}&limit=1")).Ok();
                return charge.Data.Count == 0 ? null : await api.PostAsync("/v1/refunds", $"charge={charge["data.0.id"]}&amount=100");
        }
    }
}
