using System.Net;
using System.Text;
using System.Text.Json;
using Tracepipe.Tests.App;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a request that is carried out twice because its answer was lost, or an answer that somebody else gets to see.</summary>
public sealed class IdempotencyTests(KeysApp app) : IClassFixture<KeysApp>
{
    [Fact]
    public async Task The_same_request_is_answered_again_with_the_same_key()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        using var first = await SendAsync(key, "order 1", """{"name":"Once"}""");
        using var again = await SendAsync(key, "order 1", """{"name":"Once"}""");
        var body = await first.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Equal((HttpStatusCode.Created, body), (again.StatusCode, await again.Content.ReadAsStringAsync()));
        Assert.False(first.Headers.Contains("Idempotent-Replayed"));
        Assert.Equal("true", again.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.Equal("no-store", again.Headers.CacheControl!.ToString());
        Assert.Equal("application/json", again.Content.Headers.ContentType!.MediaType);
        Assert.Equal(1, await CountAsync(owner, "Once"));
        Assert.Equal(HttpStatusCode.OK, await app.StatusAsync(JsonElement.Parse(body).GetProperty("key").GetString()!));
    }

    [Fact]
    public async Task Fifty_at_once_make_one()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => SendAsync(key, "parallel", """{"name":"Parallel"}""")));
        Assert.All(answers, a => Assert.True(a.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict, a.StatusCode.ToString()));
        Assert.Single((await Task.WhenAll(answers.Where(a => a.StatusCode == HttpStatusCode.Created).Select(a => a.Content.ReadAsStringAsync()))).Distinct());
        foreach (var conflict in answers.Where(a => a.StatusCode == HttpStatusCode.Conflict)) await KeysApp.ErrorAsync(conflict, 409, "conflict");
        Assert.Equal(1, await CountAsync(owner, "Parallel"));
    }

    [Fact]
    public async Task Another_body_under_the_same_key_is_refused()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        (await SendAsync(key, "k", """{"name":"A"}""")).Dispose();
        using var other = await SendAsync(key, "k", """{"name":"B"}""");
        await KeysApp.ErrorAsync(other, 422, "validation_error");
        Assert.Equal(0, await CountAsync(owner, "B"));
    }

    [Fact]
    public async Task Another_caller_does_not_get_the_answer()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        var (colleague, _) = await app.NewFullKeyAsync(owner);
        var (stranger, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using var mine = await SendAsync(key, "shared", "{}");
        var secret = JsonElement.Parse(await mine.Content.ReadAsStringAsync()).GetProperty("key").GetString()!;
        using var theirs = await SendAsync(colleague, "shared", "{}");
        Assert.DoesNotContain(secret, await theirs.Content.ReadAsStringAsync());
        await KeysApp.ErrorAsync(theirs, 422, "validation_error");
        using var elsewhere = await SendAsync(stranger, "shared", "{}");
        Assert.NotEqual(secret, (await KeysApp.JsonAsync(elsewhere, 201)).GetProperty("key").GetString());
    }

    [Fact]
    public async Task A_refused_request_may_be_tried_again_with_the_same_key()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        using (var wrong = await SendAsync(key, "retry", """{"permissions":["nothing"]}""")) await KeysApp.ErrorAsync(wrong, 422, "validation_error");
        using (var malformed = await SendAsync(key, "retry", "{")) await KeysApp.ErrorAsync(malformed, 400, "bad_request");
        using var right = await SendAsync(key, "retry", "{}");
        Assert.Equal(HttpStatusCode.Created, right.StatusCode);
    }

    [Fact]
    public async Task An_answer_is_kept_for_24_hours_and_a_left_behind_request_for_two_minutes()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        (await SendAsync(key, "day", "{}")).Dispose();
        app.Clock.Advance(TimeSpan.FromHours(23));
        using (var replay = await SendAsync(key, "day", "{}")) Assert.True(replay.Headers.Contains("Idempotent-Replayed"));
        app.Clock.Advance(TimeSpan.FromHours(1));
        using (var anew = await SendAsync(key, "day", "{}")) Assert.False(anew.Headers.Contains("Idempotent-Replayed"));

        await app.ExecuteAsync($"update idempotent_requests set status = null, answer = null where organization_id = '{owner.OrganizationId}'"); // its process has died
        using (var working = await SendAsync(key, "day", "{}")) await KeysApp.ErrorAsync(working, 409, "conflict");
        app.Clock.Advance(TimeSpan.FromMinutes(3));
        using (var taken = await SendAsync(key, "day", "{}")) Assert.Equal(HttpStatusCode.Created, taken.StatusCode);
    }

    [Fact]
    public async Task A_key_has_1_to_255_printable_characters()
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using (var longest = await SendAsync(key, new string('k', 255), "{}")) Assert.Equal(HttpStatusCode.Created, longest.StatusCode);
        foreach (var wrong in new[] { new string('k', 256), "", new string('k', 10_000) })
        {
            using var answer = await SendAsync(key, wrong, "{}");
            await KeysApp.ErrorAsync(answer, 400, "bad_request");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(string key, string idempotencyKey, string json)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.Address, "/v1/api-keys")) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("X-API-Key", key);
        request.Headers.TryAddWithoutValidation("Idempotency-Key", idempotencyKey);
        return await TestApp.Http.SendAsync(request);
    }

    private Task<long> CountAsync(Owner owner, string name) => app.ScalarAsync<long>($"select count(*) from api_keys where organization_id = '{owner.OrganizationId}' and name = '{name}'");
}
