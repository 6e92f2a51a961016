using System.Text;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: a request that the real API refuses and the sandbox takes, or the other way round.</summary>
public sealed class PipelineTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task Every_answer_has_a_request_id_and_the_version()
    {
        var ok = await _api.PostAsync("/v1/customers");
        var refused = await _api.PostAsync("/v1/customers", "nonsense=1");
        Assert.StartsWith("req_", ok.Header("Request-Id"), StringComparison.Ordinal);
        Assert.StartsWith("req_", refused.Header("Request-Id"), StringComparison.Ordinal);
        Assert.Equal("2026-07-29.dahlia", ok.Header("Stripe-Version"));
        Assert.Null(ok.Header("Set-Cookie"));
    }

    [Fact]
    public async Task A_key_comes_as_bearer_or_as_basic_user_name()
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes(_api.Key + ":"));
        (await _api.SendAsync(HttpMethod.Get, "/v1/customers", null, null, ("Authorization", "Basic " + basic))).Ok();
        (await _api.GetAsync("/v1/customers")).Ok();
    }

    [Theory]
    [InlineData("")]
    [InlineData("Bearer ")]
    [InlineData("Bearer secret")]
    [InlineData("Bearer sk_test_")]
    [InlineData("Bearer sk_test_has-dash")]
    [InlineData("Basic !!!")]
    [InlineData("Digest x")]
    public async Task Without_a_test_key_nothing_is_answered(string authorization) =>
        (await _api.SendAsync(HttpMethod.Get, "/v1/customers", null, null, ("Authorization", authorization))).Refused(401);

    [Theory]
    [InlineData("sk_live_51abcdefghijklmnop")]
    [InlineData("rk_live_51abcdefghijklmnop")]
    [InlineData("pk_live_51abcdefghijklmnop")]
    public async Task A_live_key_is_refused(string key)
    {
        var refused = (await _api.GetAsync("/v1/customers", key)).Refused(401);
        Assert.Contains("live", refused["error.message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_account_does_not_see_another()
    {
        var customer = await _api.CustomerAsync();
        var other = sandbox.NewAccount();
        (await other.GetAsync($"/v1/customers/{customer}")).Refused(404, "resource_missing");
        Assert.Empty((await other.GetAsync("/v1/customers")).Ok().Data);
    }

    [Theory]
    [InlineData("2026-10-28.endive", "renders only")]
    [InlineData("2024-06-20", "renders only")]
    [InlineData("tomorrow", "not the name")]
    public async Task Another_version_is_refused(string version, string message)
    {
        var refused = (await _api.SendAsync(HttpMethod.Get, "/v1/customers", null, null, ("Stripe-Version", version))).Refused(400);
        Assert.Contains(message, refused["error.message"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/v1/customer", "", 404, null, null)]
    [InlineData("POST", "/v1/balance", "", 404, null, null)]
    [InlineData("POST", "/v1/customers", "emial=a@b.c", 400, "parameter_unknown", "emial")]
    [InlineData("POST", "/v1/customers", "address[street]=x", 400, "parameter_unknown", "address[street]")]
    [InlineData("POST", "/v1/customers", "balance=ten", 400, "parameter_invalid_integer", "balance")]
    [InlineData("POST", "/v1/customers", "tax_exempt=maybe", 400, null, "tax_exempt")]
    [InlineData("POST", "/v1/customers", "address=x", 400, null, "address")]
    [InlineData("POST", "/v1/customers", "email[0]=x", 400, null, "email")]
    [InlineData("POST", "/v1/customers", "email=x&email[y]=z", 400, null, "email")]
    [InlineData("POST", "/v1/webhook_endpoints", "url=http://127.0.0.1/", 400, "parameter_missing", "enabled_events")]
    [InlineData("POST", "/v1/webhook_endpoints", "url=http://127.0.0.1/&enabled_events[]=invoice.nonsense", 400, null, "enabled_events[0]")]
    [InlineData("POST", "/v1/webhook_endpoints", "url=nowhere&enabled_events[]=*", 400, "url_invalid", "url")]
    [InlineData("POST", "/v1/setup_intents", "confirm=perhaps", 400, null, "confirm")]
    [InlineData("POST", "/v1/setup_intents", "payment_method_types[]=card", 400, "sandbox_not_implemented", "payment_method_types")]
    [InlineData("POST", "/v1/customers", "tax[ip_address]=127.0.0.1", 400, "sandbox_not_implemented", "tax")]
    [InlineData("GET", "/v1/customers?limit=0", null, 400, "parameter_invalid_integer", "limit")]
    [InlineData("GET", "/v1/customers?limit=101", null, 400, "parameter_invalid_integer", "limit")]
    [InlineData("GET", "/v1/customers?starting_after=cus_none", null, 404, "resource_missing", "starting_after")]
    [InlineData("GET", "/v1/customers/cus_none", null, 404, "resource_missing", "id")]
    [InlineData("POST", "/v1/customers", "expand[]=nonsense", 400, null, "expand")]
    [InlineData("POST", "/v1/customers", "expand[]=email", 400, null, "expand")]
    [InlineData("POST", "/v1/customers", "metadata[a]=b&metadata[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]=b", 400, null, "metadata[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]")]
    public async Task What_does_not_fit_the_description_is_refused(string method, string path, string? form, int status, string? code, string? param)
    {
        var refused = await _api.SendAsync(new HttpMethod(method), path, form, null);
        refused.Refused(status, code, param);
        Assert.Equal("invalid_request_error", refused["error.type"]);
    }

    [Fact]
    public async Task A_json_body_is_refused()
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_api.Url, "/v1/customers")) { Content = new StringContent("{}", Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {_api.Key}");
        Assert.Equal(400, (int)(await http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Pages_follow_each_other_without_gap_or_overlap()
    {
        var made = new List<string>();
        for (var i = 0; i < 7; i++) made.Insert(0, await _api.CustomerAsync());
        var first = (await _api.GetAsync("/v1/customers?limit=3")).Ok();
        var second = (await _api.GetAsync($"/v1/customers?limit=3&starting_after={first.Data[^1]["id"]}")).Ok();
        var third = (await _api.GetAsync($"/v1/customers?limit=3&starting_after={second.Data[^1]["id"]}")).Ok();
        Assert.Equal(made, [.. first.Data.Concat(second.Data).Concat(third.Data).Select(c => c["id"]!.ToString())]);
        Assert.Equal(("true", "true", "false"), (first["has_more"], second["has_more"], third["has_more"]));
        var back = (await _api.GetAsync($"/v1/customers?limit=3&ending_before={third.Data[0]["id"]}")).Ok();
        Assert.Equal(second.Data.Select(c => c["id"]!.ToString()), back.Data.Select(c => c["id"]!.ToString()));
        Assert.Equal("true", back["has_more"]);
        Assert.Equal("/v1/customers", first["url"]);
    }

    [Fact]
    public async Task Lists_are_filtered_by_time()
    {
        await _api.CustomerAsync();
        var before = (await _api.SandboxAsync("clock", new { advance_seconds = 100 })).Ok().At("now")!.GetValue<long>();
        var late = await _api.CustomerAsync();
        Assert.Equal([late], [.. (await _api.GetAsync($"/v1/customers?created[gte]={before}")).Ok().Data.Select(c => c["id"]!.ToString())]);
        Assert.Single((await _api.GetAsync($"/v1/customers?created[lt]={before}")).Ok().Data);
    }

    [Fact]
    public async Task Ids_are_expanded_on_request_alone_and_in_lists()
    {
        var customer = await _api.CustomerAsync();
        var intent = (await _api.PostAsync("/v1/setup_intents", $"customer={customer}&payment_method=pm_card_visa&confirm=true&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&expand[]=payment_method.customer&expand[]=latest_attempt")).Ok();
        Assert.Equal("ada@example.com", intent["payment_method.customer.email"]);
        Assert.Equal("succeeded", intent["latest_attempt.status"]);
        var list = (await _api.GetAsync("/v1/setup_intents?expand[]=data.customer")).Ok();
        Assert.Equal("ada@example.com", list["data.0.customer.email"]);
        (await _api.GetAsync($"/v1/setup_intents/{intent.Id}?expand[]=a.b.c.d.e")).Refused(400, null, "expand");
    }

    [Fact]
    public async Task Coverage_tells_what_is_there_and_what_is_not()
    {
        var coverage = (await _api.GetAsync("/_sandbox/coverage")).Ok();
        var operations = coverage.Json["operations"]!.AsArray();
        Assert.Equal(138, operations.Count);
        var create = operations.Single(o => o!["method"]!.ToString() == "POST" && o["path"]!.ToString() == "/v1/setup_intents")!;
        Assert.True(create["implemented"]!.GetValue<bool>());
        Assert.Contains("usage", create["parameters"]!.AsArray().Select(p => p!.ToString()));
    }

    [Fact]
    public async Task Every_implemented_parameter_is_one_of_the_description()
    {
        foreach (var operation in (await _api.GetAsync("/_sandbox/coverage")).Ok().Json["operations"]!.AsArray())
        {
            var known = Tracepipe.StripeSandbox.Spec.ApiSpec.Dahlia.Operations.Single(o => o.Method == operation!["method"]!.ToString() && o.Template == operation["path"]!.ToString());
            foreach (var name in operation!["parameters"]!.AsArray().Select(p => p!.ToString().Split('[')[0]))
                Assert.True(known.Parameters.Properties!.ContainsKey(name) || name is "client_secret" or "expand" || name == "created" && known.Method == "GET", $"{known.Name} has no parameter {name}");
        }
    }
}
