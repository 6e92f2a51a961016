using FsCheck;
using FsCheck.Fluent;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a sequence of calls, in an order nobody thought of, that leaves the state machine.</summary>
public sealed class SetupIntentWalkTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private static readonly string[] Cards = ["pm_card_visa", "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired", "pm_card_threeDSecureRequiredChargeDeclined", "pm_card_chargeCustomerFail"];
    private static readonly string[] Steps = ["choose", "confirm", "confirm_new", "pass", "fail", "cancel", "update"];

    [Fact]
    public void Any_walk_keeps_the_invariants()
    {
        var step = Gen.Elements(Steps).SelectMany(_ => Gen.Elements(Cards), (s, c) => (Step: s, Card: c));
        var walks = Arb.From(step.ListOf().Select(l => l.Take(12).ToArray()));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(60, 1000)), Prop.ForAll(walks, walk =>
        {
            WalkAsync(walk).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task WalkAsync((string Step, string Card)[] walk)
    {
        var api = sandbox.NewAccount();
        var customer = await api.CustomerAsync();
        var id = (await api.PostAsync("/v1/setup_intents", $"customer={customer}&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never")).Ok().Id;
        var (status, events) = ("requires_payment_method", 2);
        foreach (var (step, card) in walk)
        {
            var (answered, allowed) = await DoAsync(api, id, step, card);
            var intent = (await api.GetAsync($"/v1/setup_intents/{id}?expand[]=latest_attempt")).Ok();
            var now = intent["status"]!;
            var told = await api.EventTypesAsync();
            Assert.Contains(now, allowed[status]);
            if (status is "succeeded" or "canceled") Assert.Equal((400, events), (answered, told.Count));
            else if (now != status && now is "succeeded" or "canceled" or "requires_action") Assert.Equal($"setup_intent.{now}", told[^1]);
            Assert.Equal(now == "requires_action", intent.At("next_action") is not null);
            Assert.Equal(now is "succeeded", (await api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data.Count == 1);
            if (now == "succeeded") Assert.Equal("succeeded", intent["latest_attempt.status"]);
            Assert.True((await api.GetAsync($"/v1/setup_attempts?setup_intent={id}")).Ok().Data.Count(a => a["status"]!.ToString() == "requires_action") <= 1);
            (status, events) = (now, told.Count);
        }
        Assert.Equal(status == "succeeded" ? 1 : 0, (await api.EventTypesAsync()).Count(t => t == "setup_intent.succeeded"));
    }

    /// <summary>Takes one step and says which states may follow each.</summary>
    private async Task<(int Status, Dictionary<string, string[]> Allowed)> DoAsync(SandboxClient api, string id, string step, string card)
    {
        string[] anyOpen = ["requires_payment_method", "requires_confirmation", "requires_action", "succeeded"];
        switch (step)
        {
            case "choose":
                return ((await api.PostAsync($"/v1/setup_intents/{id}", $"payment_method={card}")).Status, Moves(["requires_confirmation"], ["requires_confirmation"], ["requires_confirmation"]));
            case "update":
                return ((await api.PostAsync($"/v1/setup_intents/{id}", "description=x")).Status, Moves(["requires_payment_method"], ["requires_confirmation"], ["requires_action"]));
            case "confirm":
                return ((await api.PostAsync($"/v1/setup_intents/{id}/confirm")).Status, Moves(["requires_payment_method"], anyOpen, anyOpen));
            case "confirm_new":
                return ((await api.PostAsync($"/v1/setup_intents/{id}/confirm", $"payment_method={card}")).Status, Moves(anyOpen, anyOpen, anyOpen));
            case "cancel":
                return ((await api.PostAsync($"/v1/setup_intents/{id}/cancel")).Status, Moves(["canceled"], ["canceled"], ["canceled"]));
            default:
                var attempt = (await api.GetAsync($"/v1/setup_intents/{id}")).Ok()["latest_attempt"];
                var status = 200;
                try
                {
                    if (attempt is null) status = 400;
                    else Challenges.Complete(sandbox.Server.Accounts, attempt, step == "pass");
                }
                catch (StripeError refused)
                {
                    status = refused.Status;
                }
                return (status, Moves(["requires_payment_method"], ["requires_confirmation"], step == "pass" ? ["succeeded", "requires_payment_method"] : ["requires_payment_method"]));
        }
    }

    private static Dictionary<string, string[]> Moves(string[] fromEmpty, string[] fromChosen, string[] fromAsked) => new()
    {
        ["requires_payment_method"] = fromEmpty,
        ["requires_confirmation"] = fromChosen,
        ["requires_action"] = fromAsked,
        ["succeeded"] = ["succeeded"],
        ["canceled"] = ["canceled"],
    };
}
