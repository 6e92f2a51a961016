using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Fault R06 over every write that the product makes at Stripe. Catches: a charge, refund, card or page made twice or forgotten because an answer was lost, or
/// because Stripe died with it. Three calls in ten fail: 500, 429 and 409 without an effect, 500 with one, connections that break without and with one. Stripe
/// is a process of its own; while all this goes on it is killed, and comes back with what it had answered.
/// </summary>
public sealed class EveryWriteTests(ApartApp app, ITestOutputHelper output) : IClassFixture<ApartApp>
{
    private static readonly string[] Kinds = ["error", "error_after", "rate_limit", "drop", "drop_after", "lock_timeout"];

    /// <summary>Where money moves and pages open: the first calls there are carried out and their answers lost, the client's second try included, so that nobody here knows.</summary>
    private static readonly string[] Lost = ["/v1/setup_intents", "/v1/checkout/sessions", "/v1/subscriptions/{subscription_exposed_id}", "/v1/subscription_schedules/{schedule}", "/v1/invoices", "/v1/invoices/{invoice}/pay", "/v1/credit_notes", "/v1/refunds"];

    /// <summary>Answered writes from one kill to the next.</summary>
    private const int WritesPerKill = 60;

    private readonly List<Task> kills = [];
    private int answered;
    private long failed;

    private PaymentMethods Cards => app.Services.GetRequiredService<PaymentMethods>();

    private Reconciliation Reconciliation => app.Services.GetRequiredService<Reconciliation>();

    /// <summary>An organization on its way through everything that can be bought, changed and paid.</summary>
    private sealed class Life(Guid organization, string customer, string[] cards)
    {
        public Guid Organization => organization;

        public string Customer => customer;

        /// <summary>Free payment methods: two that pay, one that is refused.</summary>
        public string[] Cards => cards;

        /// <summary>What the confirmed preview said, in cents.</summary>
        public long Upgrade { get; set; }

        public bool HasSeat { get; set; }

        /// <summary>Sessions of Stripe's page that were both paid for one plan.</summary>
        public string[] Tabs { get; set; } = [];
    }

