using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Fault R06 at every write about cards. Catches: an error page of ours when Stripe fails, a card that is half on file, a write that happens twice because
/// its answer was lost, and one that never happens.
/// </summary>
public sealed class StripeFaultTests(BillingApp app) : IClassFixture<BillingApp>, IAsyncLifetime
{
    private const string Customers = "/v1/customers", Customer = "/v1/customers/{customer}", Setups = "/v1/setup_intents",
        Attach = "/v1/payment_methods/{payment_method}/attach", Detach = "/v1/payment_methods/{payment_method}/detach";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await app.NoFaultsAsync();

    [Theory]
    [InlineData("error")]
    [InlineData("error_after")]
    [InlineData("rate_limit")]
    [InlineData("lock_timeout")]
    [InlineData("drop")]
    [InlineData("drop_after")]
    public async Task A_fault_at_both_tries_is_told_as_502_and_ends_where_Stripe_is(string kind)
    {
        var wasDone = kind is not ("rate_limit" or "lock_timeout");
        await WithFaultsAsync(kind, count: 2, async (write, buyer, call) =>
        {
            using var answer = await call();
            await ToldAsync(answer);
            if (!wasDone)
            {
                // Nothing was done and nothing will be: the member was told so, and tries again.
                Assert.Equal(0L, await UnsettledAsync(buyer));
                using var again = await call();
                Assert.True(again.IsSuccessStatusCode, await again.Content.ReadAsStringAsync());
            }
            await EndsAtTheTruthAsync(buyer);
            // What was in doubt was sent again under its own key: one effect, and no setup stays open that nobody knows of.
            Assert.Equal(write is "attach" or "default" ? 2 : 0, (await buyer.CardsAsync()).Count);
            if (write == "setup") Assert.Equal(wasDone ? 0 : 1, await OpenSetupsAsync(buyer));
        });
    }

    [Theory]
    [InlineData("error_after")]
    [InlineData("drop_after")]
    public Task One_lost_answer_is_not_noticed(string kind) => WithFaultsAsync(kind, count: 1, async (write, buyer, call) =>
    {
        using var answer = await call();
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await EndsAtTheTruthAsync(buyer);
        if (write == "setup") Assert.Equal(1, await OpenSetupsAsync(buyer));
    });

