using FsCheck;
using FsCheck.Fluent;

namespace Tracepipe.Tests.StripeSandbox;

/// <summary>Would catch: an invoice that does not add up, or that moves between states it must not.</summary>
public sealed class InvoiceTests(SandboxFixture sandbox) : IClassFixture<SandboxFixture>
{
    private readonly SandboxClient _api = sandbox.NewAccount();

    [Fact]
    public async Task A_manual_invoice_is_drafted_finalized_and_paid()
    {
        var customer = await CustomerAsync();
        var item = (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=1234&currency=usd&description=Work")).Ok();
        Assert.Empty((await DraftAsync(customer, "")).At("lines.data")!.AsArray());
        var draft = await DraftAsync(customer, "&pending_invoice_items_behavior=include&description=September");
        Assert.Equal(("draft", null, 1234L, item.Id), (draft["status"], draft["number"], draft.Number("total"), draft["lines.data.0.parent.invoice_item_details.invoice_item"]));
        var open = (await _api.PostAsync($"/v1/invoices/{draft.Id}/finalize", "expand[]=confirmation_secret")).Ok();
        Assert.EndsWith("-0001", open["number"], StringComparison.Ordinal);
        Assert.Contains("_secret_", open["confirmation_secret.client_secret"], StringComparison.Ordinal);
        Assert.Equal(open["hosted_invoice_url"] + "/pdf", open["invoice_pdf"]);
        var paid = (await _api.PostAsync($"/v1/invoices/{draft.Id}/pay")).Ok();
        Assert.Equal(("paid", 1234L, 0L), (paid["status"], paid.Number("amount_paid"), paid.Number("amount_remaining")));
        var payment = (await _api.GetAsync($"/v1/invoice_payments?invoice={draft.Id}")).Ok();
        Assert.Equal(draft.Id, (await _api.GetAsync($"/v1/invoice_payments?payment[type]=payment_intent&payment[payment_intent]={payment["data.0.payment.payment_intent"]}")).Ok()["data.0.invoice"]);
        (await _api.PostAsync($"/v1/invoices/{draft.Id}/pay")).Refused(400, "invoice_not_editable");
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task Its_hosted_link_leads_back_to_it_until_it_runs_out()
    {
        var customer = await CustomerAsync();
        var open = await OpenAsync(customer, 1000);
        var token = open["hosted_invoice_url"]!.Split("/i/")[1];
        var found = Tracepipe.StripeSandbox.Core.HostedLinks.FindInvoice(sandbox.Server.Accounts, token);
        Assert.Equal((open.Id, true), (found!.Value.Invoice, found.Value.IsCurrent));
        Assert.Null(Tracepipe.StripeSandbox.Core.HostedLinks.FindInvoice(sandbox.Server.Accounts, token[..^1] + (token[^1] == 'a' ? 'b' : 'a')));
        (await _api.SandboxAsync("clock", new { advance_seconds = 12 * 86400 })).Ok();
        Assert.False(Tracepipe.StripeSandbox.Core.HostedLinks.FindInvoice(sandbox.Server.Accounts, token)!.Value.IsCurrent);
        var again = (await _api.GetAsync($"/v1/invoices/{open.Id}")).Ok()["hosted_invoice_url"]!.Split("/i/")[1];
        Assert.True(Tracepipe.StripeSandbox.Core.HostedLinks.FindInvoice(sandbox.Server.Accounts, again)!.Value.IsCurrent);
    }

    [Theory]
    // from, verb, allowed
    [InlineData("draft", "finalize", true)]
    [InlineData("draft", "pay", true)]
    [InlineData("draft", "void", false)]
    [InlineData("draft", "mark_uncollectible", false)]
    [InlineData("draft", "delete", true)]
    [InlineData("open", "finalize", false)]
    [InlineData("open", "pay", true)]
    [InlineData("open", "void", true)]
    [InlineData("open", "mark_uncollectible", true)]
    [InlineData("open", "delete", false)]
    [InlineData("paid", "finalize", false)]
    [InlineData("paid", "pay", false)]
    [InlineData("paid", "void", false)]
    [InlineData("paid", "mark_uncollectible", false)]
    [InlineData("paid", "delete", false)]
    [InlineData("void", "finalize", false)]
    [InlineData("void", "pay", false)]
    [InlineData("void", "void", false)]
    [InlineData("void", "mark_uncollectible", false)]
    [InlineData("void", "delete", false)]
    [InlineData("uncollectible", "pay", true)]
    [InlineData("uncollectible", "void", true)]
    [InlineData("uncollectible", "finalize", false)]
    [InlineData("uncollectible", "mark_uncollectible", false)]
    [InlineData("uncollectible", "delete", false)]
    public async Task Transitions_are_those_of_the_table(string from, string verb, bool allowed)
    {
        var customer = await CustomerAsync();
        var id = await InStateAsync(customer, from);
        var answer = verb == "delete" ? await _api.DeleteAsync($"/v1/invoices/{id}") : await _api.PostAsync($"/v1/invoices/{id}/{verb}");
        if (allowed) answer.Ok();
        else answer.Refused(400, "invoice_not_editable");
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public void Any_walk_keeps_the_books()
    {
        var steps = Gen.Elements("item", "refund_item", "finalize", "pay", "pay_declined", "void", "mark_uncollectible", "credit", "draft", "balance", "refund", "out_of_band", "delete");
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(BillingWorld.Times(40, 1000)), Prop.ForAll(Arb.From(steps.ListOf().Select(l => l.Take(14).ToArray())), walk =>
        {
            WalkAsync(walk).GetAwaiter().GetResult();
            return true;
        }));
    }

    private async Task WalkAsync(string[] walk)
    {
        var api = sandbox.NewAccount();
        var customer = await api.CustomerAsync();
        await api.UseCardAsync(customer, "pm_card_visa");
        var id = (await api.PostAsync("/v1/invoices", $"customer={customer}&currency=usd")).Ok().Id;
        var (seen, status) = ((await api.EventTypesAsync()).Count, "draft");
        foreach (var step in walk)
        {
            var answer = await (step switch
            {
                "item" => api.PostAsync("/v1/invoiceitems", $"customer={customer}&invoice={id}&amount=777&currency=usd"),
                "refund_item" => api.PostAsync("/v1/invoiceitems", $"customer={customer}&invoice={id}&amount=-300&currency=usd"),
                "pay_declined" => api.PostAsync($"/v1/invoices/{id}/pay", $"payment_method=pm_card_chargeCustomerFail"),
                "out_of_band" => api.PostAsync($"/v1/invoices/{id}/pay", "paid_out_of_band=true"),
                "credit" => api.PostAsync("/v1/credit_notes", $"invoice={id}&amount=100"),
                "draft" => api.PostAsync("/v1/invoices", $"customer={customer}&currency=usd"),
                "balance" => api.PostAsync($"/v1/customers/{customer}/balance_transactions", "amount=-250&currency=usd"),
                "refund" => RefundAsync(api, id),
                "delete" => api.DeleteAsync($"/v1/invoices/{id}"),
                _ => api.PostAsync($"/v1/invoices/{id}/{step}"),
            });
            Assert.True(answer.Status is 200 or 400 or 402 or 404, answer.Json.ToJsonString());
            if (step == "draft" && answer.Status == 200) (id, status) = (answer.Id, "draft");
            if (step == "delete" && answer.Status == 200) id = (await api.PostAsync("/v1/invoices", $"customer={customer}&currency=usd")).Ok().Id;
            await api.BooksBalanceAsync(customer);
            var now = (await api.GetAsync($"/v1/invoices/{id}")).Ok()["status"]!;
            string[] next = status switch
            {
                "draft" => ["draft", "open", "paid"],
                "open" => ["open", "paid", "void", "uncollectible"],
                "uncollectible" => ["uncollectible", "paid", "void"],
                _ => [status],
            };
            if (step != "delete") Assert.Contains(now, next);
            var told = (await api.EventsSinceAsync(seen)).ToList();
            if (answer.Status == 200 && now != status && now is "paid" or "void" or "uncollectible" && step != "delete")
                Assert.Single(told, t => t == (now switch { "paid" => "invoice.paid", "void" => "invoice.voided", _ => "invoice.marked_uncollectible" }));
            (seen, status) = (seen + told.Count, now);
        }
    }

    private static async Task<Answer> RefundAsync(SandboxClient api, string invoice)
    {
        var payment = (await api.GetAsync($"/v1/invoice_payments?invoice={invoice}&status=paid")).Ok();
        return payment.Data.Count == 0 ? payment : await api.PostAsync("/v1/refunds", $"payment_intent={payment["data.0.payment.payment_intent"]}&amount=50");
    }

    [Fact]
    public async Task A_number_of_our_own_stays_and_is_given_once()
    {
        var customer = await CustomerAsync();
        var ours = await DraftAsync(customer, "&number=INV-2026-000123&pending_invoice_items_behavior=exclude&auto_advance=false");
        Assert.Equal("INV-2026-000123", ours["number"]);
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&invoice={ours.Id}&amount=4500&currency=usd")).Ok();
        (await _api.PostAsync("/v1/invoices", $"customer={customer}&number=INV-2026-000123")).Refused(400, null, "number");
        Assert.Equal("INV-2026-000123", (await _api.PostAsync($"/v1/invoices/{ours.Id}/finalize")).Ok()["number"]);
        Assert.Equal("INV-2026-000123", (await _api.PostAsync($"/v1/invoices/{ours.Id}/pay")).Ok()["number"]);
        (await _api.PostAsync($"/v1/invoices/{ours.Id}", "number=INV-2026-000124")).Refused(400, "invoice_not_editable");
        var next = (await OpenAsync(customer, 700))["number"]!;
        Assert.EndsWith("-0001", next, StringComparison.Ordinal);
        var taken = await DraftAsync(customer, $"&number={next[..^1]}2");
        Assert.Equal(next[..^1] + "2", taken["number"]);
        Assert.EndsWith("-0003", (await OpenAsync(customer, 700))["number"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_what_was_put_on_it_stands_on_an_invoice_that_excludes_pending_items()
    {
        var customer = await CustomerAsync();
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=900&currency=usd")).Ok();
        var draft = await DraftAsync(customer, "&pending_invoice_items_behavior=exclude&auto_advance=false");
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&invoice={draft.Id}&amount=4500&currency=usd")).Ok();
        var again = await _api.InvoiceAsync(draft.Id);
        Assert.Equal((4500, 1), (again.Number("total"), again.At("lines.data")!.AsArray().Count));
        Assert.Single((await _api.GetAsync($"/v1/invoiceitems?customer={customer}&pending=true")).Ok().Data);
        Assert.Equal("draft", again["status"]);
        Assert.Equal("false", again["auto_advance"]);
    }

    [Fact]
    public async Task The_balance_goes_first_and_comes_back_when_voided()
    {
        var customer = await CustomerAsync();
        (await _api.PostAsync($"/v1/customers/{customer}/balance_transactions", "amount=-400&currency=usd&description=Goodwill")).Ok();
        var open = await OpenAsync(customer, 1000);
        Assert.Equal((600L, -400L, 0L), (open.Number("amount_due"), open.Number("starting_balance"), open.Number("ending_balance")));
        (await _api.PostAsync($"/v1/invoices/{open.Id}/void")).Ok();
        Assert.Equal(-400, (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance"));
        var covered = await OpenAsync(customer, 300);
        Assert.Equal(("paid", 0L, -100L), (covered["status"], covered.Number("amount_due"), covered.Number("ending_balance")));
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task What_is_too_small_to_charge_is_owed_until_next_time()
    {
        var customer = await CustomerAsync();
        var small = await OpenAsync(customer, 30);
        Assert.Equal(("paid", 0L, 30L), (small["status"], small.Number("amount_due"), small.Number("ending_balance")));
        Assert.Equal(1030, (await OpenAsync(customer, 1000)).Number("amount_due"));
    }

    [Fact]
    public async Task A_draft_that_advances_by_itself_is_paid_after_an_hour()
    {
        var (clock, customer) = await _api.ClockedAsync();
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=1000&currency=usd")).Ok();
        var draft = await DraftAsync(customer, "&pending_invoice_items_behavior=include&auto_advance=true");
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMinutes(59));
        Assert.Equal("draft", (await _api.InvoiceAsync(draft.Id))["status"]);
        await _api.AdvanceAsync(clock, BillingWorld.Start.AddMinutes(61));
        Assert.Equal("paid", (await _api.InvoiceAsync(draft.Id))["status"]);
    }

    [Fact]
    public async Task Coupons_take_off_what_they_say()
    {
        var customer = await CustomerAsync();
        var half = (await _api.PostAsync("/v1/coupons", "percent_off=33.3&duration=forever&name=Third")).Ok().Id;
        var five = (await _api.PostAsync("/v1/coupons", "amount_off=500&currency=usd&duration=once&max_redemptions=1")).Ok().Id;
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=999&currency=usd")).Ok();
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=100&currency=usd&discountable=false")).Ok();
        var draft = await DraftAsync(customer, $"&pending_invoice_items_behavior=include&discounts[0][coupon]={half}&discounts[1][coupon]={five}");
        Assert.Equal((1099L, 1099L - 333 - 500), (draft.Number("subtotal"), draft.Number("total")));
        (await _api.PostAsync($"/v1/invoices/{draft.Id}", $"discounts[0][coupon]={five}")).Refused(400, "coupon_expired");
        Assert.Equal("false", (await _api.GetAsync($"/v1/coupons/{five}")).Ok()["valid"]);
        await _api.BooksBalanceAsync(customer);
    }

    [Fact]
    public async Task A_promotion_code_gives_its_coupon_as_often_as_it_may()
    {
        var coupon = (await _api.PostAsync("/v1/coupons", "percent_off=20&duration=once")).Ok().Id;
        var code = (await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=LAUNCH&max_redemptions=1")).Ok();
        (await _api.PostAsync("/v1/promotion_codes", $"promotion[type]=coupon&promotion[coupon]={coupon}&code=launch")).Refused(400, "resource_already_exists");
        var price = await _api.PriceAsync(1000);
        var first = (await _api.SubscribeAsync((await _api.ClockedAsync()).Customer, price, $"&discounts[0][promotion_code]={code.Id}&expand[]=latest_invoice&expand[]=discounts")).Ok();
        Assert.Equal(800, first.Number("latest_invoice.total"));
        (await _api.SubscribeAsync((await _api.ClockedAsync()).Customer, price, $"&discounts[0][promotion_code]={code.Id}")).Refused(400, "coupon_expired");
        Assert.Single((await _api.GetAsync("/v1/promotion_codes?code=LAUNCH")).Ok().Data);
    }

    [Fact]
    public async Task An_open_invoice_becomes_cheaper_by_a_credit_note_and_a_paid_one_gives_back()
    {
        var customer = await CustomerAsync();
        var open = await OpenAsync(customer, 1000);
        (await _api.PostAsync("/v1/credit_notes", $"invoice={open.Id}&amount=1001")).Refused(400, null, "amount");
        var note = (await _api.PostAsync("/v1/credit_notes", $"invoice={open.Id}&amount=400&reason=order_change")).Ok();
        Assert.Equal(("pre_payment", 600L), (note["type"], (await _api.InvoiceAsync(open.Id)).Number("amount_due")));
        Assert.Equal("void", (await _api.PostAsync($"/v1/credit_notes/{note.Id}/void")).Ok()["status"]);
        Assert.Equal(1000, (await _api.InvoiceAsync(open.Id)).Number("amount_due"));
        (await _api.PostAsync($"/v1/invoices/{open.Id}/pay")).Ok();
        (await _api.PostAsync("/v1/credit_notes", $"invoice={open.Id}&amount=300&refund_amount=100")).Refused(400, null, "amount");
        var preview = (await _api.GetAsync($"/v1/credit_notes/preview?invoice={open.Id}&amount=300&refund_amount=200&credit_amount=100")).Ok();
        Assert.Equal(300, preview.Number("total"));
        var given = (await _api.PostAsync("/v1/credit_notes", $"invoice={open.Id}&lines[0][type]=invoice_line_item&lines[0][invoice_line_item]={open["lines.data.0.id"]}&lines[0][amount]=300&refund_amount=200&credit_amount=100")).Ok();
        Assert.Equal(("post_payment", 200L, -100L), (given["type"], given.Number("refunds.0.amount_refunded"), (await _api.GetAsync($"/v1/customers/{customer}")).Ok().Number("balance")));
        Assert.Equal(2, (await _api.GetAsync($"/v1/credit_notes?invoice={open.Id}")).Ok().Data.Count);
        (await _api.PostAsync("/v1/credit_notes", $"invoice={open.Id}&amount=701&out_of_band_amount=701")).Refused(400, null, "amount");
        Assert.Contains("credit_note.created", await _api.EventTypesAsync());
    }

    [Fact]
    public async Task Lines_page_and_a_long_invoice_shows_ten()
    {
        var customer = await CustomerAsync();
        for (var i = 0; i < 12; i++) (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount={100 + i}&currency=usd")).Ok();
        var draft = await DraftAsync(customer, "&pending_invoice_items_behavior=include");
        Assert.Equal((10, "true"), (draft.At("lines.data")!.AsArray().Count, draft["lines.has_more"]));
        var page = (await _api.GetAsync($"/v1/invoices/{draft.Id}/lines?limit=100")).Ok();
        Assert.Equal(Enumerable.Range(100, 12).Select(n => (long)n), page.Data.Select(l => l["amount"]!.GetValue<long>()));
    }

    private async Task<string> CustomerAsync()
    {
        var customer = await _api.CustomerAsync();
        await _api.UseCardAsync(customer, "pm_card_visa");
        return customer;
    }

    private async Task<Answer> DraftAsync(string customer, string more) => (await _api.PostAsync("/v1/invoices", $"customer={customer}&currency=usd{more}")).Ok();

    private async Task<Answer> OpenAsync(string customer, long amount)
    {
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount={amount}&currency=usd")).Ok();
        var draft = await DraftAsync(customer, "&pending_invoice_items_behavior=include");
        return (await _api.PostAsync($"/v1/invoices/{draft.Id}/finalize")).Ok();
    }

    private async Task<string> InStateAsync(string customer, string state)
    {
        (await _api.PostAsync("/v1/invoiceitems", $"customer={customer}&amount=1000&currency=usd")).Ok();
        var id = (await DraftAsync(customer, "&pending_invoice_items_behavior=include")).Id;
        if (state == "draft") return id;
        (await _api.PostAsync($"/v1/invoices/{id}/finalize")).Ok();
        if (state != "open") (await _api.PostAsync($"/v1/invoices/{id}/{state switch { "paid" => "pay", "void" => "void", _ => "mark_uncollectible" }}")).Ok();
        return id;
    }
}
