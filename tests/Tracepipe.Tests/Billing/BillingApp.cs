using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product with verbs about money: organizations with customers, cards attached behind our back, webhooks sent by hand.</summary>
public class BillingApp(TestServers servers) : TestApp(servers)
{
    private int organizations;

    /// <summary>The sandbox's own deliveries; off when a test delivers by hand.</summary>
    protected virtual bool Delivers => true;

    internal FaultPoints Faults => Services.GetRequiredService<FaultPoints>();

    internal Inbox Inbox => Services.GetRequiredService<Inbox>();

    internal StripeOperations Operations => Services.GetRequiredService<StripeOperations>();

    internal InboxWorker Worker => Services.GetServices<IHostedService>().OfType<InboxWorker>().Single();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        if (Delivers) return;
        foreach (var endpoint in (await StripeAsync(HttpMethod.Get, "/v1/webhook_endpoints")).GetProperty("data").EnumerateArray())
            await StripeAsync(HttpMethod.Post, $"/v1/webhook_endpoints/{endpoint.GetProperty("id").GetString()}", new() { ["disabled"] = "true" });
    }

    /// <summary>An organization as registration makes it, without the person.</summary>
    public async Task<Guid> NewOrganizationAsync()
    {
        await using var transaction = await Services.GetRequiredService<Database>().BeginWorkAsync(CancellationToken.None);
        var number = Interlocked.Increment(ref organizations);
        var (id, _) = await Services.GetRequiredService<Memberships>().MakePersonalAsync(Guid.CreateVersion7(), $"Buyer {number}", $"buyer{number}@example.com", transaction, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return id;
    }

    /// <summary>The organization's customer at Stripe, once the worker has made it.</summary>
    public async Task<string> CustomerAsync(Guid organization) =>
        (await EventuallyAsync(() => ScalarAsync<string?>($"select stripe_customer_id from billing_accounts where organization_id = '{organization}'"), c => c is not null))!;

    /// <summary>Attaches a test card at Stripe, behind the product's back.</summary>
    public async Task<string> AttachAtStripeAsync(string customer, string card = "pm_card_visa") =>
        (await StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{card}/attach", new() { ["customer"] = customer })).GetProperty("id").GetString()!;

    /// <summary>All events of this account, oldest first, as Stripe would send them.</summary>
    public async Task<IReadOnlyList<JsonElement>> EventsAsync()
    {
        var events = new List<JsonElement>();
        var after = "";
        while (true)
        {
            var page = await StripeAsync(HttpMethod.Get, $"/v1/events?limit=100{after}");
            events.AddRange(page.GetProperty("data").EnumerateArray());
            if (!page.GetProperty("has_more").GetBoolean()) break;
            after = $"&starting_after={events[^1].GetProperty("id").GetString()}";
        }
        events.Reverse();
        return events;
    }

    /// <summary>An event about an object, as small as one can be.</summary>
    public static string Event(string id, string type, string about, bool livemode = false, string version = StripeOptions.DefaultApiVersion, string more = "") =>
        $$"""{"id":"{{id}}","object":"event","api_version":"{{version}}","created":1795000000,"livemode":{{(livemode ? "true" : "false")}},"type":"{{type}}","data":{"object":{"id":"{{about}}"} }{{more}} }""";

    public string Sign(string body, DateTimeOffset? at = null, string? secret = null) => StripeSignature.Sign(Encoding.UTF8.GetBytes(body), secret ?? WebhookSecret, at ?? Clock.GetUtcNow());

    /// <summary>Posts a webhook.</summary>
    public async Task<int> DeliverAsync(string body, params string[] signatures)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Address, "/webhooks/stripe")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach (var signature in signatures.Length == 0 ? [Sign(body)] : signatures) request.Headers.TryAddWithoutValidation("Stripe-Signature", signature);
        using var response = await Http.SendAsync(request);
        return (int)response.StatusCode;
    }

    public Task<string?> StateOfAsync(string eventId) => ScalarAsync<string?>($"select state from stripe_events where id = '{eventId}'");

    /// <summary>Waits until no event is pending, but for one that is meant to fail.</summary>
    public Task SettledAsync() => EventuallyAsync(() => ScalarAsync<long>("select count(*) from stripe_events where state = 'pending' and id <> 'evt_poison'"), n => n == 0);

    /// <summary>What we believe about an organization's cards, in one line.</summary>
    public async Task<string> ProjectionAsync(Guid organization) => await ScalarAsync<string>($"""
        select (select status || ' auto=' || auto_billing_enabled || ' customer=' || coalesce(stripe_customer_id, '-') from billing_accounts where organization_id = '{organization}')
          || coalesce((select string_agg(' ' || id || '/' || coalesce(brand, type) || '/' || coalesce(exp_month::text, '') || case when is_default then '*' else '' end, '' order by id)
             from payment_methods where organization_id = '{organization}' and detached_at is null), '')
        """);

    /// <summary>What Stripe has, in the same words.</summary>
    public async Task<string> TruthAsync(Guid organization)
    {
        var customer = await CustomerAsync(organization);
        var chosen = (await StripeAsync(HttpMethod.Get, $"/v1/customers/{customer}")).GetProperty("invoice_settings").GetProperty("default_payment_method").GetString();
        var methods = (await StripeAsync(HttpMethod.Get, $"/v1/customers/{customer}/payment_methods?limit=100")).GetProperty("data").EnumerateArray()
            .Select(m => (Id: m.GetProperty("id").GetString()!, Card: m.TryGetProperty("card", out var card) ? card : default, Type: m.GetProperty("type").GetString()))
            .OrderBy(m => m.Id, StringComparer.Ordinal)
            .Select(m => m.Card.ValueKind == JsonValueKind.Object ? $" {m.Id}/{m.Card.GetProperty("brand").GetString()}/{m.Card.GetProperty("exp_month").GetInt32()}{(m.Id == chosen ? "*" : "")}" : $" {m.Id}/{m.Type}/{(m.Id == chosen ? "*" : "")}");
        return $"active auto=true customer={customer}{string.Concat(methods)}";
    }

    /// <summary>Orders a fault for the next calls of an operation of this account.</summary>
    public Task FaultAsync(string kind, string method, string path, int count = 1) =>
        FaultsAsync(HttpMethod.Post, $$"""{"kind":"{{kind}}","method":"{{method}}","path":"{{path}}","count":{{count}}}""");

    /// <summary>Takes back what was ordered.</summary>
    public Task NoFaultsAsync() => FaultsAsync(HttpMethod.Delete, json: null);

    private async Task FaultsAsync(HttpMethod method, string? json)
    {
        using var request = new HttpRequestMessage(method, new Uri(StripeAddress, "/_sandbox/faults"));
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", StripeKey);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await Http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}

/// <summary>The same with deliveries by hand only.</summary>
public sealed class QuietBillingApp(TestServers servers) : BillingApp(servers)
{
    protected override bool Delivers => false;
}

/// <summary>The same without anybody who acts on what was stored.</summary>
public sealed class StoringBillingApp(TestServers servers) : BillingApp(servers)
{
    /// <summary>The secret before the last roll: still valid.</summary>
    public const string OlderSecret = "whsec_0123456789abcdefghijklmnopqrstuv";

    protected override bool Delivers => false;

    protected override void Configure(Microsoft.AspNetCore.Builder.WebApplicationBuilder builder) =>
        Microsoft.Extensions.Configuration.MemoryConfigurationBuilderExtensions.AddInMemoryCollection(builder.Configuration, new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["Billing:InboxWorker"] = "false",
            ["Stripe:WebhookSecret"] = $"{OlderSecret},{WebhookSecret}",
        });
}
