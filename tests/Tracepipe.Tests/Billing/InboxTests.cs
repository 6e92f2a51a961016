using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Catches: an effect that is lost, doubled, or depends on the order of events. Faults R02, R04, R05, R16.
/// </summary>
public sealed class InboxTests(QuietBillingApp app) : IClassFixture<QuietBillingApp>
{
    private static readonly string[] Places = ["inbox.taken", "cards.ticket", "cards.fetched", "inbox.fetched", "inbox.locked", "cards.locked", "cards.written", "inbox.effect", "inbox.marked", "inbox.committed"];

    [Fact]
    public async Task Any_order_with_repetitions_ends_where_Stripe_is()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        var cards = new List<string>();
        foreach (var card in (string[])["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_visa_debit"]) cards.Add(await app.AttachAtStripeAsync(customer, card));
        await app.StripeAsync(HttpMethod.Post, $"/v1/customers/{customer}", new() { ["invoice_settings[default_payment_method]"] = cards[1] });
        await app.StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{cards[2]}", new() { ["card[exp_month]"] = "11" });
        await app.StripeAsync(HttpMethod.Post, $"/v1/payment_methods/{cards[3]}/detach", new());
        var told = (await app.EventsAsync()).Where(e => e.ToString().Contains(customer, StringComparison.Ordinal)).ToList();
        Assert.True(told.Count >= 6, $"{told.Count} events");

