using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: a page about credits that shows what was bought instead of what is left, a line without its cause, a purchase that needs script, and a gift that an operator cannot make.</summary>
public sealed class CreditsPageTests(UsageInvoiceApp app) : IClassFixture<UsageInvoiceApp>
{
    private static string Page(Buyer buyer) => $"/o/{buyer.Person.Slug}/settings/billing/credits";

    private static async Task<string> TextAsync(Buyer buyer, string path) => string.Join(' ', (await buyer.Person.Browser.PageAsync(path)).QuerySelector("main")!.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    // Seen to fail when the overview added up what was bought.
    [Fact]
    public async Task Balance_and_ledger_are_the_books_on_both_pages()
    {
        var buyer = await app.NewUserAsync();
        Assert.Contains("$0.00 available", await TextAsync(buyer, Page(buyer)), StringComparison.Ordinal);
        await app.CreditsAsync(buyer.Organization, 5000);
        await app.UseAsync(buyer.Organization, 1);
        Assert.Null((await app.Holds.HoldAsync(new(buyer.Organization, "running", "workflow", 1, TimeSpan.FromMinutes(5), null, [1]), default)).Refusal);
        foreach (var path in new[] { Page(buyer), $"/o/{buyer.Person.Slug}/settings/billing" })
        {
            var text = await TextAsync(buyer, path);
            Assert.Contains("$30.00 available", text, StringComparison.Ordinal); // 50.00, one unit used, one set aside
            Assert.Contains("$10.00 held for work in progress", text, StringComparison.Ordinal);
        }
        var rows = (await buyer.Person.Browser.PageAsync(Page(buyer))).QuerySelectorAll("tbody tr").Select(r => string.Join(' ', r.TextContent.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).ToList();
        Assert.Equal(2, rows.Count);
        Assert.Contains("Work done1 × workflow Hold ", rows[0], StringComparison.Ordinal);
        Assert.EndsWith("−$10.00 $40.00", rows[0], StringComparison.Ordinal);
        Assert.Contains("Bought Checkout pi_test +$50.00 $50.00", rows[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_ledger_is_paged_and_nothing_is_shown_twice_or_left_out()
    {
        var buyer = await app.NewBuyerAsync();
        for (var i = 1; i <= 45; i++) await app.CreditsAsync(buyer.Organization, i * 100, $"pi_{i}");
        var (seen, path) = (new List<string>(), Page(buyer));
        while (true)
        {
            var page = await buyer.Person.Browser.PageAsync(path);
            seen.AddRange(page.QuerySelectorAll("tbody tr td:nth-child(3)").Select(c => c.TextContent.Trim()));
            if (page.QuerySelector("a[rel=next]") is not { } next) break;
            path = next.GetAttribute("href")!;
        }
        Assert.Equal(Enumerable.Range(1, 45).Reverse().Select(i => $"Checkout pi_{i}"), seen);
        Assert.Equal(HttpStatusCode.OK, (await buyer.Person.Browser.GetAsync($"{Page(buyer)}?after=nonsense")).StatusCode);
    }

    [Theory]
    [InlineData("25", "", 2500)]
    [InlineData("500", "", 50_000)]
    [InlineData("50", "19.99", 1999)]
    public async Task Credits_are_bought_without_script(string choice, string own, long cents)
    {
        var buyer = await app.NewBuyerAsync();
        var fields = new[] { "25", "50", "100", "250", "500" }.ToDictionary(offer => $"${offer}", offer => offer == choice ? "on" : "");
        fields["Own amount in dollars"] = own;
        var answer = await buyer.Person.Browser.SubmitAsync($"{Page(buyer)}/buy", fields, "Go to payment");
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.NotNull(await app.PayAsync(answer.Headers.Location!.ToString()));
        await TestApp.EventuallyAsync(async () =>
        {
            await app.HearAsync();
            return await TextAsync(buyer, Page(buyer));
        }, text => text.Contains($"{Money.Usd(cents)} available", StringComparison.Ordinal));
        Assert.Equal(cents, await app.ChargedAsync(buyer.Organization));
    }

    [Theory]
    [InlineData("0.49")]
    [InlineData("1000.01")]
    [InlineData("19.999")]
    [InlineData("-5")]
    [InlineData("a lot")]
    public async Task A_wrong_amount_comes_back_with_the_form(string own)
    {
        var buyer = await app.NewBuyerAsync();
        var answer = await buyer.Person.Browser.SubmitAsync($"{Page(buyer)}/buy", new() { ["Own amount in dollars"] = own }, "Go to payment");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from checkouts where organization_id = '{buyer.Organization}'"));
    }

    [Theory]
    [InlineData("viewer", 200, 403)]
    [InlineData("developer", 403, 403)]
    [InlineData("billing", 200, 200)]
    public async Task Roles_read_and_buy(string role, int reads, int buys)
    {
        var buyer = await app.NewBuyerAsync();
        await app.ExecuteAsync($"update members set role = '{role}' where organization_id = '{buyer.Organization}'");
        Assert.Equal((reads, buys), ((int)(await buyer.Person.Browser.GetAsync(Page(buyer))).StatusCode, (int)(await buyer.Person.Browser.GetAsync($"{Page(buyer)}/buy")).StatusCode));
        var stranger = await app.NewBuyerAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Person.Browser.GetAsync(Page(buyer))).StatusCode);
    }

    [Fact]
    public async Task The_operator_gives_credits_by_address_slug_or_id_with_a_reason_and_an_end()
    {
        var buyer = await app.NewBuyerAsync();
        var day = app.Clock.GetUtcNow().AddDays(30);
        Assert.StartsWith($"{buyer.Person.Slug} has $12.50 more. Grant ", await RunAsync($"credits grant {buyer.Person.Email} 12.50", ("reason", "Sorry for the outage")), StringComparison.Ordinal);
        Assert.Contains($"for use before {day.Date.AddDays(1):yyyy-MM-dd} 00:00 UTC", await RunAsync($"credits grant {buyer.Person.Slug} 5", ("reason", "Welcome"), ("expires", day.ToString("yyyy-MM-dd"))), StringComparison.Ordinal);
        await RunAsync($"credits grant {buyer.Organization} 0.01", ("reason", "A cent"));
        var text = await TextAsync(buyer, Page(buyer));
        Assert.Contains("$17.51 available", text, StringComparison.Ordinal);
        Assert.Contains("GrantedSorry for the outage", text, StringComparison.Ordinal);
        Assert.Contains($"$5.00until {Storefront.Ui.Words.Stamp(new DateTimeOffset(day.Date.AddDays(1), TimeSpan.Zero))}", text, StringComparison.Ordinal);
        Assert.Equal(3, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{buyer.Organization}' and action = 'credits.granted'"));
    }

    [Theory]
    [InlineData("credits grant OWN", "Reason", null, "EMAIL-or-ORG AMOUNT")]
    [InlineData("credits grant nobody@example.org 5", "Reason", null, "no organization")]
    [InlineData("credits grant OWN 5.001", "Reason", null, "no amount")]
    [InlineData("credits grant OWN 0", "Reason", null, "no amount")]
    [InlineData("credits grant OWN -5", "Reason", null, "no amount")]
    [InlineData("credits grant OWN 5", null, null, "Say why")]
    [InlineData("credits grant OWN 5", "Reason", "2020-01-01", "has passed")]
    public async Task A_wrong_word_is_named_and_nothing_is_given(string words, string? reason, string? expires, string expected)
    {
        var buyer = await app.NewBuyerAsync();
        var options = new List<(string, string)>();
        if (reason is not null) options.Add(("reason", reason));
        if (expires is not null) options.Add(("expires", expires));
        var refused = await Assert.ThrowsAsync<StartupException>(() => RunAsync(words.Replace("OWN", buyer.Person.Slug, StringComparison.Ordinal), [.. options]));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await app.ScalarAsync<long>($"select count(*) from ledger_transactions where organization_id = '{buyer.Organization}'"));
    }

    private async Task<string> RunAsync(string words, params (string Name, string Value)[] options)
    {
        var settings = new Dictionary<string, string?>(options.Select(o => new KeyValuePair<string, string?>(o.Name, o.Value)), StringComparer.OrdinalIgnoreCase);
        using var output = new StringWriter(System.Globalization.CultureInfo.InvariantCulture);
        await CreditGrants.RunAsync(new Typed(app.Services, Microsoft.Extensions.Configuration.MemoryConfigurationBuilderExtensions.AddInMemoryCollection(new Microsoft.Extensions.Configuration.ConfigurationBuilder(), settings).Build()), words.Split(' ')[2..], output, default);
        return output.ToString().Trim();
    }

    /// <summary>The program's services with the options of one call.</summary>
    private sealed class Typed(IServiceProvider services, Microsoft.Extensions.Configuration.IConfiguration options) : IServiceProvider
    {
        private readonly AsyncServiceScope scope = services.CreateAsyncScope();

        public object? GetService(Type serviceType) => serviceType == typeof(Microsoft.Extensions.Configuration.IConfiguration) ? options : scope.ServiceProvider.GetService(serviceType);
    }
}
