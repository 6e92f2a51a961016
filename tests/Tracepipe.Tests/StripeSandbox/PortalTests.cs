using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a portal that lets in whom it should not, or does what its owner did not allow.</summary>
public sealed class PortalTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task Without_a_configuration_there_is_no_portal() =>
        (await _api.PostAsync("/v1/billing_portal/sessions", $"customer={await _api.CustomerAsync()}")).Refused(400, null, "configuration");

    [Fact]
    public async Task A_visit_runs_out_and_another_account_has_none()
    {
        var (customer, _, _, _) = await ShopAsync();
        var url = await OpenAsync(customer);
        Assert.Equal(customer, Visit(url)!.Customer);
        Assert.Null(Portal.Open(sandbox.Server.Accounts, new string('x', 32)));
        (await _api.SandboxAsync("clock", new { advance_seconds = 1800 })).Ok();
        Assert.NotNull(Visit(url));
        (await _api.SandboxAsync("clock", new { advance_seconds = 3700 })).Ok();
        Assert.Null(Visit(url));
        var late = await OpenAsync(customer);
        (await _api.SandboxAsync("clock", new { advance_seconds = 301 })).Ok();
        Assert.Null(Visit(late));
    }

    [Fact]
    public async Task Canceling_sets_a_date_and_can_be_taken_back()
    {
        var (customer, subscription, _, _) = await ShopAsync();
        var visit = Visit(await OpenAsync(customer))!;
        Write(work => Portal.Cancel(work, visit, subscription, "too_expensive", "bye"));
        var ending = await _api.SubscriptionAsync(subscription);
        Assert.Equal(("false", ending["items.data.0.current_period_end"], "too_expensive"), (ending["cancel_at_period_end"], ending["cancel_at"], ending["cancellation_details.feedback"]));
        Write(work => Portal.TakeBack(work, visit, subscription));
        Assert.Null((await _api.SubscriptionAsync(subscription))["cancel_at"]);
    }

    [Fact]
    public async Task An_upgrade_is_shown_first_and_charged_at_once_a_downgrade_waits()
    {
        var (customer, subscription, pro, basic) = await ShopAsync();
        var visit = Visit(await OpenAsync(customer))!;
        var price = sandbox.Server.Accounts.ForKey(_api.Key).Read(work => Portal.PreviewChange(work, visit, subscription, pro)["total"]!.GetValue<long>());
        Assert.InRange(price, 4900, 5000);
        Write(work => Assert.Null(Portal.ChangePlan(work, visit, subscription, pro)));
        Assert.Equal(7900, (await _api.SubscriptionAsync(subscription)).Number("items.data.0.price.unit_amount"));
        Write(work => Assert.Null(Portal.ChangePlan(work, visit, subscription, basic)));
        var waiting = (await _api.GetAsync($"/v1/subscriptions/{subscription}?expand[]=schedule")).Ok();
        Assert.Equal((7900L, basic), (waiting.Number("items.data.0.price.unit_amount"), waiting["schedule.phases.1.items.0.price"]));
        var other = await _api.PriceAsync(100);
        Assert.Throws<StripeError>(() => Write(work => Portal.ChangePlan(work, visit, subscription, other)));
    }

    [Fact]
    public async Task The_last_card_stays_while_something_runs_on_it()
    {
        var (customer, _, _, _) = await ShopAsync();
        var visit = Visit(await OpenAsync(customer))!;
        var first = (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok()["data.0.id"]!;
        Assert.Throws<StripeError>(() => Write(work => Portal.RemoveCard(work, visit, first)));
        Write(work => Portal.AddCard(work, visit, PaymentMethods.Make(work, Cards.Recognize("5555555555554444", 12, 2040, "123", work.Now), 12, 2040, true)));
        var second = (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok()["data.0.id"]!;
        Write(work => Portal.MakeDefault(work, visit, second));
        Write(work => Portal.RemoveCard(work, visit, first));
        Assert.Equal(second, (await _api.GetAsync($"/v1/customers/{customer}")).Ok()["invoice_settings.default_payment_method"]);
        Assert.Throws<StripeError>(() => Write(work => Portal.AddCard(work, visit, PaymentMethods.Make(work, Cards.Recognize("4000000000000002", 12, 2040, "123", work.Now), 12, 2040, true))));
    }

    [Fact]
    public async Task What_is_not_enabled_is_refused()
    {
        var (customer, subscription, _, _) = await ShopAsync();
        var bare = (await _api.PostAsync("/v1/billing_portal/configurations", "features[invoice_history][enabled]=true")).Ok().Id;
        var visit = Visit((await _api.PostAsync("/v1/billing_portal/sessions", $"customer={customer}&configuration={bare}&return_url=https://app.example/")).Ok()["url"]!)!;
        Assert.Equal(403, Assert.Throws<StripeError>(() => Write(work => Portal.Cancel(work, visit, subscription, null, null))).Status);
        Assert.Equal(403, Assert.Throws<StripeError>(() => Write(work => Portal.UpdateCustomer(work, visit, "x", null, null))).Status);
        var (_, foreign, _, _) = await ShopAsync();
        var full = Visit(await OpenAsync(customer))!;
        Assert.Equal(404, Assert.Throws<StripeError>(() => Write(work => Portal.Cancel(work, full, foreign, null, null))).Status);
    }

    [Fact]
    public async Task A_flow_names_what_it_is_for()
    {
        var (customer, subscription, _, _) = await ShopAsync();
        var session = (await _api.PostAsync("/v1/billing_portal/sessions", $"customer={customer}&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]={subscription}&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://app.example/done")).Ok();
        Assert.Equal((subscription, "https://app.example/done"), (session["flow.subscription_cancel.subscription"], session["flow.after_completion.redirect.return_url"]));
        (await _api.PostAsync("/v1/billing_portal/sessions", $"customer={await _api.CustomerAsync()}&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]={subscription}")).Refused(404, "resource_missing");
        (await _api.PostAsync("/v1/billing_portal/sessions", $"customer={customer}&flow_data[type]=subscription_update")).Refused(400, "parameter_missing", "flow_data[subscription_update]");
    }

    /// <summary>A customer with the Starter plan, and a portal that offers Starter and Pro.</summary>
    private async Task<(string Customer, string Subscription, string Pro, string Basic)> ShopAsync()
    {
        var customer = await _api.CustomerAsync();
        await _api.UseCardAsync(customer, "pm_card_visa");
        var basic = await _api.PriceAsync(2900, name: "Starter");
        var pro = await _api.PriceAsync(7900);
        var products = new[] { (await _api.GetAsync($"/v1/prices/{basic}")).Ok()["product"], (await _api.GetAsync($"/v1/prices/{pro}")).Ok()["product"] };
        (await _api.PostAsync("/v1/billing_portal/configurations",
            "business_profile[headline]=Tracepipe&features[invoice_history][enabled]=true&features[payment_method_update][enabled]=true&features[customer_update][enabled]=true&features[customer_update][allowed_updates][]=email&features[subscription_cancel][enabled]=true&features[subscription_cancel][mode]=at_period_end&features[subscription_cancel][cancellation_reason][enabled]=true&features[subscription_cancel][cancellation_reason][options][]=too_expensive"
            + $"&features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price&features[subscription_update][proration_behavior]=always_invoice&features[subscription_update][products][0][product]={products[0]}&features[subscription_update][products][0][prices][]={basic}&features[subscription_update][products][1][product]={products[1]}&features[subscription_update][products][1][prices][]={pro}&features[subscription_update][schedule_at_period_end][conditions][0][type]=decreasing_item_amount")).Ok();
        return (customer, (await _api.SubscribeAsync(customer, basic)).Ok().Id, pro, basic);
    }

    private async Task<string> OpenAsync(string customer)
    {
        var configuration = (await _api.GetAsync("/v1/billing_portal/configurations?limit=1")).Ok()["data.0.id"];
        return (await _api.PostAsync("/v1/billing_portal/sessions", $"customer={customer}&configuration={configuration}&return_url=https://app.example/")).Ok()["url"]!;
    }

    private PortalVisit? Visit(string url) => Portal.Open(sandbox.Server.Accounts, url.Split("/p/session/")[1]);

    private void Write(Action<UnitOfWork> act) => sandbox.Server.Accounts.ForKey(_api.Key).Write(null, act);
}
