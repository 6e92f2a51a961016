using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Brings our list of payment methods, the default and the account's status to what Stripe has now. One routine for the browser that comes back, the
/// webhook, and every write of ours: it fetches everything and writes it whole, so it does not matter who comes first, or how often.
/// </summary>
internal sealed class CardProjection(Database database, StripeConnection stripe, StripeOperations operations, StripeCustomers customers, DefaultChoice defaultChoice, TimeProvider clock, FaultPoints faults)
{
    /// <summary>What one look at Stripe saw.</summary>
    /// <param name="Ticket">Drawn before the look: looks with a higher ticket began later.</param>
    internal sealed record Look(Guid Organization, long Ticket, string CustomerId, bool IsCustomerDeleted, string? Default, IReadOnlyList<PaymentMethod> Methods);

    /// <summary>Looks and writes. Nothing happens while the organization has no customer yet.</summary>
    /// <exception cref="StripeException">Stripe did not answer, or refused.</exception>
    public async Task SyncAsync(Guid organization, Actor by, Patience patience, CancellationToken cancel)
    {
        while (await LookAsync(organization, patience, cancel) is { } look)
        {
            await using var transaction = await database.BeginWorkAsync(cancel);
            if (!await WriteAsync(look, by, transaction, cancel)) continue; // somebody looked later and was faster: look again
            await transaction.CommitAsync(cancel);
            return;
        }
    }

    /// <summary>Fetches what Stripe has. A customer that has cards but no default gets the newest one.</summary>
    public async Task<Look?> LookAsync(Guid organization, Patience patience, CancellationToken cancel)
    {
        Answer<(long Ticket, string Customer)>? drawn = null;
        await database.WorkReadAsync(q => drawn = q.First($"""
            update billing_accounts set last_ticket = last_ticket + 1 where organization_id = {organization} and stripe_customer_id is not null
            returning last_ticket, stripe_customer_id
            """, r => (r.GetInt64(0), r.GetString(1))), cancel);
        if (drawn!.Value is not (var ticket, { } id)) return null;

        await faults.ReachAsync("cards.ticket", cancel);
        var customer = await stripe.Client.Customers.GetAsync(id, options: patience.Read, cancel: cancel);
        if (customer.Deleted) return new Look(organization, ticket, id, IsCustomerDeleted: true, Default: null, []);
        var methods = new List<PaymentMethod>();
        await foreach (var method in stripe.Client.Customers.ListPaymentMethodsAutoPagingAsync(id, new CustomerPaymentMethodListParams { Limit = 100 }, patience.Read, cancel)) methods.Add(method);
        await faults.ReachAsync("cards.fetched", cancel);

        var chosen = customer.DefaultPaymentMethod?.Id;
        if (chosen is null && methods is [var newest, ..]) chosen = await ChooseAsync(organization, id, newest.Id, ticket, patience, cancel);
        return new Look(organization, ticket, id, IsCustomerDeleted: false, chosen, methods);
    }

