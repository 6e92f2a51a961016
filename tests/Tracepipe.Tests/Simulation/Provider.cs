using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.Billing;

namespace Tracepipe.Tests.Simulation;

/// <summary>What the two organizations do at the payment provider, and the webhooks that wait to tell of it.</summary>
internal sealed class Provider(SimulationApp app, Guid[] organizations)
{
    private readonly List<(string Session, string Payment)>[] purchases = [.. organizations.Select(_ => new List<(string, string)>())];
    private readonly List<JsonElement> waiting = [];
    private string? last;

    /// <summary>What was told before this history is no part of it.</summary>
    public async Task BeginAsync()
    {
        var newest = (await app.StripeAsync(HttpMethod.Get, "/v1/events?limit=1")).GetProperty("data");
        last = newest.GetArrayLength() == 0 ? null : newest[0].Text("id");
    }

    /// <summary>Pays for credits on the provider's page.</summary>
    public async Task BuyAsync(int who, long cents)
    {
        var begun = await app.Services.GetRequiredService<Checkouts>().BuyCreditsAsync(organizations[who], cents / 100m, null, null, Actor.System, default);
        Assert.True(begun.IsDone, begun.Problem?.Message);
        Assert.NotNull(await app.PayAsync(begun.Value!.Url));
        var session = await app.StripeAsync(HttpMethod.Get, $"/v1/checkout/sessions/{begun.Value.SessionId}");
        purchases[who].Add((begun.Value.SessionId, session.Text("payment_intent")));
    }

    public Task GiveBackAsync(int who, int purchase, long cents) =>
        app.StripeAsync(HttpMethod.Post, "/v1/refunds", new() { ["payment_intent"] = purchases[who][purchase].Payment, ["amount"] = cents.ToString(CultureInfo.InvariantCulture) });

    /// <summary>Delivers what waits about a purchase.</summary>
    public async Task TellAsync(int who, int purchase, int order, int times)
    {
        await FetchAsync();
        var (session, payment) = purchases[who][purchase];
        await DeliverAsync([.. waiting.Where(e => e.GetRawText() is var text && (text.Contains(session, StringComparison.Ordinal) || text.Contains(payment, StringComparison.Ordinal)))], order, times);
    }

    /// <summary>Delivers everything that waits.</summary>
    public async Task TellAllAsync(int order, int times)
    {
        await FetchAsync();
        await DeliverAsync([.. waiting], order, times);
    }

    private async Task DeliverAsync(JsonElement[] events, int order, int times)
    {
        if (events.Length == 0) return;
        waiting.RemoveAll(events.Contains);
        var told = Enumerable.Repeat(events, times).SelectMany(e => e).ToArray();
        new Random(order).Shuffle(told);
        foreach (var one in told)
        {
            var body = one.GetRawText();
            Assert.Equal(200, await app.DeliverAsync(body, app.Sign(body, app.Now)));
        }
        await app.SettledAsync();
    }

    private async Task FetchAsync()
    {
        var fresh = new List<JsonElement>();
        while (true)
        {
            var page = await app.StripeAsync(HttpMethod.Get, $"/v1/events?limit=100{(last is null ? "" : $"&ending_before={last}")}");
            var found = page.GetProperty("data").EnumerateArray().Reverse().ToList();
            fresh.AddRange(found);
            if (found.Count > 0) last = found[^1].Text("id");
            if (!page.GetProperty("has_more").GetBoolean() || found.Count == 0) break;
        }
        waiting.AddRange(fresh);
    }
}
