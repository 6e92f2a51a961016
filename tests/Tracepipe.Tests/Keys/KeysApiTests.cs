using System.Net;
using System.Text;
using System.Text.Json;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a key that gives more than it has, an answer that is not the documented one, another organization's key within reach.</summary>
public sealed class KeysApiTests(KeysApp app) : IClassFixture<KeysApp>
{
    [Fact]
    public async Task A_new_key_is_shown_once_and_listed_masked()
    {
        var owner = await app.NewOwnerAsync();
        var (full, _) = await app.NewFullKeyAsync(owner);
        using var answer = await app.PostAsync(full, "/v1/api-keys", """{"name":"Nightly export","expires_at":"2090-01-31T00:00:00Z","permissions":["usage:read","keys:read"]}""");
        var made = await KeysApp.JsonAsync(answer, 201);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        Assert.Equal(["id", "key", "prefix", "name", "created_at", "expires_at", "last_used_at"], made.EnumerateObject().Select(p => p.Name));
        var secret = made.GetProperty("key").GetString()!;
        Assert.True(ApiKeyFormat.IsWellFormed(secret));
        Assert.Equal(secret[..12], made.GetProperty("prefix").GetString());
        Assert.Equal(JsonValueKind.Null, made.GetProperty("last_used_at").ValueKind);
        Assert.Equal(new DateTimeOffset(2090, 1, 31, 0, 0, 0, TimeSpan.Zero), made.GetProperty("expires_at").GetDateTimeOffset());
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(secret));

