using Tracepipe.StripeSandbox.Core;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a test card that does not do what it is known for, and a real one that gets through.</summary>
public sealed class CardTableTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    public static TheoryData<string> AllNumbers() => [.. Cards.Table.Select(c => c.Number)];

    [Theory]
    // number, brand, funding, attach (ok or code), setup (succeeded, requires_action or code)
    [InlineData("4242424242424242", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000056655665556", "visa", "debit", "ok", "succeeded")]
    [InlineData("5555555555554444", "mastercard", "credit", "ok", "succeeded")]
    [InlineData("2223003122003222", "mastercard", "credit", "ok", "succeeded")]
    [InlineData("378282246310005", "amex", "credit", "ok", "succeeded")]
    [InlineData("6011111111111117", "discover", "credit", "ok", "succeeded")]
    [InlineData("3056930009020004", "diners", "credit", "ok", "succeeded")]
    [InlineData("3566002020360505", "jcb", "credit", "ok", "succeeded")]
    [InlineData("6200000000000005", "unionpay", "credit", "ok", "succeeded")]
    [InlineData("4000000000000002", "visa", "credit", "card_declined/generic_decline", "card_declined/generic_decline")]
    [InlineData("4000000000009995", "visa", "credit", "card_declined/insufficient_funds", "card_declined/insufficient_funds")]
    [InlineData("4000000000009987", "visa", "credit", "card_declined/lost_card", "card_declined/lost_card")]
    [InlineData("4000000000009979", "visa", "credit", "card_declined/stolen_card", "card_declined/stolen_card")]
    [InlineData("4000000000000069", "visa", "credit", "expired_card/expired_card", "expired_card/expired_card")]
    [InlineData("4000000000000127", "visa", "credit", "incorrect_cvc/incorrect_cvc", "incorrect_cvc/incorrect_cvc")]
    [InlineData("4000000000000119", "visa", "credit", "processing_error/processing_error", "processing_error/processing_error")]
    [InlineData("4000000000006975", "visa", "credit", "card_declined/card_velocity_exceeded", "card_declined/card_velocity_exceeded")]
    [InlineData("4000000000000341", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000002500003155", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000002760003184", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000003800000446", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000008260003178", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000000000003220", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000008400000027", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000008400001629", "visa", "credit", "ok", "requires_action")]
    [InlineData("4000008400001280", "visa", "credit", "ok", "card_declined/generic_decline")]
    [InlineData("4000000032200000", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000000000000259", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000000000007726", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000000000005126", "visa", "credit", "ok", "succeeded")]
    [InlineData("4000000000000101", "visa", "credit", "ok", "succeeded")]
    public async Task A_card_behaves_as_its_row_says(string number, string brand, string funding, string attach, string setup)
    {
        var customer = await _api.CustomerAsync();
        var typed = (await _api.TypeCardAsync(number, cvc: brand == "amex" ? "1234" : "123")).Ok();
        Assert.Equal((brand, funding, number[^4..]), (typed["card.brand"], typed["card.funding"], typed["card.last4"]));
        var attached = await _api.PostAsync($"/v1/payment_methods/{typed.Id}/attach", $"customer={customer}");
        Assert.Equal(attach, attached.Status == 200 ? "ok" : $"{attached["error.code"]}/{attached["error.decline_code"]}");

        var second = (await _api.TypeCardAsync(number, cvc: brand == "amex" ? "1234" : "123")).Ok();
        Assert.Equal(typed["card.fingerprint"], second["card.fingerprint"]);
        var intent = await _api.PostAsync("/v1/setup_intents", $"customer={customer}&payment_method={second.Id}&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never");
        Assert.Equal(setup, intent.Status == 200 ? intent["status"] : $"{intent["error.code"]}/{intent["error.decline_code"]}");
        if (intent.Status == 402) Assert.Equal(("requires_payment_method", "failed"), (intent["error.setup_intent.status"], (await _api.GetAsync($"/v1/setup_attempts?setup_intent={intent["error.setup_intent.id"]}")).Ok()["data.0.status"]));
    }

    [Fact]
    public void Every_row_of_the_table_has_its_test() =>
        Assert.Equal(Cards.Table.Select(c => c.Number).Order(StringComparer.Ordinal),
            typeof(CardTableTests).GetMethod(nameof(A_card_behaves_as_its_row_says))!.GetCustomAttributesData().Where(a => a.AttributeType == typeof(InlineDataAttribute))
                .Select(a => (string)((IReadOnlyList<System.Reflection.CustomAttributeTypedArgument>)a.ConstructorArguments[0].Value!)[0].Value!).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("4242424242424241", "12", "2040", "123", "incorrect_number", "number")]
    [InlineData("4242", "12", "2040", "123", "invalid_number", "number")]
    [InlineData("4242abcd42424242", "12", "2040", "123", "invalid_number", "number")]
    [InlineData("4242424242424242", "13", "2040", "123", "invalid_expiry_month", "exp_month")]
    [InlineData("4242424242424242", "0", "2040", "123", "invalid_expiry_month", "exp_month")]
    [InlineData("4242424242424242", "12", "1999", "123", "invalid_expiry_year", "exp_year")]
    [InlineData("4242424242424242", "12", "2199", "123", "invalid_expiry_year", "exp_year")]
    [InlineData("4242424242424242", "12", "2040", "99", "invalid_cvc", "cvc")]
    [InlineData("4242424242424242", "12", "2040", "1234", "invalid_cvc", "cvc")]
    [InlineData("4242424242424242", "12", "2040", "abc", "invalid_cvc", "cvc")]
    [InlineData("4242424242424242", "twelve", "2040", "123", "parameter_invalid_integer", "card[exp_month]")]
    public async Task A_mistake_is_named_at_its_field(string number, string month, string year, string cvc, string code, string param) =>
        (await _api.TypeCardAsync(number, month, year, cvc)).Refused(code.StartsWith("parameter", StringComparison.Ordinal) ? 400 : 402, code, param);

    [Theory]
    [InlineData("4111111111111111")]
    [InlineData("5105105105105100")]
    [InlineData("4539578763621486")]
    public async Task Any_other_valid_number_is_refused_and_nothing_is_kept(string number)
    {
        var refused = (await _api.TypeCardAsync(number)).Refused(402, "card_declined", "number");
        Assert.Contains("test card", refused["error.message"], StringComparison.Ordinal);
        Assert.DoesNotContain(number, refused.Json.ToJsonString(), StringComparison.Ordinal);
        Assert.Empty(await _api.EventTypesAsync());
    }

    [Theory]
    [MemberData(nameof(AllNumbers))]
    public void A_known_number_is_a_possible_one(string number) =>
        Assert.Equal(number, Cards.Recognize(number, 12, 2040, null, new DateTimeOffset(2026, 11, 21, 0, 0, 0, TimeSpan.Zero)).Number);

    [Fact]
    public async Task The_names_of_test_cards_work_for_servers()
    {
        foreach (var card in Cards.Table.Where(c => c.Alias is not null))
            Assert.Equal(card.Last4, (await _api.GetAsync($"/v1/payment_methods/{card.Alias}")).Ok()["card.last4"]);
        (await _api.GetAsync("/v1/payment_methods/pm_card_nobody")).Refused(404, "resource_missing");
    }

    [Fact]
    public async Task The_security_code_is_checked_when_a_card_is_attached()
    {
        var customer = await _api.CustomerAsync();
        var good = (await _api.TypeCardAsync("4242424242424242")).Ok();
        Assert.Equal("unchecked", good["card.checks.cvc_check"]);
        Assert.Equal("pass", (await _api.PostAsync($"/v1/payment_methods/{good.Id}/attach", $"customer={customer}")).Ok()["card.checks.cvc_check"]);
        var bad = (await _api.TypeCardAsync("4000000000000101")).Ok();
        Assert.Equal("fail", (await _api.PostAsync($"/v1/payment_methods/{bad.Id}/attach", $"customer={customer}")).Ok()["card.checks.cvc_check"]);
    }
}
