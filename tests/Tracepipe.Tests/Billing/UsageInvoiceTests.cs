using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>The product with verbs about usage invoices.</summary>
public class UsageInvoiceApp(TestServers servers) : TimedPlanApp(servers)
{
    internal MonthlyClose Close => Services.GetRequiredService<MonthlyClose>();

    internal UsageInvoicePush Push => Services.GetRequiredService<UsageInvoicePush>();

    internal Dunning Dunning => Services.GetRequiredService<Dunning>();

    /// <summary>Somebody with a card, or without one, who has used up the free units of this month.</summary>
    public async Task<Buyer> NewUserAsync(string? card = "pm_card_visa", bool usesFree = true)
    {
        var buyer = await NewBuyerAsync();
        if (card is not null) await buyer.AddCardAsync(card, asDefault: true);
        if (usesFree) await UseAsync(buyer.Organization, 5);
        return buyer;
    }

    public async Task TokensAsync(Guid organization, decimal tokens, DateTimeOffset? usedAt = null)
    {
        await using var transaction = await Services.GetRequiredService<Database>().BeginAsync(organization, null, CancellationToken.None);
        var standing = await Services.GetRequiredService<Standings>().LockAsync(organization, transaction, CancellationToken.None);
        var settlement = Services.GetRequiredService<Settlement>();
        await settlement.UseAsync(standing, [new ReportedUse("tokens", null, tokens, usedAt ?? Clock.GetUtcNow())], Clock.GetUtcNow(), transaction, CancellationToken.None);
        await settlement.SettleAsync(standing, Clock.GetUtcNow(), transaction, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    public async Task CreditsAsync(Guid organization, long cents, string payment = "pi_test")
    {
        await using var transaction = await Services.GetRequiredService<Database>().BeginAsync(organization, null, CancellationToken.None);
        await Book.PostPurchaseAsync(organization, Money.Usd(cents), new Cause("purchase", payment, Actor.System, Clock.GetUtcNow()), transaction, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
    }

    /// <summary>A card on file may be used by itself, or only when somebody presses Pay.</summary>
    public Task SwitchAsync(Guid organization, bool autoBilling) => ExecuteAsync($"update billing_accounts set auto_billing_enabled = {autoBilling} where organization_id = '{organization}'");

    /// <summary>An open invoice that nobody tries to pay by himself.</summary>
    public async Task<string> OpenInvoiceAsync(Buyer buyer, int units = 4, decimal tokens = 600_000)
    {
        for (var i = 0; i < units; i++) await UseAsync(buyer.Organization, 1);
        if (tokens > 0) await TokensAsync(buyer.Organization, tokens);
        await SwitchAsync(buyer.Organization, false);
        var made = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        await InvoiceAsync(buyer, made.Text("id"), "open");
        return made.Text("id");
    }

    /// <summary>The invoice as the API shows it, once it has this status. Read behind the API: sessions end when the clock is moved by months.</summary>
    public async Task<JsonElement> InvoiceAsync(Buyer buyer, string id, string status) =>
        JsonSerializer.SerializeToElement(await EventuallyAsync(async () =>
        {
            var invoice = await Services.GetRequiredService<InvoiceList>().GetAsync(buyer.Organization, null, Guid.Parse(id), default);
            if (invoice!.Status != status) await HearAsync();
            return invoice;
        }, i => i.Status == status), Shown);

    private static readonly JsonSerializerOptions Shown = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    internal CreditNotes Notes => Services.GetRequiredService<CreditNotes>();

    /// <summary>The records of units on an invoice.</summary>
    public async Task<IReadOnlyList<Guid>> RecordsAsync(string invoice) => [.. (await ScalarAsync<Guid[]>($"select array_agg(id order by id) from usage_records where invoice_id = '{invoice}'"))];

    public static Task<JsonElement> PayAsync(Buyer buyer, string id, int status = 200, string json = "{}") => buyer.CallAsync(HttpMethod.Post, $"/api/billing/invoices/{id}/pay", status, json);

    public async Task<IReadOnlyList<JsonElement>> InvoicesAsync(Buyer buyer) =>
        [.. (await Services.GetRequiredService<InvoiceList>().ListAsync(buyer.Organization, null, null, null, 50, default)).Select(i => JsonSerializer.SerializeToElement(i, Shown))];

    public async Task<decimal> SpentAsync(Buyer buyer) => (await Services.GetRequiredService<BillingAccounts>().OverviewAsync(buyer.Organization, null, default)).Spent.Amount;

    public Task<long> AccountAsync(Guid organization, string kind) => ScalarAsync<long>($"select coalesce(sum(balance), 0)::bigint from ledger_accounts where organization_id = '{organization}' and kind = '{kind}'");

    /// <summary>Subjects of mails about invoices, in order.</summary>
    public async Task<string> MailsAsync(Buyer buyer) => await ScalarAsync<string?>($"select string_agg(regexp_replace(subject, 'INV-\\S+', '#'), ', ' order by id) from mails where recipient = '{buyer.Person.Email}' and (subject like 'Invoice %' or subject like '%suspended')") ?? "";

    /// <summary>To the first day of the next month, 01:01.</summary>
    public Task ToCloseAsync() => AdvanceToAsync(Period.CalendarMonth(Clock.GetUtcNow()).End + MonthlyClose.Wait + TimeSpan.FromMinutes(1));
}

/// <summary>Catches: a month invoiced twice or not at all, an invoice that is not the sum of its use, a charge twice, a reminder that lies.</summary>
public sealed class UsageInvoiceTests(UsageInvoiceApp app) : IClassFixture<UsageInvoiceApp>
{
    // Scenario 4. Seen to fail when the last card could always be removed, and when only the plan, and only the use, was asked about.
    [Fact]
    public async Task The_last_card_stays_while_use_is_not_paid_or_a_plan_is_paid_with_it()
    {
        var idle = await app.NewUserAsync(usesFree: false);
        await idle.CallAsync(HttpMethod.Delete, $"{idle.Account}/payment-methods/{(await idle.CardsAsync())[0].Text("id")}", 204);

        var user = await app.NewUserAsync();
        var first = (await user.CardsAsync())[0].Text("id");
        await app.TokensAsync(user.Organization, 600_000);
        var kept = await user.CallAsync(HttpMethod.Delete, $"{user.Account}/payment-methods/{first}", 409);
        Assert.Equal("conflict", kept.Text("code"));
        Assert.StartsWith("$5.00 of use is not paid yet", kept.Text("detail"), StringComparison.Ordinal);
        var second = await user.AddCardAsync("pm_card_mastercard");
        await user.CallAsync(HttpMethod.Delete, $"{user.Account}/payment-methods/{first}", 204); // another one pays
        Assert.Equal((second, second, second), await user.DefaultsAsync());
        await user.CallAsync(HttpMethod.Delete, $"{user.Account}/payment-methods/{second}", 409);

        var subscriber = await app.NewBuyerAsync();
        await app.SubscribeAsync(subscriber, "pro");
        if ((await subscriber.CardsAsync()).Count == 0) await subscriber.AddCardAsync();
        var only = Assert.Single(await subscriber.CardsAsync()).Text("id");
        Assert.StartsWith("Your plan is paid with this payment method", (await subscriber.CallAsync(HttpMethod.Delete, $"{subscriber.Account}/payment-methods/{only}", 409)).Text("detail"), StringComparison.Ordinal);
        var posted = await subscriber.Person.Browser.SubmitAsync(subscriber.Page, button: "Remove card");
        Assert.Contains("Your plan is paid with this payment method", (await TestBrowser.ParseAsync(await subscriber.Person.Browser.FollowAsync(posted))).Body!.TextContent, StringComparison.Ordinal);
        Assert.Equal(only, Assert.Single(await subscriber.CardsAsync()).Text("id"));
    }

    [Fact]
    public async Task Scenario_14_the_month_is_closed_once_charged_and_paid()
    {
        await app.AdvanceToAsync(Period.CalendarMonth(app.Clock.GetUtcNow()).End.AddDays(3));
        var buyer = await app.NewUserAsync();
        for (var i = 0; i < 7; i++) await app.UseAsync(buyer.Organization, 1);
        var month = Period.CalendarMonth(app.Clock.GetUtcNow());
        await app.AdvanceToAsync(month.End.AddMinutes(30));
        await app.UseAsync(buyer.Organization, 5);
        await app.UseAsync(buyer.Organization, 1); // metered, of the new month
        await app.Close.CloseDueAsync(default);
        Assert.Empty(await app.InvoicesAsync(buyer));
        await app.AdvanceToAsync(month.End + MonthlyClose.Wait + TimeSpan.FromSeconds(1));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => app.Close.CloseAsync(buyer.Organization, BillMonth.Of(month), default)));
        await app.Close.CloseDueAsync(default);

        var invoice = await app.InvoiceAsync(buyer, Assert.Single(await app.InvoicesAsync(buyer)).Text("id"), "paid");
        Assert.Equal((70m, 0m, 70m, 70m), (invoice.Amount("total"), invoice.Amount("credits_applied"), invoice.Amount("amount_due"), invoice.Amount("amount_paid")));
        var line = Assert.Single(invoice.GetProperty("line_items").EnumerateArray());
        Assert.Equal(("workflow", 7m, 10m, 70m), (line.Text("meter"), line.Amount("quantity"), line.Amount("unit_price"), line.Amount("amount")));
        Assert.Matches($"^INV-{app.Clock.GetUtcNow().Year}-[0-9]{{6}}$", invoice.Text("invoice_number"));
        Assert.Equal(7000, await app.ChargedAsync(buyer.Organization));
        Assert.Equal((-7000L, -1000L), (await app.AccountAsync(buyer.Organization, "cash"), await app.AccountAsync(buyer.Organization, "receivable")));
        Assert.Equal(7, await app.ScalarAsync<long>($"select count(*) from usage_records where invoice_id = '{invoice.Text("id")}'"));
        var there = Assert.Single(await app.AtStripeAsync(buyer.Organization, "invoices", ""));
        Assert.Equal((invoice.Text("invoice_number"), "paid"), (there.Text("number"), there.Text("status")));
        await app.HearAsync();
        Assert.Equal(70m, await app.SpentAsync(buyer));
        Assert.Single(await app.InvoicesAsync(buyer)); // the webhooks have not made a second one
    }

    [Fact]
    public async Task Scenario_15_covered_by_credits_is_paid_at_once_and_never_seen_by_Stripe()
    {
        var buyer = await app.NewUserAsync(card: null);
        await app.CreditsAsync(buyer.Organization, 5000);
        for (var i = 0; i < 3; i++) await app.UseAsync(buyer.Organization, 1);
        var invoice = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        Assert.Equal((30m, 30m, 0m, "paid"), (invoice.Amount("total"), invoice.Amount("credits_applied"), invoice.Amount("amount_due"), invoice.Text("status")));
        Assert.Equal(JsonValueKind.Null, (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).ValueKind);
        Assert.Equal(20m, (await buyer.AccountAsync()).Amount("credit_balance"));
        Assert.Empty(await app.AtStripeAsync(buyer.Organization, "invoices", ""));
        Assert.Equal(409, (int)(await buyer.SendAsync(HttpMethod.Post, $"/api/billing/invoices/{invoice.Text("id")}/pay", "{}")).StatusCode);
    }

    // Seen to fail while a decision about what accrues after an invoice had the name of one before it: credits paid nothing, the card paid instead, and the book did not hear of it.
    [Fact]
    public async Task After_an_invoice_in_the_middle_of_a_month_credits_and_book_go_on()
    {
        var buyer = await app.NewUserAsync();
        await app.CreditsAsync(buyer.Organization, 600);
        await app.TokensAsync(buyer.Organization, 600_000); // 100,000 are free
        Assert.Equal(5m, (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Amount("credits_applied"));
        await app.TokensAsync(buyer.Organization, 300_000);
        Assert.Equal((0L, 800L, -200L), (await app.AccountAsync(buyer.Organization, "available"), await app.AccountAsync(buyer.Organization, "revenue"), await app.AccountAsync(buyer.Organization, "receivable")));
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        await app.TokensAsync(buyer.Organization, 100_000);
        Assert.Equal(900, await app.AccountAsync(buyer.Organization, "revenue"));
    }

    [Fact]
    public async Task Scenario_29_a_small_month_is_carried_and_named_on_the_next_invoice()
    {
        var buyer = await app.NewUserAsync(usesFree: false);
        var first = Period.CalendarMonth(app.Clock.GetUtcNow());
        await app.TokensAsync(buyer.Organization, 137_000);
        await app.ToCloseAsync();
        await app.Close.CloseDueAsync(default);
        Assert.Empty(await app.InvoicesAsync(buyer));
        await app.TokensAsync(buyer.Organization, 140_000);
        await app.ToCloseAsync();
        await app.Close.CloseDueAsync(default);
        var invoice = await app.InvoiceAsync(buyer, Assert.Single(await app.InvoicesAsync(buyer)).Text("id"), "paid");
        Assert.Equal(0.77m, invoice.Amount("total"));
        var lines = invoice.GetProperty("line_items").EnumerateArray().Select(l => l.Text("description")).ToList();
        Assert.Equal(2, lines.Count);
        Assert.Contains($"carried from {first.Start.ToString("MMMM yyyy", CultureInfo.InvariantCulture)}", lines[0], StringComparison.Ordinal);
        Assert.Contains(first.End.ToString("MMMM yyyy", CultureInfo.InvariantCulture), lines[1], StringComparison.Ordinal);
    }

    // Seen to fail while the second month was closed before the first: what the first carried stayed behind in a closed month, and nobody was ever asked for it.
    [Fact]
    public async Task A_month_whose_close_was_cut_off_is_closed_before_the_next_one()
    {
        var buyer = await app.NewUserAsync(usesFree: false);
        var first = Period.CalendarMonth(app.Clock.GetUtcNow());
        await app.AdvanceToAsync(first.End.AddMinutes(-5));
        await app.TokensAsync(buyer.Organization, 137_000, first.End.AddMinutes(-10));
        await app.AdvanceToAsync(first.End.AddMinutes(30)); // not closed yet
        await app.TokensAsync(buyer.Organization, 200_000, first.End.AddMinutes(20));
        var cut = 0;
        app.Faults.Reached = (place, _) => place is "close.made" && Interlocked.Exchange(ref cut, 1) == 0 ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            await app.AdvanceToAsync(Period.CalendarMonth(first.End).End + MonthlyClose.Wait + TimeSpan.FromMinutes(1));
            await app.Close.CloseDueAsync(default);
        }
        finally
        {
            app.Faults.Reached = null;
        }
        await app.Close.CloseDueAsync(default);
        var invoice = await app.InvoiceAsync(buyer, Assert.Single(await app.InvoicesAsync(buyer)).Text("id"), "paid");
        Assert.Equal((1.37m, 2), (invoice.Amount("total"), invoice.GetProperty("line_items").GetArrayLength()));
        Assert.Equal(0, await app.AccountAsync(buyer.Organization, "receivable"));
    }

    [Fact]
    public async Task Scenario_16_two_who_pay_at_once_pay_once()
    {
        var buyer = await app.NewUserAsync();
        var id = await app.OpenInvoiceAsync(buyer);
        var (waiting, all) = (0, new TaskCompletionSource());
        app.Faults.Reached = (place, _) => place is not "usage_invoice.paying" ? Task.CompletedTask : Interlocked.Increment(ref waiting) < 3 ? all.Task : Task.Run(all.SetResult);
        JsonElement[] both;
        try
        {
            both = await Task.WhenAll(UsageInvoiceApp.PayAsync(buyer, id), UsageInvoiceApp.PayAsync(buyer, id), UsageInvoiceApp.PayAsync(buyer, id));
        }
        finally
        {
            app.Faults.Reached = null;
        }
        Assert.All(both, p => Assert.Equal(("succeeded", 45m), (p.Text("status"), p.Amount("amount"))));
        Assert.Equal(4500, await app.ChargedAsync(buyer.Organization));
        await app.InvoiceAsync(buyer, id, "paid");
        Assert.Equal(-4500, await app.AccountAsync(buyer.Organization, "cash"));
        Assert.Equal(0, await app.AccountAsync(buyer.Organization, "receivable"));
        Assert.Equal(45m, await app.SpentAsync(buyer));
        await UsageInvoiceApp.PayAsync(buyer, id, 409);
        var caller = new Caller();
        caller.Is(new Membership(buyer.Organization, buyer.Person.Slug, buyer.Person.Name, IsPersonal: true, Role.Owner, buyer.Person.Id));
        var (key, _) = await app.Services.GetRequiredService<Storefront.Keys.KeyRing>().CreateAsync(new Storefront.Keys.KeyWish(null, "Program", null, [Permissions.BillingRead], null), caller, null, default);
        using var listed = await app.CallAsync(key!.Secret, "/v1/invoices?per_page=1");
        var item = Assert.Single(JsonElement.Parse(await listed.Content.ReadAsStringAsync()).GetProperty("items").EnumerateArray());
        Assert.Equal((id, 45m, 500_000m, "paid"), (item.Text("id"), item.Amount("total_amount"), item.Amount("tokens_consumed"), item.Text("status")));
        Assert.EndsWith($"/{id}/stripe", item.Text("stripe_invoice_url"), StringComparison.Ordinal);
        var stranger = await app.NewBuyerAsync();
        await UsageInvoiceApp.PayAsync(stranger, id, 404);
        await stranger.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{id}", 404);
        await UsageInvoiceApp.PayAsync(buyer, Guid.CreateVersion7().ToString(), 404);
    }

    [Fact]
    public async Task Scenario_16_a_payment_whose_answer_was_lost_is_found_and_not_made_again()
    {
        var buyer = await app.NewUserAsync();
        var id = await app.OpenInvoiceAsync(buyer);
        app.Faults.Reached = (place, _) => place is "operation.answered" ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            Assert.Equal(500, (int)(await buyer.SendAsync(HttpMethod.Post, $"/api/billing/invoices/{id}/pay", "{}")).StatusCode);
        }
        finally
        {
            app.Faults.Reached = null;
        }
        using var again = await buyer.SendAsync(HttpMethod.Post, $"/api/billing/invoices/{id}/pay", "{}");
        Assert.Contains((int)again.StatusCode, new[] { 200, 409 }); // 409 when the webhook was faster
        await app.InvoiceAsync(buyer, id, "paid");
        Assert.Equal(4500, await app.ChargedAsync(buyer.Organization));
        Assert.Equal(-4500, await app.AccountAsync(buyer.Organization, "cash"));
    }

