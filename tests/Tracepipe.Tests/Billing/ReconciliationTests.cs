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
    public async Task Money_given_back_at_Stripe_is_taken_over()
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
    }

    [Fact]
    public async Task What_Stripe_has_counted_beyond_ours_is_taken_off_again()
    {
        var buyer = await MeteredAsync();
        await Exports.PlanAsync(default);
        await Exports.SendAsync(default);
        await FitsAsync(buyer);
        await app.StripeAsync(HttpMethod.Post, "/v1/billing/meter_events", new() { ["event_name"] = "tracepipe_tokens", ["payload[stripe_customer_id]"] = await app.CustomerAsync(buyer.Organization), ["payload[value]"] = "777" });
        var found = Assert.Single(await TestApp.EventuallyAsync(() => DifferencesAsync(buyer), d => d.Count > 0));
        Assert.Equal(("meter", "250000", "250777"), (found.Kind, found.Ours, found.Theirs));
        await Reconciliation.RunAsync(repair: true, default);
        await FitsAsync(buyer);
    }

    [Fact]
    public async Task A_total_that_was_changed_here_is_computed_from_its_lines_again()
    {
        var (buyer, id) = await PaidAsync();
        await app.ExecuteAsync($"update invoices set total_cents = total_cents + 100, amount_due_cents = amount_due_cents + 100 where id = '{id}'");
        var found = Assert.Single(await DifferencesAsync(buyer));
        Assert.Equal(("invoice_amount", "$23.50", "$22.50"), (found.Kind, found.Ours, found.Theirs));
        await MendedAsync(buyer);
        Assert.Equal("2250 2250", await app.ScalarAsync<string>($"select total_cents || ' ' || amount_due_cents from invoices where id = '{id}'"));
    }

    [Fact]
    public async Task What_Stripe_has_not_asked_for_is_on_the_next_invoice_once()
    {
        var (buyer, id) = await PaidAsync();
        await ChangeAsync(id, 100);
        Assert.Equal(("invoice_amount", "$23.50", "$22.50"), Assert.Single(await DifferencesAsync(buyer)) is var d ? (d.Kind, d.Ours, d.Theirs) : default);
        await MendedAsync(buyer);
        await Reconciliation.RunAsync(repair: true, default);
        var next = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        var line = Assert.Single(next.GetProperty("line_items").EnumerateArray());
        Assert.Equal((1m, 1m), (next.Amount("total"), line.Amount("amount")));
        Assert.Contains("left out of an earlier invoice", line.Text("description"), StringComparison.Ordinal);
        await app.InvoiceAsync(buyer, next.Text("id"), "paid");
        Assert.Equal(2350, await app.ChargedAsync(buyer.Organization));
        await FitsAsync(buyer);
    }

    [Fact]
    public async Task What_Stripe_has_asked_for_beyond_our_lines_goes_back_once()
    {
        var (buyer, id) = await PaidAsync();
        await ChangeAsync(id, -100);
        Assert.Equal("invoice_amount", Assert.Single(await DifferencesAsync(buyer)).Kind);
        await MendedAsync(buyer);
        await Reconciliation.RunAsync(repair: true, default);
        Assert.Equal(2150, await app.ChargedAsync(buyer.Organization));
        Assert.Equal((-2150L, 100L), (await app.AccountAsync(buyer.Organization, "cash"), -await app.AccountAsync(buyer.Organization, "receivable"))); // the planted change left 1.00 earned too much
    }

    [Fact]
    public async Task A_credit_note_and_a_payment_made_at_Stripe_are_taken_over()
    {
        var buyer = await app.NewUserAsync();
        var id = await app.OpenInvoiceAsync(buyer);
        var there = await app.ScalarAsync<string>($"select stripe_invoice_id from invoices where id = '{id}'");
        await app.StripeAsync(HttpMethod.Post, "/v1/credit_notes", new() { ["invoice"] = there, ["amount"] = "500" });
        var found = Assert.Single(await DifferencesAsync(buyer));
        Assert.Equal(("credit_note", "$0.00", "$5.00"), (found.Kind, found.Ours, found.Theirs));
        await MendedAsync(buyer);
        Assert.Equal(-4000, await app.AccountAsync(buyer.Organization, "receivable"));
        await app.StripeAsync(HttpMethod.Post, $"/v1/invoices/{there}/pay", new() { ["payment_method"] = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization)) });
        found = Assert.Single(await DifferencesAsync(buyer));
        Assert.Equal(("invoice_status", "open", "paid"), (found.Kind, found.Ours, found.Theirs));
        await MendedAsync(buyer);
        Assert.Equal((0L, -4000L), (await app.AccountAsync(buyer.Organization, "receivable"), await app.AccountAsync(buyer.Organization, "cash")));
    }

    [Fact]
    public async Task A_foreign_subscription_is_taken_on_or_ended_and_its_invoices_are_copied()
    {
        var buyer = await app.NewUserAsync();
        var first = await SubscribeAtStripeAsync(buyer, "starter");
        Assert.Equal(["foreign_subscription", "plan_invoice"], (await DifferencesAsync(buyer)).Select(d => d.Kind).Order());
        await MendedAsync(buyer);
        Assert.True((await buyer.PlanAsync()).Is("starter", "active")); // who pays for a plan gets it
        Assert.Equal(2900, await app.ChargedAsync(buyer.Organization));

        var second = await SubscribeAtStripeAsync(buyer, "pro");
        Assert.Contains(await DifferencesAsync(buyer), d => (d.Kind, d.About) == ("foreign_subscription", second));
        await MendedAsync(buyer);
        Assert.Equal(2900, await app.ChargedAsync(buyer.Organization)); // the second one is ended, and its money is back
        Assert.Equal([("active", first), ("canceled", second)], (await app.AtStripeAsync(buyer.Organization)).Select(s => (s.Text("status"), s.Text("id"))).Order());
        Assert.True((await buyer.PlanAsync()).Is("starter", "active"));

        await app.ExecuteAsync($"update invoices set total_cents = 1, look = 0 where organization_id = '{buyer.Organization}' and kind = 'plan' and status = 'paid' and total_cents = 2900");
        Assert.Equal("plan_invoice", Assert.Single(await DifferencesAsync(buyer)).Kind);
        await MendedAsync(buyer);
    }

    private async Task<string> SubscribeAtStripeAsync(Buyer buyer, string tier) => (await app.StripeAsync(HttpMethod.Post, "/v1/subscriptions", new()
    {
        ["customer"] = await app.CustomerAsync(buyer.Organization), ["items[0][price]"] = await app.ScalarAsync<string>($"select price_id from stripe_prices where tier = '{tier}' limit 1"),
    })).Text("id");

    /// <summary>Somebody whose invoice over 22.50 is paid and fits.</summary>
    private async Task<(Buyer Buyer, string Invoice)> PaidAsync()
    {
        var buyer = await MeteredAsync();
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        await app.InvoiceAsync(buyer, id, "paid");
        await Exports.PlanAsync(default);
        await Exports.SendAsync(default);
        await FitsAsync(buyer);
        return (buyer, id);
    }

    /// <summary>Changes what an invoice of ours says, line and total.</summary>
    private Task ChangeAsync(string id, int cents) => app.ExecuteAsync($"""
        update invoices set total_cents = total_cents + ({cents}), subtotal_cents = subtotal_cents + ({cents}) where id = '{id}';
        update invoice_lines set amount_cents = amount_cents + ({cents}) where invoice_id = '{id}' and ordinal = 0;
        """);

    private async Task MendedAsync(Buyer buyer)
    {
        await Reconciliation.RunAsync(repair: true, default);
        await FitsAsync(buyer);
        Assert.Null(await app.ScalarAsync<string?>($"select string_agg(transaction_id::text, ' ') from (select transaction_id from ledger_entries where organization_id = '{buyer.Organization}' group by transaction_id having sum(amount_minor) <> 0) w"));
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
    private Task<string> FitsAsync(Buyer buyer) => TestApp.EventuallyAsync(async () => string.Join(", ", await DifferencesAsync(buyer)), d => d.Length == 0);
}
