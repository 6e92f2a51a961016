using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product with verbs about plans: buyers who pay on Stripe's page, a clock that both sides live by, units of work.</summary>
public class PlanApp(TestServers servers) : BillingApp(servers)
{
    internal Subscriptions Subscriptions => Services.GetRequiredService<Subscriptions>();

    internal Holds Holds => Services.GetRequiredService<Holds>();

    internal PlanUpkeep Upkeep => Services.GetRequiredService<PlanUpkeep>();

    // What is sold is made at the account before anybody buys.
    protected override void Configure(Microsoft.AspNetCore.Builder.WebApplicationBuilder builder) =>
        Microsoft.Extensions.Configuration.MemoryConfigurationBuilderExtensions.AddInMemoryCollection(builder.Configuration, new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["Catalog:ApplyAtStart"] = "true" });

    public async Task<Buyer> NewBuyerAsync()
    {
        var buyer = new Buyer(this, await NewPersonAsync());
        await CustomerAsync(buyer.Organization);
        return buyer;
    }

    /// <summary>Presses Pay on Stripe's page with this card. 3-D Secure is confirmed when it is asked for.</summary>
    /// <returns>Where the page sends the buyer; null when it refused the card and stays open.</returns>
    public async Task<Uri?> PayAsync(string checkoutUrl, string number = "4242424242424242")
    {
        var form = new Dictionary<string, string> { ["method"] = "card", ["number"] = number, ["expiry"] = "12 / 40", ["cvc"] = "123" };
        using var response = await Http.PostAsync(new Uri(checkoutUrl), new FormUrlEncodedContent(form));
        if (response.StatusCode is HttpStatusCode.UnprocessableEntity) return null;
        Assert.True(response.StatusCode is HttpStatusCode.SeeOther, $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        var to = new Uri(new Uri(checkoutUrl), response.Headers.Location!);
        return to.AbsolutePath.StartsWith("/c/pay/", StringComparison.Ordinal) ? null : to;
    }

    /// <summary>Subscribes as a person does: checkout here, card there, until the plan is active here.</summary>
    public async Task<JsonElement> SubscribeAsync(Buyer buyer, string tier, string card = "4242424242424242")
    {
        var begun = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/checkout", json: $$"""{"tier":"{{tier}}"}""");
        Assert.NotNull(await PayAsync(begun.GetProperty("checkout_url").GetString()!, card));
        return await PlanAsync(buyer, p => p.Is(tier, "active") || p.Is(tier, "trialing"));
    }

    /// <summary>Hears what Stripe has to tell. Webhooks do that by themselves; where there are none, Stripe's list of events is read.</summary>
    public virtual Task HearAsync() => Task.CompletedTask;

    /// <summary>Asks until the plan is as wanted.</summary>
    public Task<JsonElement> PlanAsync(Buyer buyer, Func<JsonElement, bool> holds) => EventuallyAsync(async () =>
    {
        await HearAsync();
        return await buyer.PlanAsync();
    }, holds);

    /// <summary>The buyer signed in anew: sessions end when much time has passed.</summary>
    public async Task<Buyer> AgainAsync(Buyer buyer)
    {
        var browser = NewBrowser();
        (await browser.FollowAsync(await browser.SubmitAsync("/login", new() { ["Email"] = buyer.Person.Email, ["Password"] = buyer.Person.Password }))).EnsureSuccessStatusCode();
        return new Buyer(this, buyer.Person with { Browser = browser });
    }

    /// <summary>Moves our clock and the sandbox account's by the same.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        Clock.Advance(by);
        await SandboxAsync(HttpMethod.Post, "/_sandbox/clock", $$"""{"advance_seconds":{{((long)by.TotalSeconds).ToString(CultureInfo.InvariantCulture)}}}""");
        await EventuallyAsync(() => SandboxAsync(HttpMethod.Get, "/_sandbox/clock"), c => c.GetProperty("settled").GetBoolean());
    }

    /// <summary>What only a sandbox can do.</summary>
    public async Task<JsonElement> SandboxAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(StripeAddress, path));
        if (json is not null) request.Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        request.Headers.Authorization = new("Bearer", StripeKey);
        using var response = await Http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return JsonElement.Parse(await response.Content.ReadAsStringAsync());
    }

    public Task HealAsync() => SandboxAsync(HttpMethod.Delete, "/_sandbox/faults");

    /// <summary>What everything is paid with from now on: the customer's default and the subscription's own.</summary>
    public async Task PayWithAsync(Guid organization, string card)
    {
        var customer = await CustomerAsync(organization);
        var method = await AttachAtStripeAsync(customer, card);
        await StripeAsync(HttpMethod.Post, $"/v1/customers/{customer}", new() { ["invoice_settings[default_payment_method]"] = method });
        foreach (var subscription in await AtStripeAsync(organization, more: ""))
            await StripeAsync(HttpMethod.Post, $"/v1/subscriptions/{subscription.Text("id")}", new() { ["default_payment_method"] = method });
    }

    /// <summary>How the plan stands, with everything that pages say.</summary>
    internal Task<SubscriptionOverview> OverviewAsync(Guid organization) => Subscriptions.GetAsync(organization, null, CancellationToken.None);

    /// <summary>Asks until the plan is as wanted.</summary>
    internal Task<SubscriptionOverview> OverviewAsync(Guid organization, Func<SubscriptionOverview, bool> holds) => EventuallyAsync(async () =>
    {
        await HearAsync();
        return await OverviewAsync(organization);
    }, holds);

    /// <summary>Bodies of the mails to an address.</summary>
    public Task<string> MailsAsync(string email) => ScalarAsync<string>($"select coalesce(string_agg(subject || ' ' || body, ' '), '') from mails where recipient = '{email}'");

    /// <summary>Both clocks to a moment.</summary>
    public Task AdvanceToAsync(DateTimeOffset at) => AdvanceAsync(TimeSpan.FromSeconds(Math.Ceiling((at - Clock.GetUtcNow()).TotalSeconds)));

    /// <summary>Units of work, committed.</summary>
    public async Task UseAsync(Guid organization, long units)
    {
        var id = Guid.CreateVersion7().ToString();
        var hold = await Holds.HoldAsync(new HoldWish(organization, id, "workflow", units, Hold.Lasts, null, [1]), CancellationToken.None);
        Assert.Null(hold.Refusal);
        Assert.Null((await Holds.CommitAsync(organization, id, new CommitWish(null, null), CancellationToken.None)).Refusal);
    }

    /// <summary>Why a unit is refused now; null when it is taken on (and given back).</summary>
    internal async Task<string?> RefusalAsync(Guid organization)
    {
        var id = Guid.CreateVersion7().ToString();
        var hold = await Holds.HoldAsync(new HoldWish(organization, id, "workflow", 1, Hold.Lasts, null, [1]), CancellationToken.None);
        if (hold.Refusal is { } refusal) return refusal.Details?["reason"] as string ?? refusal.Code;
        await Holds.ReleaseAsync(organization, id, CancellationToken.None);
        return null;
    }

    /// <summary>Subscriptions at Stripe, newest first.</summary>
    public async Task<IReadOnlyList<JsonElement>> AtStripeAsync(Guid organization, string kind = "subscriptions", string more = "&status=all") =>
        [.. (await StripeAsync(HttpMethod.Get, $"/v1/{kind}?customer={await CustomerAsync(organization)}&limit=100{more}")).GetProperty("data").EnumerateArray()];

    /// <summary>What was charged at Stripe, less what went back, in cents.</summary>
    public async Task<long> ChargedAsync(Guid organization) => (await AtStripeAsync(organization, "charges", ""))
        .Where(c => c.GetProperty("status").GetString() == "succeeded").Sum(c => c.GetProperty("amount").GetInt64() - c.GetProperty("amount_refunded").GetInt64());

    internal static Actor Somebody { get; } = Actor.System;
}

/// <summary>What a buyer sees of plans.</summary>
internal static class PlanVerbs
{
    public static Task<JsonElement> PlanAsync(this Buyer buyer) => buyer.CallAsync(HttpMethod.Get, $"{buyer.Account}/subscription");

    public static Task<JsonElement> PreviewAsync(this Buyer buyer, string tier, int status = 200) =>
        buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/change/preview", status, $$"""{"tier":"{{tier}}"}""");

    public static Task<JsonElement> ChangeAsync(this Buyer buyer, string tier, string preview, int status = 200) =>
        buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/subscription/change", status, $$"""{"tier":"{{tier}}","preview_id":"{{preview}}"}""");

    public static string Text(this JsonElement of, string name) => of.GetProperty(name).GetString()!;

    public static long Number(this JsonElement of, string name) => of.GetProperty(name).GetInt64();

    public static decimal Amount(this JsonElement of, string name) => of.GetProperty(name).GetDecimal();

    public static bool Is(this JsonElement plan, string tier, string status) => plan.ValueKind is JsonValueKind.Object && plan.Text("tier") == tier && plan.Text("status") == status;
}

/// <summary>The same without webhooks, so that time can be moved: what happened at Stripe is read from its list of events.</summary>
public class TimedPlanApp(TestServers servers) : PlanApp(servers)
{
    protected override bool Delivers => false;

    public override async Task HearAsync()
    {
        await Services.GetRequiredService<EventCatchUp>().RunAsync(CancellationToken.None);
        await SettledAsync();
    }
}
