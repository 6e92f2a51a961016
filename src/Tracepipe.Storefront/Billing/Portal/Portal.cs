using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>
/// Visits to Stripe's portal: cards, invoices, details, cancelling. Changing the plan is off there, for it would pass by our preview and our rules (billing
/// rules, decision 17).
/// </summary>
internal sealed class Portal(Database database, StripeConnection stripe, StripeOperations operations, StripeCustomers customers, PortalVisit visit, ReturnAddresses addresses, IConfiguration configuration, TimeProvider clock)
{
    private const string Name = "tracepipe";
    private volatile string? settings;

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
            var chosen = await SettingsAsync(cancel);
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

    /// <summary>The configured one, else the one of our name, made once where it is missing.</summary>
    private async Task<string> SettingsAsync(CancellationToken cancel)
    {
        if (settings is { } known) return known;
        if (configuration["Billing:PortalConfiguration"] is { Length: > 0 } named) return settings = named;
        await foreach (var there in stripe.Client.BillingPortalConfigurations.ListAutoPagingAsync(new BillingPortalConfigurationListParams { Active = true, Limit = 100 }, Patience.OfPerson.Read, cancel))
            if (there.Metadata is { } tags && tags.TryGetValue("name", out var name) && string.Equals(name, Name, StringComparison.Ordinal)) return settings = there.Id;
        var made = await stripe.Client.BillingPortalConfigurations.CreateAsync(Wanted, Patience.OfPerson.Write($"portal-configuration:{Name}:1"), cancel);
        return settings = made.Id;
    }

    /// <summary>What customers may do there.</summary>
    internal static BillingPortalConfigurationCreateParams Wanted { get; } = new()
    {
        BusinessProfile = new PortalBusinessProfileParams { Headline = "Your billing" },
        Features = new PortalFeaturesParams
        {
            CustomerUpdate = new PortalCustomerUpdateParams { Enabled = true, AllowedUpdates = ["name", "email", "address", "tax_id"] },
            InvoiceHistory = new PortalFeatureParams { Enabled = true },
            PaymentMethodUpdate = new PortalFeatureParams { Enabled = true },
            SubscriptionCancel = new PortalSubscriptionCancelParams { Enabled = true, Mode = "at_period_end" },
            SubscriptionUpdate = new PortalSubscriptionUpdateParams { Enabled = false },
        },
        Metadata = new Dictionary<string, string>(StringComparer.Ordinal) { ["name"] = Name },
    };
}

/// <summary>One visit to the portal. When nobody waits for it any more it is left to end by itself.</summary>
internal sealed class PortalVisit : StripeWrite
{
    internal sealed record Request(string Customer, string Configuration, string ReturnUrl);

    public override string Kind => "portal.open";

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<Request>();
        return await stripe.BillingPortalSessions.CreateAsync(new BillingPortalSessionCreateParams { Customer = wanted.Customer, Configuration = wanted.Configuration, ReturnUrl = wanted.ReturnUrl }, options, cancel);
    }

    public override Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel) => Task.FromResult<StripeObject?>(null);

    public override Task<bool> IsStillWantedAsync(StripeOperation operation, CancellationToken cancel) => Task.FromResult(false);
}
