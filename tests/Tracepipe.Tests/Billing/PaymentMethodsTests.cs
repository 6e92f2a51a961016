using System.Net;
using System.Text.Json;
using AngleSharp.Dom;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Scenarios 1 to 4 of the billing rules. Catches: a second customer, a card that is default in one place and not in another, an account that stays
/// pending, and another organization's card getting in or out.
/// </summary>
public sealed class PaymentMethodsTests(BillingApp app) : IClassFixture<BillingApp>
{
    private async Task<Buyer> NewBuyerAsync() => new(app, await app.NewPersonAsync());

    [Fact]
    public async Task A_new_organization_has_one_pending_account_and_one_customer()
    {
        var buyer = await NewBuyerAsync();
        await app.CustomerAsync(buyer.Organization);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => buyer.AccountAsync()));
        Assert.Single(answers.Select(a => a.GetRawText()).Distinct());

        var account = answers[0];
        Assert.Equal(["id", "organization_id", "stripe_customer_id", "has_payment_method", "status", "free_workflows_remaining", "free_workflows_reset_at", "credit_balance", "auto_billing_enabled",
            "billing_email", "tax_exempt", "total_workflows_completed", "total_amount_spent", "created_at", "updated_at"], account.EnumerateObject().Select(p => p.Name));
        Assert.Equal(buyer.Organization.ToString(), account.GetProperty("organization_id").GetString());
        Assert.Equal("pending", account.GetProperty("status").GetString());
        Assert.False(account.GetProperty("has_payment_method").GetBoolean());
        Assert.False(account.GetProperty("auto_billing_enabled").GetBoolean());
        Assert.Equal(5, account.GetProperty("free_workflows_remaining").GetInt32());
        var reset = account.GetProperty("free_workflows_reset_at").GetDateTimeOffset();
        Assert.True(reset is { Day: 1, Hour: 0, Minute: 0 } && reset > app.Clock.GetUtcNow() && reset <= app.Clock.GetUtcNow().AddDays(31));
        Assert.Equal(0m, account.GetProperty("credit_balance").GetDecimal());
        Assert.Equal(buyer.Person.Email, account.GetProperty("billing_email").GetString());

        var mine = (await app.StripeAsync(HttpMethod.Get, "/v1/customers?limit=100")).GetProperty("data").EnumerateArray()
            .Count(c => c.GetProperty("metadata").TryGetProperty("org_id", out var id) && id.GetString() == buyer.Organization.ToString());
        Assert.Equal(1, mine);
    }

    [Fact]
    public async Task Two_tabs_that_add_a_card_at_the_first_instant_share_one_customer()
    {
        var organization = await app.NewOrganizationAsync();
        var methods = (Storefront.Billing.PaymentMethods)app.Services.GetService(typeof(Storefront.Billing.PaymentMethods))!;
        var begun = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => methods.BeginAsync(organization, Storefront.Organizations.Actor.System, CancellationToken.None)));
        Assert.All(begun, b => Assert.True(b.IsDone, b.Problem?.Message));
        Assert.Equal(6, begun.Select(b => b.Value!.Id).Distinct().Count());
        var mine = (await app.StripeAsync(HttpMethod.Get, "/v1/customers?limit=100")).GetProperty("data").EnumerateArray()
            .Count(c => c.GetProperty("metadata").TryGetProperty("org_id", out var id) && id.GetString() == organization.ToString());
        Assert.Equal(1, mine);
    }

    // Seen to fail when it was asked for under another key.
    [Fact]
    public async Task A_customer_whose_answer_was_lost_is_asked_for_again_and_not_made_twice()
    {
        await app.FaultAsync("drop_after", "POST", "/v1/customers", 1000);
        Guid organization;
        try
        {
            organization = await app.NewOrganizationAsync();
            await TestApp.EventuallyAsync(() => app.ScalarAsync<string?>($"select state from stripe_operations where organization_id = '{organization}'"), s => s == "unknown");
        }
        finally
        {
            await app.NoFaultsAsync();
        }
        await app.CustomerAsync(organization);
        var mine = (await app.StripeAsync(HttpMethod.Get, "/v1/customers?limit=100")).GetProperty("data").EnumerateArray()
            .Count(c => c.GetProperty("metadata").TryGetProperty("org_id", out var id) && id.GetString() == organization.ToString());
        Assert.Equal(1, mine);
    }

    [Fact]
    public async Task A_card_s_expiry_is_changed_here_and_at_Stripe()
    {
        var buyer = await NewBuyerAsync();
        var card = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization));
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", json: $$"""{"payment_method_id":"{{card}}","set_as_default":true}""");
        var year = app.Clock.GetUtcNow().Year + 7;
        await buyer.CallAsync(HttpMethod.Patch, $"{buyer.Account}/payment-methods/{card}", json: $$"""{"exp_month":11,"exp_year":{{year}}}""");
        Assert.Equal((11, year), (await app.ScalarAsync<int>($"select exp_month from payment_methods where id = '{card}'"), await app.ScalarAsync<int>($"select exp_year from payment_methods where id = '{card}'")));
        var there = (await app.StripeAsync(HttpMethod.Get, $"/v1/payment_methods/{card}")).GetProperty("card");
        Assert.Equal((11, year), (there.GetProperty("exp_month").GetInt32(), there.GetProperty("exp_year").GetInt32()));

        await buyer.CallAsync(HttpMethod.Patch, $"{buyer.Account}/payment-methods/{card}", 422, $$"""{"exp_month":13,"exp_year":{{year}}}""");
        await buyer.CallAsync(HttpMethod.Patch, $"{buyer.Account}/payment-methods/{card}", 422, $$"""{"exp_month":1,"exp_year":{{year - 8}}}""");
        var stranger = await NewBuyerAsync();
        await stranger.CallAsync(HttpMethod.Patch, $"{stranger.Account}/payment-methods/{card}", 404, $$"""{"exp_month":12,"exp_year":{{year}}}""");
        Assert.Equal(11, await app.ScalarAsync<int>($"select exp_month from payment_methods where id = '{card}'"));
    }

    [Fact]
    public async Task Auto_billing_is_switched_by_who_may_and_told_in_the_log()
    {
        var buyer = await NewBuyerAsync();
        Assert.True((await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/auto-billing", json: """{"enabled":true}""")).GetProperty("auto_billing_enabled").GetBoolean());
        Assert.False((await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/auto-billing", json: """{"enabled":false}""")).GetProperty("auto_billing_enabled").GetBoolean());
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/auto-billing", json: """{"enabled":false}""");
        Assert.Equal(2L, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{buyer.Organization}' and action like 'auto_billing.%'"));
        await app.ExecuteAsync($"update members set role = 'viewer' where organization_id = '{buyer.Organization}'");
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/auto-billing", 403, """{"enabled":true}""");
    }

    [Fact]
    public async Task Reading_creates_nothing()
    {
        var buyer = await NewBuyerAsync();
        await app.CustomerAsync(buyer.Organization);
        var before = await app.ScalarAsync<string>(Everything(buyer.Organization));
        await buyer.AccountAsync();
        await buyer.CardsAsync();
        await buyer.Person.Browser.PageAsync(buyer.Page);
        Assert.Equal(before, await app.ScalarAsync<string>(Everything(buyer.Organization)));
    }

    [Fact]
    public async Task Nobody_401_without_the_right_403_unknown_404()
    {
        var buyer = await NewBuyerAsync();
        using (var nobody = app.NewBrowser())
        {
            foreach (var path in (string[])["", "/payment-methods"]) Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.Http.GetAsync(buyer.Account + path)).StatusCode);
            Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.Http.PostAsync(buyer.Account + "/setup-intent", null)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await nobody.Http.GetAsync("/api/billing/config")).StatusCode);
        }
        foreach (var id in (string[])[Guid.CreateVersion7().ToString(), "nonsense", "1"])
        {
            var problem = await buyer.CallAsync(HttpMethod.Get, $"/api/billing/account/{id}", 404);
            Assert.Equal("not_found", problem.GetProperty("code").GetString());
            Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        }
        await app.ExecuteAsync($"update members set role = 'developer' where organization_id = '{buyer.Organization}'");
        await buyer.CallAsync(HttpMethod.Get, buyer.Account, 403);
        await app.ExecuteAsync($"update members set role = 'viewer' where organization_id = '{buyer.Organization}'");
        await buyer.CallAsync(HttpMethod.Get, buyer.Account);
        var card = await AttachedAsync(buyer);
        foreach (var (method, path, json) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Post, "/setup-intent", "{}"), (HttpMethod.Post, "/payment-method", """{"payment_method_id":"pm_card_visa","set_as_default":true}"""),
            (HttpMethod.Put, $"/payment-methods/{card}/default", null), (HttpMethod.Patch, $"/payment-methods/{card}", """{"exp_month":12,"exp_year":2040}"""), (HttpMethod.Delete, $"/payment-methods/{card}", null),
        })
            Assert.Equal("billing:write", (await buyer.CallAsync(method, buyer.Account + path, 403, json)).GetProperty("details").GetProperty("missing").GetString());
        using (var form = new FormUrlEncodedContent([new("__RequestVerificationToken", (await buyer.Person.Browser.PageAsync(buyer.Page)).QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!)]))
            foreach (var verb in (string[])["default", "remove", "expiry"]) Assert.Equal(HttpStatusCode.Forbidden, (await buyer.Person.Browser.Http.PostAsync($"{buyer.Page}/{card}/{verb}", form)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await buyer.Person.Browser.GetAsync($"{buyer.Page}/return?setup_intent=seti_1")).StatusCode);
        Assert.Single(await buyer.CardsAsync());
        var page = await buyer.Person.Browser.PageAsync(buyer.Page);
        Assert.Null(page.QuerySelector("[data-add-card-open]"));
    }

    [Fact]
    public async Task The_first_card_makes_the_account_active_and_is_the_default_everywhere()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.AddCardAsync();
        var account = await buyer.AccountAsync();
        Assert.Equal("active", account.GetProperty("status").GetString());
        Assert.True(account.GetProperty("auto_billing_enabled").GetBoolean());
        Assert.True(account.GetProperty("has_payment_method").GetBoolean());
        Assert.Equal((first, first, first), await buyer.DefaultsAsync());

        var second = await buyer.AddCardAsync("pm_card_mastercard");
        Assert.Equal((first, first, first), await buyer.DefaultsAsync());
        var third = await buyer.AddCardAsync("pm_card_amex", asDefault: true);
        Assert.Equal((third, third, third), await buyer.DefaultsAsync());

        var cards = await buyer.CardsAsync();
        Assert.Equal(["id", "type", "card_brand", "card_last4", "is_default"], cards[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(("card", "amex", "0005"), (cards[0].GetProperty("type").GetString(), cards[0].GetProperty("card_brand").GetString(), cards[0].GetProperty("card_last4").GetString()));
        Assert.Equal(new[] { first, second, third }.Order(StringComparer.Ordinal), cards.Select(c => c.GetProperty("id").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal(await app.TruthAsync(buyer.Organization), await app.ProjectionAsync(buyer.Organization));
        await NothingChargedAsync(buyer);
    }

    [Fact]
    public async Task A_card_typed_in_the_browser_appears_through_the_webhook_alone()
    {
        var buyer = await NewBuyerAsync();
        var (_, answer) = await buyer.TypeCardAsync();
        Assert.Equal("succeeded", answer.GetProperty("status").GetString());
        // the event of the attached card may be here before the one that makes it the default
        var account = await TestApp.EventuallyAsync(buyer.AccountAsync, a => a.GetProperty("status").GetString() == "active");
        Assert.True(account.GetProperty("has_payment_method").GetBoolean());
        var (list, database, stripe) = await buyer.DefaultsAsync();
        Assert.True(list is not null && list == database && list == stripe, $"{list} {database} {stripe}");
        await NothingChargedAsync(buyer);
        using var secret = await buyer.SendAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", "{}");
        Assert.Contains("no-store", secret.Headers.CacheControl?.ToString(), StringComparison.Ordinal); // it holds the form's secret
    }

    [Fact]
    public async Task The_browser_that_comes_back_sees_the_card_at_once_and_a_strangers_setup_is_not_found()
    {
        var buyer = await NewBuyerAsync();
        var (intent, _) = await buyer.TypeCardAsync();
        // What the query claims does not matter.
        var back = await buyer.Person.Browser.FollowAsync(await buyer.Person.Browser.GetAsync($"{buyer.Page}/return?setup_intent={intent}&redirect_status=failed"));
        var page = await TestBrowser.ParseAsync(back);
        Assert.Contains("4242", page.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("Card saved.", page.Body!.TextContent, StringComparison.Ordinal);

        var stranger = await NewBuyerAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Person.Browser.GetAsync($"{stranger.Page}/return?setup_intent={intent}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Person.Browser.GetAsync($"{stranger.Page}/return?setup_intent=seti_unknown")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.Person.Browser.GetAsync($"{stranger.Page}/return?setup_intent=../customers")).StatusCode);
        Assert.Empty(await stranger.CardsAsync());
    }

    [Fact]
    public async Task A_decline_leaves_nothing_behind()
    {
        var buyer = await NewBuyerAsync();
        var (intent, answer) = await buyer.TypeCardAsync("4000000000000002");
        Assert.Equal("card_declined", answer.GetProperty("error").GetProperty("code").GetString());
        var back = await buyer.Person.Browser.FollowAsync(await buyer.Person.Browser.GetAsync($"{buyer.Page}/return?setup_intent={intent}&redirect_status=succeeded"));
        Assert.Contains("The card was not saved", (await TestBrowser.ParseAsync(back)).Body!.TextContent, StringComparison.Ordinal);

        var problem = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", 402, """{"payment_method_id":"pm_card_visa_chargeDeclined","set_as_default":true}""");
        Assert.Equal("card_declined", problem.GetProperty("code").GetString());
        Assert.Equal("generic_decline", problem.GetProperty("details").GetProperty("decline_code").GetString());
        Assert.Empty(await buyer.CardsAsync());
        Assert.Equal("pending", (await buyer.AccountAsync()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_method_of_Stripe_js_is_attached_once_and_again_is_no_error()
    {
        var buyer = await NewBuyerAsync();
        var method = await buyer.FreeMethodAsync();
        Assert.Equal(method, await buyer.AddCardAsync(method));
        Assert.Equal(method, await buyer.AddCardAsync(method, asDefault: true));
        Assert.Single(await buyer.CardsAsync());

        var other = await NewBuyerAsync();
        foreach (var foreign in (string[])[method, "pm_unknown", "nonsense!", "", "../customers", new string('x', 300)])
            Assert.Equal("not_found", (await other.CallAsync(HttpMethod.Post, $"{other.Account}/payment-method", 404, $$"""{"payment_method_id":"{{foreign}}","set_as_default":true}""")).GetProperty("code").GetString());
        Assert.Empty(await other.CardsAsync());
        Assert.Equal((method, method, method), await buyer.DefaultsAsync());

        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{method}", 204);
        Assert.Equal("conflict", (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", 409, $$"""{"payment_method_id":"{{method}}","set_as_default":false}""")).GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_card_attached_behind_our_back_appears_and_one_detached_disappears()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.AddCardAsync();
        var second = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization), "pm_card_mastercard");
        await TestApp.EventuallyAsync(buyer.CardsAsync, c => c.Count == 2);
        Assert.Equal((first, first, first), await buyer.DefaultsAsync());
        var third = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization), "pm_card_amex");
        await TestApp.EventuallyAsync(buyer.CardsAsync, c => c.Count == 3);
        await app.StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{third}/detach", new()); // no default: nothing else tells of it
        await TestApp.EventuallyAsync(buyer.CardsAsync, c => c.Count == 2);

        await app.StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{first}/detach", new());
        await TestApp.EventuallyAsync(buyer.CardsAsync, c => c.Count == 1 && c[0].GetProperty("is_default").GetBoolean());
        Assert.Equal((second, second, second), await buyer.DefaultsAsync());
    }

    [Fact]
    public async Task The_default_removed_makes_the_newest_other_the_default_everywhere()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.AddCardAsync();
        var second = await buyer.AddCardAsync("pm_card_mastercard");
        var third = await buyer.AddCardAsync("pm_card_amex");
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{first}", 204);
        Assert.Equal((third, third, third), await buyer.DefaultsAsync());
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{second}", 204);
        Assert.Equal((third, third, third), await buyer.DefaultsAsync());
        foreach (var gone in (string[])[first, second, "pm_unknown", "nonsense!", new string('x', 300)]) await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{gone}", 404);
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{third}", 204);
        Assert.Empty(await buyer.CardsAsync());
        Assert.False((await buyer.AccountAsync()).GetProperty("has_payment_method").GetBoolean());
        Assert.Equal("person", await app.ScalarAsync<string>($"select actor_kind from audit_entries where organization_id = '{buyer.Organization}' and action = 'payment_method.removed' and target = '{first}'"));
    }

    [Fact]
    public async Task Auto_billing_switched_off_stays_off_with_the_next_card()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.AddCardAsync();
        await app.ExecuteAsync($"update billing_accounts set auto_billing_enabled = false where organization_id = '{buyer.Organization}'");
        await buyer.CallAsync(HttpMethod.Delete, $"{buyer.Account}/payment-methods/{first}", 204);
        await buyer.AddCardAsync();
        Assert.False((await buyer.AccountAsync()).GetProperty("auto_billing_enabled").GetBoolean());
    }

    [Fact]
    public async Task Make_default_works_by_route_and_by_form()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.AddCardAsync();
        var second = await buyer.AddCardAsync("pm_card_mastercard");
        var chosen = await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/payment-methods/{second}/default");
        Assert.True(chosen.GetProperty("is_default").GetBoolean());
        Assert.Equal((second, second, second), await buyer.DefaultsAsync());
        await buyer.CallAsync(HttpMethod.Put, $"{buyer.Account}/payment-methods/pm_unknown/default", 404);

        var posted = await buyer.Person.Browser.SubmitAsync(buyer.Page, button: "Make default: Visa ending in 4242");
        Assert.Equal(HttpStatusCode.SeeOther, posted.StatusCode);
        Assert.Equal((first, first, first), await buyer.DefaultsAsync());
        var removed = await buyer.Person.Browser.SubmitAsync(buyer.Page, button: "Remove card");
        Assert.Equal(HttpStatusCode.SeeOther, removed.StatusCode);
        Assert.Equal((second, second, second), await buyer.DefaultsAsync());
    }

    [Fact]
    public async Task A_cookie_alone_changes_nothing()
    {
        var buyer = await NewBuyerAsync();
        var card = await buyer.AddCardAsync();
        foreach (var (method, path, json) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Post, "/setup-intent", "{}"),
            (HttpMethod.Post, "/payment-method", """{"payment_method_id":"pm_card_visa","set_as_default":true}"""),
            (HttpMethod.Put, $"/payment-methods/{card}/default", null),
            (HttpMethod.Delete, $"/payment-methods/{card}", null),
        })
        {
            using var refused = await buyer.SendAsync(method, buyer.Account + path, json, withToken: false);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
        Assert.Single(await buyer.CardsAsync());
    }

    [Fact]
    public async Task Malformed_bodies_are_refused()
    {
        var buyer = await NewBuyerAsync();
        foreach (var json in (string[])["", "nonsense", "[]", "{}", """{"payment_method_id":1,"set_as_default":true}""", """{"payment_method_id":null,"set_as_default":true}""",
            """{"payment_method_id":"pm_card_visa","set_as_default":"true"}""", """{"payment_method_id":"pm_card_visa","set_as_default":true,"organization_id":"x"}""",
            """{"payment_method_id":"pm_card_visa","payment_method_id":"pm_card_visa","set_as_default":true}"""])
            Assert.Equal("bad_request", (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", 400, json)).GetProperty("code").GetString());
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", 400, """{"customer":"cus_1"}""");
        Assert.Empty(await buyer.CardsAsync());
    }

    [Fact]
    public async Task A_repeated_request_under_one_key_is_carried_out_once()
    {
        var buyer = await NewBuyerAsync();
        var first = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", json: """{"payment_method_id":"pm_card_visa","set_as_default":true}""", header: ("Idempotency-Key", "once"));
        var again = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", json: """{"payment_method_id":"pm_card_visa","set_as_default":true}""", header: ("Idempotency-Key", "once"));
        Assert.Equal(first.GetRawText(), again.GetRawText());
        Assert.Single(await buyer.CardsAsync());
        await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/payment-method", 422, """{"payment_method_id":"pm_card_amex","set_as_default":true}""", ("Idempotency-Key", "once"));

        var setup = await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", json: "{}", header: ("Idempotency-Key", "visit"));
        Assert.Equal(setup.GetRawText(), (await buyer.CallAsync(HttpMethod.Post, $"{buyer.Account}/setup-intent", json: "{}", header: ("Idempotency-Key", "visit"))).GetRawText());
    }

    [Fact]
    public async Task Another_organizations_account_and_cards_do_not_exist_for_me()
    {
        var (mine, theirs) = (await NewBuyerAsync(), await NewBuyerAsync());
        var card = await theirs.AddCardAsync();
        await app.SettledAsync();
        await BillingApp.EventuallyAsync(() => app.ScalarAsync<long>($"select count(*) from stripe_operations where state in ('planned', 'unknown') and organization_id in ('{mine.Organization}', '{theirs.Organization}')"), open => open == 0);
        var before = await app.ScalarAsync<string>(Everything(theirs.Organization));
        var calls = await CallsAsync();
        foreach (var (method, path, json) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Get, theirs.Account, null), (HttpMethod.Get, $"{theirs.Account}/payment-methods", null),
            (HttpMethod.Post, $"{theirs.Account}/setup-intent", "{}"), (HttpMethod.Post, $"{theirs.Account}/payment-method", """{"payment_method_id":"pm_card_visa","set_as_default":true}"""),
            (HttpMethod.Put, $"{theirs.Account}/payment-methods/{card}/default", null), (HttpMethod.Delete, $"{theirs.Account}/payment-methods/{card}", null),
            (HttpMethod.Put, $"{mine.Account}/payment-methods/{card}/default", null), (HttpMethod.Delete, $"{mine.Account}/payment-methods/{card}", null),
        })
        {
            var real = await mine.CallAsync(method, path, 404, json);
            var random = await mine.CallAsync(method, path.Replace(card, "pm_" + Guid.CreateVersion7().ToString("N"), StringComparison.Ordinal).Replace(theirs.Organization.ToString(), Guid.CreateVersion7().ToString(), StringComparison.Ordinal), 404, json);
            Assert.Equal(random.GetRawText(), real.GetRawText());
        }
        foreach (var verb in (string[])["default", "remove"])
        {
            var own = await mine.Person.Browser.PageAsync(mine.Page);
            using var form = new FormUrlEncodedContent([new("__RequestVerificationToken", own.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!)]);
            Assert.Equal(HttpStatusCode.NotFound, (await mine.Person.Browser.Http.PostAsync($"{mine.Page}/{card}/{verb}", form)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await mine.Person.Browser.Http.PostAsync($"{theirs.Page}/{card}/{verb}", form)).StatusCode);
        }
        Assert.Equal(calls, await CallsAsync());
        Assert.Equal(before, await app.ScalarAsync<string>(Everything(theirs.Organization)));
        Assert.True(await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{mine.Organization}' and action = 'access.refused'") >= 6);
    }

    [Fact]
    public async Task The_page_says_what_is_on_file()
    {
        var buyer = await NewBuyerAsync();
        var page = await buyer.Person.Browser.PageAsync(buyer.Page);
        Assert.Equal("Payment methods", page.QuerySelector("h1")!.TextContent);
        Assert.Contains("Saving the first card switches auto-billing on", page.QuerySelector("#add-card")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("never more than $100.00 in a month", page.QuerySelector("#add-card")!.TextContent, StringComparison.Ordinal);
        Assert.Contains("Sandbox payments: no real money", page.Body!.TextContent, StringComparison.Ordinal);

        await buyer.AddCardAsync();
        page = await buyer.Person.Browser.PageAsync(buyer.Page);
        var row = page.QuerySelector("main li")!;
        Assert.Contains("Visa •••• 4242", row.TextContent, StringComparison.Ordinal);
        Assert.Contains("Default", row.TextContent, StringComparison.Ordinal);
        Assert.Equal(["Edit Visa ending in 4242", "Remove Visa ending in 4242"], row.QuerySelectorAll("button").Select(b => b.GetAttribute("aria-label")));
        Assert.Contains("Auto-billing is on", page.QuerySelector("#add-card")!.TextContent, StringComparison.Ordinal);
    }

    /// <summary>A card that came from Stripe itself.</summary>
    private async Task<string> AttachedAsync(Buyer buyer)
    {
        var card = await app.AttachAtStripeAsync(await app.CustomerAsync(buyer.Organization));
        await TestApp.EventuallyAsync(buyer.CardsAsync, c => c.Count == 1);
        return card;
    }

    /// <summary>Nothing was charged, and nothing was begun that could become a charge.</summary>
    private async Task NothingChargedAsync(Buyer buyer)
    {
        var customer = await app.CustomerAsync(buyer.Organization);
        foreach (var kind in (string[])["payment_intents", "charges"])
            Assert.Equal(0, (await app.StripeAsync(HttpMethod.Get, $"/v1/{kind}?customer={customer}")).GetProperty("data").GetArrayLength());
    }

    private async Task<int> CallsAsync() => (await app.EventsAsync()).Count + await app.ScalarAsync<int>("select count(*)::int from stripe_operations");

    private static string Everything(Guid organization) => $"""
        select coalesce((select string_agg(concat_ws(' ', id, stripe_customer_id, status, auto_billing_enabled, updated_at), ';') from billing_accounts where organization_id = '{organization}'), '')
          || coalesce((select string_agg(p::text, ';' order by id) from payment_methods p where organization_id = '{organization}'), '')
          || coalesce((select string_agg(o::text, ';' order by id) from stripe_operations o where organization_id = '{organization}'), '')
        """;
}
