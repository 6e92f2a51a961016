using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product at the end of a line to Stripe that can be cut.</summary>
public sealed class CutOffApp : BillingApp
{
    public CutOffApp(TestServers servers) : base(servers) => Line = new StripeLine(servers.Sandbox);

    public StripeLine Line { get; }

    protected override void Configure(WebApplicationBuilder builder) =>
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["Stripe:ApiBase"] = Line.Address });

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Line.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Catches: pages that need Stripe to be shown, a card half on file, and work that is forgotten when Stripe comes back.</summary>
public sealed class StripeAwayTests(CutOffApp app) : IClassFixture<CutOffApp>, IAsyncLifetime
{
    private bool isCut;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        if (isCut) app.Line.Mend();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task While_Stripe_is_down_pages_work_and_adding_a_card_says_so()
    {
        Cut();
        var buyer = new Buyer(app, await app.NewPersonAsync());
        foreach (var path in (string[])["dashboard", "keys", "keys/new", "settings/billing/payment-methods"])
            Assert.Equal(HttpStatusCode.OK, (await buyer.Person.Browser.GetAsync($"/o/{buyer.Person.Slug}/{path}")).StatusCode);
        Assert.Equal("pending", (await buyer.AccountAsync()).GetProperty("status").GetString());
        Assert.Empty(await buyer.CardsAsync());

        using (var answer = await buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", "{}")) await AwayAsync(answer);
        using (var answer = await buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", """{"payment_method_id":"pm_card_visa","set_as_default":true}""")) await AwayAsync(answer);
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{buyer.Organization}'"));
        Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from stripe_operations where organization_id = '{buyer.Organization}'")); // the customer, still wanted

        Mend();
        await app.CustomerAsync(buyer.Organization);
        await buyer.AddCardAsync();
        Assert.Equal(await app.TruthAsync(buyer.Organization), await app.ProjectionAsync(buyer.Organization));
    }

    [Fact]
    public async Task What_is_on_file_stays_as_it_is_while_Stripe_is_down()
    {
        var buyer = new Buyer(app, await app.NewPersonAsync());
        var (first, second) = (await buyer.AddCardAsync(), await buyer.AddCardAsync("pm_card_mastercard"));
        var before = await app.ProjectionAsync(buyer.Organization);
        var page = await buyer.Person.Browser.PageAsync(buyer.Page);

        Cut();
        using (var answer = await buyer.SendAsync(HttpMethod.Put, $"{buyer.Account}/payment-methods/{second}/default")) await AwayAsync(answer);
        foreach (var card in (string[])[first, second])
        {
            using var answer = await buyer.SendAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{card}");
            await AwayAsync(answer);
        }
        var posted = await buyer.Person.Browser.SubmitAsync(page, new Uri(app.Address, buyer.Page), [], "Make default: Mastercard ending in 4444");
        var back = await TestBrowser.ParseAsync(await buyer.Person.Browser.FollowAsync(posted));
        Assert.Contains("Stripe cannot be reached right now. Nothing was changed.", back.Body!.TextContent, StringComparison.Ordinal);
        var returned = await TestBrowser.ParseAsync(await buyer.Person.Browser.FollowAsync(await buyer.Person.Browser.GetAsync($"{buyer.Page}/return?setup_intent=seti_1")));
        Assert.Contains("Stripe cannot be reached right now. If the card was saved", returned.Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal(before, await app.ProjectionAsync(buyer.Organization));

        Mend();
        await Task.WhenAll(app.SettledAsync(), TestApp.EventuallyAsync(() => app.ScalarAsync<long>("select count(*) from stripe_operations where state in ('planned', 'unknown')"), n => n == 0));
        Assert.Equal(before, await app.ProjectionAsync(buyer.Organization));
        Assert.Equal(before, await app.TruthAsync(buyer.Organization));
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/payment-methods/{second}/default");
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{first}", 204);
        Assert.Equal((second, second, second), await buyer.DefaultsAsync());
    }

    [Fact]
    public async Task An_event_that_comes_while_Stripe_cannot_be_asked_waits_for_it()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        Cut();
        var method = await app.AttachAtStripeAsync(customer); // its events are delivered at once: the way in is not cut
        await TestApp.EventuallyAsync(() => app.ScalarAsync<string?>("select reason from stripe_events where type = 'payment_method.attached' order by received_at desc limit 1"), r => r is not null && r.StartsWith("Stripe: Connection", StringComparison.Ordinal));
        Assert.DoesNotContain(method, await app.ProjectionAsync(organization), StringComparison.Ordinal);
        Mend();
        await TestApp.EventuallyAsync(() => app.ProjectionAsync(organization), p => p.Contains(method, StringComparison.Ordinal));
    }

    private void Cut()
    {
        isCut = true;
        app.Line.Cut();
    }

    private void Mend()
    {
        isCut = false;
        app.Line.Mend();
    }

    private static async Task AwayAsync(HttpResponseMessage answer)
    {
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.BadGateway, $"{(int)answer.StatusCode} {body}");
        Assert.Equal("stripe_unavailable", JsonElement.Parse(body).GetProperty("code").GetString());
        Assert.Contains("Nothing was changed", JsonElement.Parse(body).GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.NotNull(answer.Headers.RetryAfter);
    }
}
