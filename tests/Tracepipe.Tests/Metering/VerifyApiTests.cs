using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a call let through that cannot be paid for or is not allowed, and one refused that could.</summary>
public sealed class VerifyApiTests(VerifyApiTests.Limited app) : IClassFixture<VerifyApiTests.Limited>
{
    public sealed class Limited(TestServers servers) : EventsApp(servers)
    {
        protected override int Limit => 0;
    }

    private async Task<JsonElement> VerifyAsync(string key, string more = "", int status = 200)
    {
        using var response = await app.ServiceAsync("/v1/keys/verify", $$"""{"key":"{{key}}"{{more}}}""");
        return await KeysApp.JsonAsync(response, status);
    }

    private static string Verdict(JsonElement answer) => $"{answer.GetProperty("valid").GetBoolean()} {answer.GetProperty("code").GetString()} {answer.GetProperty("reason").GetString()}".Trim();

    [Fact]
    public async Task A_good_key_says_whose_it_is_what_it_may_and_what_is_left()
    {
        var owner = await app.NewOwnerAsync();
        var (key, id) = await app.NewKeyAsync(owner);
        var answer = await VerifyAsync(key, ""","permission":"sessions:write","meter":"workflow","quantity":1""");
        Assert.Equal("True", Verdict(answer));
        Assert.Equal((owner.OrganizationId, id), (answer.GetProperty("organization_id").GetGuid(), answer.GetProperty("key_id").GetGuid()));
        Assert.Equal(["sessions:read", "sessions:write", "usage:read"], answer.GetProperty("permissions").EnumerateArray().Select(p => p.GetString()!));
        Assert.Equal((100, 99), (answer.GetProperty("rate_limit").GetProperty("limit").GetInt32(), answer.GetProperty("rate_limit").GetProperty("remaining").GetInt32()));
        Assert.Equal((5, 5m), (answer.GetProperty("quota").GetProperty("limit").GetInt32(), answer.GetProperty("quota").GetProperty("remaining").GetDecimal()));
        Assert.Equal(0m, await app.HeldAsync(owner.OrganizationId)); // nothing is reserved
    }

    [Fact]
    public async Task Unknown_revoked_and_mistyped_keys_are_unauthorized_and_alike()
    {
        var owner = await app.NewOwnerAsync();
        var (key, id) = await app.NewFullKeyAsync(owner);
        Assert.Equal("True", Verdict(await VerifyAsync(key)));
        var caller = new Caller();
        caller.Is(new Membership(owner.OrganizationId, owner.Slug, owner.Name, IsPersonal: true, Role.Owner, owner.PersonId));
        await app.Services.GetRequiredService<KeyRing>().RevokeAsync(id, caller, null, CancellationToken.None);
        var answers = new List<string>();
        foreach (var bad in new[] { key, ApiKeyFormat.Generate(KeyKind.Live), key[..^1] + "_", app.Service, "nonsense" })
        {
            var answer = await VerifyAsync(bad);
            Assert.Equal("False unauthorized", Verdict(answer));
            answers.Add(answer.GetRawText());
        }
        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task A_missing_permission_is_forbidden()
    {
        var (key, _) = await app.NewKeyAsync(await app.NewOwnerAsync(), Permissions.UsageRead);
        Assert.Equal("False forbidden", Verdict(await VerifyAsync(key, ""","permission":"sessions:write" """)));
        Assert.Equal("True", Verdict(await VerifyAsync(key, ""","permission":"usage:read" """)));
    }

    [Fact]
    public async Task Each_question_counts_one_request_of_the_key()
    {
        var owner = await app.NewOwnerAsync();
        var (key, id) = await app.NewKeyAsync(owner);
        for (var i = 0; i < 100; i++) Assert.Equal("True", Verdict(await VerifyAsync(key)));
        JsonElement answer;
        var tries = 0;
        do answer = await VerifyAsync(key);
        while (answer.GetProperty("valid").GetBoolean() && ++tries < 20);
        Assert.Equal("False rate_limited", Verdict(answer));
        Assert.InRange(answer.GetProperty("rate_limit").GetProperty("retry_after").GetInt32(), 1, 60);
        Assert.Equal(HttpStatusCode.TooManyRequests, await app.StatusAsync(key)); // one limit for both doors
        await TestApp.EventuallyAsync(() => app.ScalarAsync<long>($"select requests from api_keys where id = '{id}'"), n => n > 100);
    }

    [Fact]
    public async Task What_cannot_be_paid_is_refused_with_its_reason()
    {
        var owner = await app.NewOwnerAsync();
        var organization = owner.OrganizationId;
        var (key, _) = await app.NewKeyAsync(owner);
        async Task<string> UnitsAsync(int n) => Verdict(await VerifyAsync(key, $""","meter":"workflow","quantity":{n}"""));
        async Task<string> TokensAsync(decimal n) => Verdict(await VerifyAsync(key, $""","meter":"tokens","quantity":{n}"""));

        Assert.Equal(("True", "False payment_required quota_exhausted"), (await UnitsAsync(5), await UnitsAsync(6)));
        Assert.Equal(("True", "False payment_required quota_exhausted"), (await TokensAsync(100_000), await TokensAsync(100_001)));
        Assert.Equal("True", Verdict(await VerifyAsync(key, ""","meter":"examples","quantity":1000000""")));

        await app.ExecuteAsync($"""
            update billing_accounts set auto_billing_enabled = true, status = 'active', spend_cap_cents = 2500 where organization_id = '{organization}';
            insert into payment_methods (organization_id, id, type, is_default, attached_at) values ('{organization}', 'pm_{organization:N}', 'card', true, now());
            """);
        Assert.Equal(("True", "False payment_required spend_cap_reached"), (await UnitsAsync(7), await UnitsAsync(8)));
        Assert.Equal(("True", "False payment_required spend_cap_reached"), (await TokensAsync(2_600_000), await TokensAsync(2_602_000)));

        await app.SuspendAsync(organization);
        Assert.Equal(("False payment_required account_suspended", "False payment_required account_suspended"), (await UnitsAsync(1), await TokensAsync(1)));
        Assert.Equal("True", Verdict(await VerifyAsync(key))); // reading works
    }

    [Theory]
    [InlineData(""","permission":"fly" """)]
    [InlineData(""","meter":"flights" """)]
    [InlineData(""","quantity":1""")]
    [InlineData(""","meter":"workflow","quantity":0""")]
    [InlineData(""","meter":"workflow","quantity":1.5""")]
    public async Task A_wrong_question_is_refused(string more)
    {
        var (key, _) = await app.NewKeyAsync(await app.NewOwnerAsync());
        await VerifyAsync(key, more, 422);
    }

    [Fact]
    public async Task Only_the_backend_may_ask()
    {
        var (key, _) = await app.NewFullKeyAsync(await app.NewOwnerAsync());
        using var response = await app.PostAsync(key, "/v1/keys/verify", $$"""{"key":"{{key}}"}""");
        await KeysApp.ErrorAsync(response, 403, "forbidden");
    }
}
