using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Tracepipe.StripeSandbox;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Catches: a reset after which nobody is told of anything, and a control call that is ignored because of how its body was sent.</summary>
public sealed class ControlTests : IAsyncLifetime
{
    private const string Key = "sk_test_ofTheConfiguration1";
    private static readonly HttpClient Http = new();
    private SandboxServer server = null!;

    public async ValueTask InitializeAsync() => server = await SandboxServer.StartAsync(new SandboxOptions
    {
        ApiKey = Key, WebhookUrl = new Uri("http://127.0.0.1:0/hook"), WebhookSecret = "whsec_ofTheConfiguration0123456789",
    }, TimeProvider.System);

    public async ValueTask DisposeAsync() => await server.DisposeAsync();

    [Fact]
    public async Task A_reset_keeps_the_endpoint_of_the_configuration_and_forgets_the_rest()
    {
        await CallAsync(HttpMethod.Post, "/v1/customers", Form("name=Ada"));
        await CallAsync(HttpMethod.Post, "/v1/webhook_endpoints", Form("url=https://example.com/&enabled_events[0]=*"));
        await CallAsync(HttpMethod.Post, "/_sandbox/reset");
        Assert.Empty((await CallAsync(HttpMethod.Get, "/v1/customers")).GetProperty("data").EnumerateArray());
        var endpoint = Assert.Single((await CallAsync(HttpMethod.Get, "/v1/webhook_endpoints")).GetProperty("data").EnumerateArray());
        Assert.Equal("http://127.0.0.1:0/hook", endpoint.GetProperty("url").GetString());
        Assert.Equal("enabled", endpoint.GetProperty("status").GetString());
    }

    [Fact]
    public async Task The_endpoint_of_the_configuration_moves_to_where_its_receiver_listens()
    {
        var before = (await CallAsync(HttpMethod.Get, "/v1/webhook_endpoints")).GetProperty("data")[0];
        server.DeliverTo(new Uri("http://127.0.0.1:4711/hook"));
        var after = Assert.Single((await CallAsync(HttpMethod.Get, "/v1/webhook_endpoints")).GetProperty("data").EnumerateArray());
        Assert.Equal((before.GetProperty("id").GetString(), "http://127.0.0.1:4711/hook"), (after.GetProperty("id").GetString(), after.GetProperty("url").GetString()));
    }

    [Fact]
    public async Task A_body_without_its_length_counts()
    {
        var body = new StringContent("""{"kind":"error","path":"/v1/customers"}""", Encoding.UTF8, "application/json");
        body.Headers.ContentLength = null;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Url, "/_sandbox/faults")) { Content = body };
        request.Headers.TransferEncodingChunked = true;
        var ordered = await SendAsync(request);
        Assert.Equal("/v1/customers", Assert.Single(ordered.GetProperty("data").EnumerateArray()).GetProperty("path").GetString());
        using var wrong = Request(HttpMethod.Post, "/_sandbox/faults", new StringContent("[1]", Encoding.UTF8, "application/json"));
        wrong.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        Assert.Equal(400, (int)(await Http.SendAsync(wrong)).StatusCode);
    }

    private static StringContent Form(string text) => new(text, Encoding.UTF8, "application/x-www-form-urlencoded");

    private Task<JsonElement> CallAsync(HttpMethod method, string path, HttpContent? content = null) => SendAsync(Request(method, path, content));

    private HttpRequestMessage Request(HttpMethod method, string path, HttpContent? content) => new(method, new Uri(server.Url, path)) { Content = content };

    private static async Task<JsonElement> SendAsync(HttpRequestMessage request)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        using var response = await Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonElement.Parse(body);
    }
}
