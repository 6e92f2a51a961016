using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;
using Tracepipe.Stripe;

namespace Tracepipe.Storefront.Billing;

/// <summary>The one customer at Stripe that an organization has: asked for when the organization is made, and again until it exists.</summary>
internal sealed class StripeCustomers(Database database, StripeOperations operations, CustomerCreation creation)
{
    /// <summary>How often somebody who waits asks while the same request of another (a second tab, the worker) is under way; the client pauses in between.</summary>
    private const int MostTries = 12;

    /// <summary>Writes down that the organization needs a customer, in the transaction that makes it.</summary>
    public Task<StripeOperation> PlanAsync(Transaction transaction, Guid organization, string name, string? email, CancellationToken cancel) =>
        operations.PlanAsync(transaction, organization, creation, organization.ToString(), $"customer:{organization}", new CustomerRequest(name, email), Actor.System, atOnce: true, cancel);

    /// <summary>The customer's id; when Stripe has not made it yet, asks for it now, because somebody waits.</summary>
    public async Task<(string? Id, Outcome Outcome)> EnsureAsync(Guid organization, CancellationToken cancel)
    {
        Outcome? failed = null;
        for (var tries = 0; ; tries++)
        {
            var (id, operation) = await ReadAsync(organization, cancel); // after a failure too: another may have finished meanwhile
            if (id is not null) return (id, new Outcome(Ending.Done));
            if (failed is not null && (tries == MostTries || !IsAskedByAnother(failed))) return (null, failed);
            var outcome = await operations.PerformAsync(operation, Patience.OfPerson);
            if (outcome.IsDone) return (outcome.Answer?.Id, outcome);
            failed = outcome;
        }

        static bool IsAskedByAnother(Outcome outcome) => string.Equals(outcome.Failure?.Code, StripeErrorCodes.IdempotencyKeyInUse, StringComparison.Ordinal);
    }

    /// <summary>The customer was deleted at Stripe behind our back: forgets it and asks for another.</summary>
    public async Task ReplaceAsync(Guid organization, string deleted, Transaction transaction, DateTimeOffset now, CancellationToken cancel)
    {
        var forgotten = await transaction.ExecuteAsync(
            $"update billing_accounts set stripe_customer_id = null, updated_at = {now} where organization_id = {organization} and stripe_customer_id = {deleted}", cancel);
        if (forgotten == 0) return;
        var last = await transaction.FirstAsync(LastOf(organization), StripeOperation.Read, cancel);
        await operations.PlanAsync(transaction, organization, creation, $"{organization}:{deleted}", $"customer:{organization}:{deleted}", last!.RequestAs<CustomerRequest>(), Actor.System, atOnce: true, cancel);
    }

    private async Task<(string? Id, StripeOperation Operation)> ReadAsync(Guid organization, CancellationToken cancel)
    {
        Answer<string?>? id = null;
        Answer<StripeOperation?>? operation = null;
        await database.ReadAsync(organization, person: null, q =>
        {
            operation = q.First(LastOf(organization), StripeOperation.Read); // first: where it is done, the account, looked at later, has the customer
            id = q.First($"select stripe_customer_id from billing_accounts where organization_id = {organization}", r => r.IsDBNull(0) ? null : r.GetString(0));
        }, cancel);
        return (id!.Value, operation!.Value ?? throw new InvalidOperationException($"Organization {organization} was made without a billing account."));
    }

    private static FormattableString LastOf(Guid organization) => $"""
        select organization_id, id, kind, subject, idempotency_key, request, state, answer, tries, actor_kind, actor_id, created_at
        from stripe_operations where organization_id = {organization} and kind = 'customer.create' order by created_at desc limit 1
        """;
}

/// <summary>What a customer is made with: as it was when the organization was made, so that a repeated call says the same.</summary>
internal sealed record CustomerRequest(string Name, string? Email);

internal sealed class CustomerCreation : StripeWrite
{
    public override string Kind => "customer.create";

    public override bool IsIndispensable => true;

    public override async Task<StripeObject> SendAsync(StripeClient stripe, StripeOperation operation, RequestOptions options, CancellationToken cancel)
    {
        var wanted = operation.RequestAs<CustomerRequest>();
        return await stripe.Customers.CreateAsync(new CustomerCreateParams { Name = wanted.Name, Email = wanted.Email, Metadata = OrganizationTag.Of(operation.OrganizationId) }, options, cancel);
    }

    public override async Task<StripeObject?> LookAsync(StripeClient stripe, StripeOperation operation, ReadOptions options, CancellationToken cancel)
    {
        var since = new TimeRange { Gte = operation.CreatedAt.AddMinutes(-10) }; // Stripe's clock is not ours
        await foreach (var customer in stripe.Customers.ListAutoPagingAsync(new CustomerListParams { Created = since, Email = operation.RequestAs<CustomerRequest>().Email, Limit = 100 }, options, cancel))
            if (!customer.Deleted && OrganizationTag.Read(customer.Metadata) == operation.OrganizationId) return customer;
        return null;
    }

    public override Task SettleAsync(StripeOperation operation, StripeObject answer, Transaction transaction, DateTimeOffset now, CancellationToken cancel) => transaction.ExecuteAsync(
        $"update billing_accounts set stripe_customer_id = {answer.Id}, updated_at = {now} where organization_id = {operation.OrganizationId} and stripe_customer_id is null", cancel);
}

/// <summary>The mark that objects at Stripe carry, to find ours again when an answer was lost.</summary>
internal static class OrganizationTag
{
    private const string Name = "org_id";

    public static IReadOnlyDictionary<string, string> Of(Guid organization) => new Dictionary<string, string>(StringComparer.Ordinal) { [Name] = organization.ToString() };

    public static Guid? Read(IReadOnlyDictionary<string, string>? metadata) => metadata is not null && metadata.TryGetValue(Name, out var text) && Guid.TryParse(text, out var id) ? id : null;
}