    // Seen to fail with an idempotency key made anew for each try, and with a lost answer taken for a failure.
    [Fact]
    public async Task Every_write_happens_once_however_it_fails_and_whenever_Stripe_dies()
    {
        var lives = new List<Life>();
        for (var i = 0; i < Long.Or(shortly: 3, atLength: 34); i++) lives.Add(await NewAsync());
        await app.ExecuteAsync($"insert into lifetime_seats (tier, seat, organization_id, sold_at) select 'lifetime', n, gen_random_uuid(), now() from generate_series(1, {100 - ((lives.Count + 1) / 2)}) n");
        var start = Stopwatch.GetTimestamp();
        await BreakAsync();
        foreach (var path in Lost) await app.SandboxAsync(HttpMethod.Post, "/_sandbox/faults", $$"""{"kind":"drop_after","method":"POST","path":"{{path}}","count":2}""");
        app.Faults.Reached = (place, _) =>
        {
            if (place is "operation.answered" && Interlocked.Increment(ref answered) % WritesPerKill == WritesPerKill / 2) lock (kills) kills.Add(KillAsync(kills.LastOrDefault()));
            return Task.CompletedTask;
        };
        try
        {
            await Task.WhenAll(lives.Select(SubscribeAsync));
            await QuietAsync();
            await Task.WhenAll(lives.Skip(1).Select(CorrectAsync));
            await QuietAsync();
            var tills = await Task.WhenAll(lives.Select(l => PressAsync(l.Organization, () => app.Subscriptions.LifetimeCheckoutAsync(l.Organization, null, null, PlanApp.Somebody, default))));
            await Task.WhenAll(lives.Zip(tills, BuyLifetimeAsync));
            await ExceedAsync(lives[0]);
            await QuietAsync();
        }
        finally
        {
            app.Faults.Reached = null;
            await Task.WhenAll(kills);
        }
        await CountAsync();
        await app.HealAsync();
        await QuietAsync();
        await app.HearAsync();
        await QuietAsync();

        output.WriteLine($"{await app.ScalarAsync<long>("select count(*) from stripe_operations where state = 'done'")} operations done, {await app.ScalarAsync<long>("select count(*) from stripe_operations where state = 'failed'")} failed, " +
            $"{await app.ScalarAsync<long>("select coalesce(sum(tries), 0)::bigint from stripe_operations")} tries without an answer, {failed} calls failed, {kills.Count} kills, in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        Assert.NotEmpty(kills);
        var made = (await app.ScalarAsync<string>("select string_agg(distinct kind, ',') from stripe_operations where state = 'done'")).Split(',');
        Assert.Equal(app.Services.GetServices<StripeWrite>().Select(w => w.Kind).Order(StringComparer.Ordinal), made.Order(StringComparer.Ordinal)); // a write without its place in a life is found here
        foreach (var life in lives) await FitsAsync(life, isExceeded: life == lives[0]);
        Assert.Equal("", await TestApp.EventuallyAsync(async () => string.Join("; ", (await Reconciliation.RunAsync(repair: false, default)).Differences), d => d.Length == 0));
        Assert.Equal(0, await app.ScalarAsync<long>("select count(*) from (select transaction_id from ledger_entries group by transaction_id having sum(amount_minor) <> 0) w"));
    }

    private async Task<Life> NewAsync()
    {
        var organization = await app.NewOrganizationAsync();
        var cards = new List<string>();
        foreach (var number in (string[])["4242424242424242", "5555555555554444", "4000000000000341"])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.StripeAddress, "/v1/payment_methods"))
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["type"] = "card", ["card[number]"] = number, ["card[exp_month]"] = "12", ["card[exp_year]"] = "2040", ["card[cvc]"] = "123" }),
            };
            request.Headers.Authorization = new("Bearer", app.StripePublishableKey);
            using var response = await TestApp.Http.SendAsync(request);
            cards.Add(JsonElement.Parse(await response.Content.ReadAsStringAsync()).Text("id"));
        }
        return new Life(organization, await app.CustomerAsync(organization), [.. cards]);
    }

    /// <summary>Cards; two tabs that both pay; a downgrade that is taken back; an upgrade that is refused, and one that is paid; cancelled and kept; credits; use beyond all that is included, invoiced.</summary>
    private async Task SubscribeAsync(Life life)
    {
        var (o, subscriptions, by) = (life.Organization, app.Subscriptions, PlanApp.Somebody);
        await PressAsync(o, () => Cards.BeginAsync(o, by, default));
        await PressAsync(o, () => Cards.AttachAsync(o, life.Cards[0], asDefault: true, by, default));
        await PressAsync(o, () => Cards.AttachAsync(o, life.Cards[1], asDefault: true, by, default));
        await PressAsync(o, () => Cards.MakeDefaultAsync(o, life.Cards[0], by, default));
        await PressAsync(o, () => Cards.ChangeExpiryAsync(o, life.Cards[1], 11, app.Clock.GetUtcNow().Year + 3, by, default));
        await TestApp.EventuallyAsync(() => Cards.RemoveAsync(o, life.Cards[1], by, default), p => p is null or { Status: 404 });
        await PressAsync(o, () => subscriptions.PortalAsync(o, null, by, default));

        var one = await PressAsync(o, () => subscriptions.CheckoutAsync(o, "pro", null, null, null, by, default));
        await PayAsync(one);
        var two = await PressAsync(o, () => subscriptions.CheckoutAsync(o, "pro", null, null, null, by, default));
        await PayAsync(two);
        life.Tabs = [one.SessionId, two.SessionId];
        await BoughtAsync(o, two); // which of them counts may be decided later
        var running = await app.ScalarAsync<string>($"select stripe_subscription_id from subscriptions where organization_id = '{o}' and is_live");

        var down = (await PressAsync(o, () => subscriptions.PreviewAsync(o, "starter", default))).Id;
        await PressAsync(o, () => subscriptions.ChangeAsync(o, "starter", down, by, default));
        await TakeBackAsync(o, () => subscriptions.RevokeChangeAsync(o, by, default), plan => plan.Next is null);

        await PressAsync(o, () => Cards.AttachAsync(o, life.Cards[2], asDefault: true, by, default));
        await SurelyAsync($"/v1/subscriptions/{running}", new() { ["default_payment_method"] = life.Cards[2] });
        var refused = (await PressAsync(o, () => subscriptions.PreviewAsync(o, "team", default))).Id;
        var answer = await TestApp.EventuallyAsync(() => subscriptions.ChangeAsync(o, "team", refused, by, default), t => t.Problem?.Code is not "stripe_unavailable");
        Assert.Contains(answer.Problem?.Code, new[] { "card_declined", "preview_stale" }); // stale when a worker has finished it and taken it back

        await PressAsync(o, () => Cards.MakeDefaultAsync(o, life.Cards[0], by, default));
        await SurelyAsync($"/v1/subscriptions/{running}", new() { ["default_payment_method"] = life.Cards[0] });
        await NoneAsync(life, "invoices", "&status=open");
        var up = await PressAsync(o, () => subscriptions.PreviewAsync(o, "team", default));
        life.Upgrade = up.Net.Minor;
        await PressAsync(o, () => subscriptions.ChangeAsync(o, "team", up.Id, by, default));
        await TestApp.EventuallyAsync(async () =>
        {
            await ShowAsync(o); // it is done, and perhaps not seen yet
            return (await app.OverviewAsync(o)).Allowance.Tier.Key;
        }, tier => tier is "team");
        await PressAsync(o, () => subscriptions.CancelAsync(o, by, default));
        await TakeBackAsync(o, () => subscriptions.ReactivateAsync(o, by, default), plan => plan.EndsAt is null);

        var credits = await PressAsync(o, () => subscriptions.CreditsCheckoutAsync(o, 20m, null, null, by, default));
        await PayAsync(credits);
        Assert.Equal(PurchaseState.Done, await BoughtAsync(o, credits));
        await app.UseAsync(o, 500); // all that Team includes
        await app.UseAsync(o, 2); // the credits
        for (var i = 0; i < 2; i++) await app.UseAsync(o, 1); // the card
        Assert.NotNull(await app.Close.GenerateAsync(o, by, default));
    }

    /// <summary>One unit of those on the invoice was no use.</summary>
    private async Task CorrectAsync(Life life)
    {
        var record = await app.ScalarAsync<Guid>($"select id from usage_records where organization_id = '{life.Organization}' and pocket = 'metered' order by id limit 1");
        Assert.True((await app.Notes.IssueAsync(life.Organization, record, "It failed.", PlanApp.Somebody, default)).IsDone);
    }

    /// <summary>Half of them get a seat, and their plan ends; the others get their money back.</summary>
    private async Task BuyLifetimeAsync(Life life, CheckoutStart session)
    {
        await PayAsync(session);
        life.HasSeat = await BoughtAsync(life.Organization, session) is PurchaseState.Done;
    }

    /// <summary>Stripe has asked for a dollar more than the lines here come to: the comparison gives it back.</summary>
    private async Task ExceedAsync(Life life)
    {
        await app.ExecuteAsync($"""
            update invoices set total_cents = total_cents - 100, subtotal_cents = subtotal_cents - 100 where organization_id = '{life.Organization}' and kind = 'usage';
            update invoice_lines set amount_cents = amount_cents - 100 where organization_id = '{life.Organization}' and ordinal = 0 and invoice_id = (select id from invoices where organization_id = '{life.Organization}' and kind = 'usage');
            """);
        var (exports, theirs) = (app.Services.GetRequiredService<MeterExports>(), 0);
        await TestApp.EventuallyAsync(async () =>
        {
            try
            {
                await exports.PlanAsync(default);
                await exports.SendAsync(default);
                theirs = (await Reconciliation.RunAsync(repair: true, default)).Differences.Count(d => d.OrganizationId == life.Organization && d.Kind is "invoice_amount");
            }
            catch (Tracepipe.Stripe.StripeException)
            {
                return -1; // Stripe was away: nothing was compared
            }
            return await app.ScalarAsync<long>("select count(*) from meter_exports where state = 'planned'") + theirs;
        }, left => left == 0);
    }

    /// <summary>What Stripe has is what was done here: nothing twice, nothing that nobody knows, and the money to the cent.</summary>
    private async Task FitsAsync(Life life, bool isExceeded)
    {
        var o = life.Organization;
        var one = Assert.Single((await app.StripeAsync(HttpMethod.Get, $"/v1/customers?limit=100&email={await app.ScalarAsync<string>($"select billing_email from billing_accounts where organization_id = '{o}'")}")).GetProperty("data").EnumerateArray());
        Assert.Equal(life.Customer, one.Text("id"));
        await SameAsync(o, "setup_intents", "setup_intent.create");
        await SameAsync(o, "checkout/sessions", "checkout.create");
        Assert.Equal(await app.TruthAsync(o), await app.ProjectionAsync(o));
        Assert.DoesNotContain(life.Cards[1], await app.TruthAsync(o), StringComparison.Ordinal); // it was removed

        var at = await app.AtStripeAsync(o);
        Assert.Equal(2, at.Count);
        Assert.Single(at, s => s.Text("status") == "canceled");
        Assert.Equal("completed, refunded", await app.ScalarAsync<string>($"select string_agg(state, ', ' order by state) from checkouts where stripe_session_id in ('{string.Join("', '", life.Tabs)}')"));
        var runs = Assert.Single(at, s => s.Text("status") == "active");
        Assert.Equal($"{runs.Text("id")} team {(life.HasSeat ? "ends" : "goes on")}", await app.ScalarAsync<string>($"select stripe_subscription_id || ' ' || tier || case when ends_at is null then ' goes on' else ' ends' end from subscriptions where organization_id = '{o}' and source = 'stripe' and is_live"));
        Assert.Equal(life.HasSeat, runs.GetProperty("cancel_at").ValueKind is JsonValueKind.Number);
        Assert.Equal(JsonValueKind.Null, runs.GetProperty("schedule").ValueKind);
        Assert.Equal(life.HasSeat ? 1L : 0L, await app.ScalarAsync<long>($"select count(*) from lifetime_seats where organization_id = '{o}'"));

        var invoices = await app.AtStripeAsync(o, "invoices", "");
        Assert.DoesNotContain(invoices, i => i.Text("status") is "open" or "draft" or "uncollectible");
        var usage = Assert.Single(invoices, i => i.GetProperty("metadata").TryGetProperty("usage_invoice", out _));
        Assert.Equal((2000L, 2), (usage.Number("total"), usage.GetProperty("lines").GetProperty("data").GetArrayLength()));

        var charges = (await app.AtStripeAsync(o, "charges", "")).Where(c => c.Text("status") == "succeeded").ToList();
        var expected = 7900 + life.Upgrade + 2000 + 2000 - (isExceeded ? 100 : 1000) + (life.HasSeat ? 49900 : 0);
        Assert.Equal((expected, 6), (charges.Sum(c => c.Number("amount") - c.Number("amount_refunded")), charges.Count));
        var refunds = 0L;
        foreach (var charge in charges) refunds += (await app.StripeAsync(HttpMethod.Get, $"/v1/refunds?charge={charge.Text("id")}&limit=100")).GetProperty("data").GetArrayLength();
        Assert.Equal(life.HasSeat ? 2 : 3, refunds);
        Assert.Equal(0L, await app.AccountAsync(o, "available"));
        Assert.Equal(-2000 - 2000 + (isExceeded ? 100 : 1000), await app.AccountAsync(o, "cash"));
    }

    /// <summary>Every object of a kind at Stripe belongs to an operation here, and the other way round.</summary>
    private async Task SameAsync(Guid organization, string at, string kind) => Assert.Equal(
        (await app.ScalarAsync<string>($"select string_agg(answer, ',') from stripe_operations where organization_id = '{organization}' and kind = '{kind}' and state = 'done'")).Split(',').Order(StringComparer.Ordinal),
        (await app.AtStripeAsync(organization, at, "")).Select(s => s.Text("id")).Order(StringComparer.Ordinal));

    /// <summary>Presses the button again until it is done, as people do who are told to come again. A conflict means that the page is old: it is looked at anew.</summary>
    private async Task<T> PressAsync<T>(Guid organization, Func<Task<Tried<T>>> press)
    {
        var done = await TestApp.EventuallyAsync(async () =>
        {
            var tried = await press();
            if (tried.Problem is { Code: "conflict" }) await ShowAsync(organization);
            return tried;
        }, t => t.Problem?.Code is not ("stripe_unavailable" or "conflict"));
        Assert.True(done.IsDone, $"{done.Problem?.Code} {done.Problem?.Message}");
        return done.Value;
    }

    /// <summary>The same for what is taken back: told that there is nothing to take back, one has done so before, although nobody said it.</summary>
    private Task TakeBackAsync(Guid organization, Func<Task<Tried<PlanView>>> press, Func<PlanView, bool> isBack) => TestApp.EventuallyAsync(async () =>
    {
        var tried = await press();
        if (tried.Problem is not { Code: "conflict" }) return tried.IsDone;
        await ShowAsync(organization);
        return isBack((await app.OverviewAsync(organization)).Plan);
    }, done => done);

    private async Task ShowAsync(Guid organization)
    {
        try
        {
            await app.Services.GetRequiredService<SubscriptionProjection>().SyncAsync(organization, Patience.OfPerson, default);
        }
        catch (Tracepipe.Stripe.StripeException)
        {
            // killed at this moment
        }
    }

    /// <summary>Pays on Stripe's page, once.</summary>
    private Task PayAsync(CheckoutStart session) => TestApp.EventuallyAsync(async () =>
    {
        try
        {
            if ((await app.StripeAsync(HttpMethod.Get, $"/v1/checkout/sessions/{session.SessionId}")).Text("status") == "complete") return true;
            await app.PayAsync(session.Url);
        }
        catch (HttpRequestException)
        {
            // killed at this moment
        }
        return false;
    }, paid => paid);

    private async Task<PurchaseState> BoughtAsync(Guid organization, CheckoutStart session) =>
        (await TestApp.EventuallyAsync(() => app.Subscriptions.ConfirmAsync(organization, session.SessionId, default), b => b!.State is not PurchaseState.Waiting))!.State;

    /// <summary>Somebody's doing at Stripe, until it is done.</summary>
    private Task SurelyAsync(string path, Dictionary<string, string> form) => TestApp.EventuallyAsync(async () =>
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.StripeAddress, path)) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = new("Bearer", app.StripeKey);
        try
        {
            using var response = await TestApp.Http.SendAsync(request);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }, done => done);

    private Task NoneAsync(Life life, string kind, string filter) => TestApp.EventuallyAsync(async () =>
    {
        try
        {
            return (await app.AtStripeAsync(life.Organization, kind, filter)).Count;
        }
        catch (HttpRequestException)
        {
            return -1;
        }
    }, n => n == 0);

    /// <summary>Each call of a write fails with some 30 %: six kinds, one asked after the other.</summary>
    private async Task BreakAsync()
    {
        foreach (var kind in Kinds) await app.SandboxAsync(HttpMethod.Post, "/_sandbox/faults", $$"""{"kind":"{{kind}}","method":"POST","count":{{Plenty}},"percent":6}""");
    }

    private const int Plenty = 1_000_000;

    private async Task CountAsync() => failed += (await app.SandboxAsync(HttpMethod.Get, "/_sandbox/faults")).GetProperty("data").EnumerateArray().Where(f => f.GetProperty("path").ValueKind is JsonValueKind.Null).Sum(f => Plenty - f.Number("count"));

    private async Task KillAsync(Task? before)
    {
        if (before is not null) await before;
        await CountAsync();
        await app.KillStripeAsync();
        await BreakAsync(); // faults live in memory
    }

    /// <summary>Minutes pass until nothing is planned or in doubt, every bill is paid or void, and what is due has been tried.</summary>
    private Task QuietAsync() => TestApp.EventuallyAsync(async () =>
    {
        List<Task> going;
        lock (kills) going = [.. kills];
        await Task.WhenAll(going);
        try
        {
            await app.AdvanceAsync(TimeSpan.FromMinutes(1));
            app.Operations.Bell.Ring();
            app.Push.Bell.Ring();
            await app.Dunning.RunDueAsync(default);
        }
        catch (Exception killed) when (killed is HttpRequestException or Tracepipe.Stripe.StripeException)
        {
            // at this moment
        }
        return await app.ScalarAsync<string>("select (select count(*) from stripe_operations where state in ('planned', 'unknown')) || ' in doubt, ' || (select count(*) from invoices where kind = 'usage' and status in ('draft', 'open')) || ' not paid'");
    }, left => left == "0 in doubt, 0 not paid");
}
