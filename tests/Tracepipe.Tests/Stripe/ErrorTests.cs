using Tracepipe.Stripe;
using static Tracepipe.Tests.Stripe.ScriptedStripe;

namespace Tracepipe.Tests.Stripe;

/// <summary>Catches refusals that people would be told wrongly or that callers could not tell apart.</summary>
public sealed class ErrorTests
{
    private static readonly RequestOptions Write = new() { IdempotencyKey = "attach:1" };

    [Fact]
    public async Task A_decline_names_the_banks_reason_in_a_sentence_for_people()
    {
        await using var stripe = await StartAsync(Json(402, $$$"""
            {"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds","message":"Your card has insufficient funds.","param":"payment_method",
             "charge":"ch_1","setup_intent":{{{Samples.SetupIntent()}}},"payment_method":{{{Samples.PaymentMethod()}}},"network_advice_code":"03"}}
            """));
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Client(maxRetries: 0).PaymentMethods.AttachAsync("pm_1", new() { Customer = "cus_1" }, Write));

        Assert.True(error.IsCardError);
        Assert.Equal("Your card has insufficient funds.", error.Message);
        Assert.Equal((StripeErrorCodes.CardDeclined, "insufficient_funds", "payment_method", "ch_1"), (error.Code, error.DeclineCode, error.Error!.Param, error.Error.Charge));
        Assert.Equal(("seti_1", "4242"), (error.Error.SetupIntent!.Id, error.Error.PaymentMethod!.Card!.Last4));
        Assert.Equal("req_1", error.RequestId);
        Assert.False(error.OutcomeUnknown);
    }

    [Theory]
    [InlineData(400, "invalid_request_error", StripeErrorKind.InvalidRequest)]
    [InlineData(404, "invalid_request_error", StripeErrorKind.InvalidRequest)]
    [InlineData(400, "idempotency_error", StripeErrorKind.Idempotency)]
    [InlineData(401, "invalid_request_error", StripeErrorKind.Authentication)]
    [InlineData(403, "invalid_request_error", StripeErrorKind.Authentication)]
    [InlineData(429, "invalid_request_error", StripeErrorKind.RateLimited)]
    [InlineData(402, "card_error", StripeErrorKind.Card)]
    [InlineData(402, "invalid_request_error", StripeErrorKind.InvalidRequest)]
    [InlineData(424, "api_error", StripeErrorKind.Api)]
    [InlineData(500, "api_error", StripeErrorKind.Api)]
    [InlineData(400, "a_type_of_next_year", StripeErrorKind.Api)]
    public async Task Every_refusal_has_its_kind(int status, string type, StripeErrorKind kind)
    {
        await using var stripe = await StartAsync(Error(status, type));
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Client(maxRetries: 0).Customers.GetAsync("cus_1"));
        Assert.Equal((kind, type), (error.Kind, error.Error!.Type));
        Assert.Equal(kind == StripeErrorKind.Card, error.IsCardError);
    }

    [Theory]
    [InlineData("<html>Bad gateway</html>")]
    [InlineData("{\"error\":\"no\"}")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task An_error_that_is_not_Stripes_keeps_its_status_and_shows_none_of_its_text(string body)
    {
        await using var stripe = await StartAsync(Json(502, body));
        var error = await Assert.ThrowsAsync<StripeException>(() => stripe.Client(maxRetries: 0).Customers.GetAsync("cus_1"));
        Assert.Equal((StripeErrorKind.Api, 502, null), (error.Kind, (int)error.Status!, error.Error));
        Assert.Equal("Stripe GET /v1/customers/cus_1 answered 502.", error.Message);
    }
}
