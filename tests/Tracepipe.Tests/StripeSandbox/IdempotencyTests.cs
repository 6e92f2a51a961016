namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a retry that does its work twice.</summary>
public sealed class IdempotencyTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task The_same_request_under_the_same_key_is_done_once()
    {
        var first = (await _api.PostAsync("/v1/customers", "email=a@b.c&name=Ada", "k1")).Ok();
        var again = (await _api.PostAsync("/v1/customers", "name=Ada&email=a@b.c", "k1")).Ok();
        Assert.Equal(first.Json.ToJsonString(), again.Json.ToJsonString());
        Assert.Equal(("k1", null), (first.Header("Idempotency-Key"), first.Header("Idempotent-Replayed")));
        Assert.Equal("true", again.Header("Idempotent-Replayed"));
        Assert.Single((await _api.GetAsync("/v1/customers")).Ok().Data);
    }

    [Fact]
    public async Task Another_request_under_the_same_key_is_refused()
    {
        (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok();
        var refused = await _api.PostAsync("/v1/customers", "name=Bob", "k1");
        refused.Refused(400);
        Assert.Equal("idempotency_error", refused["error.type"]);
        (await _api.PostAsync("/v1/setup_intents", "", "k1")).Refused(400);
        Assert.Single((await _api.GetAsync("/v1/customers")).Ok().Data);
    }

    [Fact]
    public async Task A_decline_is_replayed_as_the_same_decline()
    {
        var form = "payment_method=pm_card_visa_chargeDeclined&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never";
        var first = (await _api.PostAsync("/v1/setup_intents", form, "k1")).Refused(402, "card_declined");
        var again = (await _api.PostAsync("/v1/setup_intents", form, "k1")).Refused(402, "card_declined");
        Assert.Equal(first["error.setup_intent.id"], again["error.setup_intent.id"]);
        Assert.Single((await _api.GetAsync("/v1/setup_intents")).Ok().Data);
    }

    [Fact]
    public async Task A_request_that_never_reached_its_handler_leaves_the_key_free()
    {
        (await _api.PostAsync("/v1/customers", "nonsense=1", "k1")).Refused(400, "parameter_unknown");
        (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok();
    }

    [Fact]
    public async Task A_missing_object_is_remembered_too()
    {
        (await _api.PostAsync("/v1/customers/cus_none", "name=Ada", "k1")).Refused(404, "resource_missing");
        Assert.Equal("true", (await _api.PostAsync("/v1/customers/cus_none", "name=Ada", "k1")).Header("Idempotent-Replayed"));
    }

    [Fact]
    public async Task After_a_day_the_key_is_free()
    {
        (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok();
        (await _api.SandboxAsync("clock", new { advance_seconds = 86400 })).Ok();
        (await _api.PostAsync("/v1/customers", "name=Bob", "k1")).Ok();
    }

    [Fact]
    public async Task Keys_of_accounts_do_not_meet_and_long_ones_are_refused()
    {
        (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok();
        (await sandbox.NewAccount().PostAsync("/v1/customers", "name=Bob", "k1")).Ok();
        (await _api.PostAsync("/v1/customers", "", new string('k', 255))).Ok();
        (await _api.PostAsync("/v1/customers", "", new string('k', 256))).Refused(400);
    }

    [Fact]
    public async Task Of_twenty_at_once_one_does_the_work()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _api.PostAsync("/v1/customers", "name=Ada", "k1")));
        Assert.All(answers, a => Assert.True(a.Status == 200 || a["error.code"] == "idempotency_key_in_use", a.Json.ToJsonString()));
        Assert.Single(answers.Where(a => a.Status == 200).Select(a => a.Id).Distinct());
        Assert.Single((await _api.GetAsync("/v1/customers")).Ok().Data);
    }

    [Fact]
    public async Task While_a_request_is_under_way_its_key_is_taken()
    {
        (await _api.SandboxAsync("faults", new { kind = "slow", path = "/v1/customers", delay_ms = 400 })).Ok();
        var answers = await Task.WhenAll(_api.PostAsync("/v1/customers", "name=Ada", "k1"), _api.PostAsync("/v1/customers", "name=Ada", "k1"));
        Assert.Equal([200, 409], answers.Select(a => a.Status).Order());
        Assert.Single(answers, a => a["error.code"] == "idempotency_key_in_use");
        Assert.Single((await _api.GetAsync("/v1/customers")).Ok().Data);
    }

    [Theory]
    [InlineData("error_after", 500)]
    [InlineData("drop_after", 0)]
    public async Task Done_but_not_told_is_told_by_the_retry(string kind, int status)
    {
        (await _api.SandboxAsync("faults", new { kind, path = "/v1/customers" })).Ok();
        if (status == 0) await Assert.ThrowsAnyAsync<HttpRequestException>(() => _api.PostAsync("/v1/customers", "name=Ada", "k1"));
        else (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Refused(status);
        var retried = (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok();
        Assert.Equal("true", retried.Header("Idempotent-Replayed"));
        Assert.Single((await _api.GetAsync("/v1/customers")).Ok().Data);
    }

    [Theory]
    [InlineData("error", 500, true, null)]
    [InlineData("error", 500, false, null)]
    [InlineData("rate_limit", 429, null, "rate_limit")]
    [InlineData("lock_timeout", 409, null, "lock_timeout")]
    public async Task An_ordered_fault_hits_once_and_does_nothing(string kind, int status, bool? shouldRetry, string? code)
    {
        (await _api.SandboxAsync("faults", new { kind, path = "/v1/customers", should_retry = shouldRetry })).Ok();
        var failed = (await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Refused(status, code);
        Assert.Equal(shouldRetry?.ToString().ToLowerInvariant(), failed.Header("Stripe-Should-Retry"));
        Assert.Empty((await _api.GetAsync("/v1/customers")).Ok().Data);
        Assert.Null((await _api.PostAsync("/v1/customers", "name=Ada", "k1")).Ok().Header("Idempotent-Replayed"));
    }
}
