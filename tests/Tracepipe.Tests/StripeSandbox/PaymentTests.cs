using FsCheck;
using FsCheck.Fluent;
using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a charge that counts although it was refused, and more money back than was paid.</summary>
public sealed class PaymentTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private const string Confirmed = "amount=5000&currency=usd&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Theory]
    // card, on session, off session
    [InlineData("pm_card_visa", "succeeded", "succeeded")]
    [InlineData("pm_card_chargeCustomerFail", "card_declined/generic_decline", "card_declined/generic_decline")]
    [InlineData("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined/insufficient_funds", "card_declined/insufficient_funds")]
    [InlineData("pm_card_chargeDeclinedExpiredCard", "expired_card/expired_card", "expired_card/expired_card")]
    [InlineData("pm_card_authenticationRequired", "requires_action", "authentication_required/authentication_required")]
    [InlineData("pm_card_authenticationRequiredOnSetup", "requires_action", "authentication_required/authentication_required")]
    [InlineData("pm_card_authenticationRequiredSetupForOffSession", "requires_action", "succeeded")]
    [InlineData("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds", "requires_action", "card_declined/insufficient_funds")]
    [InlineData("pm_card_threeDSecureRequiredProcessingError", "card_declined/generic_decline", "card_declined/generic_decline")]
    public async Task A_card_is_charged_as_its_row_says(string card, string onSession, string offSession)
    {
        Assert.Equal(onSession, Outcome(await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&payment_method={card}")));
        Assert.Equal(offSession, Outcome(await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&payment_method={card}&off_session=true")));

        static string Outcome(Answer a) => a.Status == 200 ? a["status"]! : $"{a["error.code"]}/{a["error.decline_code"]}";
    }

    [Fact]
    public async Task After_a_setup_the_card_works_without_its_owner()
    {
        var customer = await _api.CustomerAsync();
        var setup = (await _api.PostAsync("/v1/setup_intents", $"customer={customer}&payment_method=pm_card_authenticationRequiredOnSetup&confirm=true")).Ok();
        Challenges.Complete(sandbox.Server.Accounts, setup["latest_attempt"]!, true);
        var card = (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok()["data.0.id"];
        Assert.Equal("succeeded", (await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&customer={customer}&payment_method={card}&off_session=true")).Ok()["status"]);
    }

    [Fact]
    public async Task A_decline_leaves_a_failed_charge_and_the_intent_open()
    {
        var refused = (await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&payment_method=pm_card_visa_chargeDeclined")).Refused(402, "card_declined");
        var intent = (await _api.GetAsync($"/v1/payment_intents/{refused["error.payment_intent.id"]}?expand[]=latest_charge")).Ok();
        Assert.Equal(("requires_payment_method", "failed", "card_declined", 0L), (intent["status"], intent["latest_charge.status"], intent["last_payment_error.code"], intent.Number("amount_received")));
        Assert.Equal(["payment_intent.created", "charge.failed", "payment_intent.payment_failed"], await _api.EventTypesAsync());
        var paid = (await _api.PostAsync($"/v1/payment_intents/{intent.Id}/confirm", "payment_method=pm_card_visa")).Ok();
        Assert.Equal(("succeeded", null), (paid["status"], paid["last_payment_error"]));
        Assert.Equal(2, (await _api.GetAsync($"/v1/charges?payment_intent={intent.Id}")).Ok().Data.Count);
    }

    [Theory]
    [InlineData(true, "succeeded")]
    [InlineData(false, "requires_payment_method")]
    public async Task The_bank_asks_and_the_answer_decides(bool ok, string status)
    {
        var intent = (await _api.PostAsync("/v1/payment_intents", $"amount=5000&currency=usd&confirm=true&payment_method=pm_card_threeDSecure2Required&return_url=https://app.example/back")).Ok();
        Assert.Equal("redirect_to_url", intent["next_action.type"]);
        var attempt = intent["next_action.redirect_to_url.url"]!.Split("/3ds/")[1];
        var next = Challenges.Complete(sandbox.Server.Accounts, attempt, ok);
        Assert.EndsWith(ok ? "redirect_status=succeeded" : "redirect_status=failed", next, StringComparison.Ordinal);
        var after = (await _api.GetAsync($"/v1/payment_intents/{intent.Id}")).Ok();
        Assert.Equal((status, ok ? null : "payment_intent_authentication_failure"), (after["status"], after["last_payment_error.code"]));
        Assert.Throws<StripeError>(() => Challenges.Complete(sandbox.Server.Accounts, attempt, ok));
        Assert.Equal(ok ? 1 : 0, (await _api.GetAsync($"/v1/charges?payment_intent={intent.Id}")).Ok().Data.Count);
    }

    [Fact]
    public async Task Amounts_have_limits()
    {
        (await _api.PostAsync("/v1/payment_intents", "amount=49&currency=usd")).Refused(400, "amount_too_small", "amount");
        (await _api.PostAsync("/v1/payment_intents", "amount=100000000&currency=usd")).Refused(400, "amount_too_large", "amount");
        (await _api.PostAsync("/v1/payment_intents", "currency=usd")).Refused(400, "parameter_missing", "amount");
    }

    [Fact]
    public async Task Refunds_never_exceed_the_charge()
    {
        var paid = (await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&payment_method=pm_card_visa")).Ok();
        (await _api.PostAsync("/v1/refunds", $"payment_intent={paid.Id}&amount=5001")).Refused(400, "charge_already_refunded", "amount");
        Assert.Equal("succeeded", (await _api.PostAsync("/v1/refunds", $"payment_intent={paid.Id}&amount=2000&reason=duplicate&metadata[a]=b")).Ok()["status"]);
        (await _api.PostAsync("/v1/refunds", $"charge={paid["latest_charge"]}&amount=3001")).Refused(400, "charge_already_refunded");
        Assert.Equal(3000, (await _api.PostAsync("/v1/refunds", $"charge={paid["latest_charge"]}")).Ok().Number("amount"));
        (await _api.PostAsync("/v1/refunds", $"charge={paid["latest_charge"]}")).Refused(400, "charge_already_refunded");
        var charge = (await _api.GetAsync($"/v1/charges/{paid["latest_charge"]}")).Ok();
        Assert.Equal(("true", 5000L), (charge["refunded"], charge.Number("amount_refunded")));
        Assert.Equal(2, (await _api.EventTypesAsync()).Count(t => t == "charge.refunded"));
    }

    [Theory]
    [InlineData("pm_card_pendingRefund", "pending", "succeeded", 5000, "refund.updated")]
    [InlineData("pm_card_refundFail", "succeeded", "failed", 0, "refund.failed")]
    public async Task Some_refunds_are_decided_later(string card, string first, string later, long refunded, string told)
    {
        var (clock, customer) = await _api.ClockedAsync(card);
        var method = (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok()["data.0.id"];
        var paid = (await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&customer={customer}&payment_method={method}")).Ok();
        var refund = (await _api.PostAsync("/v1/refunds", $"payment_intent={paid.Id}")).Ok();
        Assert.Equal(first, refund["status"]);
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMinutes(1));
        Assert.Equal(later, (await _api.GetAsync($"/v1/refunds/{refund.Id}")).Ok()["status"]);
        Assert.Equal(refunded, (await _api.GetAsync($"/v1/charges/{paid["latest_charge"]}")).Ok().Number("amount_refunded"));
        Assert.Contains(told, await _api.EventTypesAsync());
    }

    [Fact]
    public async Task A_disputed_charge_is_told_and_not_refunded()
    {
        var paid = (await _api.PostAsync("/v1/payment_intents", $"{Confirmed}&payment_method=pm_card_createDispute")).Ok();
        var dispute = (await _api.GetAsync($"/v1/disputes?payment_intent={paid.Id}")).Ok();
        Assert.Equal(("fraudulent", "needs_response"), (dispute["data.0.reason"], dispute["data.0.status"]));
        Assert.Contains("charge.dispute.created", await _api.EventTypesAsync());
        (await _api.PostAsync("/v1/refunds", $"payment_intent={paid.Id}")).Refused(400, "charge_disputed");
    }

    [Fact]
    public void Any_walk_conserves_money()
    {
        var steps = Gen.Elements("confirm_ok", "confirm_declined", "confirm_asked", "pass", "fail", "cancel", "refund_part", "refund_rest", "update");
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(50, 1000)), Prop.ForAll(Arb.From(steps.ListOf().Select(l => l.Take(12).ToArray())), walk =>
        {
            WalkAsync(walk).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task WalkAsync(string[] walk)
    {
        var api = sandbox.NewAccount();
        var id = (await api.PostAsync("/v1/payment_intents", "amount=1000&currency=usd&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never")).Ok().Id;
        var status = "requires_payment_method";
        foreach (var step in walk)
        {
            var before = (await api.GetAsync($"/v1/payment_intents/{id}")).Ok();
            var answered = step switch
            {
                "confirm_ok" => (await api.PostAsync($"/v1/payment_intents/{id}/confirm", "payment_method=pm_card_visa")).Status,
                "confirm_declined" => (await api.PostAsync($"/v1/payment_intents/{id}/confirm", "payment_method=pm_card_visa_chargeDeclined")).Status,
                "confirm_asked" => (await api.PostAsync($"/v1/payment_intents/{id}/confirm", "payment_method=pm_card_threeDSecure2Required")).Status,
                "cancel" => (await api.PostAsync($"/v1/payment_intents/{id}/cancel")).Status,
                "refund_part" => (await api.PostAsync("/v1/refunds", $"payment_intent={id}&amount=300")).Status,
                "refund_rest" => (await api.PostAsync("/v1/refunds", $"payment_intent={id}")).Status,
                "update" => (await api.PostAsync($"/v1/payment_intents/{id}", "description=x")).Status,
                _ => Answer(before["next_action.use_stripe_sdk.source"], step == "pass"),
            };
            Assert.True(answered is 200 or 400 or 402);
            var now = (await api.GetAsync($"/v1/payment_intents/{id}")).Ok();
            if (status is "succeeded" or "canceled") Assert.Equal(status, now["status"]);
            var charges = (await api.GetAsync($"/v1/charges?payment_intent={id}&limit=100")).Ok().Data;
            var refunds = (await api.GetAsync($"/v1/refunds?payment_intent={id}&limit=100")).Ok().Data.Sum(r => r["amount"]!.GetValue<long>());
            var taken = charges.Where(c => c["status"]!.ToString() == "succeeded").Sum(c => c["amount"]!.GetValue<long>());
            Assert.Equal(now["status"] == "succeeded" ? 1000 : 0, taken);
            Assert.Equal(taken, now.Number("amount_received"));
            Assert.InRange(refunds, 0, taken);
            Assert.Equal(refunds, charges.Sum(c => c["amount_refunded"]!.GetValue<long>()));
            Assert.Equal(now["status"] == "requires_action", now.At("next_action") is not null);
            status = now["status"]!;
        }
        Assert.Equal(status == "succeeded" ? 1 : 0, (await api.EventTypesAsync()).Count(t => t == "payment_intent.succeeded"));

        int Answer(string? attempt, bool ok)
        {
            try
            {
                if (attempt is null) return 400;
                Challenges.Complete(sandbox.Server.Accounts, attempt, ok);
                return 200;
            }
            catch (StripeError refused)
            {
                return refused.Status;
            }
        }
    }
}