    [Fact]
    public async Task A_Stripe_that_hangs_costs_a_member_ten_seconds_at_most_and_pages_nothing()
    {
        var members = await MembersAsync();
        foreach (var (_, _, _, path) in members) await app.FaultAsync("hang", "POST", path, count: 2);

        var watch = Stopwatch.StartNew();
        var calls = members.Select(m => m.Call()).ToList();
        var slowest = TimeSpan.Zero;
        while (!calls.TrueForAll(c => c.IsCompleted))
        {
            var page = Stopwatch.StartNew();
            await members[0].Buyer.Person.Browser.PageAsync(members[0].Buyer.Page);
            if (page.Elapsed > slowest) slowest = page.Elapsed;
        }
        foreach (var answer in await Task.WhenAll(calls)) await ToldAsync(answer);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15), $"{watch.Elapsed}");
        Assert.True(slowest < TimeSpan.FromSeconds(3), $"A page took {slowest} meanwhile.");
        foreach (var (_, buyer, _, _) in members) await EndsAtTheTruthAsync(buyer);
        Assert.Equal(0, await OpenSetupsAsync(members[0].Buyer));
    }

    [Theory]
    [InlineData("error")]
    [InlineData("error_after")]
    [InlineData("rate_limit")]
    [InlineData("drop")]
    [InlineData("drop_after")]
    public async Task A_customer_whose_making_fails_is_made_once_all_the_same(string kind)
    {
        await app.FaultAsync(kind, "POST", Customers, count: 2);
        var buyer = await NewBuyerAsync();
        await app.CustomerAsync(buyer.Organization);
        Assert.Equal(1, await CustomersOfAsync(buyer.Organization));
        await buyer.AddCardAsync();
    }

    [Theory]
    [InlineData("drop_after")]
    [InlineData("drop")]
    public async Task A_lost_answer_older_than_a_day_is_looked_up_before_anything_is_sent(string kind)
    {
        // Happened or not, nobody told us; the key has meanwhile been forgotten.
        var members = await MembersAsync();
        foreach (var (_, _, _, path) in members) await app.FaultAsync(kind, "POST", path, count: 100);
        await Task.WhenAll(members.Select(async m =>
        {
            using var answer = await m.Call();
            await ToldAsync(answer);
        }));
        await app.FaultAsync(kind, "POST", Customers, count: 100);
        var organization = await app.NewOrganizationAsync();
        await TestApp.EventuallyAsync(() => app.ScalarAsync<string>($"select state from stripe_operations where organization_id = '{organization}'"), s => s == "unknown");

        // While the faults last a write that was sent again would stay in doubt: only the look can end it.
        if (kind == "drop") await app.NoFaultsAsync();
        app.Clock.Advance(TimeSpan.FromHours(25));
        await app.CustomerAsync(organization);
        foreach (var (_, buyer, _, _) in members) await EndsAtTheTruthAsync(buyer, signedIn: false);
        await app.NoFaultsAsync();

        Assert.Equal(1, await CustomersOfAsync(organization));
        Assert.Equal(0, await OpenSetupsAsync(members[0].Buyer));
        long[] cards = await Task.WhenAll(members.Select(m => app.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{m.Buyer.Organization}' and detached_at is null")));
        Assert.Equal("0 2 2 0", string.Join(' ', cards));
    }

    private async Task<Buyer> NewBuyerAsync() => new(app, await app.NewPersonAsync());

    /// <summary>Somebody at each write about cards, all at once, and the same fault for each.</summary>
    private async Task WithFaultsAsync(string kind, int count, Func<string, Buyer, Func<Task<HttpResponseMessage>>, Task> act)
    {
        var members = await MembersAsync();
        foreach (var (_, _, _, path) in members) await app.FaultAsync(kind, "POST", path, count);
        await Task.WhenAll(members.Select(m => act(m.Write, m.Buyer, m.Call)));
    }

    private async Task<IReadOnlyList<(string Write, Buyer Buyer, Func<Task<HttpResponseMessage>> Call, string Path)>> MembersAsync() =>
        [await AboutToAsync("setup"), await AboutToAsync("attach"), await AboutToAsync("default"), await AboutToAsync("detach")];

    /// <summary>A member who is about to make a write: everything before it has been done.</summary>
    private async Task<(string Write, Buyer Buyer, Func<Task<HttpResponseMessage>> Call, string Path)> AboutToAsync(string write)
    {
        var buyer = await NewBuyerAsync();
        await app.CustomerAsync(buyer.Organization);
        if (write == "setup") return (write, buyer, () => buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", "{}"), Setups);
        var card = await buyer.AddCardAsync();
        if (write == "detach") return (write, buyer, () => buyer.SendAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{card}"), Detach);
        if (write == "attach")
        {
            var free = await buyer.FreeMethodAsync("5555555555554444");
            return (write, buyer, () => buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", $$"""{"payment_method_id":"{{free}}"}"""), Attach);
        }
        var other = await buyer.AddCardAsync("pm_card_mastercard");
        return (write, buyer, () => buyer.SendAsync(HttpMethod.Put, $"{buyer.Account}/payment-methods/{other}/default"), Customer);
    }

    private static async Task ToldAsync(HttpResponseMessage answer)
    {
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.BadGateway, $"{(int)answer.StatusCode} {body}");
        var problem = JsonElement.Parse(body);
        Assert.Equal("stripe_unavailable", problem.GetProperty("code").GetString());
        Assert.Contains("Stripe", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotNull(answer.Headers.RetryAfter);
    }

    /// <summary>Nothing is in doubt any more, and our list is Stripe's.</summary>
    private async Task EndsAtTheTruthAsync(Buyer buyer, bool signedIn = true)
    {
        await TestApp.EventuallyAsync(() => UnsettledAsync(buyer), n => n == 0);
        await TestApp.EventuallyAsync(async () => (Ours: Cards(await app.ProjectionAsync(buyer.Organization)), Theirs: Cards(await app.TruthAsync(buyer.Organization))), both => both.Ours == both.Theirs);
        if (signedIn) await buyer.Person.Browser.PageAsync(buyer.Page);

        static string Cards(string line) => line[line.IndexOf("customer=", StringComparison.Ordinal)..];
    }

    private Task<long> UnsettledAsync(Buyer buyer) =>
        app.ScalarAsync<long>($"select count(*) from stripe_operations where organization_id = '{buyer.Organization}' and state in ('planned', 'unknown')");

    private async Task<int> OpenSetupsAsync(Buyer buyer)
    {
        var customer = await app.CustomerAsync(buyer.Organization);
        return (await app.StripeAsync(HttpMethod.Get, $"/v1/setup_intents?customer={customer}")).GetProperty("data").EnumerateArray().Count(i => i.GetProperty("status").GetString() is not ("canceled" or "succeeded"));
    }

    private async Task<int> CustomersOfAsync(Guid organization) => (await app.StripeAsync(HttpMethod.Get, "/v1/customers?limit=100")).GetProperty("data").EnumerateArray()
        .Count(c => c.GetProperty("metadata").TryGetProperty("org_id", out var id) && id.GetString() == organization.ToString());
}