    /// <summary>Writes what a look saw.</summary>
    /// <returns>False when a later look has been written already: look again.</returns>
    public async Task<bool> WriteAsync(Look look, Actor by, Transaction transaction, CancellationToken cancel)
    {
        var (organization, now) = (look.Organization, clock.GetUtcNow());
        Answer<(long Shown, bool HadCard, string? Customer)>? account = null;
        Answer<IReadOnlyList<CardOnFile>>? stored = null;
        await transaction.ReadAsync(q =>
        {
            account = q.First($"select shown_ticket, first_card_at is not null, stripe_customer_id from billing_accounts where organization_id = {organization} for update",
                r => (r.GetInt64(0), r.GetBoolean(1), r.IsDBNull(2) ? null : r.GetString(2)));
            stored = q.List($"select id, type, brand, last4, exp_month, exp_year, is_default, attached_at, detached_at from payment_methods where organization_id = {organization}", CardOnFile.Read);
        }, cancel);
        if (account!.Value.Shown > look.Ticket) return false;
        if (!string.Equals(account.Value.Customer, look.CustomerId, StringComparison.Ordinal)) return true; // replaced meanwhile: its cards are gone
        await faults.ReachAsync("cards.locked", cancel);

        var detached = stored!.Value.Where(c => c.DetachedAt is not null).Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        var known = stored.Value.Where(c => c.DetachedAt is null).Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        var there = look.Methods.Where(m => !detached.Contains(m.Id)).ToList(); // a list fetched before a removal may still show it
        var gone = known.Except(there.Select(m => m.Id), StringComparer.Ordinal).ToList();

        await transaction.ReadAsync(q =>
        {
            q.Execute($"update payment_methods set is_default = false where organization_id = {organization} and is_default and id is distinct from {look.Default}::text");
            foreach (var id in gone) q.Execute(Detach(organization, id, now));
            foreach (var method in there) q.Execute(Upsert(organization, method, string.Equals(method.Id, look.Default, StringComparison.Ordinal)));
            if (look.Default is { } chosen && stored.Value.All(c => !(c.IsDefault && string.Equals(c.Id, chosen, StringComparison.Ordinal))))
                q.Execute($"update invoices set retry_at = {now} where organization_id = {organization} and kind = 'usage' and status = 'open' and dunning_since is not null"); // another card pays from now on
            q.Execute($"update billing_accounts set shown_ticket = {look.Ticket} where organization_id = {organization}");
            if (there.Count > 0 && !account.Value.HadCard)
                q.Execute($"""
                    update billing_accounts set first_card_at = {now}, auto_billing_enabled = true, status = case status when 'pending' then 'active' else status end, updated_at = {now}
                    where organization_id = {organization}
                    """);
        }, cancel);
        await faults.ReachAsync("cards.written", cancel);

        foreach (var method in there.Where(m => !known.Contains(m.Id))) await TellAsync(organization, "payment_method.added", method.Id, CardAttachmentKind, by, transaction, now, cancel);
        foreach (var id in gone) await TellAsync(organization, "payment_method.removed", id, CardDetachmentKind, by, transaction, now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Cards, cancel);
        if (look.IsCustomerDeleted) await customers.ReplaceAsync(organization, look.CustomerId, transaction, now, cancel);
        return true;
    }

    /// <summary>Stripe has confirmed that it is gone.</summary>
    public static async Task DetachedAsync(Guid organization, string id, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        if (await transaction.ExecuteAsync(Detach(organization, id, now), cancel) == 0) return;
        await TellAsync(organization, "payment_method.removed", id, CardDetachmentKind, Actor.System, transaction, now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Cards, cancel);
    }

    private const string CardAttachmentKind = "payment_method.attach", CardDetachmentKind = "payment_method.detach";

    private async Task<string?> ChooseAsync(Guid organization, string customer, string method, long ticket, Patience patience, CancellationToken cancel)
    {
        StripeOperation operation;
        await using (var transaction = await database.BeginWorkAsync(cancel))
        {
            var subject = $"{method}:{ticket}";
            operation = await operations.PlanAsync(transaction, organization, defaultChoice, subject, $"default:{organization}:{subject}", new CardRequest(customer, method), Actor.System, atOnce: false, cancel);
            await transaction.CommitAsync(cancel);
        }
        var outcome = await operations.PerformAsync(operation, patience);
        if (outcome.Failure is { } failure) throw failure;
        return method;
    }

    private static FormattableString Detach(Guid organization, string id, DateTimeOffset now) =>
        $"update payment_methods set detached_at = {now}, is_default = false where organization_id = {organization} and id = {id} and detached_at is null";

    private static FormattableString Upsert(Guid organization, PaymentMethod method, bool isDefault) => $"""
        insert into payment_methods (organization_id, id, type, brand, last4, exp_month, exp_year, fingerprint, is_default, attached_at)
        values ({organization}, {method.Id}, {method.Type}, {method.Card?.Brand}::text, {method.Card?.Last4}::text, {method.Card?.ExpMonth}::int, {method.Card?.ExpYear}::int,
          {method.Card?.Fingerprint}::text, {isDefault}, {method.Created})
        on conflict (organization_id, id) do update set brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month, exp_year = excluded.exp_year,
          fingerprint = excluded.fingerprint, is_default = excluded.is_default
        """;

    // Whoever asked Stripe for it through us is named, also when the webhook is faster than his own request.
    private static async Task TellAsync(Guid organization, string action, string id, string kind, Actor by, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var asked = await transaction.FirstAsync($"select actor_kind, actor_id from stripe_operations where organization_id = {organization} and kind = {kind} and subject = {id}",
            r => (Actor?)new Actor(r.GetString(0), r.IsDBNull(1) ? null : r.GetGuid(1)), cancel);
        await Audit.WriteAsync(transaction, new AuditEntry(organization, action, asked ?? by, id), now, cancel);
    }
}
