using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// Exists to catch: a stand-in that says "saved" although the sandbox did not save, a decline without its reason, a
/// challenge that leaves the intent hanging, and a page that needs a weaker content security policy than ours.
/// </summary>
public sealed class SavedCardTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    [Fact]
    public async Task A_good_card_is_saved_for_the_customer()
    {
        var (intent, form) = await OpenAsync();
        await form.SaveAsync("4242 4242 4242 4242");
        await form.SaysAsync("saved: succeeded");
        Assert.Equal("succeeded", await shop.StatusAsync(intent));
        Assert.Equal(["4242"], await shop.CardsAsync(intent));
    }

    [Fact]
    public async Task A_declined_card_says_why_and_another_one_can_follow()
    {
        ExpectedComplaints.Add("402");
        var (intent, form) = await OpenAsync();
        await form.SaveAsync("4000 0000 0000 0002");
        await form.SaysAsync("card_declined: The card was declined.");
        Assert.Empty(await shop.CardsAsync(intent));
        await form.SaveAsync("4242 4242 4242 4242");
        await form.SaysAsync("saved: succeeded");
        Assert.Equal(["4242"], await shop.CardsAsync(intent));
    }

    [Fact]
    public async Task A_wrong_security_code_stands_at_its_field()
    {
        ExpectedComplaints.Add("402");
        var (_, form) = await OpenAsync();
        await form.SaveAsync("4000 0000 0000 0127");
        await form.SaysAsync("incorrect_cvc: The card's security code is wrong.");
        await form.SaysAtAsync(form.Cvc, "The card's security code is wrong.");
        await form.Cvc.FillAsync("124");
        await CardForm.IsFineAsync(form.Cvc);
    }

    [Fact]
    public async Task A_number_that_is_no_test_card_is_refused_and_kept_nowhere()
    {
        ExpectedComplaints.Add("402");
        var (intent, form) = await OpenAsync();
        await form.SaveAsync("4111 1111 1111 1111");
        await Assertions.Expect(form.Outcome).ToContainTextAsync("use a test card");
        await Assertions.Expect(form.Number).ToHaveAttributeAsync("aria-invalid", "true");
        Assert.Empty(await shop.CardsAsync(intent));
        Assert.Equal("requires_payment_method", await shop.StatusAsync(intent));
        using var events = await shop.CallAsync(HttpMethod.Get, "/v1/events?limit=100");
        Assert.DoesNotContain("1111", events.RootElement.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_bank_asks_and_a_completed_answer_saves_the_card()
    {
        var (intent, form) = await OpenAsync();
        await form.SaveAsync("4000 0025 0000 3155");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Heading, new() { Name = "Is this you?" })).ToBeFocusedAsync();
        await form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await form.SaysAsync("saved: succeeded");
        Assert.Equal(["3155"], await shop.CardsAsync(intent));
    }

    [Theory]
    [InlineData("button")]
    [InlineData("escape")]
    public async Task The_bank_asks_and_a_refused_answer_is_told(string how)
    {
        var (intent, form) = await OpenAsync();
        await form.SaveAsync("4000 0025 0000 3155");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Heading, new() { Name = "Is this you?" })).ToBeFocusedAsync();
        var fail = form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" });
        if (how == "button") await fail.ClickAsync();
        else await fail.PressAsync("Escape");
        await form.SaysAsync("setup_intent_authentication_failure: The card could not be authenticated. Choose another payment method and try again.");
        Assert.Equal("requires_payment_method", await shop.StatusAsync(intent));
        Assert.Empty(await shop.CardsAsync(intent));
        await Assertions.Expect(form.Frame.Owner.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task With_redirect_always_the_browser_comes_back_with_the_intent()
    {
        var (intent, form) = await OpenAsync("&redirect=always");
        await form.SaveAsync("4242 4242 4242 4242");
        await Assertions.Expect(form.Save.Page.GetByRole(AriaRole.Heading, new() { Name = "Back in the shop" })).ToBeVisibleAsync();
        Assert.Equal($"{shop.Url}done?from=card&setup_intent={intent.Id}&setup_intent_client_secret={intent.ClientSecret}&redirect_status=succeeded", form.Save.Page.Url);
    }

    [Theory]
    [InlineData("Complete authentication", "succeeded")]
    [InlineData("Fail authentication", "failed")]
    public async Task An_intent_confirmed_by_the_server_sends_the_browser_to_the_bank_and_back(string button, string status)
    {
        var intent = await shop.NewIntentAsync(("confirm", "true"), ("payment_method", "pm_card_authenticationRequiredOnSetup"), ("return_url", $"{shop.Url}done"));
        using var found = await shop.CallAsync(HttpMethod.Get, $"/v1/setup_intents/{intent.Id}");
        var page = await OpenPageAsync();
        await page.GotoAsync(found.RootElement.GetProperty("next_action").GetProperty("redirect_to_url").GetProperty("url").GetString()!);
        await Assertions.Expect(page.GetByText("Local sandbox – no real money, no real cards")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Back in the shop" })).ToBeVisibleAsync();
        Assert.Equal($"{shop.Url}done?setup_intent={intent.Id}&setup_intent_client_secret={intent.ClientSecret}&redirect_status={status}", page.Url);
    }

    [Fact]
    public async Task An_action_that_is_left_over_can_be_handled_later()
    {
        var intent = await shop.NewIntentAsync(("confirm", "true"), ("payment_method", "pm_card_authenticationRequiredOnSetup"), ("use_stripe_sdk", "true"));
        var (_, form) = await OpenAsync();
        var waiting = form.Save.Page.EvaluateAsync<string>("secret => stripe.handleNextAction({ clientSecret: secret }).then(r => r.setupIntent?.status ?? r.error.code)", intent.ClientSecret);
        await form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        Assert.Equal("succeeded", await waiting);
        Assert.Equal("setup_intent_unexpected_state",
            await form.Save.Page.EvaluateAsync<string>("secret => stripe.handleNextAction({ clientSecret: secret }).then(r => r.error.code)", intent.ClientSecret));
    }

    [Fact]
    public async Task A_payment_method_can_be_made_before_it_is_used()
    {
        var (_, form) = await OpenAsync();
        await form.FillAsync("5555 5555 5555 4444");
        var made = await form.Save.Page.EvaluateAsync<string>(
            "async () => { await elements.submit(); const { paymentMethod } = await stripe.createPaymentMethod({ elements }); return `${paymentMethod.card.brand} ${paymentMethod.card.last4}`; }");
        Assert.Equal("mastercard 4444", made);
    }

    [Fact]
    public async Task A_browser_sees_neither_customer_nor_metadata()
    {
        var intent = await shop.NewIntentAsync(("metadata[org_id]", "org_1"));
        var (_, form) = await OpenAsync();
        var seen = await form.Save.Page.EvaluateAsync<string>("secret => stripe.retrieveSetupIntent(secret).then(r => JSON.stringify(r.setupIntent))", intent.ClientSecret);
        Assert.Contains(intent.Id, seen, StringComparison.Ordinal);
        Assert.DoesNotContain("org_1", seen, StringComparison.Ordinal);
        Assert.DoesNotContain(intent.Customer, seen, StringComparison.Ordinal);
    }

    private async Task<(SavedIntent, CardForm)> OpenAsync(string options = "")
    {
        var intent = await shop.NewIntentAsync();
        var page = await OpenPageAsync();
        await page.GotoAsync(shop.CardPage(intent, options));
        return (intent, new CardForm(page));
    }
}
