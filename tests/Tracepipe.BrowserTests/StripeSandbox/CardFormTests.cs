using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// Exists to catch: a form that lets nonsense through to the server, says it in the wrong place, needs a mouse, does not fit
/// the page around it, or lets that page read the card.
/// </summary>
public sealed class CardFormTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    [Fact]
    public async Task Nonsense_stands_at_its_field_while_leaving_it()
    {
        var (_, form) = await OpenAsync();
        await form.Number.PressSequentiallyAsync("4242424242424241");
        await Assertions.Expect(form.Number).Not.ToHaveAttributeAsync("aria-invalid", "true");
        await form.Expiry.PressSequentiallyAsync("1334");
        await form.SaysAtAsync(form.Number, "This is not a card number. Check the digits.");
        await form.Cvc.PressSequentiallyAsync("99");
        await form.SaysAtAsync(form.Expiry, "The month goes from 01 to 12.");
        await form.Number.FocusAsync();
        await form.SaysAtAsync(form.Cvc, "The CVC of this card has 3 digits.");
        await form.Number.FillAsync("4242424242424242");
        await CardForm.IsFineAsync(form.Number);
    }

    [Theory]
    [InlineData("4242 4242 4242 4241", "12 / 34", "123", "invalid_number", "This is not a card number. Check the digits.")]
    [InlineData("4242 4242", "12 / 34", "123", "incomplete_number", "The card number is too short.")]
    [InlineData("", "12 / 34", "123", "incomplete_number", "Enter the card number.")]
    [InlineData("4242 4242 4242 4242", "13 / 34", "123", "invalid_expiry_month", "The month goes from 01 to 12.")]
    [InlineData("4242 4242 4242 4242", "00 / 34", "123", "invalid_expiry_month", "The month goes from 01 to 12.")]
    [InlineData("4242 4242 4242 4242", "12 / 20", "123", "invalid_expiry_year_past", "The expiry year is in the past.")]
    [InlineData("4242 4242 4242 4242", "12 / 99", "123", "invalid_expiry_year", "The expiry year is too far ahead.")]
    [InlineData("4242 4242 4242 4242", "12", "123", "incomplete_expiry", "The expiry date needs a month and a year.")]
    [InlineData("4242 4242 4242 4242", "12 / 34", "99", "incomplete_cvc", "The CVC of this card has 3 digits.")]
    [InlineData("4242 4242 4242 4242", "12 / 34", "", "incomplete_cvc", "Enter the CVC: 3 digits on the back.")]
    [InlineData("3782 822463 10005", "12 / 34", "123", "incomplete_cvc", "The CVC of this card has 4 digits.")]
    public async Task What_is_wrong_is_said_at_the_field_and_never_sent(string number, string expiry, string cvc, string code, string message)
    {
        var (intent, form) = await OpenAsync();
        var sent = false;
        form.Save.Page.Request += (_, request) => sent |= request.Method == "POST";
        await form.SaveAsync(number, expiry, cvc);
        await form.SaysAsync($"{code}: {message}");
        var field = code.Contains("number", StringComparison.Ordinal) ? form.Number : code.Contains("expiry", StringComparison.Ordinal) ? form.Expiry : form.Cvc;
        await form.SaysAtAsync(field, message);
        await Assertions.Expect(field).ToBeFocusedAsync();
        Assert.False(sent);
        Assert.Equal("requires_payment_method", await shop.StatusAsync(intent));
    }

    [Fact]
    public async Task Typing_is_grouped_and_the_caret_stays_where_it_was()
    {
        var (_, form) = await OpenAsync();
        await form.Number.PressSequentiallyAsync("424242424242");
        await Assertions.Expect(form.Number).ToHaveValueAsync("4242 4242 4242");
        await form.Number.EvaluateAsync("field => field.setSelectionRange(2, 2)");
        await form.Number.PressSequentiallyAsync("00");
        await Assertions.Expect(form.Number).ToHaveValueAsync("4200 4242 4242 42");
        Assert.Equal(4, await form.Number.EvaluateAsync<int>("field => field.selectionStart"));
        await form.Number.FillAsync("378282246310005");
        await Assertions.Expect(form.Number).ToHaveValueAsync("3782 822463 10005");
        await Assertions.Expect(form.Frame.GetByText("American Express")).ToBeVisibleAsync();
        await form.Cvc.PressSequentiallyAsync("12345");
        await Assertions.Expect(form.Cvc).ToHaveValueAsync("1234");
    }

    [Theory]
    [InlineData("1234", "12 / 34")]
    [InlineData("434", "04 / 34")]
    [InlineData("1/34", "01 / 34")]
    [InlineData("12/2034", "12 / 34")]
    public async Task An_expiry_is_written_as_month_and_year(string typed, string shown)
    {
        var (_, form) = await OpenAsync();
        await form.Expiry.PressSequentiallyAsync(typed);
        await Assertions.Expect(form.Expiry).ToHaveValueAsync(shown);
    }

    [Fact]
    public async Task An_expiry_can_be_deleted_again()
    {
        var (_, form) = await OpenAsync();
        await form.Expiry.PressSequentiallyAsync("1234");
        for (var key = 0; key < 7; key++) await form.Expiry.PressAsync("Backspace");
        await Assertions.Expect(form.Expiry).ToHaveValueAsync("");
    }

    [Fact]
    public async Task The_page_around_it_cannot_read_the_card()
    {
        var (_, form) = await OpenAsync();
        await form.FillAsync("4242 4242 4242 4242");
        var page = form.Save.Page;
        Assert.True(await page.EvaluateAsync<bool>("document.querySelector('#card iframe').contentDocument === null"));
        Assert.Equal("SecurityError", await page.EvaluateAsync<string>("() => { try { return document.querySelector('#card iframe').contentWindow.document.body.innerHTML; } catch (e) { return e.name; } }"));
        await Assertions.Expect(form.Number).ToHaveValueAsync("4242 4242 4242 4242");
        var heard = await page.EvaluateAsync<string>("JSON.stringify(heard)");
        Assert.Contains("\"complete\":true", heard, StringComparison.Ordinal);
        Assert.DoesNotContain("4242", heard, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_frame_listens_to_the_page_around_it_only()
    {
        var (_, form) = await OpenAsync();
        await form.Number.FillAsync("4242 4242 4242 4242");
        var intruder = await form.Save.Page.Context.NewPageAsync();
        await intruder.GotoAsync($"{shop.Url}empty");
        var frame = $"{shop.Sandbox.Url}elements/payment?host=https%3A%2F%2Felsewhere.example";
        // A frame made for another origin: its page refuses to be shown here at all.
        ExpectedComplaints.Add("frame-ancestors");
        ExpectedComplaints.Add("Refused to frame");
        ExpectedComplaints.Add("ERR_BLOCKED_BY_CSP");
        var said = await intruder.EvaluateAsync<bool>(
            """
            address => new Promise(done => {
              addEventListener('message', () => done(true));
              const frame = document.createElement('iframe');
              frame.src = address;
              frame.onload = () => { frame.contentWindow.postMessage({ id: 1, call: 'submit' }, '*'); setTimeout(() => done(false), 500); };
              document.body.append(frame);
            })
            """, frame);
        Assert.False(said);
    }

    [Fact]
    public async Task The_keyboard_is_enough()
    {
        var (intent, form) = await OpenAsync();
        var keyboard = form.Save.Page.Keyboard;
        await form.Number.FocusAsync();
        await keyboard.TypeAsync("4000002500003155");
        await keyboard.PressAsync("Tab");
        await keyboard.TypeAsync("1234");
        await keyboard.PressAsync("Tab");
        await keyboard.TypeAsync("123");
        await keyboard.PressAsync("Tab");
        await Assertions.Expect(form.Save).ToBeFocusedAsync();
        await keyboard.PressAsync("Enter");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Heading, new() { Name = "Is this you?" })).ToBeFocusedAsync();
        await keyboard.PressAsync("Tab");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" })).ToBeFocusedAsync();
        await keyboard.PressAsync("Enter");
        await form.SaysAsync("saved: succeeded");
        await Assertions.Expect(form.Save).ToBeFocusedAsync();
        Assert.Equal(["3155"], await shop.CardsAsync(intent));
    }

    [Fact]
    public async Task The_page_behind_the_banks_question_is_out_of_reach()
    {
        var (_, form) = await OpenAsync();
        await form.SaveAsync("4000 0025 0000 3155");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Heading)).ToBeFocusedAsync();
        for (var key = 0; key < 6; key++)
        {
            await form.Save.Page.Keyboard.PressAsync("Tab");
            Assert.DoesNotContain(await form.Save.Page.EvaluateAsync<string>("document.activeElement.tagName"), (string[])["BUTTON", "INPUT"]);
        }
        await form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Fail authentication" }).ClickAsync();
        await Assertions.Expect(form.Outcome).ToContainTextAsync("authentication_failure");
    }

    [Fact]
    public async Task The_form_grows_with_its_messages_and_nothing_is_cut_off()
    {
        var (_, form) = await OpenAsync(viewport: (360, 740));
        await Assertions.Expect(form.Frame.GetByText("Local sandbox:")).ToBeVisibleAsync();
        var before = (await form.Frame.Owner.BoundingBoxAsync())!.Height;
        await form.Save.ClickAsync();
        await form.SaysAtAsync(form.Cvc, "Enter the CVC: 3 digits on the back.");
        var page = form.Save.Page;
        await Assertions.Expect(form.Frame.Owner).Not.ToHaveCSSAsync("height", $"{before}px");
        var inner = page.Frames.Single(f => f.Url.Contains("/elements/payment", StringComparison.Ordinal));
        Assert.True(await inner.EvaluateAsync<bool>("document.documentElement.scrollHeight <= innerHeight"));
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        await PictureAsync(page, "sandbox/card-errors-360");
    }

    [Theory]
    [InlineData("stripe", "rgb(255, 255, 255)", "light")]
    [InlineData("night", "rgb(35, 41, 44)", "dark")]
    [InlineData("flat", "rgb(240, 242, 243)", "light")]
    public async Task It_wears_the_theme_of_the_page(string theme, string surface, string scheme)
    {
        var (_, form) = await OpenAsync($"&theme={theme}");
        await Assertions.Expect(form.Number).ToHaveCSSAsync("background-color", surface);
        await Assertions.Expect(form.Frame.Owner).ToHaveCSSAsync("color-scheme", scheme);
        await PictureAsync(form.Save.Page, $"sandbox/card-{theme}");
    }

    [Fact]
    public async Task It_wears_the_colours_of_the_page_and_takes_nothing_else_from_them()
    {
        var variables = Uri.EscapeDataString("""{"colorPrimary":"#112233","colorBackground":"#101010","colorText":"#fafafa","borderRadius":"11px","spacingUnit":"5px","colorDanger":"url(https://elsewhere.example/)"}""");
        var (_, form) = await OpenAsync($"&variables={variables}");
        await Assertions.Expect(form.Number).ToHaveCSSAsync("background-color", "rgb(16, 16, 16)");
        await Assertions.Expect(form.Number).ToHaveCSSAsync("color", "rgb(250, 250, 250)");
        await Assertions.Expect(form.Number).ToHaveCSSAsync("border-radius", "11px");
        await Assertions.Expect(form.Number).ToHaveCSSAsync("min-height", "50px");
        await Assertions.Expect(form.Frame.Owner).ToHaveCSSAsync("color-scheme", "dark");
        await form.Save.ClickAsync();
        await Assertions.Expect(form.Number).ToHaveCSSAsync("border-color", "rgb(179, 38, 30)");
    }

    [Theory]
    [InlineData("stripe")]
    [InlineData("night")]
    [InlineData("flat")]
    public async Task Accessibility_rules_hold_in_every_state(string theme)
    {
        var (_, form) = await OpenAsync($"&theme={theme}");
        var page = form.Save.Page;
        await CheckAsync("empty");
        await form.Save.ClickAsync();
        await form.SaysAtAsync(form.Number, "Enter the card number.");
        await CheckAsync("with messages");
        await form.SaveAsync("4000 0025 0000 3155");
        await Assertions.Expect(form.Challenge.GetByRole(AriaRole.Heading)).ToBeVisibleAsync();
        await CheckAsync("challenge");
        await PictureAsync(page, $"sandbox/challenge-{theme}");
        await form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        await form.SaysAsync("saved: succeeded");

        async Task CheckAsync(string state)
        {
            var found = await Axe.ViolationsAsync(page);
            Assert.True(found.Count == 0, state + ": " + string.Join("; ", found));
        }
    }

    [Fact]
    public async Task A_secret_that_fits_no_intent_is_told_to_the_page()
    {
        ExpectedComplaints.Add("404");
        var page = await OpenPageAsync();
        await page.GotoAsync($"{shop.Url}card?secret=seti_nobody_secret_nothing");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("not loaded:");
        await Assertions.Expect(new CardForm(page).Frame.GetByRole(AriaRole.Alert).First).ToContainTextAsync("could not be loaded");
    }

    [Fact]
    public async Task A_finished_intent_is_told_to_the_page()
    {
        var intent = await shop.NewIntentAsync(("confirm", "true"), ("payment_method", "pm_card_visa"), ("return_url", $"{shop.Url}done"));
        var page = await OpenPageAsync();
        await page.GotoAsync(shop.CardPage(intent));
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("not loaded: This setup intent is succeeded already.");
    }

    [Fact]
    public async Task A_sandbox_that_went_away_is_told_as_such()
    {
        ExpectedComplaints.Add("ERR_CONNECTION_REFUSED");
        await using var passing = new Shop();
        await passing.InitializeAsync();
        var page = await OpenPageAsync();
        await page.GotoAsync(passing.CardPage(await passing.NewIntentAsync()));
        var form = new CardForm(page);
        await form.FillAsync("4242 4242 4242 4242");
        await passing.Sandbox.StopAsync();
        await form.Save.ClickAsync();
        await form.SaysAsync("undefined: The card sandbox cannot be reached. Try again in a moment.");
    }

    [Theory]
    [InlineData("stripe.confirmCardSetup('x')")]
    [InlineData("stripe.createToken('pii', {})")]
    [InlineData("stripe.elements({ clientSecret: 'seti_1_secret_1', paymentMethodTypes: ['card'] })")]
    [InlineData("stripe.elements({ clientSecret: 'nonsense' })")]
    [InlineData("elements.create('address')")]
    [InlineData("elements.create('payment')")]
    [InlineData("element.on('carddetailschange', () => {})")]
    [InlineData("stripe.confirmSetup({ elements })")]
    [InlineData("stripe.confirmPayment({ elements, redirect: 'if_required' })")]
    [InlineData("stripe.confirmSetup({ clientSecret: 'seti_1_secret_1', redirect: 'if_required' })")]
    [InlineData("Stripe('sk_test_1234567890')")]
    [InlineData("Stripe('pk_live_1234567890')")]
    [InlineData("Stripe('pk_test_1234567890', { apiVersion: '2020-08-27' })")]
    public async Task Wrong_use_throws(string code)
    {
        var (_, form) = await OpenAsync();
        Assert.Equal("IntegrationError", await form.Save.Page.EvaluateAsync<string>($"async () => {{ try {{ await ({code}); return 'went through'; }} catch (e) {{ return e.name; }} }}"));
    }

    [Fact]
    public async Task The_element_is_cleared_collapsed_unmounted_and_mounted_again()
    {
        var (_, form) = await OpenAsync();
        var page = form.Save.Page;
        await form.FillAsync("4242 4242 4242 4242");
        await page.EvaluateAsync("element.clear()");
        await Assertions.Expect(form.Number).ToHaveValueAsync("");
        await page.EvaluateAsync("element.collapse()");
        await Assertions.Expect(form.Number).ToBeHiddenAsync();
        await form.Frame.GetByRole(AriaRole.Button, new() { Name = "Card" }).ClickAsync();
        await Assertions.Expect(form.Number).ToBeFocusedAsync();
        await page.EvaluateAsync("element.unmount()");
        await Assertions.Expect(page.Locator("#card iframe")).ToHaveCountAsync(0);
        await page.EvaluateAsync("element.mount(document.getElementById('card'))");
        await form.SaveAsync("4242 4242 4242 4242");
        await form.SaysAsync("saved: succeeded");
    }

    private async Task<(SavedIntent, CardForm)> OpenAsync(string options = "", (int Width, int Height)? viewport = null)
    {
        var intent = await shop.NewIntentAsync();
        var page = await OpenPageAsync(viewport is { } size ? new() { ViewportSize = new() { Width = size.Width, Height = size.Height } } : null);
        await page.GotoAsync(shop.CardPage(intent, options));
        var form = new CardForm(page);
        await Assertions.Expect(form.Number).ToBeVisibleAsync(); // keys can be pressed in a field that does not show yet
        return (intent, form);
    }
}
