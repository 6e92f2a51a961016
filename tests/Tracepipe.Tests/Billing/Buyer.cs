using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>A person at the billing API, as the page's script calls it: cookie and antiforgery header.</summary>
public sealed class Buyer(BillingApp app, TestPerson person)
{
    private string? token;

    public TestPerson Person { get; } = person;

    public Guid Organization => Person.OrganizationId;

    public string Account => $"/api/billing/account/{Organization}";

    public string Page => $"/o/{Person.Slug}/settings/billing/payment-methods";

    /// <summary>Calls and expects this status; returns the body.</summary>
    public async Task<JsonElement> CallAsync(HttpMethod method, string path, int status = 200, string? json = null, (string Name, string Value)? header = null)
    {
        using var response = await SendAsync(method, path, json, header);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{method} {path}: {(int)response.StatusCode} {body}");
        return body.Length == 0 ? default : JsonElement.Parse(body);
    }

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? json = null, (string Name, string Value)? header = null, bool withToken = true)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        if (withToken && method != HttpMethod.Get) request.Headers.Add("RequestVerificationToken", token ??= await TokenAsync());
        if (header is { } extra) request.Headers.Add(extra.Name, extra.Value);
        return await Person.Browser.Http.SendAsync(request);
    }

    public Task<JsonElement> AccountAsync() => CallAsync(HttpMethod.Get, Account);

    public async Task<IReadOnlyList<JsonElement>> CardsAsync() => [.. (await CallAsync(HttpMethod.Get, $"{Account}/payment-methods")).EnumerateArray()];

    /// <summary>Types a card into Stripe's form and confirms, as the browser does.</summary>
    public async Task<(string Intent, JsonElement Answer)> TypeCardAsync(string number = "4242424242424242", string cvc = "123")
    {
        var setup = await CallAsync(HttpMethod.Post, $"{Account}/setup-intent", json: "{}");
        var intent = setup.GetProperty("setup_intent_id").GetString()!;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.StripeAddress, $"/v1/setup_intents/{intent}/confirm"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["client_secret"] = setup.GetProperty("client_secret").GetString()!,
                ["payment_method_data[type]"] = "card",
                ["payment_method_data[card][number]"] = number,
                ["payment_method_data[card][exp_month]"] = "12",
                ["payment_method_data[card][exp_year]"] = "2040",
                ["payment_method_data[card][cvc]"] = cvc,
                ["return_url"] = new Uri(app.Address, $"{Page}/return").ToString(),
            }),
        };
        request.Headers.Authorization = new("Bearer", app.StripePublishableKey);
        using var response = await TestApp.Http.SendAsync(request);
        return (intent, JsonElement.Parse(await response.Content.ReadAsStringAsync()));
    }

    /// <summary>A payment method made by Stripe.js and attached to nobody.</summary>
    public async Task<string> FreeMethodAsync(string number = "4242424242424242")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.StripeAddress, "/v1/payment_methods"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["type"] = "card", ["card[number]"] = number, ["card[exp_month]"] = "12", ["card[exp_year]"] = "2040", ["card[cvc]"] = "123" }),
        };
        request.Headers.Authorization = new("Bearer", app.StripePublishableKey);
        using var response = await TestApp.Http.SendAsync(request);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("id").GetString()!;
    }

    /// <summary>Puts a card on file by the guide's route.</summary>
    public async Task<string> AddCardAsync(string method = "pm_card_visa", bool asDefault = false) =>
        (await CallAsync(HttpMethod.Post, $"{Account}/payment-method", json: $$"""{"payment_method_id":"{{method}}","set_as_default":{{(asDefault ? "true" : "false")}}}""")).GetProperty("id").GetString()!;

    /// <summary>The default in our list, in the database, and at Stripe.</summary>
    public async Task<(string? List, string? Database, string? Stripe)> DefaultsAsync()
    {
        var list = (await CardsAsync()).Where(c => c.GetProperty("is_default").GetBoolean()).Select(c => c.GetProperty("id").GetString()).SingleOrDefault();
        var database = await app.ScalarAsync<string?>($"select id from payment_methods where organization_id = '{Organization}' and is_default");
        var customer = await app.CustomerAsync(Organization);
        return (list, database, (await app.StripeAsync(HttpMethod.Get, $"/v1/customers/{customer}")).GetProperty("invoice_settings").GetProperty("default_payment_method").GetString());
    }

    private async Task<string> TokenAsync() => (await Person.Browser.PageAsync(Page)).QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
}
