using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Accounts.External;

/// <summary>Catches: an access token that opens more than its person may, one that is for somebody else, and one that is taken though nobody switched it on.</summary>
[Collection(nameof(SignInCollection))]
public sealed class AccessTokenTests(SignInApp app)
{
    private static long In(double minutes) => TimeProvider.System.GetUtcNow().AddMinutes(minutes).ToUnixTimeSeconds();

    [Fact]
    public async Task A_linked_person_calls_both_surfaces_in_his_only_organization()
    {
        var (account, organization) = await LinkedAsync();
        var token = await TokenAsync(account);
        var me = await OkAsync(await CallAsync(token, "/v1/users/me"));
        Assert.Equal("Grace Hopper", me.GetProperty("display_name").GetString());
        Assert.Equal(organization, me.GetProperty("organization").GetProperty("id").GetGuid());
        var billing = await CallAsync(token, $"/api/billing/account/{organization}");
        Assert.Equal(organization.ToString(), (await OkAsync(billing)).GetProperty("organization_id").GetString());
        Assert.True(billing.Headers.Contains("X-RateLimit-Remaining"));
        Assert.Equal(HttpStatusCode.NotFound, (await CallAsync(token, "/v1/nothing-here")).StatusCode);
    }

    [Fact]
    public async Task What_he_changes_is_his_own_doing_and_needs_no_form_token()
    {
        var (account, organization) = await LinkedAsync();
        var token = await TokenAsync(account);
        var made = await CallAsync(token, "/v1/api-keys", method: HttpMethod.Post, content: JsonContent.Create(new { name = "By token" }));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.Equal(1, await app.CountAsync($"audit_entries where organization_id = '{organization}' and action = 'key.created' and actor_kind = 'person'"));
        var setUp = await CallAsync(token, $"/api/billing/account/{organization}/setup-intent", method: HttpMethod.Post);
        Assert.Equal(HttpStatusCode.OK, setUp.StatusCode);
    }

    [Fact]
    public async Task The_header_chooses_among_several_organizations()
    {
        var (account, own) = await LinkedAsync();
        var host = await app.NewPersonAsync();
        await JoinAsync(account, host, "developer");
        var token = await TokenAsync(account);
        Assert.Equal(HttpStatusCode.BadRequest, (await CallAsync(token, "/v1/users/me")).StatusCode);
        foreach (var (wish, expected) in new[] { (host.Slug, host.OrganizationId), (host.OrganizationId.ToString(), host.OrganizationId), (own.ToString(), own) })
            Assert.Equal(expected, (await OkAsync(await CallAsync(token, "/v1/users/me", wish))).GetProperty("organization").GetProperty("id").GetGuid());
        // The route and the header must not name different ones.
        Assert.Equal(HttpStatusCode.NotFound, (await CallAsync(token, $"/api/billing/account/{own}", host.Slug)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await CallAsync(token, $"/api/billing/account/{own}")).StatusCode);
    }

    [Fact]
    public async Task The_role_decides_what_he_may()
    {
        var (account, _) = await LinkedAsync();
        var host = await app.NewPersonAsync();
        await JoinAsync(account, host, "viewer");
        var token = await TokenAsync(account);
        Assert.Equal(HttpStatusCode.OK, (await CallAsync(token, "/v1/api-keys", host.Slug)).StatusCode);
        var refused = await CallAsync(token, "/v1/api-keys", host.Slug, HttpMethod.Post, JsonContent.Create(new { name = "x" }));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("keys:write", JsonElement.Parse(await refused.BodyAsync()).GetProperty("error").GetProperty("details").GetProperty("missing").GetString());
        Assert.Equal(HttpStatusCode.Forbidden, (await CallAsync(token, $"/api/billing/account/{host.OrganizationId}/setup-intent", host.Slug, HttpMethod.Post)).StatusCode);
    }

    [Fact]
    public async Task Another_organization_is_not_found_like_one_that_does_not_exist()
    {
        var (account, _) = await LinkedAsync();
        var other = await app.NewPersonAsync();
        var token = await TokenAsync(account);
        foreach (var path in new[] { "/v1/users/me", "/v1/api-keys" })
        {
            var theirs = await CallAsync(token, path, other.Slug);
            var nobodys = await CallAsync(token, path, "no-such-organization");
            Assert.Equal(HttpStatusCode.NotFound, theirs.StatusCode);
            Assert.Equal(await nobodys.BodyAsync(), await theirs.BodyAsync());
        }
        Assert.Equal(HttpStatusCode.NotFound, (await CallAsync(token, $"/api/billing/account/{other.OrganizationId}")).StatusCode);
    }