    [Fact]
    public async Task Scenario_17_a_decline_says_why_and_a_question_of_the_bank_is_answered_on_the_page()
    {
        var buyer = await app.NewUserAsync("pm_card_chargeCustomerFail");
        var id = await app.OpenInvoiceAsync(buyer);
        var declined = await UsageInvoiceApp.PayAsync(buyer, id, 402);
        Assert.False(string.IsNullOrEmpty(declined.GetProperty("details").GetProperty("decline_code").GetString()));
        Assert.Equal("past_due", (await buyer.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{id}")).Text("status"));

        var asked = await app.NewUserAsync("pm_card_authenticationRequired");
        var second = await app.OpenInvoiceAsync(asked);
        var pending = await UsageInvoiceApp.PayAsync(asked, second);
        Assert.Equal("pending", pending.Text("status"));
        var secret = pending.Text("client_secret");
        Assert.Equal("open", (await asked.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{second}")).Text("status"));
        var intent = await app.StripeAsync(HttpMethod.Get, $"/v1/payment_intents/{secret[..secret.IndexOf("_secret_", StringComparison.Ordinal)]}");
        using var answered = await TestApp.Http.PostAsync(new Uri(app.Servers.Sandbox, $"/3ds/{intent.GetProperty("next_action").GetProperty("use_stripe_sdk").GetProperty("source").GetString()}"),
            new FormUrlEncodedContent(new Dictionary<string, string> { ["outcome"] = "complete" }));
        await app.InvoiceAsync(asked, second, "paid");
        await app.HearAsync();
        Assert.Equal(4500, await app.ChargedAsync(asked.Organization));
        Assert.Equal(-4500, await app.AccountAsync(asked.Organization, "cash"));
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event("evt_late_failure", "invoice.payment_failed", await app.ScalarAsync<string>($"select stripe_invoice_id from invoices where id = '{second}'"))));
        await app.SettledAsync();
        Assert.Equal("paid", (await asked.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{second}")).Text("status"));
    }

    [Fact]
    public async Task Scenario_18_reminders_follow_the_calendar_and_paying_lifts_everything_at_once()
    {
        var buyer = await app.NewUserAsync("pm_card_chargeCustomerFail");
        for (var i = 0; i < 4; i++) await app.UseAsync(buyer.Organization, 1);
        var made = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}");
        var id = made.Text("id");
        await app.InvoiceAsync(buyer, id, "past_due"); // the first try, by itself, has failed: T0
        var begun = app.Clock.GetUtcNow();
        var seen = new List<string>();
        for (var hour = 1; hour <= 196; hour++)
        {
            if (hour is not (23 or 24 or 25 or 95 or 97 or 167 or 169 or 191 or 193)) continue;
            await app.AdvanceToAsync(begun.AddHours(hour));
            await app.Dunning.RunDueAsync(default);
            var attempts = await app.ScalarAsync<int>($"select attempts from invoices where id = '{id}'");
            var status = await app.ScalarAsync<string>($"select status from billing_accounts where organization_id = '{buyer.Organization}'");
            seen.Add($"{hour}:{attempts}{(status is "suspended" ? " suspended" : "")}");
        }
        Assert.Equal("23:1, 24:2, 25:2, 95:2, 97:3, 167:3, 169:4, 191:4, 193:4 suspended", string.Join(", ", seen));
        Assert.Equal("account_suspended", await app.RefusalAsync(buyer.Organization));
        Assert.Equal("Invoice # could not be paid, Invoice # could not be paid, Invoice # could not be paid, Invoice # could not be paid, Your account is suspended", await app.MailsAsync(buyer));

        await buyer.AddCardAsync("pm_card_visa", asDefault: true);
        await TestApp.EventuallyAsync(async () =>
        {
            await app.Dunning.RunDueAsync(default);
            return (await buyer.CallAsync(HttpMethod.Get, $"/api/billing/invoices/{id}")).Text("status");
        }, s => s == "paid");
        Assert.Equal("active", await app.ScalarAsync<string>($"select status from billing_accounts where organization_id = '{buyer.Organization}'"));
        Assert.Null(await app.RefusalAsync(buyer.Organization));
        Assert.Equal(4000, await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task Scenario_18_paying_in_between_cancels_the_rest()
    {
        var buyer = await app.NewUserAsync("pm_card_chargeCustomerFail");
        for (var i = 0; i < 4; i++) await app.UseAsync(buyer.Organization, 1);
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        await app.InvoiceAsync(buyer, id, "past_due");
        var good = await buyer.AddCardAsync();
        await app.AdvanceAsync(TimeSpan.FromHours(100));
        await UsageInvoiceApp.PayAsync(buyer, id, 200, $$"""{"payment_method_id":"{{good}}"}""");
        await app.AdvanceAsync(TimeSpan.FromHours(100));
        await app.Dunning.RunDueAsync(default);
        Assert.Equal(4000, await app.ChargedAsync(buyer.Organization));
        Assert.Equal("active", await app.ScalarAsync<string>($"select status from billing_accounts where organization_id = '{buyer.Organization}'"));
    }

    [Fact]
    public async Task A_draft_that_somebody_has_changed_at_Stripe_is_parked_and_charged_to_nobody()
    {
        var buyer = await app.NewUserAsync();
        await app.UseAsync(buyer.Organization, 1);
        var customer = await app.CustomerAsync(buyer.Organization);
        app.Faults.Reached = async (place, _) =>
        {
            if (place is not "usage_invoice.drafted") return;
            var there = (await app.AtStripeAsync(buyer.Organization, "invoices", "")).SingleOrDefault(i => i.Text("status") == "draft");
            if (there.ValueKind is JsonValueKind.Object) await app.StripeAsync(HttpMethod.Post, "/v1/invoiceitems", new() { ["customer"] = customer, ["invoice"] = there.Text("id"), ["amount"] = "100", ["currency"] = "usd" });
        };
        try
        {
            var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
            await TestApp.EventuallyAsync(() => app.ScalarAsync<string?>($"select parked_reason from invoices where id = '{id}'"), r => r is not null);
            Assert.Equal(0, await app.ChargedAsync(buyer.Organization));
        }
        finally
        {
            app.Faults.Reached = null;
        }
    }

    [Fact]
    public async Task Numbers_have_no_gap_however_many_are_made_at_once()
    {
        var buyers = new List<Buyer>();
        for (var i = 0; i < 4; i++)
        {
            buyers.Add(await app.NewUserAsync(card: null));
            await app.CreditsAsync(buyers[^1].Organization, 1000);
            await app.UseAsync(buyers[^1].Organization, 1);
        }
        await Task.WhenAll(buyers.SelectMany(b => new[] { b, b }).Select(b => app.Close.GenerateAsync(b.Organization, Actor.System, default)));
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from (select right(number, 6)::int - lag(right(number, 6)::int, 1, 0) over (partition by left(number, 8) order by number) as step from invoices where kind = 'usage') n where step <> 1"));
    }

    [Theory]
    [InlineData("close.rounded")]
    [InlineData("close.made")]
    [InlineData("close.committed")]
    [InlineData("operation.planned")]
    [InlineData("operation.answered")]
    [InlineData("operation.settling")]
    [InlineData("usage_invoice.drafted")]
    [InlineData("usage_invoice.compared")]
    [InlineData("usage_invoice.finalized")]
    [InlineData("usage_invoice.paying")]
    public async Task Whichever_step_is_the_last_before_the_end_of_the_process_the_month_is_billed_once(string end)
    {
        var buyer = await app.NewUserAsync();
        await app.UseAsync(buyer.Organization, 2);
        await app.TokensAsync(buyer.Organization, 350_000);
        var month = BillMonth.Of(app.Clock.GetUtcNow());
        await app.ToCloseAsync();
        // Each operation of each kind ends there once: draft, items, finalization, payment.
        var ended = new ConcurrentDictionary<string, bool>();
        app.Faults.Reached = (place, _) => place == end && ended.TryAdd(string.Concat(place, ended.Count < 5 ? ended.Count : 0), true) ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            for (var start = 0; start < 8; start++)
            {
                try
                {
                    await app.Close.CloseAsync(buyer.Organization, month, default);
                    foreach (var made in await app.InvoicesAsync(buyer)) await app.Push.PushAsync(buyer.Organization, Guid.Parse(made.Text("id")), default);
                }
                catch (InvalidOperationException)
                {
                    // and starts again
                }
            }
            Assert.NotEmpty(ended);
            app.Faults.Reached = null;
            await app.AdvanceAsync(TimeSpan.FromMinutes(2)); // leases of those who died run out
            await app.Dunning.RunDueAsync(default);
            var invoice = await app.InvoiceAsync(buyer, Assert.Single(await app.InvoicesAsync(buyer)).Text("id"), "paid");
            Assert.Equal((22.5m, 2), (invoice.Amount("total"), invoice.GetProperty("line_items").GetArrayLength()));
            Assert.Equal(2250, await app.ChargedAsync(buyer.Organization));
            Assert.Equal((-2250L, 0L), (await app.AccountAsync(buyer.Organization, "cash"), await app.AccountAsync(buyer.Organization, "receivable")));
            Assert.Equal(2, (await app.AtStripeAsync(buyer.Organization, "invoices", "")).Single().GetProperty("lines").GetProperty("data").GetArrayLength());
        }
        finally
        {
            app.Faults.Reached = null;
        }
    }

    // Seen to fail when of the two unique keys of what is written down only one was waited for.
    [Fact]
    public async Task What_several_write_down_for_Stripe_at_the_same_moment_is_written_down_once()
    {
        var buyer = await app.NewUserAsync();
        var (database, operations) = (app.Services.GetRequiredService<Database>(), app.Services.GetRequiredService<StripeOperations>());
        var draft = app.Services.GetRequiredService<UsageInvoiceDraft>();
        try
        {
            for (var round = 0; round < 60; round++)
            {
                var subject = $"same-{round}";
                var planned = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
                {
                    await using var transaction = await database.BeginWorkAsync(default);
                    var operation = await operations.PlanAsync(transaction, buyer.Organization, draft, subject, $"draft:{subject}", new UsageInvoiceDraft.Request("cus_1", buyer.Organization, subject, subject), Actor.System, atOnce: false, default);
                    await transaction.CommitAsync(default);
                    return operation.Id;
                })));
                Assert.Single(planned.Distinct());
            }
        }
        finally
        {
            await app.ExecuteAsync($"delete from stripe_operations where organization_id = '{buyer.Organization}' and subject like 'same-%'");
        }
    }

    [Fact]
    public async Task What_is_reported_after_the_close_is_a_line_of_the_next_month_and_of_no_other()
    {
        var buyer = await app.NewUserAsync();
        await app.UseAsync(buyer.Organization, 1);
        var march = BillMonth.Of(app.Clock.GetUtcNow());
        var used = app.Clock.GetUtcNow();
        await app.ToCloseAsync();
        await app.Close.CloseAsync(buyer.Organization, march, default);
        var first = await app.InvoiceAsync(buyer, Assert.Single(await app.InvoicesAsync(buyer)).Text("id"), "paid");
        await app.TokensAsync(buyer.Organization, 400_000, used);
        await app.ToCloseAsync();
        await app.Close.CloseDueAsync(default);
        var invoices = await app.InvoicesAsync(buyer);
        Assert.Equal(2, invoices.Count);
        Assert.Equal(first.GetRawText(), (await app.InvoiceAsync(buyer, first.Text("id"), "paid")).GetRawText());
        var line = Assert.Single(invoices[0].GetProperty("line_items").EnumerateArray());
        Assert.Equal((3m, "tokens", 300_000m), (line.Amount("amount"), line.Text("meter"), line.Amount("quantity")));
        Assert.Contains("reported late", line.Text("description"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_workers_and_a_crash_between_close_each_month_once()
    {
        var buyers = new List<Buyer>();
        for (var i = 0; i < 4; i++)
        {
            buyers.Add(await app.NewUserAsync());
            await app.CreditsAsync(buyers[i].Organization, 50 + (25 * i)); // for a part of the tokens; for all but the last cent of them
            await app.UseAsync(buyers[i].Organization, 1);
            await app.TokensAsync(buyers[i].Organization, 225_500);
        }
        await app.ToCloseAsync();
        var reached = 0;
        app.Faults.Reached = (place, _) => place is "close.made" && Interlocked.Increment(ref reached) is 2 or 3 ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => app.Close.CloseDueAsync(default)));
        }
        finally
        {
            app.Faults.Reached = null;
        }
        Assert.True(reached >= 4);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => app.Close.CloseDueAsync(default)));
        foreach (var buyer in buyers)
        {
            var made = Assert.Single(await app.InvoicesAsync(buyer));
            Assert.Equal((11.26m, 2), (made.Amount("total"), made.GetProperty("line_items").GetArrayLength())); // 1.255 is rounded half to even
            Assert.Equal(made.Amount("total"), made.Amount("credits_applied") + made.Amount("amount_due"));
            Assert.Equal(1126, await app.AccountAsync(buyer.Organization, "revenue"));
            Assert.Equal(1126, await app.ScalarAsync<long>($"select sum(credits_minor + metered_minor)::bigint from accruals where organization_id = '{buyer.Organization}'"));
        }
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from (select right(number, 6)::int - lag(right(number, 6)::int, 1, 0) over (partition by left(number, 8) order by number) as step from invoices where kind = 'usage') n where step <> 1"));
    }

    [Fact]
    public async Task The_database_refuses_to_bill_what_is_billed()
    {
        var buyer = await app.NewUserAsync(card: null);
        await app.CreditsAsync(buyer.Organization, 1000);
        await app.UseAsync(buyer.Organization, 1);
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => app.ExecuteAsync($"""
            insert into invoice_lines (organization_id, invoice_id, ordinal, description, quantity, unit_price, amount_cents, kind, accrual_id)
            select organization_id, invoice_id, 99, description, quantity, unit_price, amount_cents, kind, accrual_id from invoice_lines where invoice_id = '{id}'
            """));
        Assert.Equal("invoice_lines_once", refused.ConstraintName);
    }

    [Fact]
    public async Task What_was_no_use_goes_back_the_way_it_was_paid_and_the_invoice_stays_as_it_was()
    {
        var buyer = await app.NewUserAsync();
        for (var i = 0; i < 3; i++) await app.UseAsync(buyer.Organization, 1);
        var id = (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/invoices/generate", json: "{}")).Text("id");
        var before = await app.InvoiceAsync(buyer, id, "paid");
        var records = await app.RecordsAsync(id);
        app.Faults.Reached = (place, _) => place is "operation.answered" ? throw new InvalidOperationException("The process ends here.") : Task.CompletedTask;
        try
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => app.Notes.IssueAsync(buyer.Organization, records[0], "The run was a test of ours.", Actor.System, default));
        }
        finally
        {
            app.Faults.Reached = null;
        }
        Assert.Equal(409, (await app.Notes.IssueAsync(buyer.Organization, records[0], "Again.", Actor.System, default)).Problem!.Status);
        await app.AdvanceAsync(TimeSpan.FromMinutes(2)); // the operation's head start is over
        await TestApp.EventuallyAsync(() => app.ScalarAsync<long>($"select count(*) from credit_notes where invoice_id = '{id}' and is_refund"), n => n == 1);
        Assert.Equal(2000, await app.ChargedAsync(buyer.Organization));
        Assert.Equal((-2000L, 2000L, 0L), (await app.AccountAsync(buyer.Organization, "cash"), await app.AccountAsync(buyer.Organization, "revenue"), await app.AccountAsync(buyer.Organization, "receivable")));
        Assert.Equal(20m, await app.SpentAsync(buyer));
        Assert.Equal(before.GetRawText(), (await app.InvoiceAsync(buyer, id, "paid")).GetRawText());
        Assert.Equal(3, (await app.RecordsAsync(id)).Count);
        var paper = $"/api/billing/invoices/{id}/credit-notes/{await app.ScalarAsync<string>($"select number from credit_notes where invoice_id = '{id}'")}/pdf";
        Assert.NotNull((await buyer.Person.Browser.PageAsync($"/o/{buyer.Person.Slug}/settings/billing/invoices/{id}")).QuerySelector($"a[href='{paper}']"));
        using (var pdf = await buyer.Person.Browser.GetAsync(paper)) Assert.Contains("$10.00 credited", await InvoicePdfTests.TextAsync(await pdf.Content.ReadAsByteArrayAsync()), StringComparison.Ordinal);
        using (var foreign = await (await app.NewBuyerAsync()).Person.Browser.GetAsync(paper)) Assert.Equal(404, (int)foreign.StatusCode);
        Assert.Equal(404, (await app.Notes.IssueAsync((await app.NewBuyerAsync()).Organization, records[1], "Not yours.", Actor.System, default)).Problem!.Status);
        await app.HearAsync();
        Assert.Equal(2000, await app.ChargedAsync(buyer.Organization));
    }

    [Fact]
    public async Task An_open_invoice_becomes_cheaper_and_credits_come_back_as_credits()
    {
        var buyer = await app.NewUserAsync();
        var id = await app.OpenInvoiceAsync(buyer);
        var note = await app.Notes.IssueAsync(buyer.Organization, (await app.RecordsAsync(id))[0], "It failed.", Actor.System, default);
        Assert.Equal((1000L, 1), (note.Value!.Amount.Minor, note.Value.Line));
        Assert.Equal(35m, (await UsageInvoiceApp.PayAsync(buyer, id)).Amount("amount"));
        await app.InvoiceAsync(buyer, id, "paid");
        Assert.Equal(3500, await app.ChargedAsync(buyer.Organization));
        Assert.Equal((-3500L, 0L), (await app.AccountAsync(buyer.Organization, "cash"), await app.AccountAsync(buyer.Organization, "receivable")));

        var saver = await app.NewUserAsync(card: null);
        await app.CreditsAsync(saver.Organization, 2500);
        await app.UseAsync(saver.Organization, 2);
        var covered = (await saver.CallAsync(HttpMethod.Post, $"{saver.Account}/invoices/generate", json: "{}")).Text("id");
        Assert.Equal(2000, (await app.Notes.IssueAsync(saver.Organization, (await app.RecordsAsync(covered))[0], "It failed.", Actor.System, default)).Value!.Amount.Minor);
        Assert.Equal((2500L, 0L), (await app.AccountAsync(saver.Organization, "available"), await app.AccountAsync(saver.Organization, "revenue")));
        Assert.Empty(await app.AtStripeAsync(saver.Organization, "invoices", ""));
    }
}
