using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tracepipe.Storefront.Billing;
using Tracepipe.Storefront.Platform;
using Tracepipe.Tests.App;
using Xunit;

namespace Tracepipe.Tests.Billing;

/// <summary>
/// Fault R05. Catches: a plan that depends on the order in which Stripe tells of it. Events are acted on as the inbox does, against the same objects at Stripe,
/// after everything we knew was forgotten.
/// </summary>
public sealed class EventOrderTests(TimedPlanApp app, ITestOutputHelper output) : IClassFixture<TimedPlanApp>
{
    private static readonly string[] OfAFirstSubscription =
        ["customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid", "customer.subscription.updated", "checkout.session.completed"];

    [Fact]
    public async Task All_720_orders_of_a_first_subscription_end_in_the_same_state()
    {
        var worlds = new List<(Guid Organization, StripeNotice[] Events, string State)>();
        for (var i = 0; i < 4; i++)
        {
            var buyer = await app.NewBuyerAsync();
            await app.SubscribeAsync(buyer, "pro");
            var told = await ToldAsync(buyer.Organization);
            StripeNotice[] events = [.. OfAFirstSubscription.Select(type => told.Last(e => e.Type == type))];
            await ForgetAsync(buyer.Organization);
            foreach (var one in events) await ActAsync(one);
            var state = await StateAsync(buyer.Organization);
            Assert.Contains("pro active", state, StringComparison.Ordinal);
            worlds.Add((buyer.Organization, events, state));
        }
        Assert.Single(worlds.Select(w => w.State).Distinct(StringComparer.Ordinal));

        var orders = Permutations(6).ToList();
        Assert.Equal(720, orders.Count);
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(worlds.Select(async (world, lane) =>
        {
            for (var i = lane; i < orders.Count; i += worlds.Count)
            {
                await ForgetAsync(world.Organization);
                foreach (var index in orders[i]) await ActAsync(world.Events[index]);
                Assert.Equal(world.State, await StateAsync(world.Organization));
            }
        }));
        output.WriteLine($"720 orders, {720 * 6} events in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    [Fact]
    public async Task A_year_told_in_any_order_with_repetitions_ends_where_the_ordered_year_does()
    {
        const int seed = 20261121;
        var years = new List<(Guid Organization, IReadOnlyList<StripeNotice> Events, string State)>();
        foreach (var organization in await YearAsync(4))
        {
            var events = await ToldAsync(organization);
            await ForgetAsync(organization);
            foreach (var one in events) await ActAsync(one);
            years.Add((organization, events, await StateAsync(organization)));
        }
        Assert.Contains("starter active", years[0].State, StringComparison.Ordinal);
        output.WriteLine(years[0].State);

        var times = Long.Or(shortly: 100, atLength: 2000);
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(years.Select(async (year, lane) =>
        {
            for (var round = lane; round < times; round += years.Count)
            {
                var random = new Random(seed + round);
                await ForgetAsync(year.Organization);
                // every event at least once, a third of them twice
                var deliveries = year.Events.Concat(year.Events.Where(_ => random.Next(3) == 0)).ToArray();
                random.Shuffle(deliveries);
                foreach (var one in deliveries) await ActAsync(one);
                var ended = await StateAsync(year.Organization);
                Assert.True(year.State == ended, $"Seed {seed + round}: {ended}\ninstead of\n{year.State}");
            }
        }));
        output.WriteLine($"{times} orders of {years[0].Events.Count} events and more in {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
    }

    /// <summary>Pro; an upgrade, a downgrade, a failed and a recovered renewal, a cancellation taken back, twelve renewals: the same year for each of some organizations.</summary>
    private async Task<IReadOnlyList<Guid>> YearAsync(int organizations)
    {
        var all = new List<Guid>();
        for (var i = 0; i < organizations; i++)
        {
            var buyer = await app.NewBuyerAsync();
            await app.SubscribeAsync(buyer, "pro");
            all.Add(buyer.Organization);
        }
        async Task EachAsync(Func<Guid, Task> act)
        {
            foreach (var organization in all) await act(organization);
        }

        async Task MonthAsync()
        {
            var ends = new List<DateTimeOffset>();
            await EachAsync(async o => ends.Add((await app.OverviewAsync(o, v => v.Plan.PeriodEnd > app.Clock.GetUtcNow())).Plan.PeriodEnd!.Value));
            await app.AdvanceToAsync(ends.Max().AddHours(3));
            await app.HearAsync();
        }

        async Task ChangeAsync(Guid organization, string tier)
        {
            var preview = await app.Subscriptions.PreviewAsync(organization, tier, default);
            Assert.True((await app.Subscriptions.ChangeAsync(organization, tier, preview.Value!.Id, PlanApp.Somebody, default)).IsDone);
        }

        for (var month = 0; month < 12; month++)
        {
            if (month == 1) await EachAsync(o => ChangeAsync(o, "team"));
            if (month == 3) await EachAsync(async o => Assert.True((await app.Subscriptions.CancelAsync(o, PlanApp.Somebody, default)).IsDone));
            if (month == 3) await EachAsync(async o => Assert.True((await app.Subscriptions.ReactivateAsync(o, PlanApp.Somebody, default)).IsDone));
            if (month == 5) await EachAsync(o => ChangeAsync(o, "starter"));
            if (month == 8) await EachAsync(o => app.PayWithAsync(o, "pm_card_chargeCustomerFail"));
            await MonthAsync();
            if (month != 8) continue;
            await EachAsync(o => app.PayWithAsync(o, "pm_card_visa"));
            await app.AdvanceAsync(TimeSpan.FromDays(1.5));
            await app.HearAsync();
        }
        return all;
    }

    private EventHandlers Handlers => app.Services.GetRequiredService<EventHandlers>();

    /// <summary>What Stripe has told about an organization and what we act on, oldest first.</summary>
    private async Task<IReadOnlyList<StripeNotice>> ToldAsync(Guid organization)
    {
        var customer = await app.CustomerAsync(organization);
        var told = new List<StripeNotice>();
        foreach (var one in await app.EventsAsync())
            if (one.ToString().Contains(customer, StringComparison.Ordinal) && StripeNotice.TryRead(Encoding.UTF8.GetBytes(one.GetRawText()), out var notice) && Handlers.Knows(notice.Type)
                && notice.Type.Split('.')[0] is "customer" or "invoice" or "checkout" or "charge" or "refund" && notice.Type is not "customer.updated") told.Add(notice);
        return told;
    }

    private async Task ActAsync(StripeNotice notice)
    {
        while (true)
        {
            var effect = await Handlers.PrepareAsync(notice, default);
            if (effect.WriteAsync is not { } write) return;
            await using var transaction = await app.Services.GetRequiredService<Database>().BeginWorkAsync(default);
            if (!await write(transaction, default)) continue;
            await transaction.CommitAsync(default);
            return;
        }
    }

    private Task ForgetAsync(Guid organization) => app.ExecuteAsync($"""
        delete from invoice_lines where organization_id = '{organization}'; delete from invoices where organization_id = '{organization}';
        delete from subscriptions where organization_id = '{organization}'; delete from suspensions where organization_id = '{organization}';
        update billing_accounts set plan_look = 0, status = 'active' where organization_id = '{organization}';
        update checkouts set state = 'open', settled_at = null, paid_cents = null, stripe_subscription_id = null where organization_id = '{organization}' and state = 'completed';
        update standings set plan = null, plan_source = null, catalog_version = null, plan_state = null, period_anchor = null, period_start = null, period_end = null, ends_at = null, grace_until = null,
          is_suspended = false where organization_id = '{organization}'
        """);

    /// <summary>All that we believe, but for ids and the times at which we heard of it.</summary>
    private Task<string> StateAsync(Guid organization) => app.ScalarAsync<string>($"""
        select concat_ws(E'\n',
          (select string_agg(concat_ws(' ', source, tier, status, stripe_status, is_live, catalog_version, is_unpaid, next_tier, period_end - period_start, ends_at - period_end, canceled_at is null), ';' order by created_at) from subscriptions where organization_id = '{organization}'),
          (select string_agg(concat_ws(' ', status, billing_reason, total_cents, amount_paid_cents, attempts, (select count(*) from invoice_lines l where l.organization_id = i.organization_id and l.invoice_id = i.id)), ';' order by created_at, stripe_invoice_id) from invoices i where organization_id = '{organization}'),
          (select concat_ws(' ', plan, plan_source, plan_state, catalog_version, period_end - period_start, ends_at is null, grace_until is null, is_suspended) from standings where organization_id = '{organization}'),
          (select string_agg(concat_ws(' ', kind, state, paid_cents, stripe_subscription_id is null), ';' order by created_at) from checkouts where organization_id = '{organization}'),
          (select status from billing_accounts where organization_id = '{organization}'))
        """);

    private static IEnumerable<int[]> Permutations(int n) => n == 1 ? [[0]] : Permutations(n - 1).SelectMany(rest => Enumerable.Range(0, n).Select(at => (int[])[.. rest[..at], n - 1, .. rest[at..]]));
}
