namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a card that counts as saved without its bank's consent, or a client secret that opens another's intent.</summary>
public sealed class SetupIntentTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private const string New = "usage=off_session&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_card_typed_in_a_browser_ends_on_the_customers_file()
    {
        var customer = await _api.CustomerAsync();
        var intent = (await _api.PostAsync("/v1/setup_intents", $"customer={customer}&{New}&metadata[org_id]=7")).Ok();
        Assert.Equal("requires_payment_method", intent["status"]);
        var confirmed = (await ConfirmAsync(intent, "4242424242424242")).Ok();
        Assert.Equal("succeeded", confirmed["status"]);
        Assert.Equal([customer], [.. (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data.Select(m => m["customer"]!.ToString())]);
        Assert.Equal(["customer.created", "setup_intent.created", "payment_method.attached", "setup_intent.succeeded"], await _api.EventTypesAsync());
    }

    [Fact]
    public async Task A_browser_sees_no_customer_and_no_metadata()
    {
        var customer = await _api.CustomerAsync();
        var intent = (await _api.PostAsync("/v1/setup_intents", $"customer={customer}&{New}&metadata[org_id]=7")).Ok();
        var seen = (await _api.GetAsync($"/v1/setup_intents/{intent.Id}?client_secret={intent["client_secret"]}", _api.PublishableKey)).Ok();
        Assert.Null(seen["customer"]);
        Assert.Null(seen["metadata"]);
        Assert.Equal("requires_payment_method", seen["status"]);
        var confirmed = await ConfirmAsync(intent, "4242424242424242");
        Assert.DoesNotContain(customer, confirmed.Json.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("*", confirmed.Header("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?client_secret=wrong")]
    public async Task Without_its_client_secret_a_browser_finds_nothing(string query)
    {
        var intent = (await _api.PostAsync("/v1/setup_intents", New)).Ok();
        (await _api.GetAsync($"/v1/setup_intents/{intent.Id}{query}", _api.PublishableKey)).Refused(404, "resource_missing");
        (await _api.PostAsync($"/v1/setup_intents/{intent.Id}/confirm", "payment_method=pm_card_visa&client_secret=wrong", key: _api.PublishableKey)).Refused(404, "resource_missing");
    }

    [Theory]
    [InlineData("GET", "/v1/customers")]
    [InlineData("POST", "/v1/customers")]
    [InlineData("GET", "/v1/payment_methods")]
    [InlineData("GET", "/v1/setup_intents")]
    [InlineData("POST", "/v1/setup_intents")]
    [InlineData("GET", "/v1/events")]
    public async Task A_publishable_key_opens_nothing_else(string method, string path) =>
        (await _api.SendAsync(new HttpMethod(method), path, method == "POST" ? "" : null, _api.PublishableKey)).Refused(403, "secret_key_required");

    [Theory]
    [InlineData(true, "succeeded", "setup_intent.succeeded")]
    [InlineData(false, "requires_payment_method", "setup_intent.setup_failed")]
    public async Task The_bank_asks_and_the_answer_decides(bool ok, string status, string told)
    {
        var customer = await _api.CustomerAsync();
        var intent = (await _api.PostAsync("/v1/setup_intents", $"customer={customer}&{New}")).Ok();
        var asked = (await ConfirmAsync(intent, "4000002500003155")).Ok();
        Assert.Equal(("requires_action", "use_stripe_sdk"), (asked["status"], asked["next_action.type"]));
        Assert.Empty((await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data);
        var attempt = (await _api.GetAsync($"/v1/setup_attempts?setup_intent={intent.Id}")).Ok().Data.Single()["id"]!.ToString();
        Assert.EndsWith($"/3ds/{attempt}", asked["next_action.use_stripe_sdk.stripe_js"], StringComparison.Ordinal);

        Answer(attempt, ok);
        var after = (await _api.GetAsync($"/v1/setup_intents/{intent.Id}?expand[]=latest_attempt")).Ok();
        Assert.Equal((status, null), (after["status"], after.At("next_action")));
        Assert.Equal(ok ? "authenticated" : "failed", after["latest_attempt.payment_method_details.card.three_d_secure.result"]);
        Assert.Equal(ok ? null : "setup_intent_authentication_failure", after["last_setup_error.code"]);
        Assert.Equal(ok ? 1 : 0, (await _api.GetAsync($"/v1/customers/{customer}/payment_methods")).Ok().Data.Count);
        Assert.Equal(["setup_intent.requires_action", .. ok ? ["payment_method.attached"] : Array.Empty<string>(), told], (await _api.EventTypesAsync()).Skip(2));
    }

    [Fact]
    public async Task Confirmed_by_a_server_the_customer_is_sent_to_the_bank_and_back()
    {
        var intent = (await _api.PostAsync("/v1/setup_intents", "automatic_payment_methods[enabled]=true&payment_method=pm_card_authenticationRequired&confirm=true&return_url=https://app.example/back")).Ok();
        Assert.Equal("redirect_to_url", intent["next_action.type"]);
        Assert.Contains("/3ds/setatt_", intent["next_action.redirect_to_url.url"], StringComparison.Ordinal);
        var next = Answer(intent["latest_attempt"]!, ok: true);
        Assert.Equal($"https://app.example/back?setup_intent={intent.Id}&setup_intent_client_secret={intent["client_secret"]}&redirect_status=succeeded", next);
    }

    [Fact]
    public async Task A_server_that_allows_redirects_must_say_where_to_return() =>
        (await _api.PostAsync("/v1/setup_intents", "automatic_payment_methods[enabled]=true&payment_method=pm_card_visa&confirm=true")).Refused(400, "parameter_missing", "return_url");

    [Fact]
    public async Task An_answer_counts_once_and_for_the_latest_attempt_alone()
    {
        var intent = (await _api.PostAsync("/v1/setup_intents", New)).Ok();
        var first = (await ConfirmAsync(intent, "4000002500003155")).Ok()["next_action.use_stripe_sdk.source"]!;
        var second = (await ConfirmAsync(intent, "4000002500003155")).Ok()["next_action.use_stripe_sdk.source"]!;
        Assert.Throws<Tracepipe.StripeSandbox.Core.StripeError>(() => Answer(first, ok: true));
        Answer(second, ok: true);
        Assert.Throws<Tracepipe.StripeSandbox.Core.StripeError>(() => Answer(second, ok: true));
        Assert.Equal(["succeeded", "abandoned"], [.. (await _api.GetAsync($"/v1/setup_attempts?setup_intent={intent.Id}")).Ok().Data.Select(a => a["status"]!.ToString())]);
    }

    [Fact]
    public async Task Asked_and_then_declined_is_declined()
    {
        var intent = (await _api.PostAsync("/v1/setup_intents", New)).Ok();
        var asked = (await ConfirmAsync(intent, "4000008400001629")).Ok();
        Answer(asked["next_action.use_stripe_sdk.source"]!, ok: true);
        var after = (await _api.GetAsync($"/v1/setup_intents/{intent.Id}")).Ok();
        Assert.Equal(("requires_payment_method", "card_declined"), (after["status"], after["last_setup_error.code"]));
    }

    [Theory]
    [InlineData("succeeded")]
    [InlineData("canceled")]
    public async Task Nothing_follows_the_end(string end)
    {
        var intent = (await _api.PostAsync("/v1/setup_intents", New)).Ok();
        if (end == "succeeded") (await ConfirmAsync(intent, "4242424242424242")).Ok();
        else (await _api.PostAsync($"/v1/setup_intents/{intent.Id}/cancel", "cancellation_reason=abandoned")).Ok();
        var events = (await _api.EventTypesAsync()).Count;
        (await ConfirmAsync(intent, "4242424242424242")).Refused(400, "setup_intent_unexpected_state");
        (await _api.PostAsync($"/v1/setup_intents/{intent.Id}/confirm", "payment_method=pm_card_visa")).Refused(400, "setup_intent_unexpected_state");
        (await _api.PostAsync($"/v1/setup_intents/{intent.Id}/cancel")).Refused(400, "setup_intent_unexpected_state");
        (await _api.PostAsync($"/v1/setup_intents/{intent.Id}", "description=x")).Refused(400, "setup_intent_unexpected_state");
        Assert.Equal(events, (await _api.EventTypesAsync()).Count);
    }

    [Fact]
    public async Task A_confirmation_needs_a_payment_method() =>
        (await _api.PostAsync($"/v1/setup_intents/{(await _api.PostAsync("/v1/setup_intents", New)).Ok().Id}/confirm")).Refused(400, "setup_intent_unexpected_state", "payment_method");

    [Fact]
    public async Task Another_customers_card_is_refused()
    {
        var method = (await _api.PostAsync($"/v1/payment_methods/pm_card_visa/attach", $"customer={await _api.CustomerAsync()}")).Ok();
        (await _api.PostAsync("/v1/setup_intents", $"{New}&customer={await _api.CustomerAsync()}&payment_method={method.Id}")).Refused(400, "payment_method_unexpected_state");
    }

    [Fact]
    public async Task A_preflight_lets_browsers_in()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Options, new Uri(_api.Url, "/v1/setup_intents/seti_1/confirm"));
        using var answer = await http.SendAsync(request);
        Assert.Equal(204, (int)answer.StatusCode);
        Assert.Contains("Authorization", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.Ordinal);
    }

    private Task<Answer> ConfirmAsync(Answer intent, string number) => _api.PostAsync($"/v1/setup_intents/{intent.Id}/confirm",
        $"client_secret={intent["client_secret"]}&payment_method_data[type]=card&payment_method_data[card][number]={number}&payment_method_data[card][exp_month]=12&payment_method_data[card][exp_year]=40&payment_method_data[card][cvc]=123&use_stripe_sdk=true",
        key: _api.PublishableKey);

    private string? Answer(string attempt, bool ok) => Tracepipe.StripeSandbox.Core.Challenges.Complete(sandbox.Server.Accounts, attempt, ok);
}