        using var listing = await app.CallAsync(full, "/v1/api-keys");
        var text = await listing.Content.ReadAsStringAsync();
        Assert.DoesNotContain(secret, text);
        var list = JsonElement.Parse(text);
        Assert.Equal(2, list.GetProperty("total").GetInt32());
        var first = list.GetProperty("items")[0];
        Assert.Equal($"{secret[..12]}…{secret[^4..]}", first.GetProperty("key").GetString());
        Assert.Equal("Nightly export", first.GetProperty("name").GetString());
        Assert.Equal(["usage:read", "keys:read"], first.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"name":null,"permissions":null,"suite_ids":null,"expires_at":null}""")]
    [InlineData("""{"name":"  "}""")]
    public async Task Everything_about_a_new_key_is_optional(string json)
    {
        var owner = await app.NewOwnerAsync();
        var (full, _) = await app.NewFullKeyAsync(owner);
        using var answer = await app.PostAsync(full, "/v1/api-keys", json);
        var made = await KeysApp.JsonAsync(answer, 201);
        Assert.Equal("API key", made.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, made.GetProperty("expires_at").ValueKind);
        Assert.Equal("sessions:read sessions:write usage:read", await app.ScalarAsync<string>($"select array_to_string(permissions, ' ') from api_keys where id = '{made.GetProperty("id").GetGuid()}'"));
    }

    [Theory]
    [InlineData("keys:write usage:read", "usage:read", 201)]
    [InlineData("keys:write usage:read", "keys:write usage:read", 201)]
    [InlineData("keys:write usage:read", "sessions:read", 403)]
    [InlineData("keys:write usage:read", "usage:read billing:write", 403)]
    [InlineData("keys:write", null, 403)]
    public async Task A_key_gives_only_what_it_has(string own, string? wanted, int status)
    {
        var (key, _) = await app.NewKeyAsync(await app.NewOwnerAsync(), own.Split(' '));
        using var answer = await app.PostAsync(key, "/v1/api-keys", wanted is null ? "{}" : JsonSerializer.Serialize(new { permissions = wanted.Split(' ') }));
        Assert.Equal(status, (int)answer.StatusCode);
        if (status == 403) Assert.Equal(wanted?.Split(' ')[^1] ?? "sessions:read", (await KeysApp.ErrorAsync(answer, 403, "forbidden")).GetProperty("details").GetProperty("missing").GetString());
    }

    // Seen to fail when the suites of the calling key were not compared, and when they were not passed on.
    [Fact]
    public async Task A_key_of_one_suite_gives_that_suite_and_no_other()
    {
        var (full, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using var made = await app.PostAsync(full, "/v1/api-keys", """{"suite_ids":["search"],"permissions":["keys:write","sessions:read"]}""");
        var narrow = (await KeysApp.JsonAsync(made, 201)).GetProperty("key").GetString()!;
        foreach (var more in new[] { "\"checkout\"", "\"search\",\"checkout\"" })
        {
            using var refused = await app.PostAsync(narrow, "/v1/api-keys", $$"""{"suite_ids":[{{more}}],"permissions":["sessions:read"]}""");
            Assert.Equal("checkout", (await KeysApp.ErrorAsync(refused, 403, "forbidden")).GetProperty("details").GetProperty("missing").GetString());
        }
        foreach (var json in new[] { """{"permissions":["sessions:read"]}""", """{"suite_ids":["search"],"permissions":["sessions:read"]}""" })
        {
            using var given = await app.PostAsync(narrow, "/v1/api-keys", json);
            var id = (await KeysApp.JsonAsync(given, 201)).GetProperty("id").GetGuid();
            Assert.Equal("search", await app.ScalarAsync<string?>($"select array_to_string(suites, ' ') from api_keys where id = '{id}'"));
        }
    }

    [Fact]
    public async Task Each_route_asks_for_its_permission()
    {
        var owner = await app.NewOwnerAsync();
        var (bare, bareId) = await app.NewKeyAsync(owner, Permissions.UsageRead);
        var (reader, readerId) = await app.NewKeyAsync(owner, Permissions.KeysRead);
        using (var list = await app.CallAsync(bare, "/v1/api-keys")) Assert.Equal("keys:read", (await KeysApp.ErrorAsync(list, 403, "forbidden")).GetProperty("details").GetProperty("missing").GetString());
        using (var make = await app.PostAsync(reader, "/v1/api-keys", "{}")) await KeysApp.ErrorAsync(make, 403, "forbidden");
        using (var revoke = await app.CallAsync(bare, $"/v1/api-keys/{readerId}", HttpMethod.Delete)) await KeysApp.ErrorAsync(revoke, 403, "forbidden");
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(reader));
        using (var itself = await app.CallAsync(bare, $"/v1/api-keys/{bareId}", HttpMethod.Delete)) Assert.Equal(HttpStatusCode.NoContent, itself.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await app.StatusAsync(bare));
    }

    [Fact]
    public async Task Anothers_key_and_a_random_id_are_not_found_alike_and_the_attempt_is_logged()
    {
        var (mine, theirs) = (await app.NewOwnerAsync(), await app.NewOwnerAsync());
        var (key, _) = await app.NewFullKeyAsync(mine);
        var (victim, victimId) = await app.NewFullKeyAsync(theirs);
        var bodies = new List<string>();
        foreach (var id in new[] { victimId, Guid.CreateVersion7() })
        {
            using var answer = await app.CallAsync(key, $"/v1/api-keys/{id}", HttpMethod.Delete);
            bodies.Add((await KeysApp.ErrorAsync(answer, 404, "not_found")).GetRawText());
        }
        Assert.Single(bodies.Distinct());
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(victim));
        Assert.Equal(2, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{mine.OrganizationId}' and action = 'access.refused'"));
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{theirs.OrganizationId}' and action = 'access.refused'"));
    }

    [Fact]
    public async Task Making_and_revoking_stand_in_the_audit_log_without_the_secret()
    {
        var owner = await app.NewOwnerAsync();
        var (full, fullId) = await app.NewFullKeyAsync(owner);
        using var answer = await app.PostAsync(full, "/v1/api-keys", """{"name":"Audited"}""");
        var made = await KeysApp.JsonAsync(answer, 201);
        (await app.CallAsync(full, $"/v1/api-keys/{made.GetProperty("id").GetGuid()}", HttpMethod.Delete)).Dispose();
        var log = await app.ScalarAsync<string>($"select string_agg(action || ' ' || actor_kind || ' ' || actor_id || ' ' || target, E'\\n' order by id) from audit_entries where organization_id = '{owner.OrganizationId}' and target like 'Audited%'");
        Assert.Equal($"key.created key {fullId} Audited ({made.GetProperty("key").GetString()![..12]}…{made.GetProperty("key").GetString()![^4..]})\nkey.revoked key {fullId} Audited ({made.GetProperty("key").GetString()![..12]}…{made.GetProperty("key").GetString()![^4..]})", log);
    }

    [Fact]
    public async Task Revoking_twice_finds_nothing_the_second_time()
    {
        var owner = await app.NewOwnerAsync();
        var (full, _) = await app.NewFullKeyAsync(owner);
        var (_, id) = await app.NewKeyAsync(owner);
        using (var first = await app.CallAsync(full, $"/v1/api-keys/{id}", HttpMethod.Delete)) Assert.Equal(HttpStatusCode.NoContent, first.StatusCode);
        using (var second = await app.CallAsync(full, $"/v1/api-keys/{id}", HttpMethod.Delete)) await KeysApp.ErrorAsync(second, 404, "not_found");
        using var list = await app.CallAsync(full, "/v1/api-keys");
        Assert.DoesNotContain(id.ToString(), await list.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("{", 400, "bad_request")]
    [InlineData("[]", 400, "bad_request")]
    [InlineData("\"name\"", 400, "bad_request")]
    [InlineData("""{"name":1}""", 400, "bad_request")]
    [InlineData("""{"name":{}}""", 400, "bad_request")]
    [InlineData("""{"name":"a","name":"b"}""", 400, "bad_request")]
    [InlineData("""{"Name":"a"}""", 400, "bad_request")]
    [InlineData("""{"organization_id":"00000000-0000-0000-0000-000000000000"}""", 400, "bad_request")]
    [InlineData("""{"is_admin":true}""", 400, "bad_request")]
    [InlineData("""{"permissions":"keys:read"}""", 400, "bad_request")]
    [InlineData("""{"permissions":[1]}""", 400, "bad_request")]
    [InlineData("""{"permissions":{"0":"keys:read"}}""", 400, "bad_request")]
    [InlineData("""{"expires_at":4070908800}""", 400, "bad_request")]
    [InlineData("""{"name":"\ud800"}""", 400, "bad_request")]
    [InlineData("""{"expires_at":"tomorrow"}""", 422, "expires_at")]
    [InlineData("""{"expires_at":""}""", 422, "expires_at")]
    [InlineData("""{"expires_at":"2001-01-01T00:00:00Z"}""", 422, "expires_at")]
    [InlineData("""{"permissions":[]}""", 422, "permissions")]
    [InlineData("""{"permissions":["everything"]}""", 422, "permissions")]
    [InlineData("""{"permissions":["members:write"]}""", 422, "permissions")]
    [InlineData("""{"permissions":[null]}""", 422, "permissions")]
    [InlineData("""{"suite_ids":[]}""", 422, "suite_ids")]
    [InlineData("""{"suite_ids":[null]}""", 422, "suite_ids")]
    [InlineData("""{"suite_ids":["nowhere"]}""", 422, "suite_ids")]
    [InlineData("""{"name":"two\nlines"}""", 422, "name")]
    [InlineData("""{"name":"nul\u0000"}""", 422, "name")]
    public async Task A_wrong_body_is_named_for_what_it_is(string json, int status, string codeOrField)
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using var answer = await app.PostAsync(key, "/v1/api-keys", json);
        var error = await KeysApp.ErrorAsync(answer, status, status == 400 ? "bad_request" : "validation_error");
        if (status == 422) Assert.True(error.GetProperty("details").TryGetProperty(codeOrField, out _), error.GetRawText());
        Assert.True(answer.Headers.Contains("X-RateLimit-Limit"));
    }

    [Fact]
    public async Task Oversized_deep_and_foreign_bodies_are_refused_by_name()
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using (var deep = await app.PostAsync(key, "/v1/api-keys", new string('[', 100_000))) await KeysApp.ErrorAsync(deep, 400, "bad_request");
        using (var nested = await app.PostAsync(key, "/v1/api-keys", "{\"name\":" + string.Concat(Enumerable.Repeat("[", 40)) + string.Concat(Enumerable.Repeat("]", 40)) + "}")) await KeysApp.ErrorAsync(nested, 400, "bad_request");
        using (var name = await app.PostAsync(key, "/v1/api-keys", JsonSerializer.Serialize(new { name = new string('x', 101) }))) await KeysApp.ErrorAsync(name, 422, "validation_error");
        using (var big = await app.PostAsync(key, "/v1/api-keys", JsonSerializer.Serialize(new { name = new string('x', 1_100_000) }))) await KeysApp.ErrorAsync(big, 413, "payload_too_large");
        using (var form = await app.CallAsync(key, "/v1/api-keys", HttpMethod.Post, new FormUrlEncodedContent([new("name", "x")]))) await KeysApp.ErrorAsync(form, 415, "unsupported_media_type");
        using (var bytes = await app.CallAsync(key, "/v1/api-keys", HttpMethod.Post, new ByteArrayContent([0xFF, 0xFE, 0x00, 0x80]) { Headers = { ContentType = new("application/json") } })) await KeysApp.ErrorAsync(bytes, 400, "bad_request");
    }

    [Theory]
    [InlineData("PUT", "/v1/api-keys", 405, "method_not_allowed")]
    [InlineData("POST", "/v1/users/me", 405, "method_not_allowed")]
    [InlineData("GET", "/v1/api-keys/00000000-0000-0000-0000-000000000000", 405, "method_not_allowed")]
    [InlineData("DELETE", "/v1/api-keys/not-an-id", 404, "not_found")]
    [InlineData("GET", "/v1/nothing", 404, "not_found")]
    [InlineData("GET", "/v1", 404, "not_found")]
    [InlineData("GET", "/v1/api-keys?page=0", 422, "validation_error")]
    [InlineData("GET", "/v1/api-keys?per_page=101", 422, "validation_error")]
    [InlineData("GET", "/v1/api-keys?page=one", 400, "bad_request")]
    public async Task Wrong_addresses_and_methods_answer_in_the_same_shape(string method, string path, int status, string code)
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using var answer = await app.CallAsync(key, path, new HttpMethod(method));
        await KeysApp.ErrorAsync(answer, status, code);
        Assert.True(answer.Headers.Contains("X-RateLimit-Limit"));
    }

    [Fact]
    public async Task Lists_are_cut_into_pages()
    {
        var owner = await app.NewOwnerAsync();
        var (full, _) = await app.NewFullKeyAsync(owner);
        for (var i = 0; i < 4; i++) await app.NewKeyAsync(owner);
        using var answer = await app.CallAsync(full, "/v1/api-keys?page=2&per_page=2");
        var list = await KeysApp.JsonAsync(answer);
        Assert.Equal((2, 5, 2, 2), (list.GetProperty("items").GetArrayLength(), list.GetProperty("total").GetInt32(), list.GetProperty("page").GetInt32(), list.GetProperty("per_page").GetInt32()));
        using var far = await app.CallAsync(full, "/v1/api-keys?page=2000000000&per_page=100");
        Assert.Equal(0, (await KeysApp.JsonAsync(far)).GetProperty("items").GetArrayLength());
    }
}
