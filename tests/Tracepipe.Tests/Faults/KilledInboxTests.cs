using Tracepipe.Tests.App;
using Tracepipe.Tests.Billing;
using Xunit;

namespace Tracepipe.Tests.Faults;

/// <summary>Fault R02 with real processes. Catches: an event whose effect is lost, or comes twice, when the process that handles it is killed.</summary>
public sealed class KilledInboxTests(StoringBillingApp app) : IClassFixture<StoringBillingApp>
{
    private static readonly string[] Places = ["inbox.taken", "cards.ticket", "cards.fetched", "inbox.fetched", "inbox.locked", "cards.locked", "cards.written", "inbox.effect", "inbox.marked", "inbox.committed"];

    [Fact]
    public async Task Kills_of_the_process_between_any_two_steps_leave_as_many_effects_as_events()
    {
        const int atOnce = 3;
        var kills = Long.Or(shortly: Places.Length, atLength: 50);
        var step = Storefront.Billing.Inbox.Lease + TimeSpan.FromSeconds(1);
        var organization = await app.NewOrganizationAsync();
        var customer = await app.CustomerAsync(organization);
        await app.AttachAtStripeAsync(customer); // the default stands, so that each event has one effect
        var sent = new List<string> { "evt_first" };
        Assert.Equal(200, await app.DeliverAsync(BillingApp.Event("evt_first", "customer.updated", customer)));

        // A few are being set up while one works: starting is what takes time.
        var waiting = new Queue<InboxNode>();
        for (var kill = 0; kill < kills; kill++)
        {
            while (waiting.Count < atOnce) waiting.Enqueue(InboxNode.Begin(app, step * (kill + waiting.Count)));
            using var node = waiting.Dequeue();
            await node.WorkAsync();
            await app.SettledAsync(); // what the last one left
            var method = await app.AttachAtStripeAsync(customer);
            sent.Add($"evt_kill{kill}");
            Assert.Equal(200, await app.DeliverAsync(BillingApp.Event(sent[^1], "payment_method.attached", method)));
            await node.ReachAsync(Places[kill % Places.Length]);
            await node.KillAsync();
        }
        foreach (var spare in waiting) spare.Dispose();
        using (var last = InboxNode.Begin(app, step * (kills + 1)))
        {
            await last.WorkAsync();
            await app.SettledAsync();
            await last.KillAsync();
        }
        Assert.Equal(sent.Count, await app.ScalarAsync<long>("select count(*) from stripe_events where state = 'done'"));
        Assert.Equal(kills + 1, await app.ScalarAsync<long>($"select count(*) from audit_entries where organization_id = '{organization}' and action = 'payment_method.added'"));
        Assert.Equal(await app.TruthAsync(organization), await app.ProjectionAsync(organization));
    }
}
