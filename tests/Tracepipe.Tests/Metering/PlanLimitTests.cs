using System.Globalization;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a plan whose request limits are another plan's, or that are felt only after a restart.</summary>
public sealed class PlanLimitTests(PlanLimitTests.Limited app) : IClassFixture<PlanLimitTests.Limited>
{
    public sealed class Limited(TestServers servers) : MeteringApp(servers)
    {
        protected override int Limit => 0;
    }

    [Theory]
    [InlineData(null, 100, 10)]
    [InlineData("starter", 300, 10)]
    [InlineData("pro", 600, 10)]
    [InlineData("team", 2000, 20)]
    [InlineData("enterprise", 10_000, 60)]
    [InlineData("lifetime", 600, 10)]
    [InlineData("byo", 600, 10)]
    public async Task The_plan_decides_how_many_requests_a_key_may_make(string? plan, int requests, int changes)
    {
        var owner = await app.NewOwnerAsync();
        if (plan is not null) await app.SetPlanAsync(owner.OrganizationId, plan);
        var (key, _) = await app.NewFullKeyAsync(owner);
        Assert.Equal((requests, changes), (await LimitAsync(key), await LimitAsync(key, "/v1/api-keys", HttpMethod.Post)));
    }

    [Fact]
    public async Task A_plan_without_limits_says_none()
    {
        var owner = await app.NewOwnerAsync();
        await app.SetPlanAsync(owner.OrganizationId, "bench");
        var (key, _) = await app.NewKeyAsync(owner);
        for (var i = 0; i < 150; i++) Assert.Equal(System.Net.HttpStatusCode.OK, await app.StatusAsync(key));
    }

    [Fact]
    public async Task A_key_that_is_in_use_feels_another_plan_at_once_here_and_soon_elsewhere()
    {
        await using var other = new Limited(app.Servers) { SharesWith = app };
        await other.InitializeAsync();
        var owner = await app.NewOwnerAsync();
        var (key, _) = await app.NewKeyAsync(owner);
        Assert.Equal((100, 100), (await LimitAsync(key), await LimitAsync(key, on: other)));
        await app.SetPlanAsync(owner.OrganizationId, "team");
        Assert.Equal(2000, await LimitAsync(key));
        await TestApp.EventuallyAsync(() => LimitAsync(key, on: other), l => l == 2000);
    }

    private async Task<int> LimitAsync(string key, string path = "/v1/users/me", HttpMethod? method = null, TestApp? on = null)
    {
        using var response = await (on ?? app).CallAsync(key, path, method);
        return int.Parse(response.Headers.GetValues("X-RateLimit-Limit").Single(), CultureInfo.InvariantCulture);
    }
}
