using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Tracepipe.Tests.Keys;

namespace Tracepipe.Tests.Metering;

/// <summary>Catches: a contract that gives less than unlimited, more than its time, or something to somebody else.</summary>
public sealed class TierCommandTests(MeteringApp app) : IClassFixture<MeteringApp>
{
    [Fact]
    public async Task Scenario_11_Enterprise_by_contract_is_unlimited_until_its_last_day_has_passed()
    {
        var (owner, other) = (await app.NewOwnerAsync(), await app.NewOwnerAsync());
        var organization = owner.OrganizationId;
        var day = app.Clock.GetUtcNow().AddDays(40);
        var said = await app.RunAsync($"tier set {owner.Slug} enterprise", ("until", day.ToString("yyyy-MM-dd")));
        Assert.Equal($"{owner.Slug} has Enterprise until {day.AddDays(1):yyyy-MM-dd} 00:00 UTC.", said.Trim());
        Assert.Equal(201, (await app.HoldAsync(organization, $"{organization}-much", 10_000)).Status);
        Assert.Equal(200, (await app.SettleAsync("commit", $"{organization}-much")).Status);
        for (var i = 0; i < 30; i++) Assert.Equal(201, (await app.HoldAsync(organization, $"{organization}-{i}")).Status);
        Assert.Equal(402, (await app.HoldAsync(other.OrganizationId, $"{organization}-other", 6)).Status); // nobody else got it

        app.Clock.MoveTo(new DateTimeOffset(day.Date.AddDays(1), TimeSpan.Zero).AddSeconds(-20));
        Assert.Equal(201, (await app.HoldAsync(organization, $"{organization}-last", 1000)).Status);
        await app.SettleAsync("release", $"{organization}-last");
        app.Clock.MoveTo(new DateTimeOffset(day.Date.AddDays(1), TimeSpan.Zero).AddSeconds(1));
        Assert.Equal(402, (await app.HoldAsync(organization, $"{organization}-late", 1000)).Status);
    }

    [Fact]
    public async Task Byo_is_given_and_free_takes_it_away()
    {
        var owner = await app.NewOwnerAsync();
        await app.RunAsync($"tier set {owner.OrganizationId} byo");
        Assert.Equal(201, (await app.HoldAsync(owner.OrganizationId, $"{owner.Slug}-a", 500)).Status);
        await app.SettleAsync("release", $"{owner.Slug}-a");
        Assert.Equal($"{owner.Slug} has no contract any more.", (await app.RunAsync($"tier set {owner.Slug} free")).Trim());
        Assert.Equal(402, (await app.HoldAsync(owner.OrganizationId, $"{owner.Slug}-b", 500)).Status);
    }

    [Theory]
    [InlineData("tier set nobody enterprise", null, "no organization")]
    [InlineData("tier set OWN gold", null, "no tier")]
    [InlineData("tier set OWN", null, "tier set ORG TIER")]
    [InlineData("tier set OWN enterprise", "tomorrow", "no date")]
    [InlineData("tier set OWN enterprise", "2020-01-01", "has passed")]
    public async Task A_wrong_word_is_named(string words, string? until, string expected)
    {
        var owner = await app.NewOwnerAsync();
        var refused = await Assert.ThrowsAsync<StartupException>(() => app.RunAsync(words.Replace("OWN", owner.Slug, StringComparison.Ordinal), until is null ? [] : [("until", until)]));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }
}
