using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.Keys;
using Tracepipe.Tests.Metering;

namespace Tracepipe.Tests.Billing.Usage;

/// <summary>Catches: records of others, records that are lost or doubled between two pages, a filter that is not heard, and prices that are not those that were charged.</summary>
public sealed class UsageRecordsApiTests(UsageApp app) : IClassFixture<UsageApp>
{
    private async Task<(Owner Owner, string Key, Guid KeyId)> NewAsync(long cap = 100_000)
    {
        var owner = await app.NewOwnerAsync();
        await app.CardAsync(owner.OrganizationId, cap);
        var (key, id) = await app.NewFullKeyAsync(owner);
        return (owner, key, id);
    }

    private async Task<(IReadOnlyList<JsonElement> Records, string? Next)> ListAsync(string key, Guid organization, string query = "")
    {
        using var answer = await app.CallAsync(key, query.StartsWith('/') ? query : $"/api/billing/account/{organization}/usage{query}");
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, body);
        var link = answer.Headers.TryGetValues("Link", out var links) ? links.Single() : null;
        return ([.. JsonElement.Parse(body).EnumerateArray()], link?[1..link.IndexOf('>', StringComparison.Ordinal)]);
    }

    private static string Told(JsonElement r) => $"{r.GetProperty("usage_type").GetString()} {r.GetProperty("quantity")} {r.GetProperty("unit_price")} {r.GetProperty("total_price")} {(r.GetProperty("free_tier_used").GetBoolean() ? "free" : "")}{(r.GetProperty("billed").GetBoolean() ? "billed" : "")}".TrimEnd();

    [Fact]
    public async Task Records_have_the_shape_of_the_guide_and_say_who_paid()
    {
        var (owner, key, keyId) = await NewAsync();
        var organization = owner.OrganizationId;
        await app.WorkAsync(organization, 5, ticket: "T-1");
        await app.WorkAsync(organization, key: key, suite: "checkout", ticket: "T-2");
        await app.UseTokensAsync(organization, 350_000, "gpt-4o");
        var (all, _) = await ListAsync(key, organization);
        Assert.Equal(["tokens 250000 0.00001 2.5", "workflow 1 10 10", "workflow 5 0 0 free"], all.Select(Told).Order(StringComparer.Ordinal));
        var unit = all.Single(r => Told(r) == "workflow 1 10 10");
        Assert.Equal(["id", "billing_account_id", "ticket_id", "usage_type", "quantity", "unit_price", "total_price", "free_tier_used", "invoice_id", "billed", "usage_details", "recorded_at", "billed_at"], unit.EnumerateObject().Select(m => m.Name));
        Assert.Equal(("T-2", JsonValueKind.Null, JsonValueKind.Null), (unit.GetProperty("ticket_id").GetString(), unit.GetProperty("invoice_id").ValueKind, unit.GetProperty("billed_at").ValueKind));
        Assert.Equal("checkout", unit.GetProperty("usage_details").GetProperty("suite_id").GetString());
        Assert.Equal((await app.ScalarAsync<Guid>($"select id from billing_accounts where organization_id = '{organization}'")).ToString(), unit.GetProperty("billing_account_id").GetString());
        Assert.Equal("gpt-4o", all.Single(r => r.GetProperty("usage_type").GetString() == "tokens").GetProperty("usage_details").GetProperty("model").GetString());

        Assert.Equal(["workflow 1 10 10"], (await ListAsync(key, organization, $"?key_id={keyId}")).Records.Select(Told));
        Assert.Equal(["workflow 1 10 10"], (await ListAsync(key, organization, "?suite_id=checkout")).Records.Select(Told));
        Assert.Empty((await ListAsync(key, organization, "?suite_id=search")).Records);
        Assert.Empty((await ListAsync(key, organization, "?billed=true")).Records);
        Assert.Equal(3, (await ListAsync(key, organization, "?billed=false")).Records.Count);

        var made = await app.Services.GetRequiredService<MonthlyClose>().GenerateAsync(organization, Actor.System, CancellationToken.None);
        Assert.Equal(["tokens 250000 0.00001 2.5 billed", "workflow 1 10 10 billed"], (await ListAsync(key, organization, "?billed=true")).Records.Select(Told).Order(StringComparer.Ordinal));
        Assert.All((await ListAsync(key, organization, "?billed=true")).Records, r => Assert.Equal((made.ToString(), JsonValueKind.String), (r.GetProperty("invoice_id").GetString(), r.GetProperty("billed_at").ValueKind)));
        Assert.Equal(["workflow 5 0 0 free"], (await ListAsync(key, organization, "?billed=false")).Records.Select(Told));
    }

    // Seen to fail when a page began with the last record of the one before.
    [Fact]
    public async Task Pages_follow_each_other_without_a_gap_also_when_new_records_come()
    {
        var (owner, key, _) = await NewAsync();
        var organization = owner.OrganizationId;
        for (var i = 0; i < 5; i++) await app.WorkAsync(organization, ticket: $"T{i}");
        for (var i = 0; i < 4; i++) await app.UseTokensAsync(organization, 200_000, $"model-{i}"); // priced by the minute and the model
        var whole = (await ListAsync(key, organization)).Records.Select(r => r.GetProperty("id").GetString()!).ToList();
        Assert.Equal(9, whole.Count);
        var walked = new List<string>();
        var next = $"/api/billing/account/{organization}/usage?limit=2&billed=false&from=2020-01-01";
        while (next is not null)
        {
            (var records, next) = await ListAsync(key, organization, next);
            walked.AddRange(records.Select(r => r.GetProperty("id").GetString()!));
            Assert.Contains("billed=false", next ?? "billed=false", StringComparison.Ordinal);
            if (walked.Count == 4) await app.WorkAsync(organization); // newer than where the walk is
        }
        Assert.Equal(whole, walked);
        Assert.Null((await ListAsync(key, organization, "?limit=100")).Next);
    }

    [Fact]
    public async Task From_and_to_are_heard_and_days_count_whole()
    {
        var month = Period.CalendarMonth(app.Clock.GetUtcNow());
        await using var back = app.At(month.End.AddDays(4).AddHours(23).AddMinutes(59));
        var (owner, key, _) = await NewAsync();
        await app.WorkAsync(owner.OrganizationId, ticket: "on the 5th");
        app.Clock.MoveTo(month.End.AddDays(5).AddSeconds(1));
        await app.WorkAsync(owner.OrganizationId, ticket: "on the 6th");
        async Task<string> Of(string query) => string.Join(", ", (await ListAsync(key, owner.OrganizationId, query)).Records.Select(r => r.GetProperty("ticket_id").GetString()));
        var (fifth, sixth) = (month.End.AddDays(4).ToString("yyyy-MM-dd"), month.End.AddDays(5).ToString("yyyy-MM-dd"));
        Assert.Equal("on the 5th", await Of($"?from={fifth}&to={fifth}"));
        Assert.Equal("on the 6th", await Of($"?from={sixth}"));
        Assert.Equal("on the 5th", await Of($"?to={sixth}T00:00:00Z"));
        Assert.Equal("on the 6th, on the 5th", await Of($"?from={fifth}T00:00:00Z&to={sixth}T01:00:00%2B00:00"));
        Assert.Equal("", await Of($"?to={fifth}T12:00:00Z"));
    }

    [Fact]
    public async Task What_cannot_be_read_is_said_and_nothing_of_others_is_shown()
    {
        var (owner, key, keyId) = await NewAsync();
        var (other, otherKey, _) = await NewAsync();
        await app.WorkAsync(owner.OrganizationId, key: key);
        foreach (var (query, field) in new[] { ("billed=maybe", "billed"), ("limit=0", "limit"), ("limit=101", "limit"), ("limit=ten", "limit"), ("from=yesterday", "from"), ("to=2026-13-01", "to"), ("from=2026-11-02&to=2026-11-01", "to"), ("key_id=nonsense", "key_id"),
            ($"key_id={Guid.CreateVersion7()}", "key_id"), ("suite_id=nonsense", "suite_id"), ("cursor=nonsense", "cursor") })
        {
            using var answer = await app.CallAsync(key, $"/api/billing/account/{owner.OrganizationId}/usage?{query}");
            var body = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.StatusCode == HttpStatusCode.UnprocessableEntity, $"{query}: {(int)answer.StatusCode} {body}");
            Assert.True(JsonElement.Parse(body).GetProperty("details").TryGetProperty(field, out _), body);
        }
        Assert.Equal(HttpStatusCode.NotFound, await app.StatusAsync(otherKey, $"/api/billing/account/{owner.OrganizationId}/usage"));
        Assert.Empty((await ListAsync(otherKey, other.OrganizationId)).Records);
        using var theirs = await app.CallAsync(otherKey, $"/api/billing/account/{other.OrganizationId}/usage?key_id={keyId}");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, theirs.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, await app.StatusAsync((await app.NewKeyAsync(owner, "sessions:read")).Secret, $"/api/billing/account/{owner.OrganizationId}/usage"));
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync((await app.NewKeyAsync(owner, "usage:read")).Secret, $"/api/billing/account/{owner.OrganizationId}/usage"));
    }
}