    // Seen to fail without the checks of signature, audience, times and kind.
    public static TheoryData<string, string, object?> Wrong => new()
    {
        { "no signature", "Algorithm", new { sign = "none" } },
        { "the public key as a secret", "Algorithm", new { sign = "hmac-of-public-key" } },
        { "a foreign key", "Signature", new { sign = "foreign" } },
        { "a foreign key of the other kind", "Signature", new { sign = "ES256 foreign" } },
        { "a signature of zeros", "Signature", new { sign = "ES256 zero" } },
        { "changed claims", "Signature", new { sign = "keep", set = new { sub = "somebody-else" } } },
        { "another audience", "Audience", new { set = new { aud = "https://other.example" } } },
        { "the client as audience", "Audience", new { set = new { aud = SignInApp.ClientId } } },
        { "another issuer", "", new { set = new { iss = "https://evil.example" } } },
        { "expired", "Expired", new { set = new { exp = In(-3), iat = In(-60) } } },
        { "no expiry", "Expired", new { remove = new[] { "exp" } } },
        { "not valid yet", "NotYetValid", new { set = new { nbf = In(3) } } },
        { "issued in the future", "IssuedAt", new { set = new { iat = In(3) } } },
        { "no subject", "Subject", new { remove = new[] { "sub" } } },
        { "an id_token by its form", "Kind", new { header = new { typ = "JWT" }, set = new { nonce = "n" } } },
        { "a token that permits nothing", "Kind", new { header = new { typ = "JWT" }, remove = new[] { "scope" } } },
        { "somebody without an account", "", new { set = new { sub = "nobody-here" } } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task A_wrong_token_opens_nothing(string what, string check, object? fault)
    {
        var (account, organization) = await LinkedAsync();
        var token = await app.Provider.AccessTokenAsync(account, SignInApp.ClientId, fault: fault);
        var logged = app.Log.Count;
        foreach (var path in new[] { "/v1/users/me", $"/api/billing/account/{organization}" })
        {
            var answer = await CallAsync(token, path);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized, $"{what} at {path}: {(int)answer.StatusCode}");
            Assert.Contains("invalid_token", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        }
        if (check.Length > 0) Assert.Contains(app.Log.Skip(logged), l => l.Contains($"An access token of sso failed the check {check} ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_signed_with_ES256_is_as_good()
    {
        var (account, _) = await LinkedAsync();
        Assert.Equal(HttpStatusCode.OK, (await CallAsync(await app.Provider.AccessTokenAsync(account, SignInApp.ClientId, fault: new { sign = "ES256" }), "/v1/users/me")).StatusCode);
    }

    [Fact]
    public async Task An_unlinked_identity_opens_nothing_any_more()
    {
        var (account, _) = await LinkedAsync();
        var token = await TokenAsync(account);
        Assert.Equal(HttpStatusCode.OK, (await CallAsync(token, "/v1/users/me")).StatusCode);
        await app.ExecuteAsync($"delete from external_identities where subject = '{account}'");
        Assert.Equal(HttpStatusCode.Unauthorized, (await CallAsync(token, "/v1/users/me")).StatusCode);
    }

    // Seen to fail when only the subject was looked up.
    [Fact]
    public async Task The_same_subject_at_another_issuer_is_somebody_else()
    {
        var (account, _) = await LinkedAsync();
        await app.ExecuteAsync($"update external_identities set issuer = 'https://other.example' where subject = '{account}'");
        Assert.Equal(HttpStatusCode.Unauthorized, (await CallAsync(await TokenAsync(account), "/v1/users/me")).StatusCode);
    }

    [Fact]
    public async Task Pages_are_not_opened_by_a_token()
    {
        var (account, _) = await LinkedAsync();
        var answer = await CallAsync(await TokenAsync(account), "/settings/security");
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
    }

    // Not even JSON texts, or texts that are none: what anybody can send without an account.
    // Seen to fail when the reader of texts threw.
    [Theory]
    [InlineData("""{"alg":"RS256"}""", """{"iss":"\ud800"}""")]
    [InlineData("""{"alg":"\ud800","typ":"at+jwt"}""", """{"iss":"ISSUER"}""")]
    [InlineData("""{"alg":"RS256","kid":"\udfff"}""", """{"iss":"ISSUER","aud":["\ud800"]}""")]
    [InlineData("""{"alg":"RS256"}""", """{"iss":["ISSUER"],"aud":7}""")]
    [InlineData("""{"alg":["RS256"]}""", "[]")]
    [InlineData("""{"alg":"RS256","alg":"none"}""", """{"iss":"ISSUER"}""")]
    [InlineData("\"text\"", "null")]
    [InlineData("", "")]
    [InlineData("{", "}")]
    public async Task Whatever_is_sent_in_place_of_a_token_is_answered_with_401(string header, string claims)
    {
        static string Encoded(string text) => System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(text));
        foreach (var signature in new[] { "", "AAAA", "!" })
        {
            var answer = await CallAsync($"{Encoded(header)}.{Encoded(claims.Replace("ISSUER", app.Provider.Issuer, StringComparison.Ordinal))}.{signature}", "/v1/users/me");
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }
    }

    private async Task<(string Account, Guid Organization)> LinkedAsync()
    {
        using var browser = app.NewBrowser();
        var (account, _) = await app.NewcomerAsync();
        await app.SignInAsync(browser, account);
        return (account, await app.ScalarAsync<Guid>($"select m.organization_id from members m join external_identities i on i.person_id = m.person_id where i.subject = '{account}'"));
    }

    private Task<string> TokenAsync(string account) => app.Provider.AccessTokenAsync(account, SignInApp.ClientId);

    private Task JoinAsync(string account, TestPerson host, string role) => app.ExecuteAsync(
        $"insert into members (organization_id, person_id, role, joined_at) select '{host.OrganizationId}', person_id, '{role}', now() from external_identities where subject = '{account}'");

    private async Task<HttpResponseMessage> CallAsync(string token, string path, string? organization = null, HttpMethod? method = null, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, new Uri(app.Address, path)) { Content = content };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        if (organization is not null) request.Headers.Add("X-Organization", organization);
        return await TestApp.Http.SendAsync(request);
    }

    private static async Task<JsonElement> OkAsync(HttpResponseMessage response)
    {
        var body = await response.BodyAsync();
        Assert.True(response.StatusCode is HttpStatusCode.OK, body);
        return JsonElement.Parse(body);
    }
}
