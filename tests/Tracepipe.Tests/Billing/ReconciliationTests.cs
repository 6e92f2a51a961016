using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>Catches: use that Stripe's meters are told twice or not at all, a difference between our books and Stripe's that nobody sees.</summary>
public sealed class ReconciliationTests(UsageInvoiceApp app) : IClassFixture<UsageInvoiceApp>
{
    private MeterExports Exports => app.Services.GetRequiredService<MeterExports>();

    private Reconciliation Reconciliation => app.Services.GetRequiredService<Reconciliation>();

    [Fact]
    public async Task What_a_card_pays_for_is_told_once_and_what_is_lost_is_found_and_told_again()
    {
        var buyer = await MeteredAsync();
        app.Faults.Reached = (place, _) => place is "meter.told" ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            await Exports.PlanAsync(default);
            await Assert.ThrowsAsync<InvalidOperationException>(() => Exports.SendAsync(default));
        }
        finally
        {
            app.Faults.Reached = null;
        }
        await Task.WhenAll(Exports.PlanAsync(default), Exports.PlanAsync(default));
        await Exports.SendAsync(default);
        Assert.Equal(0, await Exports.PlanAsync(default));
        await app.UseAsync(buyer.Organization, 1);
        await Exports.PlanAsync(default);
        await Exports.SendAsync(default);
        Assert.Equal("tokens 250000, workflow 2, workflow 1", await app.ScalarAsync<string>($"select string_agg(meter || ' ' || value, ', ' order by meter, revision) from meter_exports where organization_id = '{buyer.Organization}'"));
        await FitsAsync(buyer);

        var lost = await app.ScalarAsync<string>($"select identifier from meter_exports where organization_id = '{buyer.Organization}' and meter = 'tokens'");
        await app.StripeAsync(HttpMethod.Post, "/v1/billing/meter_event_adjustments", new() { ["event_name"] = "tracepipe_tokens", ["type"] = "cancel", ["cancel[identifier]"] = lost });
        var found = Assert.Single(await DifferencesAsync(buyer));
        Assert.Equal(("meter", "250000", "0"), (found.Kind, found.Ours, found.Theirs));
        await Reconciliation.RunAsync(repair: true, default);
        await FitsAsync(buyer);
        Assert.Equal(0, await Exports.PlanAsync(default)); // the repair is no use of its own
    }

    [Fact]
    public async Task Money_given_back_at_Stripe_a_changed_amount_and_a_foreign_subscription_are_found()
    {
        var buyer = await MeteredAsync();
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        await app.InvoiceAsync(buyer, id, "paid");
        await Exports.PlanAsync(default);
        await Exports.SendAsync(default);
        await FitsAsync(buyer);

        var charge = Assert.Single(await app.AtStripeAsync(buyer.Organization, "charges", ""));
        await app.StripeAsync(HttpMethod.Post, "/v1/refunds", new() { ["charge"] = charge.Text("id"), ["amount"] = "500" });
        var refund = Assert.Single(await DifferencesAsync(buyer));
        Assert.Equal(("refund", "$0.00", "$5.00"), (refund.Kind, refund.Ours, refund.Theirs));
        await Reconciliation.RunAsync(repair: true, default);
        await FitsAsync(buyer);
        Assert.Equal((-1750L, 17.5m), (await app.AccountAsync(buyer.Organization, "cash"), await app.SpentAsync(buyer)));

        await app.ExecuteAsync($"update invoices set total_cents = total_cents + 1 where id = '{id}'");
        Assert.Equal("invoice_amount", Assert.Single(await DifferencesAsync(buyer)).Kind);
        await app.ExecuteAsync($"update invoices set total_cents = total_cents - 1 where id = '{id}'");

        var price = await app.ScalarAsync<string>("select price_id from stripe_prices where tier = 'starter' limit 1");
        await app.StripeAsync(HttpMethod.Post, "/v1/subscriptions", new() { ["customer"] = await app.CustomerAsync(buyer.Organization), ["items[0][price]"] = price });
        Assert.Equal("foreign_subscription", Assert.Single(await DifferencesAsync(buyer)).Kind);
    }

    /// <summary>Two workflows and 250,000 tokens that a card pays for.</summary>
    private async Task<Buyer> MeteredAsync()
    {
        var buyer = await app.NewUserAsync();
        await app.UseAsync(buyer.Organization, 2);
        await app.TokensAsync(buyer.Organization, 350_000);
        return buyer;
    }

    private async Task<IReadOnlyList<Difference>> DifferencesAsync(Buyer buyer) => [.. (await Reconciliation.RunAsync(repair: false, default)).Differences.Where(d => d.OrganizationId == buyer.Organization)];

    // What was told shows up in Stripe's sums a little later.
    private Task<IReadOnlyList<Difference>> FitsAsync(Buyer buyer) => TestApp.EventuallyAsync(() => DifferencesAsync(buyer), d => d.Count == 0);
}
