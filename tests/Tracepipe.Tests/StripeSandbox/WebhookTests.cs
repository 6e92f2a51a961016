using System.Security.Cryptography;
using System.Text;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: an event that is lost, unsigned, or that a receiver cannot tell from a forged one.</summary>
public sealed class WebhookTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task An_event_arrives_signed_with_the_secret_told_at_creation()
    {
        await using var receiver = await Receiver.StartAsync();
        var secret = await ListenAsync(_api, receiver);
        var customer = await _api.CustomerAsync();
        var came = (await receiver.WaitAsync(all => all.Count == 1))[0];
        Assert.Equal("application/json; charset=utf-8", came.ContentType);
        Assert.Equal(1, ValidSignatures(came, secret));
        var told = System.Text.Json.Nodes.JsonNode.Parse(came.Body)!;
        Assert.Equal(("customer.created", customer), (told["type"]!.ToString(), told["data"]!["object"]!["id"]!.ToString()));
        Assert.StartsWith("req_", told["request"]!["id"]!.ToString(), StringComparison.Ordinal);
        await UntilAsync(async () => (await _api.GetAsync("/v1/events")).Ok()["data.0.pending_webhooks"] == "0");
    }

    [Fact]
    public async Task The_secret_is_told_once()
    {
        await using var receiver = await Receiver.StartAsync();
        var made = (await _api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=*")).Ok();
        Assert.StartsWith("whsec_", made["secret"], StringComparison.Ordinal);
        Assert.Null((await _api.GetAsync($"/v1/webhook_endpoints/{made.Id}")).Ok()["secret"]);
        Assert.Null((await _api.GetAsync("/v1/webhook_endpoints")).Ok()["data.0.secret"]);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(404)]
    [InlineData(302)]
    public async Task What_is_not_2xx_is_tried_again_with_a_fresh_signature(int status)
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Status = n => n <= 2 ? status : 204;
        var secret = await ListenAsync(_api, receiver);
        await _api.CustomerAsync();
        var came = await receiver.WaitAsync(all => all.Count == 3);
        Assert.Single(came.Select(c => c.Id).Distinct());
        Assert.All(came, c => Assert.Equal(1, ValidSignatures(c, secret)));
        await UntilAsync(async () => (await _api.GetAsync("/v1/events?delivery_success=true")).Ok().Data.Count == 1);
    }

    [Fact]
    public async Task After_the_last_retry_it_is_given_up_and_can_be_sent_again_by_hand()
    {
        await using var receiver = await Receiver.StartAsync();
        receiver.Status = _ => 500;
        await ListenAsync(_api, receiver);
        await _api.CustomerAsync();
        await receiver.WaitAsync(all => all.Count == 4);
        await UntilAsync(async () => (await DeliveriesAsync()).Ok()["data.0.pending"] == "false");
        var told = (await _api.GetAsync("/v1/events")).Ok();
        Assert.Equal("1", told["data.0.pending_webhooks"]);
        receiver.Status = _ => 200;
        (await _api.SandboxAsync($"events/{told["data.0.id"]}/resend", new { })).Ok();
        var came = await receiver.WaitAsync(all => all.Count == 5);
        Assert.Equal(came[0].Id, came[4].Id);
    }

    [Fact]
    public async Task Only_wanted_types_come_and_a_disabled_endpoint_gets_none()
    {
        await using var receiver = await Receiver.StartAsync();
        var endpoint = (await _api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=payment_method.attached")).Ok();
        var customer = await _api.CustomerAsync();
        await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={customer}");
        await receiver.WaitAsync(all => all.Count == 1);
        Assert.Equal("disabled", (await _api.PostAsync($"/v1/webhook_endpoints/{endpoint.Id}", "disabled=true")).Ok()["status"]);
        await _api.PostAsync("/v1/payment_methods/pm_card_visa/attach", $"customer={customer}");
        Assert.Equal("0", (await _api.GetAsync("/v1/events?limit=1")).Ok()["data.0.pending_webhooks"]);
        Assert.Equal(["payment_method.attached"], receiver.All.Select(c => c.Type));
    }

    [Fact]
    public async Task While_a_secret_is_replaced_both_sign()
    {
        await using var receiver = await Receiver.StartAsync();
        var made = (await _api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=*")).Ok();
        var fresh = (await _api.SandboxAsync($"webhook_endpoints/{made.Id}/roll_secret", new { overlap_seconds = 3600 })).Ok()["secret"]!;
        await _api.CustomerAsync();
        var came = (await receiver.WaitAsync(all => all.Count == 1))[0];
        Assert.Equal((1, 1), (ValidSignatures(came, made["secret"]!), ValidSignatures(came, fresh)));
        Assert.Equal(2, came.Signature.Split(',').Count(p => p.StartsWith("v1=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_endpoint_that_is_gone_loses_nothing_else()
    {
        await using var receiver = await Receiver.StartAsync();
        var gone = await Receiver.StartAsync();
        await ListenAsync(_api, gone);
        await gone.DisposeAsync();
        await ListenAsync(_api, receiver);
        await _api.CustomerAsync();
        await receiver.WaitAsync(all => all.Count == 1);
    }

    [Fact]
    public async Task A_hundred_events_come_in_their_order_one_by_one()
    {
        await using var receiver = await Receiver.StartAsync();
        await ListenAsync(_api, receiver);
        for (var i = 0; i < 100; i++) await _api.CustomerAsync();
        var came = await receiver.WaitAsync(all => all.Count == 100);
        var told = (await _api.GetAsync("/v1/events?limit=100")).Ok().Data.Select(e => e["id"]!.ToString()).Reverse();
        Assert.Equal(told, came.Select(c => c.Id));
    }

    [Fact]
    public async Task Chaos_shuffles_repeats_and_doubles_but_loses_nothing()
    {
        var options = SandboxFixture.Options();
        options.Chaos = new ChaosOptions { Seed = 7, ShuffleWindow = 10, DuplicatePercent = 20, TwinPercent = 10, DropFirst = true, MaximumDelay = TimeSpan.FromMilliseconds(50) };
        await using var chaotic = await SandboxServer.StartAsync(options, TimeProvider.System);
        var api = new SandboxClient(chaotic.Url);
        await using var receiver = await Receiver.StartAsync();
        await ListenAsync(api, receiver);
        for (var i = 0; i < 40; i++) await api.CustomerAsync();
        var told = (await api.GetAsync("/v1/events?limit=100")).Ok().Data.Select(e => e["id"]!.ToString()).Reverse().ToList();
        await receiver.WaitAsync(all => told.All(id => all.Any(c => c.Id == id)) && all.Count > told.Count);
        Assert.True(told.Count > 40, "no change was told twice");
        Assert.NotEqual(told, receiver.All.Select(c => c.Id).Distinct());
    }

    [Fact]
    public async Task A_change_tells_the_old_values_of_what_changed()
    {
        var customer = await _api.CustomerAsync("&name=Ada&metadata[a]=1");
        (await _api.PostAsync($"/v1/customers/{customer}", "name=Grace&metadata[b]=2")).Ok();
        (await _api.PostAsync($"/v1/customers/{customer}", "name=Grace")).Ok();
        var told = (await _api.GetAsync("/v1/events?type=customer.updated")).Ok();
        Assert.Single(told.Data);
        Assert.Equal("""{"name":"Ada","metadata":{"a":"1"}}""", Sorted(told.At("data.0.data.previous_attributes")!));
        Assert.Equal("Grace", told["data.0.data.object.name"]);

        static string Sorted(System.Text.Json.Nodes.JsonNode node) => new System.Text.Json.Nodes.JsonObject { ["name"] = node["name"]!.DeepClone(), ["metadata"] = node["metadata"]!.DeepClone() }.ToJsonString();
    }

    private Task<Answer> DeliveriesAsync() => _api.GetAsync("/_sandbox/deliveries");

    private static async Task<string> ListenAsync(SandboxClient api, Receiver receiver) =>
        (await api.PostAsync("/v1/webhook_endpoints", $"url={receiver.Url}&enabled_events[]=*")).Ok()["secret"]!;

    /// <summary>Verified as a receiver would, from the raw bytes.</summary>
    private static int ValidSignatures(Receiver.Received came, string secret)
    {
        var parts = came.Signature.Split(',');
        var time = parts[0]["t=".Length..];
        var wanted = "v1=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{time}.{came.Body}")));
        return parts.Count(p => p == wanted);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(20)) throw new TimeoutException();
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
