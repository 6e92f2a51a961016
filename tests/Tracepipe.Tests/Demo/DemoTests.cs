using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Demo;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Demo;

/// <summary>Catches: a demo that was made round the product, so that its own books would not believe it; one that is made twice; one that is made where money is real.</summary>
public sealed class DemoTests(FilledDemo demo) : IClassFixture<FilledDemo>
{
    [Fact]
    public async Task Every_invoice_of_the_demo_verifies()
    {
        var invoices = await demo.RowsAsync($"select id::text || ' ' || organization_id from invoices where kind = 'usage'");
        Assert.NotEmpty(invoices);
        foreach (var invoice in invoices)
        {
            var proof = await demo.App.Services.GetRequiredService<InvoiceProofs>().MakeAsync(Guid.Parse(invoice.Split(' ')[1]), person: null, Guid.Parse(invoice.Split(' ')[0]), default);
            Assert.NotNull(proof);
            Assert.Equal([], ProofCheck.Check(proof));
            Assert.NotEmpty(proof.Lines);
        }
    }

    [Fact]
    public async Task Nothing_is_different_at_the_payment_provider()
    {
        var last = await demo.App.Services.GetRequiredService<Reconciliation>().LastAsync(default);
        Assert.Equal([], last!.Differences);
        var now = await demo.App.Services.GetRequiredService<Reconciliation>().RunAsync(repair: false, default);
        Assert.Equal([], now.Differences);
        Assert.True(now.Compared > 3, $"{now.Compared} things were compared");
    }

    [Fact]
    public async Task The_book_is_balanced()
    {
        Assert.Equal([], await demo.RowsAsync("""
            select 'transaction ' || transaction_id || ' sums to ' || sum(amount_minor) from ledger_entries group by organization_id, transaction_id, currency having sum(amount_minor) <> 0
            union all
            select a.kind || ' has ' || a.balance || ' but entries of ' || coalesce(sum(e.amount_minor), 0) from ledger_accounts a
            left join ledger_entries e on e.organization_id = a.organization_id and e.account_id = a.id
            group by a.organization_id, a.id, a.kind, a.balance, a.entries having a.balance <> coalesce(sum(e.amount_minor), 0) or a.entries <> count(e.place)
            union all
            select 'all accounts sum to ' || sum(balance) from ledger_accounts group by organization_id having sum(balance) <> 0
            """));
    }

    [Fact]
    public async Task It_has_what_a_demo_is_for()
    {
        var has = await demo.RowsAsync("""
            select 'declined, then paid' where exists (select 1 from invoices where kind = 'usage' and status = 'paid' and dunning_since is not null and amount_paid_cents > 0)
            union all select 'meters told' where exists (select 1 from meter_exports where state = 'sent')
            union all select 'plan invoice' where exists (select 1 from invoices where kind = 'plan' and status = 'paid')
            union all select 'credits used' where exists (select 1 from accruals where credits_minor > 0)
            union all select 'card charged' where exists (select 1 from accruals where metered_minor > 0)
            union all select 'cards' where (select count(*) from payment_methods where detached_at is null) >= 2
            union all select 'keys' where (select count(*) from api_keys) = 4 and exists (select 1 from api_keys where revoked_at is not null) and exists (select 1 from api_keys where suites is not null)
            union all select 'calls' where exists (select 1 from key_hours where requests > 0)
            union all select 'sessions' where (select count(*) from trace_sessions) > 3
            union all select 'costs' where (select count(distinct model) from cost_records) = 4
            union all select 'nothing parked' where not exists (select 1 from stripe_events where state <> 'done' and state <> 'ignored') and not exists (select 1 from invoices where parked_reason is not null)
            union all select 'nothing in the future' where not exists (select 1 from usage_events where time > now()) and not exists (select 1 from ledger_transactions where posted_at > now() + interval '1 minute') and not exists (select 1 from trace_sessions where created_at > now())
            """);
        Assert.Equal(["declined, then paid", "meters told", "plan invoice", "credits used", "card charged", "cards", "keys", "calls", "sessions", "costs", "nothing parked", "nothing in the future"], has);
    }

    [Fact]
    public async Task The_printed_password_opens_the_dashboard()
    {
        using var browser = new OutsideBrowser(new Uri(demo.App.Address));
        var landed = await browser.SubmitAsync("/login", new Dictionary<string, string>(StringComparer.Ordinal) { ["Email"] = DemoFill.Email, ["Password"] = demo.Password }, default);
        Assert.Equal(HttpStatusCode.OK, landed.Status);
        Assert.Equal("Dashboard", landed.Heading);
    }

    [Fact]
    public async Task A_second_start_says_how_to_come_in_and_changes_nothing()
    {
        Assert.Contains("is there already", demo.SecondSaid, StringComparison.Ordinal);
        Assert.Contains("/forgot-password", demo.SecondSaid, StringComparison.Ordinal);
        Assert.DoesNotMatch(FilledDemo.Printed(), demo.SecondSaid);
        Assert.Equal(demo.Before, demo.After);
    }

    [Theory]
    [InlineData("Stripe:ApiKey", "sk_live_0123456789abcdef", "live Stripe key")]
    [InlineData("Stripe:ApiKey", "sk_test_0123456789abcdef", "sandbox of this start")]
    [InlineData("Stripe:ApiBase", "http://127.0.0.1:1", "sandbox of this start")]
    [InlineData("environment", "Production", "Development only")]
    public async Task It_is_not_made_where_money_or_people_are_real(string setting, string value, string says)
    {
        // A connection string that leads nowhere: a refusal comes before anything is touched.
        string[] args = ["--demo", "--environment", setting is "environment" ? value : "Development", "--ConnectionStrings:Tracepipe", "Host=127.0.0.1;Port=1;Database=none", .. setting is "environment" ? Array.Empty<string>() : [$"--{setting}", value]];
        var refused = await Assert.ThrowsAsync<StartupException>(() => DemoFill.RunAsync(CommandLine.Parse(args), Product.Modules, TextWriter.Null, default));
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }
}
