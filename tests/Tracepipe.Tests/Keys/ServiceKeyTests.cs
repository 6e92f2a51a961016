using System.Net;
using Tracepipe.Storefront.Keys;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Metering;

namespace Tracepipe.Tests.Keys;

/// <summary>Catches: a customer's key that acts for everybody, a service key that acts as a customer, or one that outlives its end.</summary>
public sealed class ServiceKeyTests(MeteringApp app) : IClassFixture<MeteringApp>
{
    private const string Hold = """{"organization_id":"0197a000-0000-7000-8000-000000000000","meter":"workflow","quantity":1,"id":"x"}""";

    [Fact]
    public async Task The_command_prints_a_key_that_works_and_keeps_only_its_hash()
    {
        var printed = await app.RunAsync("service-key create", ("name", "Conversion backend"));
        var key = printed.Trim();
        Assert.True(ApiKeyFormat.IsWellFormed(key) && ApiKeyFormat.IsService(key), printed);
        Assert.Equal(ApiKeyFormat.Service.Length + 38, key.Length);
        using (var held = await app.PostAsync(key, "/v1/holds", Hold)) await KeysApp.ErrorAsync(held, 404, "not_found"); // the door is open; there is no such organization
        Assert.Equal(1, await app.ScalarAsync<long>($"select count(*) from service_keys where name = 'Conversion backend' and service_keys::text not like '%{key[8..]}%'"));
        Assert.Contains("Conversion backend", await app.RunAsync("service-key list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_service_key_is_refused_at_once()
    {
        var id = Guid.Empty;
        for (var round = 0; round < 10; round++)
        {
            var key = (await app.RunAsync("service-key create", ("name", $"Short-lived {round}"))).Trim();
            using (var before = await app.PostAsync(key, "/v1/holds", Hold)) Assert.Equal(HttpStatusCode.NotFound, before.StatusCode);
            id = await app.ScalarAsync<Guid>($"select id from service_keys where name = 'Short-lived {round}'");
            await app.RunAsync($"service-key revoke {id}");
            using (var after = await app.PostAsync(key, "/v1/holds", Hold)) await KeysApp.ErrorAsync(after, 401, "unauthorized");
        }
        await Assert.ThrowsAsync<StartupException>(() => app.RunAsync($"service-key revoke {id}"));
    }

    [Fact]
    public async Task A_customers_key_cannot_hold_whatever_its_permissions()
    {
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewFullKeyAsync(owner);
        foreach (var path in new[] { "/v1/holds", "/v1/holds/x/commit", "/v1/holds/x/release", "/v1/holds/x/renew" })
        {
            using var refused = await app.PostAsync(key, path, Hold.Replace("0197a000-0000-7000-8000-000000000000", owner.OrganizationId.ToString(), StringComparison.Ordinal));
            var error = await KeysApp.ErrorAsync(refused, 403, "forbidden");
            Assert.Equal("service_key", error.GetProperty("details").GetProperty("missing").GetString());
        }
        Assert.Equal(0m, await app.HeldAsync(owner.OrganizationId));
    }

    [Fact]
    public async Task A_service_key_is_nobodys_where_customers_are_served()
    {
        var owner = await app.NewOwnerAsync();
        foreach (var path in new[] { "/v1/users/me", "/v1/api-keys", $"/api/billing/account/{owner.OrganizationId}" })
        {
            using var refused = await app.CallAsync(app.Service, path);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }
        using var made = await app.PostAsync(app.Service, "/v1/api-keys", "{}");
        await KeysApp.ErrorAsync(made, 403, "forbidden");
    }

    [Fact]
    public async Task No_request_limit_stops_a_service_key()
    {
        for (var i = 0; i < 400; i++)
        {
            using var response = await app.PostAsync(app.Service, "/v1/holds/none/release", "{}");
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }
    }
}