        var shuffle = new Shuffle(20261121);
        for (var round = 0; round < 25; round++)
        {
            // As if we knew nothing yet.
            await app.ExecuteAsync($"""
                delete from stripe_events; delete from payment_methods where organization_id = '{organization}';
                update billing_accounts set status = 'pending', auto_billing_enabled = false, first_card_at = null, shown_ticket = 0 where organization_id = '{organization}'
                """);
            var deliveries = shuffle.Of([.. told, .. told.Where((_, i) => i % 2 == round % 2)]);
            var answers = await Task.WhenAll(deliveries.Select(e => app.DeliverAsync(e.GetRawText())));
            Assert.All(answers, code => Assert.Equal(200, code));
            await app.SettledAsync();
            Assert.Equal(await app.TruthAsync(organization), await app.ProjectionAsync(organization));
        }
    }

    [Fact]
    public async Task The_snapshot_inside_an_event_is_never_believed()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer);
        // The event claims another brand, another customer and another release; only its id is used.
        var method = await app.AttachAtStripeAsync(customer, "pm_card_mastercard");
        var body = $$"""{"id":"evt_lying","object":"event","api_version":"2027-01-01.future","created":1,"livemode":false,"type":"payment_method.attached","data":{"object":{"id":"{{method}}","customer":"cus_other","card":{"brand":"jcb"} } } }""";
        Assert.Equal(200, await app.DeliverAsync(body));
        await app.SettledAsync();
        Assert.Equal("done", await app.StateOfAsync("evt_lying"));
        Assert.Equal(await app.TruthAsync(organization), await app.ProjectionAsync(organization));
    }

    // Seen to fail when a look did not ask whether a later one had been written.
    [Fact]
    public async Task What_was_seen_earlier_does_not_overwrite_what_was_seen_later()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer);
        var cards = app.Services.GetRequiredService<CardProjection>();
        var earlier = await cards.LookAsync(organization, Patience.OfWorker, CancellationToken.None);
        var second = await app.AttachAtStripeAsync(customer, "pm_card_mastercard");
        await app.StripeAsync(HttpMethod.Post, $"/v1/customers/{customer}", new() { ["invoice_settings[default_payment_method]"] = second });
        await cards.SyncAsync(organization, Actor.System, Patience.OfWorker, CancellationToken.None);
        await using (var transaction = await app.Services.GetRequiredService<Database>().BeginWorkAsync(CancellationToken.None))
        {
            Assert.False(await cards.WriteAsync(earlier!, Actor.System, transaction, CancellationToken.None));
            await transaction.CommitAsync(CancellationToken.None);
        }
        Assert.Equal(await app.TruthAsync(organization), await app.ProjectionAsync(organization));
    }

    [Fact]
    public async Task Fifty_kills_between_any_two_steps_leave_as_many_effects_as_events()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer); // the default stands, so that each event has one effect
        await app.DeliverAsync(BillingApp.Event("evt_first", "customer.updated", customer));
        await app.SettledAsync();
        var before = await AddedAsync(organization);

        for (var kill = 0; kill < 50; kill++)
        {
            var place = Places[kill % Places.Length];
            var method = await app.AttachAtStripeAsync(customer);
            var reached = new TaskCompletionSource();
            var armed = 1;
            app.Faults.Reached = async (at, cancel) =>
            {
                if (at != place || Interlocked.Exchange(ref armed, 0) == 0) return;
                reached.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, cancel); // from here nothing of it runs any more, as after kill -9
            };
            Assert.Equal(200, await app.DeliverAsync(BillingApp.Event($"evt_kill{kill}", "payment_method.attached", method)));
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await app.Worker.StopAsync(CancellationToken.None);
            app.Faults.Reached = null;
            Assert.Equal(before + kill + (place == "inbox.committed" ? 1 : 0), await AddedAsync(organization)); // the effect and "done" are one transaction
            await app.Worker.StartAsync(CancellationToken.None);
            app.Clock.Advance(Storefront.Billing.Inbox.Lease + TimeSpan.FromSeconds(1));
            await app.SettledAsync();
            Assert.Equal("done", await app.StateOfAsync($"evt_kill{kill}"));
        }
        Assert.Equal(before + 50, await AddedAsync(organization));
        Assert.Equal(51L, await app.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{organization}' and detached_at is null"));
    }

    [Theory]
    [InlineData("inbox.verified")]
    [InlineData("inbox.inserted")]
    [InlineData("inbox.stored")]
    public async Task A_webhook_killed_before_its_answer_is_stored_whole_or_not_at_all(string place)
    {
        for (var kill = 0; kill < 17; kill++)
        {
            var id = $"evt_{place}{kill}";
            var body = BillingApp.Event(id, "customer.updated", "cus_nobody");
            var armed = 1;
            app.Faults.Reached = (at, _) => at == place && Interlocked.Exchange(ref armed, 0) == 1 ? throw new IOException("killed") : Task.CompletedTask;
            Assert.Equal(500, await app.DeliverAsync(body));
            app.Faults.Reached = null;
            Assert.Equal(place == "inbox.stored" ? 1L : 0L, await app.ScalarAsync<long>($"select count(*) from stripe_events where id = '{id}'"));
            Assert.Equal(200, await app.DeliverAsync(body)); // Stripe sends it again
            Assert.Equal(1L, await app.ScalarAsync<long>($"select count(*) from stripe_events where id = '{id}'"));
        }
    }

    [Fact]
    public async Task A_poisoned_event_is_parked_after_eight_tries_and_holds_nobody_up()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer);
        // An event about a setup that Stripe does not have.
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event("evt_poison", "setup_intent.succeeded", "seti_missing")));
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event("evt_behind", "customer.updated", customer)));
        await BillingApp.EventuallyAsync(() => app.StateOfAsync("evt_behind"), s => s == "done");
        for (var tries = 1; tries < 8; tries++)
        {
            // The line is written after the failure is stored: before that the clock would only shorten the lease.
            var failed = $"Event evt_poison (setup_intent.succeeded) failed at try {tries} ";
            await BillingApp.EventuallyAsync(() => Task.FromResult(app.Log.Any(l => l.Contains(failed, StringComparison.Ordinal))), logged => logged);
            app.Clock.Advance(TimeSpan.FromSeconds(130));
        }
        await BillingApp.EventuallyAsync(() => app.StateOfAsync("evt_poison"), s => s == "parked");
        Assert.Equal(8, await app.ScalarAsync<int>("select tries from stripe_events where id = 'evt_poison'"));
        Assert.Contains("resource_missing", await app.ScalarAsync<string>("select reason from stripe_events where id = 'evt_poison'"), StringComparison.Ordinal);

        Assert.True(await app.Inbox.ReplayAsync("evt_poison", CancellationToken.None));
        await BillingApp.EventuallyAsync(() => app.ScalarAsync<int>("select tries from stripe_events where id = 'evt_poison'"), t => t >= 1);
        Assert.False(await app.Inbox.ReplayAsync("evt_behind", CancellationToken.None));
        await app.ExecuteAsync("update stripe_events set state = 'parked' where id = 'evt_poison'");
    }

    [Fact]
    public async Task An_event_that_kills_the_process_each_time_is_parked_too()
    {
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event("evt_killer", "customer.updated", "cus_nobody1")));
        await app.SettledAsync();
        await app.ExecuteAsync($"update stripe_events set state = 'pending', tries = 8, due_at = '{app.Clock.GetUtcNow():O}', reason = null where id = 'evt_killer'");
        Assert.Equal("parked", await BillingApp.EventuallyAsync(() => app.StateOfAsync("evt_killer"), s => s == "parked"));
        Assert.Contains("process ended", await app.ScalarAsync<string>("select reason from stripe_events where id = 'evt_killer'"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Twenty_copies_of_each_event_at_once_have_one_effect_each()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        var bodies = new List<string>();
        for (var i = 0; i < 20; i++) bodies.Add(BillingApp.Event($"evt_copy{i}", "payment_method.attached", await app.AttachAtStripeAsync(customer)));
        var answers = await Task.WhenAll(Enumerable.Repeat(bodies, 20).SelectMany(b => b).Select(b => app.DeliverAsync(b)));
        Assert.All(answers, code => Assert.Equal(200, code));
        await app.SettledAsync();
        Assert.Equal(20, await AddedAsync(organization));
        var tries = await app.ScalarAsync<long>("select sum(tries) from stripe_events where id like 'evt_copy%'");
        foreach (var body in bodies) Assert.Equal(200, await app.DeliverAsync(body));
        await app.SettledAsync();
        Assert.Equal(tries, await app.ScalarAsync<long>("select sum(tries) from stripe_events where id like 'evt_copy%'")); // what is done is not taken up again
        Assert.Equal(await app.TruthAsync(organization), await app.ProjectionAsync(organization));
    }

    [Fact]
    public async Task An_event_about_a_stranger_changes_nothing()
    {
        var stranger = (await app.StripeAsync(HttpMethod.Post, "/v1/customers", new() { ["name"] = "Not ours", ["metadata[org_id]"] = Guid.CreateVersion7().ToString() })).GetProperty("id").GetString()!;
        var method = await app.AttachAtStripeAsync(stranger);
        await app.DeliverAsync(BillingApp.Event("evt_stranger", "payment_method.attached", method));
        await app.SettledAsync();
        Assert.Equal("ignored", await app.StateOfAsync("evt_stranger"));
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from payment_methods where id = '{method}'"));
    }

    [Fact]
    public async Task A_customer_deleted_at_Stripe_is_replaced_by_one_new_customer()
    {
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer);
        await app.DeliverAsync(BillingApp.Event("evt_before", "customer.updated", customer));
        await app.SettledAsync();
        await app.StripeAsync(HttpMethod.Delete, $"/v1/customers/{customer}");
        await app.DeliverAsync(BillingApp.Event("evt_gone", "customer.deleted", customer));
        await app.SettledAsync();
        var next = await BillingApp.EventuallyAsync(() => app.ScalarAsync<string?>($"select stripe_customer_id from billing_accounts where organization_id = '{organization}'"), c => c is not null && c != customer);
        Assert.StartsWith("cus_", next, StringComparison.Ordinal);
        Assert.Equal(0L, await app.ScalarAsync<long>($"select count(*) from payment_methods where organization_id = '{organization}' and detached_at is null"));
    }

    private Task<long> AddedAsync(Guid organization) => app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{organization}' and action = 'payment_method.added'");

    /// <summary>A repeatable shuffle.</summary>
    private sealed class Shuffle(uint seed)
    {
        private uint state = seed;

        public IReadOnlyList<JsonElement> Of(List<JsonElement> items)
        {
            for (var i = items.Count - 1; i > 0; i--)
            {
                state = (state * 1664525) + 1013904223;
                var j = (int)(state >> 8) % (i + 1);
                (items[i], items[j]) = (items[j], items[i]);
            }
            return items;
        }
    }
}
