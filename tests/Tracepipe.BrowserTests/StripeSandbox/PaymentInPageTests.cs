using Microsoft.Playwright;
using Tracepipe.BrowserTests.Browser;

namespace Tracepipe.BrowserTests.StripeSandbox;

/// <summary>
/// Exists to catch: an open invoice that cannot be paid in the shop's own page, with the secret of its payment: after the bank's question, with a
/// card on file, or with a new one; and a page that says "paid" when it is not.
/// </summary>
public sealed class PaymentInPageTests(BrowserFixture fixture, Shop shop) : BrowserTest(fixture), IClassFixture<Shop>
{
    private const string Told = ".then(r => r.paymentIntent?.status ?? r.error.code)";

    [Theory]
    [InlineData("Complete authentication", "succeeded", "paid")]
    [InlineData("Fail authentication", "payment_intent_authentication_failure", "open")]
    public async Task A_payment_that_the_server_began_is_finished_after_the_banks_question(string button, string outcome, string status)
    {
        var (invoice, secret, page) = await OpenAsync("pm_card_authenticationRequired");
        await shop.RefusedAsync($"/v1/invoices/{invoice}/pay", "invoice_payment_intent_requires_action", ("off_session", "false"));
        var waiting = page.EvaluateAsync<string>($"secret => stripe.handleNextAction({{ clientSecret: secret }}){Told}", secret);
        await new CardForm(page).Challenge.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync();
        Assert.Equal(outcome, await waiting);
        Assert.Equal(status, await shop.ReadAsync($"/v1/invoices/{invoice}", "status"));
    }

    [Fact]
    public async Task A_card_on_file_pays_without_a_form()
    {
        var (invoice, secret, page) = await OpenAsync("pm_card_visa");
        var customer = await shop.ReadAsync($"/v1/invoices/{invoice}", "customer");
        var card = await shop.ReadAsync($"/v1/customers/{customer}/payment_methods", "data.0.id");
        var said = await page.EvaluateAsync<string>(
            $"([secret, card]) => stripe.confirmPayment({{ clientSecret: secret, confirmParams: {{ payment_method: card }}, redirect: 'if_required' }}){Told}", new[] { secret, card });
        Assert.Equal("succeeded", said);
        Assert.Equal("paid", await shop.ReadAsync($"/v1/invoices/{invoice}", "status"));
    }

    [Fact]
    public async Task A_new_card_pays_after_a_decline_and_the_banks_question()
    {
        ExpectedComplaints.Add("402");
        var (invoice, _, page) = await OpenAsync(null);
        var form = new CardForm(page);
        await form.FillAsync("4000 0000 0000 9995");
        Assert.Equal("card_declined", await ConfirmAsync());
        Assert.Equal("open", await shop.ReadAsync($"/v1/invoices/{invoice}", "status"));
        await form.FillAsync("4000 0027 6000 3184");
        var waiting = ConfirmAsync();
        await form.Challenge.GetByRole(AriaRole.Button, new() { Name = "Complete authentication" }).ClickAsync();
        Assert.Equal("succeeded", await waiting);
        Assert.Equal("paid", await shop.ReadAsync($"/v1/invoices/{invoice}", "status"));

        Task<string> ConfirmAsync() => page.EvaluateAsync<string>($"async () => {{ await elements.submit(); return stripe.confirmPayment({{ elements, redirect: 'if_required' }}){Told}; }}");
    }

    /// <summary>An open invoice of $45, the secret of its payment, and the shop's page with a form for it.</summary>
    private async Task<(string Invoice, string Secret, IPage Page)> OpenAsync(string? card)
    {
        var customer = await shop.NewAsync("/v1/customers", "id", ("email", "ada@example.com"));
        if (card is not null)
        {
            var method = await shop.NewAsync($"/v1/payment_methods/{card}/attach", "id", ("customer", customer));
            await shop.NewAsync($"/v1/customers/{customer}", "id", ("invoice_settings[default_payment_method]", method));
        }
        var invoice = await shop.NewAsync("/v1/invoices", "id", ("customer", customer), ("auto_advance", "false"));
        await shop.NewAsync("/v1/invoiceitems", "id", ("customer", customer), ("invoice", invoice), ("amount", "4500"), ("currency", "usd"));
        await shop.NewAsync($"/v1/invoices/{invoice}/finalize", "id");
        var secret = (await shop.ReadAsync($"/v1/invoices/{invoice}?expand[]=confirmation_secret", "confirmation_secret.client_secret"))!;
        var page = await OpenPageAsync();
        await page.GotoAsync($"{shop.Url}card?secret={secret}");
        await Assertions.Expect(new CardForm(page).Number).ToBeVisibleAsync();
        return (invoice, secret, page);
    }
}
