using Npgsql;
using Tracepipe.Storefront.Catalog;
using Tracepipe.Storefront.Ledger;
using Tracepipe.Storefront.Metering;
using Tracepipe.Storefront.Organizations;
using Tracepipe.Storefront.Platform;

namespace Tracepipe.Storefront.Billing;

/// <summary>Who pays for an organization, and how far. There is exactly one per organization, made with it.</summary>
/// <param name="StripeCustomerId">Null until Stripe has made the customer.</param>
/// <param name="AutoBilling">Whether a card on file pays for use beyond plan and credits.</param>
/// <param name="FirstCardAt">When the first card was saved: it made the account active and switched auto-billing on, once.</param>
/// <param name="SpendCap">What use may cost in a calendar month, at most; null: no cap.</param>
internal sealed record BillingAccount(Guid OrganizationId, Guid Id, string? StripeCustomerId, BillingStatus Status, bool AutoBilling, DateTimeOffset? FirstCardAt,
    Money? SpendCap, string? BillingEmail, bool IsTaxExempt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static FormattableString Select(Guid organization) => $"""
        select organization_id, id, stripe_customer_id, status, auto_billing_enabled, first_card_at, spend_cap_cents, billing_email, tax_exempt, created_at, updated_at
        from billing_accounts where organization_id = {organization}
        """;

    internal static BillingAccount Read(NpgsqlDataReader r) => new(r.GetGuid(0), r.GetGuid(1), r.IsDBNull(2) ? null : r.GetString(2), BillingStatuses.Of(r.GetString(3)), r.GetBoolean(4),
        r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5), r.IsDBNull(6) ? null : Money.Usd(r.GetInt64(6)), r.IsDBNull(7) ? null : r.GetString(7), r.GetBoolean(8),
        r.GetFieldValue<DateTimeOffset>(9), r.GetFieldValue<DateTimeOffset>(10));
}

/// <summary>Where a billing account stands (billing rules, decision 2).</summary>
internal enum BillingStatus
{
    /// <summary>No card yet.</summary>
    Pending,
    Active,

    /// <summary>Something is unpaid for too long: no work is taken on; reading, keys and paying go on.</summary>
    Suspended,

    /// <summary>The organization was deleted.</summary>
    Canceled,
}

internal static class BillingStatuses
{
    public static string Stored(this BillingStatus status) => status switch
    {
        BillingStatus.Pending => "pending",
        BillingStatus.Active => "active",
        BillingStatus.Suspended => "suspended",
        BillingStatus.Canceled => "canceled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "Not a status."),
    };

    public static BillingStatus Of(string stored) => stored switch
    {
        "pending" => BillingStatus.Pending,
        "active" => BillingStatus.Active,
        "suspended" => BillingStatus.Suspended,
        "canceled" => BillingStatus.Canceled,
        _ => throw new ArgumentOutOfRangeException(nameof(stored), stored, "Not a status."),
    };
}

/// <summary>An account with what an organization has used and may still use for nothing.</summary>
/// <param name="FreeWorkflows">What is left of the free allowance of this calendar month.</param>
/// <param name="FreeUntil">When it begins anew: the 1st, 00:00 UTC.</param>
/// <param name="WorkflowsCompleted">Since the beginning.</param>
/// <param name="Spent">Paid since the beginning, less what went back.</param>
internal sealed record BillingOverview(BillingAccount Account, bool HasPaymentMethod, long FreeWorkflows, DateTimeOffset FreeUntil, long WorkflowsCompleted, CreditBalance Credits, Money Spent);

/// <summary>Opens the billing account that every organization has from its first moment, and reads it; reading never makes one.</summary>
internal sealed class BillingAccounts(Database database, StripeCustomers customers, Catalogs catalogs, TimeProvider clock)
{
    public async Task<BillingOverview> OverviewAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var month = Period.CalendarMonth(now);
        Answer<BillingAccount?>? account = null;
        Answer<bool>? hasMethod = null;
        Answer<IReadOnlyList<QuotaUse>>? quotas = null;
        Answer<long>? completed = null, spent = null;
        Answer<CreditBalance?>? credits = null;
        await database.ReadAsync(organization, person, q =>
        {
            account = q.First(BillingAccount.Select(organization), BillingAccount.Read);
            hasMethod = q.First($"select true from payment_methods where organization_id = {organization} and detached_at is null limit 1", r => r.GetBoolean(0));
            quotas = Quotas.AskRecent(q, organization, now);
            completed = UsageRecords.AskCompleted(q, organization, "workflow");
            credits = Book.AskBalance(q, organization, now);
            spent = q.First($"select coalesce(sum(amount_paid_cents - amount_refunded_cents), 0)::bigint from invoices where organization_id = {organization}", r => r.GetInt64(0));
        }, cancel);
        var free = quotas!.Value.FirstOrDefault(u => u is { Pocket: "free", Meter: "workflow" } && u.PeriodStart == month.Start);
        var left = catalogs.Current.Prices.Tier("free").Limits.Workflows - (free is null ? 0 : (long)(free.Used + free.Held));
        return new BillingOverview(account!.Value ?? throw new InvalidOperationException($"Organization {organization} was made without a billing account."),
            hasMethod!.Value, Math.Max(0, left), month.End, completed!.Value, credits!.Value!, Money.Usd(spent!.Value));
    }

    /// <summary>The id of the account.</summary>
    public async Task<Guid> FindIdAsync(Guid organization, Guid? person, CancellationToken cancel)
    {
        Answer<Guid>? id = null;
        await database.ReadAsync(organization, person, q => id = q.First($"select id from billing_accounts where organization_id = {organization}", r => r.GetGuid(0)), cancel);
        return id!.Value;
    }

    /// <summary>Lets cards on file pay for use beyond plan and credits, or stops it. Plans are paid by card either way.</summary>
    public async Task SetAutoBillingAsync(Guid organization, bool isOn, Actor by, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await database.BeginAsync(organization, by.Id, cancel);
        var changed = await transaction.ExecuteAsync($"update billing_accounts set auto_billing_enabled = {isOn}, updated_at = {now} where organization_id = {organization} and auto_billing_enabled <> {isOn}", cancel);
        if (changed > 0) await Audit.WriteAsync(transaction, new AuditEntry(organization, isOn ? "auto_billing.on" : "auto_billing.off", by), now, cancel);
        await Live.ChangedAsync(transaction, organization, Topics.Plan, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>In the transaction that makes the organization: the account, and the wish for a customer at Stripe.</summary>
    public async Task OpenAsync(OrganizationMade made, Transaction transaction, CancellationToken cancel)
    {
        await transaction.ExecuteAsync($"""
            insert into billing_accounts (organization_id, id, spend_cap_cents, billing_email, created_at, updated_at)
            values ({made.OrganizationId}, {Guid.CreateVersion7()}, {catalogs.Current.Prices.SpendCapCents}, {made.Email}, {made.At}, {made.At})
            """, cancel);
        await customers.PlanAsync(transaction, made.OrganizationId, made.Name, made.Email, cancel);
    }
}
