using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Catches: an event that Stripe did not send, or sent long ago, or meant for somebody else, getting in. Threats T01 to T03.
/// </summary>
public sealed class WebhookTests(StoringBillingApp app) : IClassFixture<StoringBillingApp>
{
    private static int number;

    private static string NewId() => $"evt_{Interlocked.Increment(ref number):000000}";

    private Task<long> RowsAsync() => app.ScalarAsync<long>("select count(*) from stripe_events");

    [Fact]
    public async Task A_forged_event_is_refused_and_not_stored()
    {
        var before = await RowsAsync();
        var body = BillingApp.Event(NewId(), "customer.updated", "cus_1");
        Assert.Equal(400, await app.DeliverAsync(body, ""));
        Assert.Equal(400, await app.DeliverAsync(body, Hmac("", body)));
        Assert.Equal(400, await app.DeliverAsync(body, Hmac("bad", body)));
        Assert.Equal(400, await app.DeliverAsync(body, app.Sign(body, secret: "whsec_000000000000000000000000000000")));
        Assert.Equal(before, await RowsAsync());
    }

    [Fact]
    public async Task A_signature_counts_for_its_own_bytes_and_five_minutes()
    {
        var id = NewId();
        var body = BillingApp.Event(id, "customer.updated", "cus_1");
        var now = app.Clock.GetUtcNow();
        Assert.Equal(400, await app.DeliverAsync(body, app.Sign(body, now.AddSeconds(-301))));
        Assert.Equal(400, await app.DeliverAsync(body, app.Sign(body, now.AddSeconds(400)))); // far enough for a machine that takes its time
        Assert.Equal(400, await app.DeliverAsync(body + " ", app.Sign(body)));
        Assert.Null(await app.StateOfAsync(id));

        // A long header is cut before it is worked on: a good signature behind 500 bad ones is not found.
        var good = app.Sign(body);
        var (at, signature) = (good[..good.IndexOf(",v1=", StringComparison.Ordinal)], good[good.IndexOf("v1=", StringComparison.Ordinal)..]);
        Assert.Equal(400, await app.DeliverAsync(body, $"{at},{string.Join(',', Enumerable.Repeat("v1=" + new string('a', 64), 500))},{signature}"));

        Assert.Equal(200, await app.DeliverAsync(body));
        Assert.Equal(200, await app.DeliverAsync(body));
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from stripe_events where id = '{id}'"));
    }

    [Fact]
    public async Task Both_secrets_sign_while_one_is_rolled()
    {
        var (first, second) = (BillingApp.Event(NewId(), "customer.updated", "cus_1"), BillingApp.Event(NewId(), "customer.updated", "cus_1"));
        Assert.Equal(200, await app.DeliverAsync(first, app.Sign(first, secret: StoringBillingApp.OlderSecret)));
        Assert.Equal(200, await app.DeliverAsync(second, app.Sign(second) + ",v1=" + new string('0', 64)));
    }

    [Theory]
    [InlineData("customer.updated", true, "", "parked", "A live event")]
    [InlineData("customer.updated", false, ",\"account\":\"acct_1\"", "parked", "connected account")]
    [InlineData("radar.early_fraud_warning.created", false, "", "ignored", null)]
    [InlineData("customer.updated", false, "", "pending", null)]
    public async Task An_event_that_is_not_for_us_is_kept_but_not_acted_on(string type, bool livemode, string more, string state, string? reason)
    {
        var id = NewId();
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event(id, type, "cus_1", livemode, more: more)));
        Assert.Equal(state, await app.StateOfAsync(id));
        var stored = await app.ScalarAsync<string?>($"select reason from stripe_events where id = '{id}'");
        if (reason is null) Assert.Null(stored);
        else Assert.Contains(reason, stored, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_signed_but_no_event_is_refused()
    {
        var before = await RowsAsync();
        foreach (var body in (string[])["", "null", "[]", "{}", "{\"id\":\"evt_x\"}", "{\"id\":\"evt_x\",\"type\":\"a\"}", "{\"id\":\"evt\\u0000\",\"type\":\"a\",\"data\":{\"object\":{}}}", "{\"id\":1,\"type\":\"a\",\"data\":{\"object\":{}}}",
            new string('[', 5000), "{\"id\":\"" + new string('x', 300) + "\",\"type\":\"a\",\"data\":{\"object\":{}}}"])
            Assert.Equal(400, await app.DeliverAsync(body));
        Assert.Equal(before, await RowsAsync());
    }

    [Fact]
    public async Task Odd_text_inside_an_event_is_kept_as_it_came()
    {
        var id = NewId();
        var body = BillingApp.Event(id, "customer.updated", "cus_1", more: ",\"request\":{\"id\":\"\\u0000\\ud800 <b>\"}");
        Assert.Equal(200, await app.DeliverAsync(body));
        Assert.Equal(body, await app.ScalarAsync<string>($"select payload::text from stripe_events where id = '{id}'"));
    }

    [Fact]
    public async Task A_body_over_a_mebibyte_is_refused()
    {
        var body = BillingApp.Event(NewId(), "customer.updated", "cus_1", more: ",\"pad\":\"" + new string('x', 1024 * 1024) + "\"");
        Assert.Equal(413, await app.DeliverAsync(body));
    }

    [Fact]
    public async Task A_hundred_deliveries_of_one_event_at_once_are_one_row()
    {
        var id = NewId();
        var body = BillingApp.Event(id, "customer.updated", "cus_1");
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => app.DeliverAsync(body)));
        Assert.All(answers, code => Assert.Equal(200, code));
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from stripe_events where id = '{id}'"));
    }

    private string Hmac(string secret, string body)
    {
        var time = app.Clock.GetUtcNow().ToUnixTimeSeconds();
        var mac = System.Security.Cryptography.HMACSHA256.HashData(System.Text.Encoding.UTF8.GetBytes(secret), System.Text.Encoding.UTF8.GetBytes($"{time}.{body}"));
        return $"t={time},v1={Convert.ToHexStringLower(mac)}";
    }
}
