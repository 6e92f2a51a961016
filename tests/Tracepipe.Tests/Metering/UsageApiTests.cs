using System.Text.Json;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a month that does not add up, use of another month, suite or organization in it, and numbers that only a scan of events could give.</summary>
public sealed class UsageApiTests(UsageApp app) : IClassFixture<UsageApp>
{
    private async Task<JsonElement> UsageAsync(string key, string query = "")
    {
        using var answer = await app.CallAsync(key, "/v1/usage" + query);
        return await KeysApp.JsonAsync(answer);
    }

    [Fact]
    public async Task The_month_so_far_is_counted_and_priced()
    {
        var month = Period.CalendarMonth(app.Clock.GetUtcNow());
        await using var back = app.At(month.End.AddDays(9).AddHours(12)); // the 10th of the next month: no border of a month comes in between
        var owner = await app.NewOwnerAsync();
        await app.CardAsync(owner.OrganizationId, cap: 100_000);
        var (key, id) = await app.NewFullKeyAsync(owner);
        var other = await app.NewOwnerAsync();
        await app.UseTokensAsync(other.OrganizationId, 9_999, "gpt-4o");
        await app.UseTokensAsync(owner.OrganizationId, 300_000, "gpt-4o", id, "checkout");
        await app.UseTokensAsync(owner.OrganizationId, 900_000, "claude-sonnet-4", id, "search");
        await app.UseTokensAsync(owner.OrganizationId, 150_000);
        await app.UseTokensAsync(owner.OrganizationId, 77, "gpt-4o", at: month.End.AddMicroseconds(-1)); // last month's
        await app.WorkAsync(owner.OrganizationId, 5, key, "checkout");
        await app.WorkAsync(owner.OrganizationId, 1, key, "checkout");
        await app.UploadAsync(key, Traces.TracesApp.Trace(1_000_000));
        app.Clock.Advance(TimeSpan.FromHours(2));

        var usage = await UsageAsync(key);
        Assert.Equal(["billing_period", "tokens", "storage", "sessions_uploaded", "examples_generated", "workflows", "estimated_cost"], usage.EnumerateObject().Select(m => m.Name));
        Assert.Equal(month.End.ToString("yyyy-MM"), usage.GetProperty("billing_period").GetString());
        Assert.Equal("""{"total":1350000,"by_model":{"claude-sonnet-4":900000,"gpt-4o":300000,"unknown":150000}}""", usage.GetProperty("tokens").ToString());
        Assert.Equal(0.001m, usage.GetProperty("storage").GetProperty("current_gb").GetDecimal());
        Assert.InRange(usage.GetProperty("storage").GetProperty("gb_hours").GetDecimal(), 0.002m, 0.0021m); // live: nothing has settled it since it was stored
        Assert.Equal((1, 0), (usage.GetProperty("sessions_uploaded").GetInt32(), usage.GetProperty("examples_generated").GetInt32()));
        Assert.Equal("""{"used":6,"limit":5,"remaining":0}""", usage.GetProperty("workflows").ToString());
        Assert.Equal((12.50m, 0m, 10.00m, 22.50m, "USD"), Costs(usage)); // 1,250,000 tokens beyond 100,000; one unit beyond five

        var ofSuite = await UsageAsync(key, "?suite_id=checkout");
        Assert.Equal("""{"total":300000,"by_model":{"gpt-4o":300000}}""", ofSuite.GetProperty("tokens").ToString());
        Assert.Equal(1, ofSuite.GetProperty("sessions_uploaded").GetInt32());
        Assert.Equal(6, ofSuite.GetProperty("workflows").GetProperty("used").GetInt32());
        Assert.Equal((2.78m, 0m, 10.00m, 12.78m, "USD"), Costs(ofSuite)); // its share of 12.50: 300,000 of 1,350,000
        Assert.Equal(0, (await UsageAsync(key, "?suite_id=browsing")).GetProperty("tokens").GetProperty("total").GetInt32());
        using var unknown = await app.CallAsync(key, "/v1/usage?suite_id=nonsense");
        Assert.True((await KeysApp.ErrorAsync(unknown, 422, "validation_error")).GetProperty("details").TryGetProperty("suite_id", out _));

        using var keys = await app.CallAsync((await app.NewKeyAsync(owner, "sessions:read")).Secret, "/v1/usage");
        Assert.Equal("usage:read", (await KeysApp.ErrorAsync(keys, 403, "forbidden")).GetProperty("details").GetProperty("missing").GetString());
        Assert.Equal(9_999, (await UsageAsync((await app.NewFullKeyAsync(other)).Secret)).GetProperty("tokens").GetProperty("total").GetInt32());
    }

    [Fact]
    public async Task A_new_organization_has_used_nothing()
    {
        var usage = await UsageAsync((await app.NewKeyAsync(await app.NewOwnerAsync())).Secret);
        Assert.Equal("""{"total":0,"by_model":{}}""", usage.GetProperty("tokens").ToString());
        Assert.Equal("""{"gb_hours":0,"current_gb":0}""", usage.GetProperty("storage").ToString());
        Assert.Equal("""{"used":0,"limit":5,"remaining":5}""", usage.GetProperty("workflows").ToString());
        Assert.Equal((0m, 0m, 0m, 0m, "USD"), Costs(usage));
    }

    [Fact]
    public async Task The_description_shows_what_is_answered()
    {
        var operation = JsonElement.Parse(await TestApp.Http.GetStringAsync(new Uri(app.Address, "/openapi/v1.json"))).GetProperty("paths").GetProperty("/v1/usage").GetProperty("get");
        var example = operation.GetProperty("responses").GetProperty("200").GetProperty("content").GetProperty("application/json").GetProperty("example");
        var usage = await UsageAsync((await app.NewKeyAsync(await app.NewOwnerAsync())).Secret);
        Assert.Equal(usage.EnumerateObject().Select(m => m.Name), example.EnumerateObject().Select(m => m.Name));
        foreach (var part in (string[])["storage", "workflows", "estimated_cost"]) Assert.Equal(usage.GetProperty(part).EnumerateObject().Select(m => m.Name), example.GetProperty(part).EnumerateObject().Select(m => m.Name));
        Assert.NotEmpty(operation.GetProperty("summary").GetString()!);
    }

    private static (decimal Tokens, decimal Storage, decimal Workflows, decimal Total, string Currency) Costs(JsonElement usage)
    {
        var cost = usage.GetProperty("estimated_cost");
        decimal Of(string name) => cost.GetProperty(name).GetDecimal();
        return (Of("tokens"), Of("storage"), Of("workflows"), Of("total"), cost.GetProperty("currency").GetString()!);
    }
}
