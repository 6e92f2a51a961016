using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Visits to Stripe's portal: cards, invoices, details, cancelling. Changing the plan is off there, for it would pass by our preview and our rules (billing
/// rules, decision 17).
/// </summary>
internal sealed class Portal(Database database, StripeConnection stripe, StripeOperations operations, StripeCustomers customers, PortalVisit visit, ReturnAddresses addresses, StripeCatalog atStripe, IConfiguration configuration, TimeProvider clock)
{
    /// <summary>Opens a visit. The address ends soon: go there at once.</summary>
    public async Task<Tried<Uri>> OpenAsync(Guid organization, string? returnUrl, Actor by, CancellationToken cancel)
    {
        if (!stripe.IsConfigured) return BillingProblems.NotConfigured;
        Answer<string?>? slug = null;
        await database.ReadAsync(organization, person: null, q => slug = q.First($"select slug from organizations where id = {organization}", r => r.GetString(0)), cancel);
        if (addresses.Of(returnUrl, $"/o/{slug!.Value}/settings/billing") is not { } back) return BillingProblems.ForeignAddress("return_url");
        var (customer, ensured) = await customers.EnsureAsync(organization, cancel);
        if (customer is null) return BillingProblems.Of(ensured);
        try
        {
            var chosen = configuration["Billing:PortalConfiguration"] is { Length: > 0 } named ? named : await atStripe.PortalAsync(cancel); // null: Stripe's default one
            StripeOperation operation;
            await using (var transaction = await database.BeginAsync(organization, person: null, cancel))
            {
                var id = Guid.CreateVersion7();
                operation = await operations.PlanAsync(transaction, organization, visit, id.ToString(), $"portal:{id}", new PortalVisit.Request(customer, chosen, back), by, atOnce: false, cancel);
                await Audit.WriteAsync(transaction, new AuditEntry(organization, "portal.opened", by), clock.GetUtcNow(), cancel);
                await transaction.CommitAsync(cancel);
            }
            var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
            return outcome.Answer is BillingPortalSession session ? new Uri(session.Url) : BillingProblems.Of(outcome);
        }
        catch (StripeException failure)
        {
            return BillingProblems.Of(failure);
        }
    }
}

/// <summary>One visit to the portal. When nobody waits for it any more it is left to end by itself.</summary>
internal sealed class PortalVisit : StripeWrite
{
    internal sealed record Request(string Customer, string? Configuration, string ReturnUrl);

    public override string Kind => "portal.open";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        return await stripe.BillingPortalSessions.CreateAsync(new BillingPortalSessionCreateParams { Customer = wanted.Customer, Configuration = wanted.Configuration, ReturnUrl = wanted.ReturnUrl }, options, cancel);
    }

    public override Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel) => Task.FromResult<StripeObject?>(null);

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => Task.FromResult(false);
}
