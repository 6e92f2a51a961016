using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;
using Tracepipe.Tests.Metering;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: a cost that is counted twice, rounded on the way, priced by another list, in the wrong stretch of time, or shown to somebody else.</summary>
public sealed class CostsTests(MeteringApp app) : IClassFixture<MeteringApp>
{
    private static string Record(Guid organization, string id, string model = "openai/gpt-4-turbo", long prompt = 1000, long completion = 2000, DateTimeOffset? at = null, string task = "run-7", string more = "") => string.Create(CultureInfo.InvariantCulture,
        $$"""{"id":"{{id}}","organization_id":"{{organization}}","task_id":"{{task}}","provider":"{{model.Split('/')[0]}}","model":"{{model.Split('/')[1]}}","prompt_tokens":{{prompt}},"completion_tokens":{{completion}}{{(at is { } t ? $",\"recorded_at\":\"{t.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}\"" : "")}}{{more}} }""");

    private async Task<JsonElement> SendAsync(string json, int status = 202)
    {
        using var response = await app.ServiceAsync("/v1/costs", json);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode} {body}");
        return JsonElement.Parse(body);
    }

    private static (int, int, int, int) Counts(JsonElement answer) => ((int)answer.Number("accepted"), (int)answer.Number("duplicates"), (int)answer.Number("conflicts"), (int)answer.Number("rejected"));

    private static string Reasons(JsonElement answer) => string.Join(' ', answer.GetProperty("items").EnumerateArray().Select(i => $"{i.GetProperty("index").GetInt32()}:{i.GetProperty("reason").GetString()}"));

    private async Task<(Owner Owner, string Key)> NewAsync()
    {
        var owner = await app.NewOwnerAsync();
        return (owner, (await app.NewKeyAsync(owner, "billing:read")).Secret);
    }

    private async Task<JsonElement> GetAsync(string key, Owner owner, string path = "", int status = 200)
    {
        using var response = await app.CallAsync(key, $"/api/billing/account/{owner.OrganizationId}/costs{path}");
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{path}: {(int)response.StatusCode} {body}");
        return JsonElement.Parse(body);
    }

    private static DateTimeOffset Day(int day, int hour = 12, int minute = 0, int second = 0) => new(2026, 3, day, hour, minute, second, TimeSpan.Zero);

    // Seen to fail when the end of the range belonged to it, and when a cost was rounded to cents.
    [Fact]
    public async Task Scenario_25_costs_are_exact_and_those_outside_the_range_are_left_out()
    {
        var (owner, key) = await NewAsync();
        var organization = owner.OrganizationId;
        Assert.Equal((4, 0, 0, 0), Counts(await SendAsync($"""
            [{Record(organization, "a", at: Day(10))}, {Record(organization, "b", "anthropic/claude-sonnet-4", 5000, 3000, Day(10, 13))},
             {Record(organization, "before", at: Day(9, 23, 59, 59))}, {Record(organization, "after", at: Day(11, 0))}]
            """)));
        var summary = await GetAsync(key, owner, "/summary?from=2026-03-10&to=2026-03-10");
        Assert.Equal("scope_type scope_id total_cost total_tokens record_count breakdown", string.Join(' ', summary.EnumerateObject().Select(p => p.Name)));
        Assert.Equal(("organization", organization.ToString(), "0.13", 11_000, 2), (summary.Text("scope_type"), summary.Text("scope_id"), summary.GetProperty("total_cost").GetRawText(), summary.Number("total_tokens"), summary.Number("record_count")));
        Assert.Equal(["openai gpt-4-turbo 0.07 3000 1", "anthropic claude-sonnet-4 0.06 8000 1"], summary.GetProperty("breakdown").EnumerateArray()
            .Select(b => $"{b.Text("provider")} {b.Text("model")} {b.GetProperty("cost").GetRawText()} {b.Number("tokens")} {b.Number("records")}"));

        var first = (await GetAsync(key, owner, "?from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z")).EnumerateArray().ToList();
        Assert.Equal(["b", "a"], first.Select(r => r.Text("id")));
        Assert.Equal("id task_id agent_id sandbox_id billing_account_id provider model prompt_tokens completion_tokens total_tokens prompt_cost completion_cost total_cost recorded_at", string.Join(' ', first[1].EnumerateObject().Select(p => p.Name)));
        Assert.Equal(("0.01", "0.06", "0.07", 3000, "2026-03-10T12:00:00Z"), (first[1].GetProperty("prompt_cost").GetRawText(), first[1].GetProperty("completion_cost").GetRawText(), first[1].GetProperty("total_cost").GetRawText(), first[1].Number("total_tokens"), first[1].Text("recorded_at")));
        Assert.Equal(await app.ScalarAsync<Guid>($"select id from billing_accounts where organization_id = '{organization}'"), Guid.Parse(first[1].Text("billing_account_id")));
        Assert.Single((await GetAsync(key, owner, "?from=2026-03-10&to=2026-03-10&provider=anthropic&model=claude-sonnet-4")).EnumerateArray());

        var timeline = await GetAsync(key, owner, "/timeline?from=2026-03-08&to=2026-03-11");
        Assert.Equal(["2026-03-08 0 0", "2026-03-09 0.07 1", "2026-03-10 0.13 2", "2026-03-11 0.07 1"], timeline.GetProperty("points").EnumerateArray().Select(p => $"{p.Text("date")} {p.GetProperty("total_cost").GetRawText()} {p.Number("record_count")}"));
        // Cut within a day the rows are added up, of whole days the sums that are kept: both say the same.
        Assert.Equal("0.13", (await GetAsync(key, owner, "/summary?from=2026-03-10T00:00:01Z&to=2026-03-10T23:59:59Z")).GetProperty("total_cost").GetRawText());
        Assert.Equal("0.06", (await GetAsync(key, owner, "/summary?from=2026-03-10T12:00:01Z&to=2026-03-11")).GetProperty("breakdown").EnumerateArray().Single(b => b.Text("provider") == "anthropic").GetProperty("cost").GetRawText());
        Assert.Equal(30, (await GetAsync(key, owner, "/timeline")).GetProperty("points").GetArrayLength());
        Assert.Equal(7, (await GetAsync(key, owner, "/timeline?days=7")).GetProperty("points").GetArrayLength());
    }

    // Seen to fail when the screen added up rounded costs.
    [Fact]
    public async Task Fractions_of_a_cent_are_kept_everywhere_and_the_screen_rounds_their_total_once()
    {
        var person = await app.NewPersonAsync();
        var owner = new Owner(person.Id, person.Name, person.OrganizationId, person.Slug);
        var key = (await app.NewKeyAsync(owner, "usage:read")).Secret;
        // 0.0033 for each of three models, and 0.000000000001: rounded one by one they would be nothing.
        await SendAsync($"[{Record(person.OrganizationId, "a", prompt: 330, completion: 0)},{Record(person.OrganizationId, "b", "openai/gpt-4o", 1320, 0)},{Record(person.OrganizationId, "c", "openai/gpt-4o-mini", 22_000, 0)},{Record(person.OrganizationId, "d", "self/own", 1, 0, more: ",\"prompt_cost\":0.000000000001,\"completion_cost\":0")}]");
        Assert.Equal("0.009900000001", (await GetAsync(key, owner, "/summary")).GetProperty("total_cost").GetRawText());
        using var export = await app.CallAsync(key, $"/api/billing/account/{person.OrganizationId}/costs/export");
        Assert.Equal(("text/csv", "attachment; filename=costs.csv; filename*=UTF-8''costs.csv"), (export.Content.Headers.ContentType!.MediaType, export.Content.Headers.ContentDisposition!.ToString()));
        var lines = (await export.Content.ReadAsStringAsync()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("id,recorded_at,task_id,agent_id,sandbox_id,provider,model,prompt_tokens,completion_tokens,total_tokens,prompt_cost,completion_cost,total_cost", lines[0]);
        Assert.Contains(lines, l => l.StartsWith("d,", StringComparison.Ordinal) && l.EndsWith(",self,own,1,0,1,0.000000000001,0,0.000000000001", StringComparison.Ordinal));
        Assert.Equal(0.009900000001m, lines[1..].Sum(l => decimal.Parse(l.Split(',')[^1], CultureInfo.InvariantCulture)));
        var page = await person.Browser.PageAsync($"/o/{person.Slug}/settings/billing/costs");
        Assert.Equal("$0.01", page.QuerySelector("#costs-total")!.TextContent.Trim());
    }

    // Seen to fail when another body under an id was a duplicate, and when a day kept only its last sum.
    [Fact]
    public async Task A_record_is_counted_once_by_its_id_and_a_wrong_one_does_not_harm_the_rest()
    {
        var (owner, key) = await NewAsync();
        var id = owner.OrganizationId;
        var one = Record(id, "same", at: Day(1));
        Assert.Equal((1, 0, 0, 0), Counts(await SendAsync(one)));
        Assert.Equal((0, 1, 0, 0), Counts(await SendAsync(one)));
        await SendAsync(Record(id, "same", prompt: 1, at: Day(1)), 409);
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => SendAsync($"[{Record(id, "x")},{Record(id, "y")},{one}]")));
        Assert.Equal(2, answers.Sum(a => a.Number("accepted")));
        var batch = await SendAsync($$"""
            [{{Record(id, "new")}}, {{Record(id, "new")}}, {{Record(id, "new", prompt: 5)}}, {{Record(id, "unknown", "openai/gpt-0")}}, {{Record(Guid.CreateVersion7(), "nobody")}}, 7, {"id":"short"},
             {{Record(id, "text").Replace("\"prompt_tokens\":1000", "\"prompt_tokens\":\"1000\"", StringComparison.Ordinal)}}, {{Record(id, "minus", prompt: -1)}}, {{Record(id, "ahead", at: app.Clock.GetUtcNow().AddMinutes(6))}},
             {{Record(id, "half", more: ",\"prompt_cost\":0.1")}}, {{Record(id, "fine", more: ",\"prompt_cost\":0.1,\"completion_cost\":0.0000000000001")}}, {{Record(id, "total", more: ",\"total_tokens\":3001")}}, {{Record(id, "more", more: ",\"color\":\"red\"")}},
             {{Record(id, "own", "self/own", more: ",\"prompt_cost\":0.1,\"completion_cost\":0.25,\"total_cost\":0.35,\"total_tokens\":3000")}}]
            """);
        Assert.Equal((2, 1, 1, 11), Counts(batch));
        Assert.Equal("2:conflict 3:unknown_model 4:unknown_organization 5:malformed 6:malformed 7:malformed 8:malformed 9:in_future 10:malformed 11:malformed 12:malformed 13:malformed", Reasons(batch));
        Assert.Equal(0.07m * 4 + 0.35m, (await GetAsync(key, owner, "/summary")).Amount("total_cost"));
        Assert.Equal(0.07m * 4 + 0.35m, (await GetAsync(key, owner, "/summary?from=2026-01-01T00:00:01Z")).Amount("total_cost"));
    }

    [Fact]
    public async Task The_billing_account_of_the_guide_names_the_organization_too()
    {
        var (owner, key) = await NewAsync();
        var account = await app.ScalarAsync<Guid>($"select id from billing_accounts where organization_id = '{owner.OrganizationId}'");
        var record = Record(owner.OrganizationId, "by-account");
        Assert.Equal(1, (await SendAsync(record.Replace($"\"organization_id\":\"{owner.OrganizationId}\"", $"\"billing_account_id\":\"{account}\"", StringComparison.Ordinal))).Number("accepted"));
        var other = await app.NewOwnerAsync();
        Assert.Equal("unknown_organization", (await SendAsync(Record(other.OrganizationId, "crossed", more: $",\"billing_account_id\":\"{account}\""), 422)).GetProperty("error").GetProperty("details").GetProperty("reason").GetString());
        Assert.Single((await GetAsync(key, owner)).EnumerateArray());
    }

    [Fact]
    public async Task The_list_is_paged_by_the_link_and_stays_a_plain_array()
    {
        var (owner, key) = await NewAsync();
        await SendAsync($"[{string.Join(',', Enumerable.Range(0, 25).Select(i => Record(owner.OrganizationId, $"call {i}", at: Day(1 + (i / 10)))))}]"); // many at the same instant
        var (seen, path) = (new List<string>(), $"/api/billing/account/{owner.OrganizationId}/costs?limit=10&from=2026-03-01&provider=openai");
        while (true)
        {
            using var response = await app.CallAsync(key, path);
            seen.AddRange(JsonElement.Parse(await response.Content.ReadAsStringAsync()).EnumerateArray().Select(r => r.Text("id")));
            if (!response.Headers.TryGetValues("Link", out var link)) break;
            path = link.Single().Split('>')[0][1..];
        }
        Assert.Equal((25, 25), (seen.Count, seen.Distinct().Count()));
    }

    // Seen to fail when nothing was put before a formula.
    [Fact]
    public async Task Texts_that_a_spreadsheet_would_run_are_disarmed()
    {
        var (owner, key) = await NewAsync();
        foreach (var (text, i) in new[] { "=HYPERLINK(1)", "+1", "-1", "@x", "a\\\"b,c" }.Select((t, i) => (t, i))) await SendAsync(Record(owner.OrganizationId, $"r{i}", task: text));
        using var export = await app.CallAsync(key, $"/api/billing/account/{owner.OrganizationId}/costs/export");
        var csv = await export.Content.ReadAsStringAsync();
        foreach (var cell in new[] { ",'=HYPERLINK(1),", ",'+1,", ",'-1,", ",'@x,", ",\"a\"\"b,c\"," }) Assert.Contains(cell, csv, StringComparison.Ordinal);
    }

    // Seen to fail when the list of today priced everything.
    [Fact]
    public async Task A_call_is_priced_by_the_list_that_was_in_force_at_its_time()
    {
        var (owner, key) = await NewAsync();
        var catalogs = app.Services.GetRequiredService<Catalogs>();
        await SendAsync(Record(owner.OrganizationId, "old", "openai/gpt-4o", 1_000_000, 0));
        var was = app.Clock.GetUtcNow();
        try
        {
            app.Clock.Advance(TimeSpan.FromHours(1));
            await app.ExecuteAsync($"""
                insert into catalog_versions (digest, document, published_at)
                select 'cheaper', replace(document, '"gpt-4o", "input_per_million": "2.50"', '"gpt-4o", "input_per_million": "2.00"'), '{app.Clock.GetUtcNow():O}' from catalog_versions order by version desc limit 1
                """);
            await catalogs.ReadAsync(default);
            app.Clock.Advance(TimeSpan.FromHours(1));
            await SendAsync($"[{Record(owner.OrganizationId, "new", "openai/gpt-4o", 1_000_000, 0)},{Record(owner.OrganizationId, "late", "openai/gpt-4o", 1_000_000, 0, was)}]");
        }
        finally
        {
            app.Clock.MoveTo(was);
        }
        Assert.Equal(["late 2.5", "new 2", "old 2.5"], (await GetAsync(key, owner)).EnumerateArray().Select(r => $"{r.Text("id")} {r.GetProperty("total_cost").GetRawText()}").Order());
        Assert.Equal(2, await app.ScalarAsync<long>($"select count(distinct catalog_version) from cost_records where organization_id = '{owner.OrganizationId}'"));
    }

    [Theory]
    [InlineData("?from=yesterday")]
    [InlineData("?from=2026-03-11&to=2026-03-10")]
    [InlineData("?to=2026-13-01")]
    [InlineData("?limit=0")]
    [InlineData("?limit=101")]
    [InlineData("?cursor=unknown")]
    [InlineData("/summary?provider=")]
    [InlineData("/timeline?days=0")]
    [InlineData("/timeline?days=7&from=2026-03-01")]
    [InlineData("/timeline?from=2024-01-01&to=2026-01-01")]
    [InlineData("/export?from=x")]
    public async Task A_wrong_value_is_422(string path)
    {
        var (owner, key) = await NewAsync();
        Assert.Equal("validation_error", (await GetAsync(key, owner, path, 422)).Text("code"));
    }

    [Fact]
    public async Task Another_organizations_costs_do_not_exist_and_only_the_backend_tells_of_costs()
    {
        var (owner, key) = await NewAsync();
        var (other, otherKey) = await NewAsync();
        await SendAsync(Record(owner.OrganizationId, "secret"));
        foreach (var path in new[] { "", "/summary", "/timeline", "/export" }) await GetAsync(otherKey, owner, path, 404);
        Assert.Empty((await GetAsync(otherKey, other)).EnumerateArray());
        await GetAsync(otherKey, other, "?cursor=secret", 422); // another's id is no cursor
        await GetAsync((await app.NewKeyAsync(owner, "sessions:read")).Secret, owner, "", 403);
        await GetAsync((await app.NewKeyAsync(owner, "usage:read")).Secret, owner);
        using var refused = await app.PostAsync(key, "/v1/costs", Record(owner.OrganizationId, "mine"));
        Assert.Equal(403, (int)refused.StatusCode);
    }

    [Theory]
    [InlineData("owner", 200)]
    [InlineData("admin", 200)]
    [InlineData("billing", 200)]
    [InlineData("developer", 200)]
    [InlineData("viewer", 200)]
    public async Task Every_role_reads_costs(string role, int status)
    {
        var person = await app.NewPersonAsync();
        await app.ExecuteAsync($"update members set role = '{role}' where organization_id = '{person.OrganizationId}'");
        foreach (var path in new[] { $"/o/{person.Slug}/settings/billing/costs", $"/api/billing/account/{person.OrganizationId}/costs/summary" })
            Assert.Equal(status, (int)(await person.Browser.GetAsync(path)).StatusCode);
    }
}
