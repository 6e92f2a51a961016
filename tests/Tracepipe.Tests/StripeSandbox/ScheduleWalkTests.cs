using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a plan of changes that leaves its states, outlives its subscription, or is carried out after it was taken back.</summary>
public sealed class ScheduleWalkTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly Dictionary<string, string[]> Moves = new(StringComparer.Ordinal)
    {
        ["not_started"] = ["not_started", "active", "released", "canceled", "completed"],
        ["active"] = ["active", "released", "canceled", "completed"],
        ["released"] = ["released"],
        ["canceled"] = ["canceled"],
        ["completed"] = ["completed"],
    };

    private static readonly string[] Steps = ["day", "week", "month", "plan", "plan_cancel", "release", "cancel", "end_subscription", "bad_card", "good_card", "upgrade", "cancel_at_end", "take_back"];

    [Fact]
    public void Any_plan_keeps_its_states_and_the_books()
    {
        var walks = from later in Gen.Elements(true, false)
                    from steps in Gen.Elements(Steps).ListOf()
                    select (later, steps: steps.Take(12).ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(40, 1000)).WithEndSize(40), Prop.ForAll(Arb.From(walks), walk =>
        {
            LiveAsync(walk.later, walk.steps).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task LiveAsync(bool later, string[] steps)
    {
        var api = sandbox.NewAccount();
        var (pro, basic) = (await api.PriceAsync(7900), await api.PriceAsync(2900));
        var (clock, customer) = await api.ClockedAsync();
        var schedule = later
            ? (await api.PostAsync("/v1/subscription_schedules", $"customer={customer}&start_date={BillingWorld.Start.AddDays(5).Unix()}&phases[0][items][0][price]={pro}&phases[1][items][0][price]={basic}")).Ok().Id
            : (await api.PostAsync("/v1/subscription_schedules", $"from_subscription={(await api.SubscribeAsync(customer, pro)).Ok().Id}")).Ok().Id;
        var status = (await api.GetAsync($"/v1/subscription_schedules/{schedule}")).Ok()["status"]!;
        foreach (var step in steps)
        {
            var before = (await api.GetAsync($"/v1/subscription_schedules/{schedule}")).Ok();
            var answer = await StepAsync(api, step, clock, customer, before, pro, basic);
            Assert.True(answer is null || answer.Status is 200 or 400 or 402 or 404, answer?.Json.ToJsonString());
            var now = (await api.GetAsync($"/v1/subscription_schedules/{schedule}")).Ok();
            Assert.True(Moves[status].Contains(now["status"]), $"{status} → {now["status"]} by {step}");
            status = now["status"]!;
            await ConsistentAsync(api, customer, now);
        }
        var told = await api.EventsSinceAsync(0);
        foreach (var end in (string[])["released", "canceled", "completed"])
            Assert.Equal(status == end ? 1 : 0, told.Count(t => t == $"subscription_schedule.{end}"));
    }

    private static async Task ConsistentAsync(SandboxClient api, string customer, Answer schedule)
    {
        await api.BooksBalanceAsync(customer);
        var active = schedule["status"] == "active";
        Assert.Equal(active, schedule.At("current_phase") is not null);
        Assert.Equal((schedule["status"] == "released", schedule["status"] == "canceled", schedule["status"] == "completed"), (schedule["released_at"] is not null, schedule["canceled_at"] is not null, schedule["completed_at"] is not null));
        var phases = schedule.At("phases")!.AsArray();
        for (var i = 1; i < phases.Count; i++) Assert.Equal(phases[i - 1]!["end_date"]!.GetValue<long>(), phases[i]!["start_date"]!.GetValue<long>());
        foreach (var subscription in (await api.GetAsync($"/v1/subscriptions?customer={customer}&status=all")).Ok().Data)
        {
            var over = subscription["status"]!.ToString() is "canceled" or "incomplete_expired";
            if (active) Assert.Equal((schedule.Id, false), (subscription["schedule"]?.ToString(), over));
            else if (!over) Assert.Null(subscription["schedule"]);
            // While it runs, what is subscribed to is what the phase says, unless somebody changed it directly.
            if (active) Assert.Contains(subscription["items"]!["data"]![0]!["price"]!["unit_amount"]!.GetValue<long>(), new long[] { 7900, 2900 });
        }
    }

    private static async Task<Answer?> StepAsync(SandboxClient api, string step, string clock, string customer, Answer schedule, string pro, string basic)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds((await api.GetAsync($"/v1/test_helpers/test_clocks/{clock}")).Ok().Number("frozen_time"));
        var subscription = schedule["subscription"] is { } id ? (await api.GetAsync($"/v1/subscriptions/{id}")).Ok() : null;
        switch (step)
        {
            case "day" or "week" or "month":
                await api.AdvanceAsync(clock, step switch { "day" => now.AddDays(1), "week" => now.AddDays(7), _ => now.AddMonths(1).AddHours(2) });
                return null;
            case "good_card" or "bad_card":
                await api.UseCardAsync(customer, step == "good_card" ? "pm_card_visa" : "pm_card_chargeCustomerFail");
                return null;
            case "plan" or "plan_cancel":
                return await api.PostAsync($"/v1/subscription_schedules/{schedule.Id}", $"end_behavior={(step == "plan" ? "release" : "cancel")}&phases[0][items][0][price]={pro}" +
                    $"&phases[0][start_date]={schedule["phases.0.start_date"]}&phases[0][end_date]={schedule["phases.0.end_date"]}&phases[1][items][0][price]={basic}&phases[1][proration_behavior]=none");
            case "release" or "cancel":
                return await api.PostAsync($"/v1/subscription_schedules/{schedule.Id}/{step}");
            case "end_subscription":
                return subscription is null ? null : await api.DeleteAsync($"/v1/subscriptions/{subscription.Id}");
            case "upgrade":
                return subscription is null ? null : await api.PostAsync($"/v1/subscriptions/{subscription.Id}", $"items[0][id]={subscription["items.data.0.id"]}&items[0][price]={basic}&proration_behavior=always_invoice");
            default:
                return subscription is null ? null : await api.PostAsync($"/v1/subscriptions/{subscription.Id}", step == "cancel_at_end" ? "cancel_at_period_end=true" : "cancel_at_period_end=false&cancel_at=");
        }
    }
}
